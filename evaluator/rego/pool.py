"""The pool of worker processes: policies compiled and evaluated, contained.

A policy that hangs, aborts or eats memory kills its worker. The step that the worker
had begun last names the culprit: it gets an error, the worker is replaced, and
everything that has no answer is asked again. A policy that does so too
often is set aside (`quarantine`).
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import islice
from types import TracebackType
from typing import Self

from evaluator.rego.engine import Because, CompileError, EngineName, RefusalError, Undefined, Value
from evaluator.rego.process import Death, WorkerProcess, limits_of
from evaluator.rego.protocol import (
    Answered,
    Compile,
    Compiled,
    Evaluate,
    Explain,
    Explained,
    Forget,
    Reply,
    Request,
)
from evaluator.rego.quarantine import Quarantine
from evaluator.rego.questions import Answer, Failure, Module, Question, new_ref
from evaluator.rego.reads.paths import WHOLE, Mode, ReadSet
from pipeline.settings import EvaluatorSettings

_KILLED_FROM_OUTSIDE = 3
"""Times that a batch is asked again when its worker is killed by somebody else."""

_MODULES_KEPT = 1024
"""Compiled modules one worker keeps: changed and deleted policies must not pile up in it."""


@dataclass(slots=True)
class _Batch:
    questions: Sequence[Question]
    done: asyncio.Future[list[list[Answer]]]


@dataclass(slots=True)
class _Worker:
    process: WorkerProcess | None = None
    loaded: dict[int, None] = field(default_factory=dict)
    """Modules it has compiled, those of the latest batch last."""


@dataclass(frozen=True, slots=True)
class _Step:
    """One reply to come: a compilation, or the answer for one place of one question."""

    module: Module
    question: int = -1
    place: int = -1


class WorkerPool:
    """Worker processes behind one queue; an async context manager.

    `evaluate` may be called by several tasks at once; a batch goes to one worker.
    """

    def __init__(self, settings: EvaluatorSettings) -> None:
        self._settings = settings
        self._batches: asyncio.Queue[_Batch] = asyncio.Queue(maxsize=2 * settings.workers)
        self._tasks: list[asyncio.Task[None]] = []
        self._compiler = _Worker()
        self._compiling = asyncio.Lock()
        self._quarantine = Quarantine(settings.quarantine_after, settings.quarantine_cool_down)
        self.restarts = 0

    async def __aenter__(self) -> Self:
        """Start the tasks; the processes start with their first batch."""
        self._tasks = [
            asyncio.create_task(self._serve(), name=f"rego-worker-{number}")
            for number in range(self._settings.workers)
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End every process."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await _end(self._compiler)

    def quarantined(self) -> int:
        """How many policies are set aside now."""
        return self._quarantine.aside(asyncio.get_running_loop().time())

    async def compile(self, engine: EngineName, text: str) -> Module:
        """Compile a text in a process of its own. Raises CompileError or RefusalError."""
        async with self._compiling, self._given_up():
            ref = new_ref()
            process = await self._running(self._compiler)
            process.send([Compile(ref, engine, text, reads=True)])
            async for replies in process.replies(1):
                for reply in replies:
                    if isinstance(reply, Compiled):
                        process.send([Forget(ref)])
                        _raise_for(reply)
                        return Module(ref, engine, text, reply.pure, _reads(reply))
            death = await self._bury(self._compiler, self._settings.compile_deadline)
            raise RefusalError(f"compiling {death.reason}")

    async def explain(self, text: str, document: bytes) -> Explained:
        """Say why a policy's text has its value on a document; in the compiler's process."""
        async with self._compiling, self._given_up():
            process = await self._running(self._compiler)
            process.send([Explain(text, document)])
            async for replies in process.replies(1):
                for reply in replies:
                    if isinstance(reply, Explained):
                        return reply
            death = await self._bury(self._compiler, self._settings.compile_deadline)
            return Explained(error=f"taking the policy apart {death.reason}")

    @asynccontextmanager
    async def _given_up(self) -> AsyncIterator[None]:
        """Of a caller who goes before the answer comes: it would be taken for the next one's."""
        try:
            yield
        except asyncio.CancelledError:
            await _end(self._compiler)
            raise

    async def evaluate(self, questions: Sequence[Question]) -> list[list[Answer]]:
        """Answer each question, policy by policy, in the order asked."""
        batch = _Batch(questions, asyncio.get_running_loop().create_future())
        await self._batches.put(batch)
        return await batch.done

    async def _serve(self) -> None:
        worker = _Worker()
        try:
            while True:
                batch = await self._batches.get()
                try:
                    answers = await self._answer(worker, batch.questions)
                except Exception as error:  # noqa: BLE001 - whoever asked decides
                    if not batch.done.done():
                        batch.done.set_exception(error)
                else:
                    if not batch.done.done():
                        batch.done.set_result(answers)
        finally:
            await _end(worker)

    async def _answer(self, worker: _Worker, questions: Sequence[Question]) -> list[list[Answer]]:
        answers: list[list[Answer | None]] = [[None] * len(question.modules) for question in questions]
        patience = _KILLED_FROM_OUTSIDE
        while True:
            requests, steps = self._program(worker, questions, answers)
            if not steps:
                return [[answer for answer in row if answer is not None] for row in answers]
            process = await self._running(worker)
            process.send(requests)
            taken = await _collect(process, steps, answers)
            if taken < len(steps):
                step = steps[min(taken + process.lost, len(steps) - 1)]
                death = await self._bury(worker, self._deadline_of(step))
                if death.by_policy or not patience:
                    self._blame(step, death, answers)
                else:
                    patience -= 1

    def _program(
        self, worker: _Worker, questions: Sequence[Question], answers: list[list[Answer | None]]
    ) -> tuple[list[Request], list[_Step]]:
        """What to ask for the answers still missing, and for each reply to come, what it is for."""
        requests: list[Request] = []
        steps: list[_Step] = []
        used: dict[int, None] = {}
        now = asyncio.get_running_loop().time()
        for number, question in enumerate(questions):
            asked: list[int] = []
            for place, module in enumerate(question.modules):
                if answers[number][place] is not None:
                    continue
                if reason := self._quarantine.reason(module, now):
                    answers[number][place] = Failure(reason)
                    continue
                used[module.ref] = None
                if module.ref not in worker.loaded:
                    worker.loaded[module.ref] = None
                    requests.append(Compile(module.ref, module.engine, module.text))
                    steps.append(_Step(module))
                asked.append(place)
            if asked:
                refs = tuple(question.modules[place].ref for place in asked)
                requests.append(Evaluate(question.document, refs))
                steps += [_Step(question.modules[place], number, place) for place in asked]
        requests += _forget(worker, used)
        return requests, steps

    def _deadline_of(self, step: _Step) -> float:
        return self._settings.compile_deadline if step.place < 0 else self._settings.evaluation_deadline

    def _blame(self, step: _Step, death: Death, answers: list[list[Answer | None]]) -> None:
        """Count a death against the policy whose turn it was, and give that as its answer."""
        self._quarantine.strike(step.module, asyncio.get_running_loop().time())
        if step.place >= 0:
            answers[step.question][step.place] = Failure(death.reason)

    async def _running(self, worker: _Worker) -> WorkerProcess:
        if worker.process is None:
            worker.process = await WorkerProcess.start(limits_of(self._settings))
        return worker.process

    async def _bury(self, worker: _Worker, deadline: float) -> Death:
        """Let go of a process that died. Returns what it died of."""
        process = await self._running(worker)
        death = await process.died_of(deadline)
        await _end(worker)
        self.restarts += 1
        return death


def _forget(worker: _Worker, used: dict[int, None]) -> list[Forget]:
    """Have the worker drop what was not used for longest, where it keeps too much."""
    for ref in used:
        del worker.loaded[ref]
    worker.loaded.update(used)
    surplus = min(len(worker.loaded) - _MODULES_KEPT, len(worker.loaded) - len(used))
    forgotten = list(islice(worker.loaded, max(surplus, 0)))
    for ref in forgotten:
        del worker.loaded[ref]
    return [Forget(ref) for ref in forgotten]


async def _collect(process: WorkerProcess, steps: Sequence[_Step], answers: list[list[Answer | None]]) -> int:
    """Put replies where they belong. Returns how many steps were answered before the process ended."""
    taken = 0
    async for replies in process.replies(len(steps)):
        for reply in replies:
            step = steps[taken]
            taken += 1
            if step.place >= 0:
                answers[step.question][step.place] = _answer_of(reply)
    return taken


def _answer_of(reply: Reply) -> Answer:
    match reply:
        case Answered(error="") as answered:
            because = Because(answered.line, answered.expression) if answered.line else None
            return Undefined(because) if answered.value is None else Value(answered.value, because)
        case _:
            return Failure(reply.error)


def _reads(reply: Compiled) -> ReadSet:
    return tuple((path, Mode(mode)) for path, mode in reply.reads) or WHOLE


def _raise_for(reply: Compiled) -> None:
    if reply.refused:
        raise RefusalError(reply.error)
    if reply.error:
        raise CompileError(reply.error, reply.line, reply.column)


async def _end(worker: _Worker) -> None:
    if worker.process is not None:
        await worker.process.end()
    worker.process = None
    worker.loaded.clear()
