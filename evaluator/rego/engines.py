"""Every engine there is behind one door: worker processes, and an OPA server where one is configured."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Self

from evaluator.rego.engine import EngineName, RefusalError
from evaluator.rego.pool import WorkerPool
from evaluator.rego.protocol import Explained
from evaluator.rego.questions import Answer, Module, Question
from pipeline.settings import EvaluatorSettings

if TYPE_CHECKING:
    from evaluator.rego.opa import OpaServer


class Engines:
    """See `questions.Compiles` and `questions.Evaluates`."""

    def __init__(self, pool: WorkerPool, opa: "OpaServer | None") -> None:
        self._pool = pool
        self._opa = opa

    @classmethod
    @asynccontextmanager
    async def start(cls, settings: EvaluatorSettings) -> AsyncIterator[Self]:
        """Open what settings name."""
        async with AsyncExitStack() as stack:
            pool = await stack.enter_async_context(WorkerPool(settings))
            opa = None
            if settings.opa_url:
                from evaluator.rego.opa import OpaServer  # its HTTP client is slow to load

                opa = await stack.enter_async_context(OpaServer(settings))
            yield cls(pool, opa)

    @property
    def restarts(self) -> int:
        """Worker processes that died and were replaced."""
        return self._pool.restarts

    def quarantined(self) -> int:
        """How many policies are set aside now."""
        return self._pool.quarantined()

    async def compile(self, engine: EngineName, text: str) -> Module:
        """Compile where the engine is. Raises CompileError or RefusalError."""
        if engine is not EngineName.OPA:
            return await self._pool.compile(engine, text)
        if self._opa is None:
            raise RefusalError("not configured: TOCSIN_OPA_URL names a server")
        return await self._opa.compile(engine, text)

    async def evaluate(self, questions: Sequence[Question]) -> list[list[Answer]]:
        """Answer each question, policy by policy, in the order asked; by each engine at the same time."""
        if self._opa is None or not any(map(_asks_opa, _modules(questions))):
            return await self._pool.evaluate(questions)
        remote = [_only(question, opa=True) for question in questions]
        local = [_only(question, opa=False) for question in questions]
        answers = await asyncio.gather(self._opa.evaluate(remote), self._pool.evaluate(local))
        return [
            _merge(question, iter(from_opa), iter(from_pool))
            for question, from_opa, from_pool in zip(questions, *answers, strict=True)
        ]

    async def explain(self, text: str, document: bytes) -> Explained:
        """Say why a policy's text has its value on a document; by regorus, whichever engine decided."""
        return await self._pool.explain(text, document)


def _asks_opa(module: Module) -> bool:
    return module.engine is EngineName.OPA


def _modules(questions: Sequence[Question]) -> Iterator[Module]:
    return (module for question in questions for module in question.modules)


def _only(question: Question, *, opa: bool) -> Question:
    modules = tuple(module for module in question.modules if _asks_opa(module) is opa)
    return Question(question.document, modules)


def _merge(question: Question, from_opa: Iterator[Answer], from_pool: Iterator[Answer]) -> list[Answer]:
    return [next(from_opa if _asks_opa(module) else from_pool) for module in question.modules]
