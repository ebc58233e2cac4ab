"""Answers remembered: what a policy does not read cannot change what it says.

Rego is pure, but for the built-ins in `purity`; a policy that calls one of those is
always evaluated. For the others a document is cut down to the policy's read set
(`reads`), and what is left is the key: replicas of a workload, and most changes of a
cluster, differ in nothing that policies read. Several policies that look at one
document are looked up together first, by what any of them reads.

Read sets are an analysis, and an analysis may be wrong: for each policy the first
projections, and the first documents answered from memory, are evaluated beside the
whole document. A policy whose answers differ is evaluated for every document from
then on.

Only answers are remembered, never failures.
"""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import blake2b

from evaluator.policies.document import Document, encode
from evaluator.rego.engine import Value
from evaluator.rego.questions import Answer, Evaluates, Failure, Module, Question
from evaluator.rego.reads.paths import WHOLE, union
from evaluator.rego.reads.projection import Projection
from evaluator.rego.recall import Recent
from pipeline.errors import DocumentError

_SHORT = 1024
"""Bytes of an answer that may be remembered."""

_DIGEST = 16

SHADOWED = 64
"""Evaluations of each policy, and answers from memory, that are compared with the whole document's."""

DIFFERS = "its read set was found to be too small: please report this policy"
"""Why the answers of a policy are no longer remembered."""

_MAX_PLANS = 1024

_TRIED = 256
"""Look-ups of a policy after which it is known whether its read set brings anything."""

_Key = tuple[bytes, int]
_RowKey = tuple[bytes, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Query:
    """What some policies say of one document."""

    document: Document
    modules: tuple[Module, ...]


@dataclass(frozen=True, slots=True)
class _Plan:
    """How to look up some policies: those with a good read set together first, then each alone."""

    modules: tuple[tuple[Module, Projection | None], ...]
    narrow: tuple[int, ...] = ()
    """Places of the policies that are looked up together."""
    refs: tuple[int, ...] = ()
    together: Projection | None = None
    """What any of them reads."""


@dataclass(slots=True)
class _Call:
    """One call: what is known, and what has to be asked, by document."""

    known: dict[_Key, Answer] = field(default_factory=dict)
    ask: dict[bytes, list[tuple[_Key, Module]]] = field(default_factory=dict)
    shadows: list[tuple[_Key, _Key]] = field(default_factory=list)
    evaluations: int = 0


@dataclass(frozen=True, slots=True)
class _Row:
    """The answers of a query, or where they will be, and what to remember them under."""

    answers: list[Answer | _Key]
    together: _RowKey | None = None
    narrow: tuple[int, ...] = ()


class Memo:
    """In front of a pool. Remembers at least the last `capacity` answers, and at most twice as many.

    `engines`: what it stands in front of.
    `hits` are answers given without an evaluation, `misses` the others.
    `distrusted`: policies, by ref, whose read set was found to be wrong.
    """

    def __init__(self, pool: Evaluates, capacity: int = 50_000, shadowed: int = SHADOWED) -> None:
        self.engines = pool
        self._shadowed = shadowed
        self._answers = Recent[_Key, Answer](capacity)
        self._rows = Recent[_RowKey, tuple[Answer, ...]](capacity)
        self._plans: dict[tuple[int, ...], _Plan] = {}
        self._hits: Counter[int] = Counter()
        self._misses: Counter[int] = Counter()
        self._proven: set[int] = set()
        self._looked_up: Counter[int] = Counter()
        self._in_vain: Counter[int] = Counter()
        self.distrusted: set[int] = set()
        self.hits = 0
        self.misses = 0

    async def evaluate(self, queries: Sequence[Query]) -> list[list[Answer]]:
        """Answer each query, policy by policy, in the order asked. Equal ones are evaluated once."""
        call = _Call()
        rows = [self._look_up(call, query) for query in queries]
        if call.ask:
            questions = [
                Question(document, tuple(module for _, module in asked))
                for document, asked in call.ask.items()
            ]
            answers = await self.engines.evaluate(questions)
            for asked, row in zip(call.ask.values(), answers, strict=True):
                call.known.update(zip((key for key, _ in asked), row, strict=True))
            if self._compare(call):
                return await self.evaluate(queries)
            self._remember(call)
        self.misses += call.evaluations
        self.hits += sum(len(query.modules) for query in queries) - call.evaluations
        return [self._collect(call, row) for row in rows]

    def _look_up(self, call: _Call, query: Query) -> _Row:
        plan = self._plan(query.modules)
        known: dict[int, Answer] = {}
        together: _RowKey | None = None
        if plan.together is not None and self._proven.issuperset(plan.refs):
            with suppress(DocumentError):  # those that do not read what is wrong get their answers
                together = (_digest(encode(plan.together.apply(query.document.value))), plan.refs)
                row = self._rows.get(together)
                if row is not None:
                    known = dict(zip(plan.narrow, row, strict=True))
                    together = None
        answers = [
            known[place] if place in known else self._key(call, query.document, module, only)
            for place, (module, only) in enumerate(plan.modules)
        ]
        return _Row(answers, together, plan.narrow)

    def _key(self, call: _Call, document: Document, module: Module, only: Projection | None) -> _Key:
        """Where the answer of one policy will be."""
        try:
            text = document.encode() if only is None else encode(only.apply(document.value))
        except DocumentError as error:
            key = (b"no document", len(call.known))
            call.known[key] = Failure(str(error))
            return key
        if not module.pure or module.ref in self.distrusted:
            return self._ask(call, (len(call.known).to_bytes(8, "big"), module.ref), text, module)
        key = (_digest(text), module.ref)
        known = key in call.known
        self._looked_up[module.ref] += 1
        if not known and (answer := self._answers.get(key)) is not None:
            call.known[key] = answer
            known = True
        if only is not None:
            self._shadow(call, key, document, module, self._hits if known else self._misses)
        if known:
            return key
        self._in_vain[module.ref] += 1
        if self._looked_up[module.ref] == _TRIED and 2 * self._in_vain[module.ref] > _TRIED:
            self._plans.clear()
        return self._ask(call, key, text, module)

    def _ask(self, call: _Call, key: _Key, text: bytes, module: Module) -> _Key:
        call.evaluations += 1
        return self._put(call, key, text, module)

    def _put(self, call: _Call, key: _Key, text: bytes, module: Module) -> _Key:
        call.known[key] = _ASKED
        call.ask.setdefault(text, []).append((key, module))
        return key

    def _shadow(
        self, call: _Call, key: _Key, document: Document, module: Module, counted: Counter[int]
    ) -> None:
        """Ask for the whole document, too, until that was done often enough."""
        if counted[module.ref] >= self._shadowed:
            self._proven.add(module.ref)
            return
        try:
            whole = document.encode()
        except DocumentError:
            return  # there is nothing to compare with
        beside = (b"whole" + _digest(whole), module.ref)
        if beside not in call.known:
            counted[module.ref] += 1
            call.shadows.append((key, self._put(call, beside, whole, module)))

    def _compare(self, call: _Call) -> bool:
        """Whether a policy has to be distrusted. A failure tells nothing: it may be of the moment."""
        wrong = {
            key[1]
            for key, beside in call.shadows
            if call.known[key] != call.known[beside]
            and not isinstance(call.known[key], Failure)
            and not isinstance(call.known[beside], Failure)
        }
        if wrong:
            self.distrusted |= wrong
            self._plans.clear()
        return bool(wrong)

    def _remember(self, call: _Call) -> None:
        for key, answer in call.known.items():
            if len(key[0]) == _DIGEST and _is_kept(answer):
                self._answers.put(key, answer)

    def _collect(self, call: _Call, row: _Row) -> list[Answer]:
        answers = [call.known[answer] if isinstance(answer, tuple) else answer for answer in row.answers]
        if row.together and self.distrusted.isdisjoint(row.together[1]):
            together = tuple(answers[place] for place in row.narrow)
            if all(map(_is_kept, together)):
                self._rows.put(row.together, together)
        return answers

    def _plan(self, modules: tuple[Module, ...]) -> _Plan:
        refs = tuple(module.ref for module in modules)
        plan = self._plans.get(refs)
        if plan is None:
            if len(self._plans) >= _MAX_PLANS:
                self._plans.clear()
            plan = self._plans[refs] = self._make_plan(refs, modules)
        return plan

    def _make_plan(self, refs: tuple[int, ...], modules: tuple[Module, ...]) -> _Plan:
        each = tuple(
            (module, Projection.of(module.reads) if self._is_narrow(module) else None) for module in modules
        )
        narrow = tuple(
            place for place, (module, only) in enumerate(each) if only and self._is_worth_it(module)
        )
        if not narrow:
            return _Plan(each)
        reads = union(modules[place].reads for place in narrow)
        return _Plan(each, narrow, tuple(refs[place] for place in narrow), Projection.of(reads))

    def _is_narrow(self, module: Module) -> bool:
        return module.pure and module.reads != WHOLE and module.ref not in self.distrusted

    def _is_worth_it(self, module: Module) -> bool:
        """Whether a policy may be looked up with others: not where each document is new to it."""
        tried, in_vain = self._looked_up[module.ref], self._in_vain[module.ref]
        return tried < _TRIED or 2 * in_vain <= tried


_ASKED = Failure("was not evaluated")


def _digest(text: bytes) -> bytes:
    return blake2b(text, digest_size=_DIGEST).digest()


def _is_kept(answer: Answer) -> bool:
    return not isinstance(answer, Failure) and not (isinstance(answer, Value) and len(answer.json) > _SHORT)
