"""Answers remembered: the same policy on the same input document says the same.

Replicas of one workload ask the same question thousands of times. Rego is pure, but
for the built-ins in `purity`; a policy that calls one of those is always evaluated.
Only answers are remembered, never failures.
"""

from collections.abc import Sequence
from hashlib import blake2b

from evaluator.rego.engine import Value
from evaluator.rego.questions import Answer, Evaluates, Failure, Module, Question

_SHORT = 1024
"""Bytes of an answer that may be remembered."""

_Key = tuple[bytes, int]


class Memo:
    """In front of a pool. Remembers at least the last `capacity` answers, and at most twice as many."""

    def __init__(self, pool: Evaluates, capacity: int = 50_000) -> None:
        self._pool = pool
        self._capacity = capacity
        self._young: dict[_Key, Answer] = {}
        self._old: dict[_Key, Answer] = {}
        self.hits = 0

    async def evaluate(self, questions: Sequence[Question]) -> list[list[Answer]]:
        """See `WorkerPool.evaluate`. Equal questions of one call are asked once."""
        known: dict[_Key, Answer] = {}
        keys: list[list[_Key]] = []
        ask: list[Question] = []
        for number, question in enumerate(questions):
            digest = blake2b(question.document, digest_size=16).digest()
            row = [_key(digest, module, number) for module in question.modules]
            keys.append(row)
            modules = []
            for key, module in zip(row, question.modules, strict=True):
                if key in known:
                    continue
                answer = self._recall(key)
                known[key] = answer or _ASKED
                if answer is None:
                    modules.append(module)
            if modules:
                ask.append(Question(question.document, tuple(modules)))
        self.hits += sum(map(len, keys)) - sum(len(question.modules) for question in ask)
        if ask:
            answers = (answer for row in await self._pool.evaluate(ask) for answer in row)
            for key in [key for key, answer in known.items() if answer is _ASKED]:
                known[key] = next(answers)
                self._remember(key, known[key])
        return [[known[key] for key in row] for row in keys]

    def _recall(self, key: _Key) -> Answer | None:
        answer = self._young.get(key)
        if answer is None and (answer := self._old.get(key)) is not None:
            self._remember(key, answer)
        return answer

    def _remember(self, key: _Key, answer: Answer) -> None:
        if len(key[0]) > _DIGEST or isinstance(answer, Failure):
            return
        if isinstance(answer, Value) and len(answer.json) > _SHORT:
            return
        self._young[key] = answer
        if len(self._young) > self._capacity:
            self._old, self._young = self._young, {}


_DIGEST = 16
_ASKED = Failure("was not evaluated")


def _key(digest: bytes, module: Module, number: int) -> _Key:
    """What makes two evaluations one; an impure policy is one only with itself at the same place."""
    return (digest if module.pure else digest + number.to_bytes(8, "big"), module.ref)
