"""The memo never changes an answer; it only asks less.

Not covered: whether a policy is pure is the engines' to say (`evaluator.rego.purity`).
"""

import asyncio
from collections import Counter
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from evaluator.rego.engine import EngineName, Undefined, Value
from evaluator.rego.memo import Memo
from evaluator.rego.purity import is_pure
from evaluator.rego.questions import Answer, Failure, Module, Question

MODULES = [Module(ref, EngineName.REGORUS, f"policy {ref}", pure=ref != 2) for ref in range(4)]
QUESTIONS = st.lists(
    st.builds(
        Question,
        document=st.sampled_from([b"a", b"b", b"c"]),
        modules=st.lists(st.sampled_from(MODULES), unique=True).map(tuple),
    ),
    max_size=6,
)


class Engine:
    """A port that answers by a rule, and counts what it is asked. Module 3 always fails."""

    def __init__(self) -> None:
        self.asked: Counter[tuple[bytes, int]] = Counter()

    async def evaluate(self, questions: Sequence[Question]) -> list[list[Answer]]:
        return [
            [self._answer(question.document, module) for module in question.modules] for question in questions
        ]

    def _answer(self, document: bytes, module: Module) -> Answer:
        self.asked[document, module.ref] += 1
        if module.ref == 3:
            return Failure("always")
        return Undefined() if document == b"c" else Value(document * module.ref)


@given(st.lists(QUESTIONS, max_size=5), st.integers(1, 5))
def test_answers_are_those_of_the_pool(calls: list[list[Question]], capacity: int) -> None:
    async def main() -> None:
        memo, engine = Memo(Engine(), capacity), Engine()
        for questions in calls:
            assert await memo.evaluate(questions) == await engine.evaluate(questions)

    asyncio.run(main())


async def test_a_question_that_was_answered_is_not_asked_again() -> None:
    engine = Engine()
    memo = Memo(engine)
    question = Question(b"a", (MODULES[0], MODULES[1]))
    await memo.evaluate([question, question])
    await memo.evaluate([question])
    assert set(engine.asked.values()) == {1}
    assert memo.hits == 4


async def test_an_impure_policy_is_always_evaluated() -> None:
    engine = Engine()
    memo = Memo(engine)
    await memo.evaluate([Question(b"a", (MODULES[2],))] * 3)
    await memo.evaluate([Question(b"a", (MODULES[2],))])
    assert engine.asked[b"a", 2] == 4


async def test_a_failure_is_not_remembered() -> None:
    engine = Engine()
    memo = Memo(engine)
    for _ in range(2):
        await memo.evaluate([Question(b"a", (MODULES[3],))])
    assert engine.asked[b"a", 3] == 2


async def test_a_long_answer_is_not_remembered() -> None:
    engine = Engine()
    memo = Memo(engine)
    for _ in range(2):
        await memo.evaluate([Question(b"x" * 2000, (MODULES[1],))])
    assert engine.asked[b"x" * 2000, 1] == 2


def test_what_reads_the_clock_is_not_pure() -> None:
    assert is_pure(["count", "startswith", "time.parse_rfc3339_ns"])
    assert not is_pure(["count", "time.now_ns"])
    assert not is_pure(["rand.intn"])
