"""A worker process: the only place where a policy runs.

`python -m evaluator.rego.worker EVALUATION_DEADLINE COMPILE_DEADLINE MEMORY`
(seconds, seconds, bytes) reads requests from stdin and writes replies to stdout
(`protocol`), one after the other, until stdin ends. It has no environment, no
other files, and ends by SIGALRM at a deadline: its owner starts a new one.
"""

import os
import sys
from dataclasses import dataclass, field

from evaluator.rego import containment
from evaluator.rego.engine import (
    CompileError,
    EngineError,
    EngineName,
    Module,
    RefusalError,
    RegoEngine,
    Value,
)
from evaluator.rego.protocol import Answered, Compile, Compiled, Forget, Frames, Reply, frame, read_request
from pipeline.errors import clip

_CHUNK = 1 << 16
_NO_MEMORY = "needs more memory than the limit allows"


def main() -> None:
    """Run until stdin ends."""
    evaluation_deadline, compile_deadline, memory = (float(argument) for argument in sys.argv[1:4])
    replies = os.dup(1)
    silence = os.open(os.devnull, os.O_WRONLY)  # engines print; the pipe is for frames
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    containment.close_doors()
    worker = _Worker(replies, evaluation_deadline, compile_deadline, int(memory))
    frames = Frames()
    while chunk := os.read(0, _CHUNK):
        for body in frames.feed(chunk):
            worker.handle(body)


@dataclass
class _Worker:
    replies: int
    evaluation_deadline: float
    compile_deadline: float
    memory: int
    engines: dict[EngineName, RegoEngine] = field(default_factory=dict)
    modules: dict[int, Module] = field(default_factory=dict)

    def handle(self, body: bytes) -> None:
        match read_request(body):
            case Compile() as request:
                containment.set_alarm(self.compile_deadline)
                reply = self._compile(request)
                containment.set_alarm(0)
                self._send(reply)
            case Forget(ref):
                self.modules.pop(ref, None)
            case request:
                for ref in request.refs:
                    containment.set_alarm(self.evaluation_deadline)
                    answer = self._evaluate(ref, request.document)
                    containment.set_alarm(0)
                    self._send(answer)

    def _compile(self, request: Compile) -> Compiled:
        try:
            module = self._engine(EngineName(request.engine)).compile(request.text)
        except CompileError as error:
            return Compiled(error.message, refused=False, line=error.line, column=error.column)
        except RefusalError as error:
            return Compiled(str(error), refused=True)
        except ImportError:
            return Compiled("not installed", refused=True)
        except MemoryError:
            return Compiled(_NO_MEMORY)
        except Exception as error:  # noqa: BLE001 - a policy must not end the worker by surprising an adapter
            return Compiled(clip(f"{type(error).__name__}: {error}"), refused=True)
        self.modules[request.ref] = module
        return Compiled(pure=module.pure)

    def _evaluate(self, ref: int, document: bytes) -> Answered:
        module = self.modules.get(ref)
        if module is None:
            return Answered(error="could not be compiled again in this process")
        try:
            answer = module.evaluate(document)
        except EngineError as error:
            return Answered(error=str(error))
        except MemoryError:
            return Answered(error=_NO_MEMORY)
        except Exception as error:  # noqa: BLE001 - as above
            return Answered(error=f"{type(error).__name__} inside the engine")
        return Answered(value=answer.json) if isinstance(answer, Value) else Answered()

    def _engine(self, name: EngineName) -> RegoEngine:
        if name not in self.engines:
            containment.free_memory()
            self.engines[name] = _load(name)
            containment.limit_memory(self.memory)
        return self.engines[name]

    def _send(self, reply: Reply) -> None:
        data = memoryview(frame(reply))
        while data:
            data = data[os.write(self.replies, data) :]


def _load(name: EngineName) -> RegoEngine:
    """Import an engine where it runs, and nowhere else."""
    match name:
        case EngineName.REGORUS:
            from evaluator.rego.regorus import Regorus

            return Regorus()
        case EngineName.REGOPY:
            from regopy import Interpreter

            from evaluator.rego.regopy import Regopy

            Interpreter()  # reserves its address space now, before the limit is set
            return Regopy()


if __name__ == "__main__":
    main()
