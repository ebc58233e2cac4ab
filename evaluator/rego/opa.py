"""An OPA server behind the port: for those who run one, and for what only OPA can evaluate.

It is a process of somebody else, so it is asked from the service process: policies are
pushed under their digest, documents are sent one by one, each within a deadline. A server
that cannot be reached costs the verdicts asked for meanwhile; a policy that it lost, as
after a restart, is pushed again. Its memory is its operator's to limit.
"""

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from evaluator.rego import guards, opa_ast
from evaluator.rego.backoff import Backoff
from evaluator.rego.engine import CompileError, EngineName, RefusalError, Undefined, Value
from evaluator.rego.opa_http import CONNECTIONS, DeadlineError, OpaClient, UnreachableError
from evaluator.rego.opa_text import OpaText, prepare
from evaluator.rego.quarantine import Quarantine
from evaluator.rego.questions import Answer, Failure, Module, Question, new_ref
from pipeline.errors import EvaluationError, PolicyError
from pipeline.settings import EvaluatorSettings

_POLICIES_KEPT = 1024
"""Policies left in the server: changed and deleted ones must not pile up in it."""


class OpaServer:
    """See `questions.Compiles` and `questions.Evaluates`; an async context manager."""

    def __init__(self, settings: EvaluatorSettings, backoff: Backoff | None = None) -> None:
        self._settings = settings
        self._client = OpaClient(settings.opa_url, settings.answer_limit)
        self._backoff = backoff or Backoff()
        self._quarantine = Quarantine(settings.quarantine_after, settings.quarantine_cool_down)
        self._slots = asyncio.Semaphore(CONNECTIONS)
        self._pushing = asyncio.Lock()
        self._pushed: dict[str, bool] = {}
        """Id of each policy that the server has, and whether it is pure; last pushed last."""
        self._rejected: dict[str, CompileError] = {}
        """What the server said of texts that it does not compile: they are not sent with each question."""
        self._losses = 0
        self._v0: bool | None = None

    async def __aenter__(self) -> Self:
        """Prepare connections; nothing is sent yet."""
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take our policies out of the server. Another Tocsin that uses one pushes it again."""
        try:
            for policy_id in self._pushed:
                await self._client.delete(policy_id, self._settings.evaluation_deadline)
        except EvaluationError:
            pass  # it is gone or slow, and what is left in it harms nobody
        finally:
            await self._client.__aexit__(kind, error, trace)

    async def compile(self, engine: EngineName, text: str) -> Module:
        """Push a policy and check what the server made of it. Raises CompileError or RefusalError.

        While the server cannot be reached, that is left to the first question.
        """
        policy = prepare(text)
        try:
            pure = await self._push(policy)
        except UnreachableError:
            pure = False
        except DeadlineError as error:
            raise RefusalError(f"compiling {error}") from error
        return Module(new_ref(), engine, text, pure)

    async def evaluate(self, questions: Sequence[Question]) -> list[list[Answer]]:
        """Answer each question, policy by policy, in the order asked."""
        return [list(row) for row in await asyncio.gather(*(self._row(question) for question in questions))]

    async def _row(self, question: Question) -> Sequence[Answer]:
        try:
            guards.check_document(question.document)
        except EvaluationError as error:
            return [Failure(str(error))] * len(question.modules)
        return await asyncio.gather(*(self._answer(question.document, each) for each in question.modules))

    async def _answer(self, document: bytes, module: Module) -> Answer:
        async with self._slots:
            now = asyncio.get_running_loop().time()
            if reason := self._quarantine.reason(module, now):
                return Failure(reason)
            try:
                return await self._ask(document, prepare(module.text))
            except DeadlineError as error:
                self._quarantine.strike(module, asyncio.get_running_loop().time())
                return Failure(str(error))
            except (PolicyError, EvaluationError) as error:
                return Failure(str(error))

    async def _ask(self, document: bytes, policy: OpaText) -> Value | Undefined:
        for _ in range(2):
            await self._push(policy)
            losses = self._losses
            self._check_backoff()
            try:
                answer = await self._client.ask(policy, document, self._settings.evaluation_deadline)
            except UnreachableError as error:
                self._failed(error)
                raise
            self._backoff.worked()
            if answer is not None:
                return Value(bytes(answer[0])) if answer else Undefined()
            if losses == self._losses:  # the first to notice; it may be another server now
                self._losses += 1
                self._forget()
        raise EvaluationError("the OPA server lost the policy as soon as it had it")

    async def _push(self, policy: OpaText) -> bool:
        """Have the policy in the server, checked. Returns whether it is pure."""
        if policy.policy_id in self._pushed:
            return self._pushed[policy.policy_id]
        async with self._pushing:
            if policy.policy_id in self._rejected:
                raise self._rejected[policy.policy_id]
            if policy.policy_id in self._pushed:
                return self._pushed[policy.policy_id]
            self._check_backoff()
            try:
                pure = await self._push_now(policy)
                await self._drop_surplus()
            except UnreachableError as error:
                self._failed(error)
                raise
            except CompileError as error:
                if len(self._rejected) >= _POLICIES_KEPT:
                    self._rejected.clear()
                self._rejected[policy.policy_id] = error
                raise
            self._pushed[policy.policy_id] = pure
            self._backoff.worked()
            return pure

    async def _push_now(self, policy: OpaText) -> bool:
        deadline = self._settings.compile_deadline
        if self._v0 is None:
            self._v0 = await self._client.reads_v0(deadline)
        if not self._v0 and not policy.rego_v1:
            raise RefusalError(
                f"OPA at {self._client.url} reads Rego v1 only: start it with --v0-compatible, "
                "or import rego.v1 in the policy"
            )
        await self._client.put(policy, deadline)
        try:
            return opa_ast.check(await self._client.tree(policy, deadline), policy.package)
        except (CompileError, RefusalError):
            await self._client.delete(policy.policy_id, deadline)
            raise

    async def _drop_surplus(self) -> None:
        while len(self._pushed) >= _POLICIES_KEPT:
            oldest = next(iter(self._pushed))
            del self._pushed[oldest]
            await self._client.delete(oldest, self._settings.compile_deadline)

    def _check_backoff(self) -> None:
        if self._backoff.waits(asyncio.get_running_loop().time()):
            raise UnreachableError(self._backoff.reason)

    def _failed(self, error: UnreachableError) -> None:
        self._backoff.failed(str(error), asyncio.get_running_loop().time())
        self._forget()

    def _forget(self) -> None:
        """What is known of a server: it may be another one now, and in any case an empty one."""
        self._pushed.clear()
        self._rejected.clear()
        self._v0 = None
