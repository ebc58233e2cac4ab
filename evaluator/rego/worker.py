"""A worker process: the only place where a policy runs.

`python -m evaluator.rego.worker HANDLE EVALUATION_DEADLINE COMPILE_DEADLINE MEMORY ANSWER`
(shared memory for `progress`, seconds, seconds, bytes, bytes) reads requests from
stdin and writes replies to stdout (`protocol`), in order and in lots, until stdin
ends. It has no environment, no network, and ends by SIGALRM at a deadline: its owner
starts a new one.
"""

import os
import sys
from dataclasses import dataclass, field
from time import monotonic

from evaluator.rego import containment, guards
from evaluator.rego.engine import (
    CompileError,
    EngineError,
    EngineName,
    Module,
    RefusalError,
    RegoEngine,
    Undefined,
    Value,
)
from evaluator.rego.limits import Limits, answer_too_long
from evaluator.rego.progress import Progress
from evaluator.rego.protocol import (
    Answered,
    Compile,
    Compiled,
    Evaluate,
    Explain,
    Explained,
    Forget,
    Frames,
    Reply,
    frame,
    read_request,
)
from evaluator.rego.reads.flow import read_set
from evaluator.rego.reads.paths import WHOLE, ReadSet
from pipeline.errors import clip

_CHUNK = 1 << 16
_LOT_BYTES = 1 << 16
_LOT_SECONDS = 0.05
"""Replies wait for company, but not longer than this and one evaluation."""

_NO_MEMORY = "needs more memory than the limit allows"


def main() -> None:
    """Run until stdin ends."""
    progress = Progress(int(sys.argv[1]))
    limits = Limits.from_arguments(sys.argv[2:])
    replies = os.dup(1)
    silence = os.open(os.devnull, os.O_WRONLY)  # engines print; the pipe is for frames
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    containment.close_doors()
    worker = _Worker(replies, limits, progress)
    frames = Frames()
    while chunk := os.read(0, _CHUNK):
        for body in frames.feed(chunk):
            worker.handle(body)
        worker.flush()


@dataclass
class _Worker:
    replies: int
    limits: Limits
    progress: Progress
    begun: int = 0
    lot: bytearray = field(default_factory=bytearray)
    flushed: float = 0.0
    engines: dict[EngineName, RegoEngine] = field(default_factory=dict)
    modules: dict[int, Module] = field(default_factory=dict)

    def handle(self, body: bytes) -> None:
        match read_request(body):
            case Compile() as request:
                self._begin(self.limits.compile_deadline)
                self._send(self._compile(request))
            case Forget(ref):
                self.modules.pop(ref, None)
            case Explain() as request:
                self._begin(self.limits.compile_deadline)
                self._send(self._explain(request))
            case request:
                self._evaluate_all(request)

    def _evaluate_all(self, request: Evaluate) -> None:
        problem = ""
        containment.set_alarm(self.limits.evaluation_deadline)
        try:
            guards.check_document(request.document)
        except EngineError as error:
            problem = str(error)
        for ref in request.refs:
            self._begin(self.limits.evaluation_deadline)
            self._send(Answered(error=problem) if problem else self._evaluate(ref, request.document))

    def _begin(self, deadline: float) -> None:
        """Say that the next step has begun, and when it must have ended."""
        self.begun += 1
        self.progress.begun = self.begun
        containment.set_alarm(deadline)

    def _compile(self, request: Compile) -> Compiled:
        try:
            module = self._engine(EngineName(request.engine)).compile(request.text)
        except CompileError as error:
            return Compiled(clip(error.message), refused=False, line=error.line, column=error.column)
        except RefusalError as error:
            return Compiled(clip(str(error)), refused=True)
        except ImportError:
            return Compiled("not installed", refused=True)
        except MemoryError:
            return Compiled(_NO_MEMORY)
        except Exception as error:  # noqa: BLE001 - a policy must not end the worker by surprising an adapter
            return Compiled(clip(f"{type(error).__name__}: {error}"), refused=True)
        self.modules[request.ref] = module
        return Compiled(pure=module.pure, reads=_reads(request) if request.reads else ())

    def _evaluate(self, ref: int, document: bytes) -> Answered:
        module = self.modules.get(ref)
        if module is None:
            return Answered(error="could not be compiled again in this process")
        try:
            answer = module.evaluate(document)
        except EngineError as error:
            return Answered(error=clip(str(error)))
        except MemoryError:
            return Answered(error=_NO_MEMORY)
        except Exception as error:  # noqa: BLE001 - as above
            return Answered(error=f"{type(error).__name__} inside the engine")
        return self._answered(answer)

    def _answered(self, answer: Value | Undefined) -> Answered:
        value = answer.json if isinstance(answer, Value) else None
        if value is not None and len(value) > self.limits.answer:
            return Answered(error=answer_too_long(len(value), self.limits.answer))
        if answer.because is None:
            return Answered(value)
        return Answered(value, line=answer.because.line, expression=answer.because.expression)

    def _explain(self, request: Explain) -> Explained:
        try:
            self._engine(EngineName.REGORUS)
            from evaluator.rego.explain.regorus_trace import explain

            guards.check_document(request.document)
            explained = Explained(*explain(request.text, request.document))
        except ImportError:
            return Explained(error="the engine regorus is not installed; explanations need it")
        except (CompileError, RefusalError, EngineError) as error:
            return Explained(error=f"regorus, which explains policies: {error}")
        except MemoryError:
            return Explained(error=_NO_MEMORY)
        except Exception as error:  # noqa: BLE001 - as above
            return Explained(error=f"{type(error).__name__} while the policy was taken apart")
        size = len(frame(explained))
        return (
            Explained(error=answer_too_long(size, self.limits.answer))
            if size > self.limits.answer
            else explained
        )

    def _engine(self, name: EngineName) -> RegoEngine:
        if name not in self.engines:
            containment.free_memory()
            self.engines[name] = _load(name)
            containment.limit_memory(self.limits.memory)
        return self.engines[name]

    def _send(self, reply: Reply) -> None:
        self.lot += frame(reply)
        if len(self.lot) >= _LOT_BYTES or monotonic() - self.flushed >= _LOT_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what waits. No alarm: it is the owner who may be slow now."""
        containment.set_alarm(0)
        data = memoryview(bytes(self.lot))
        self.lot.clear()
        while data:
            data = data[os.write(self.replies, data) :]
        self.flushed = monotonic()


def _reads(request: Compile) -> ReadSet:
    """What a policy reads, by the syntax tree of the one engine that gives it; elsewhere everything."""
    if request.engine != EngineName.REGORUS:
        return WHOLE
    from evaluator.rego.regorus import syntax_tree

    return read_set(syntax_tree(request.text), request.text)


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
        case EngineName.OPA:
            raise RefusalError("is a server, and not asked from here")


if __name__ == "__main__":
    main()
