"""Filters, by an interpreter of the dialects that is written from their specification, and their laws."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliverer import filters
from deliverer.file import Filter
from deliverer.subscriber import attributes_of
from evaluator.verdicts import _extensions
from pipeline.events import Mode, Outcome, Verdict, carried
from pipeline.waivers import WaiverRef
from tests.verdicts import NOW, verdict

_NAMES = st.sampled_from(["policy", "namespace", "cluster", "kind", "subject"])
_TEXTS = st.text("ab-", min_size=1, max_size=3)
_VALUES = st.dictionaries(_NAMES, _TEXTS, min_size=1, max_size=3)
_LEAVES = st.one_of([st.fixed_dictionaries({word: _VALUES}) for word in ("exact", "prefix", "suffix")])
EXPRESSIONS: st.SearchStrategy[dict[str, Any]] = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.fixed_dictionaries({"all": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"any": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"not": inner}),
    ),
    max_leaves=8,
)
EVENTS = st.dictionaries(_NAMES, st.text("ab-", max_size=4))


def _holds(expression: dict[str, Any], event: dict[str, str]) -> bool:
    """Section 3.2.4, word by word."""
    ((word, said),) = expression.items()
    match word:
        case "exact":
            return all(name in event and event[name] == value for name, value in said.items())
        case "prefix":
            return all(name in event and event[name][: len(value)] == value for name, value in said.items())
        case "suffix":
            return all(name in event and event[name][-len(value) :] == value for name, value in said.items())
        case "all":
            return False not in [_holds(each, event) for each in said]
        case "any":
            return True in [_holds(each, event) for each in said]
        case _:
            return not _holds(said, event)


@given(EXPRESSIONS, EVENTS)
def test_a_filter_takes_what_the_specification_says(
    expression: dict[str, Any], event: dict[str, str]
) -> None:
    assert Filter.model_validate(expression).takes()(event) is _holds(expression, event)


@given(st.lists(EXPRESSIONS, min_size=1, max_size=3), EVENTS)
def test_all_and_any_are_each_other_under_not(
    expressions: list[dict[str, Any]], event: dict[str, str]
) -> None:
    takes = [Filter.model_validate(each).takes() for each in expressions]
    assert filters.every(takes)(event) is not filters.some(map(filters.negation, takes))(event)


@given(EVENTS)
def test_without_filters_everything_is_taken(event: dict[str, str]) -> None:
    assert filters.every(())(event)


@pytest.mark.parametrize(
    ("expression", "taken"),
    [
        ({"exact": {"type": "dev.tocsin.verdict.failed.v1"}}, True),
        ({"exact": {"type": "dev.tocsin.verdict.passed.v1"}}, False),
        ({"prefix": {"type": "dev.tocsin.verdict."}}, True),
        ({"exact": {"policy": "no-root", "mode": "enforce"}}, True),
        ({"exact": {"policy": "no-root", "mode": "warn"}}, False),
        ({"prefix": {"namespace": "sh"}}, True),
        ({"suffix": {"namespace": "op"}}, True),
        ({"exact": {"kind": "Pod"}}, True),
        ({"exact": {"change": "new", "cluster": "c"}}, True),
        ({"exact": {"source": "/clusters/c"}}, True),
        ({"not": {"exact": {"namespace": "shop"}}}, False),
        ({"any": [{"exact": {"namespace": "other"}}, {"exact": {"cluster": "c"}}]}, True),
        ({"exact": {"subject": "shop/Pod/web"}}, True),
    ],
)
def test_every_attribute_of_a_verdict_can_be_filtered_by(expression: dict[str, Any], taken: bool) -> None:
    event = verdict("web", 1, outcome=Outcome.FAIL, mode=Mode.ENFORCE).event
    assert event is not None
    assert Filter.model_validate(expression).takes()(attributes_of(event)) is taken


def test_every_attribute_that_a_verdict_may_have_can_be_filtered_by() -> None:
    record = verdict("web", 1, extra={"traceparent": "t", "tracestate": "s"})
    assert record.event is not None
    assert isinstance(record.event.data, Verdict)
    waived = msgspec.structs.replace(
        record.event.data, waiver=WaiverRef(name="w", owner="o", reason="r", expires=NOW)
    )
    published = {**_extensions(waived), **carried(record.event)}
    event = msgspec.structs.replace(record.event, extensions=published)
    assert set(attributes_of(event)) == set(filters.ATTRIBUTES)
