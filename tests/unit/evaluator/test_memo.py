"""The memo never changes an answer; it only asks less.

Not covered: whether a policy is pure and what it reads is the engines' to say
(`evaluator.rego.purity`, `tests/contract/test_reads.py`).
"""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from evaluator.policies.document import Document
from evaluator.rego.engine import EngineName, Undefined, Value
from evaluator.rego.memo import Memo, Query
from evaluator.rego.purity import is_pure
from evaluator.rego.questions import Answer, Failure, Module, Question
from evaluator.rego.reads.paths import WHOLE, Mode, ReadSet

READS_A: ReadSet = ((("a",), Mode.DEEP),)
READS_B: ReadSet = ((("b",), Mode.DEEP),)


def module(ref: int, reads: ReadSet = WHOLE, *, pure: bool = True) -> Module:
    return Module(ref, EngineName.REGORUS, f"policy {ref}", pure=pure, reads=reads)


WHOLE_MODULE, IMPURE, FAILING = module(0), module(2, READS_A, pure=False), module(3, READS_A)
OF_A, OF_B = module(1, READS_A), module(4, READS_B)
LIAR = module(5, READS_B)
"""Says that it reads b; reads a."""
MODULES = [WHOLE_MODULE, IMPURE, FAILING, OF_A, OF_B]
READ = {0: ("a", "b"), 1: ("a",), 2: ("a",), 3: ("a",), 4: ("b",), 5: ("a",)}

DOCUMENTS = st.dictionaries(st.sampled_from("abc"), st.integers(0, 2))
QUERIES = st.lists(
    st.builds(
        Query,
        document=DOCUMENTS.map(Document),
        modules=st.lists(st.sampled_from(MODULES), unique=True).map(tuple),
    ),
    max_size=6,
)


def query(document: dict[str, Any], *modules: Module) -> Query:
    return Query(Document(document), modules)


class Engine:
    """A port that answers by a rule, and counts what it is asked. FAILING always fails."""

    def __init__(self) -> None:
        self.asked: Counter[int] = Counter()

    async def evaluate(self, questions: Sequence[Question]) -> list[list[Answer]]:
        return [
            [self.answer(question.document, module) for module in question.modules] for question in questions
        ]

    def answer(self, document: bytes, module: Module) -> Answer:
        self.asked[module.ref] += 1
        if module is FAILING:
            return Failure("always")
        value = json.loads(document)
        seen = {name: value[name] for name in READ[module.ref] if name in value}
        return Value(json.dumps([module.ref, seen]).encode()) if seen else Undefined()


@given(st.lists(QUERIES, max_size=5), st.integers(1, 5), st.integers(0, 3))
def test_answers_are_those_of_the_pool(calls: list[list[Query]], capacity: int, shadowed: int) -> None:
    async def main() -> None:
        memo, engine = Memo(Engine(), capacity, shadowed), Engine()
        for queries in calls:
            expected = [
                [engine.answer(query.document.encode(), module) for module in query.modules]
                for query in queries
            ]
            assert await memo.evaluate(queries) == expected
        assert not memo.distrusted

    asyncio.run(main())


async def test_a_query_that_was_answered_is_not_asked_again() -> None:
    engine = Engine()
    memo = Memo(engine, shadowed=0)
    await memo.evaluate([query({"a": 1}, WHOLE_MODULE, OF_A), query({"a": 1}, WHOLE_MODULE, OF_A)])
    await memo.evaluate([query({"a": 1}, WHOLE_MODULE, OF_A)])
    assert engine.asked == {0: 1, 1: 1}
    assert (memo.hits, memo.misses) == (4, 2)


async def test_a_change_of_what_is_not_read_is_answered_from_memory_and_one_of_what_is_is_not() -> None:
    engine = Engine()
    memo = Memo(engine, shadowed=0)
    await memo.evaluate([query({"a": 1, "b": 1, "c": 1}, OF_A, OF_B)])
    await memo.evaluate([query({"a": 1, "b": 1, "c": 2}, OF_A, OF_B)])
    assert engine.asked == {1: 1, 4: 1}
    await memo.evaluate([query({"a": 2, "b": 1}, OF_A, OF_B)])
    assert engine.asked == {1: 2, 4: 1}


async def test_the_first_projections_of_a_policy_are_evaluated_beside_the_whole_document() -> None:
    engine = Engine()
    memo = Memo(engine, shadowed=2)
    for number in range(4):
        await memo.evaluate([query({"a": number}, OF_A)])
    assert engine.asked == {1: 6}
    assert memo.misses == 4


async def test_the_first_answers_from_memory_are_compared_with_the_whole_document() -> None:
    engine = Engine()
    memo = Memo(engine, shadowed=2)
    for number in range(5):
        await memo.evaluate([query({"a": 1, "c": number}, OF_A)])
    assert engine.asked == {1: 1 + 1 + 2}
    assert (memo.hits, memo.misses) == (4, 1)


@given(st.lists(st.integers(0, 2), min_size=2, max_size=6))
def test_a_policy_whose_read_set_is_wrong_gets_the_right_answers_and_is_never_remembered_again(
    numbers: list[int],
) -> None:
    async def main() -> None:
        engine = Engine()
        memo = Memo(engine)
        queries = [query({"a": number}, OF_B, LIAR) for number in numbers]
        for _ in range(2):
            assert await memo.evaluate(queries) == [
                [Undefined(), Value(f'[5, {{"a": {number}}}]'.encode())] for number in numbers
            ]
        assert memo.distrusted == {LIAR.ref}
        before = engine.asked[LIAR.ref]
        await memo.evaluate(queries)
        assert engine.asked[LIAR.ref] == before + len(numbers)

    asyncio.run(main())


async def test_what_is_no_json_costs_only_the_policies_that_read_it() -> None:
    memo = Memo(Engine())
    ((good, bad, whole),) = await memo.evaluate([query({"a": 1, "b": object()}, OF_A, OF_B, WHOLE_MODULE)])
    assert good == Value(b'[1, {"a": 1}]')
    assert isinstance(bad, Failure)
    assert isinstance(whole, Failure)
    assert bad.reason.startswith("b: expected JSON")


async def test_an_impure_policy_is_always_evaluated() -> None:
    engine = Engine()
    memo = Memo(engine)
    await memo.evaluate([query({"a": 1}, IMPURE)] * 3)
    await memo.evaluate([query({"a": 1}, IMPURE)])
    assert engine.asked == {2: 4}


async def test_a_failure_is_not_remembered() -> None:
    engine = Engine()
    memo = Memo(engine, shadowed=0)
    for _ in range(2):
        await memo.evaluate([query({"a": 1}, FAILING)])
    assert engine.asked == {3: 2}


async def test_a_long_answer_is_not_remembered() -> None:
    engine = Engine()
    memo = Memo(engine, shadowed=0)
    for _ in range(2):
        await memo.evaluate([query({"a": "x" * 2000}, OF_A)])
    assert engine.asked == {1: 2}


def test_what_reads_the_clock_is_not_pure() -> None:
    assert is_pure(["count", "startswith", "time.parse_rfc3339_ns"])
    assert not is_pure(["count", "time.now_ns"])
    assert not is_pure(["rand.intn"])
