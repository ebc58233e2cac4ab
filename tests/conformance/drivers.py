"""Engines asked through their guards, each in a worker process, as the service asks them."""

from collections.abc import Sequence

from evaluator.rego.engine import EngineName
from evaluator.rego.process import WorkerProcess, limits_of
from evaluator.rego.protocol import Answered, Compile, Compiled, Evaluate, Forget, Reply
from pipeline.settings import Settings
from tests.conformance.answers import UNDEFINED, Answer, Silent, Valued

ENGINES = (EngineName.REGORUS, EngineName.REGOPY)
"""Engines that run in worker processes; an OPA server is the reference itself."""


class Driver:
    """One engine in one process, which is replaced when a policy ends it."""

    def __init__(self, engine: EngineName) -> None:
        self.engine = engine
        self._process: WorkerProcess | None = None
        self._settings = Settings().evaluator

    async def answers(self, policy: str, documents: Sequence[bytes]) -> list[Answer]:
        """What the engine answers on each document."""
        process = await self._running()
        process.send(
            [
                Compile(0, self.engine.value, policy),
                *(Evaluate(document, (0,)) for document in documents),
                Forget(0),
            ]
        )
        replies = [reply async for some in process.replies(1 + len(documents)) for reply in some]
        compiled = replies[0] if replies else Compiled("ended the process")
        if isinstance(compiled, Compiled) and compiled.error:
            if not replies:
                await self.close()
            return [Silent("refused", compiled.error)] * len(documents)
        answers = [_answer(reply) for reply in replies[1:]]
        if len(answers) < len(documents):
            await self.close()
            rest = documents[len(answers) + 1 :]
            answers.append(Silent("failed", "ended the process"))
            answers += await self.answers(policy, rest) if rest else []
        return answers

    async def close(self) -> None:
        """End the process."""
        if self._process is not None:
            await self._process.end()
            self._process = None

    async def _running(self) -> WorkerProcess:
        if self._process is None:
            self._process = await WorkerProcess.start(limits_of(self._settings))
        return self._process


def _answer(reply: Reply) -> Answer:
    match reply:
        case Answered(error="", value=None):
            return UNDEFINED
        case Answered(error="", value=bytes(value)):
            return Valued.of(Valued.read(value))
        case _:
            return Silent("failed", reply.error)
