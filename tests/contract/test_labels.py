"""Violations by the labels of their resources, on both databases, beside Kubernetes' own rules in Python."""

from collections.abc import Mapping

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert

from pipeline.events import Outcome
from sink import rows
from sink.queries.filters import Filter
from sink.queries.labels import selector
from sink.queries.reader import Reader
from sink.queries.violations import list_violations
from sink.queries.words import Sort, State
from sink.tables import resources, violations
from tests.contract.test_violation_queries import reader as reader  # noqa: PLC0414 - a fixture
from tests.unit.sink.histories import FAIL, START, told, verdict

KEYS = ("app", "app.kubernetes.io/name", "a_b-c.d")
VALUES = ("web", "db", "", "x.y_z")
labels = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES), max_size=3)
requirement = st.one_of(
    st.tuples(st.sampled_from(KEYS), st.sampled_from(["=", "!="]), st.sampled_from(VALUES)),
    st.tuples(
        st.sampled_from(KEYS), st.sampled_from(["in", "notin"]), st.lists(st.sampled_from(VALUES), min_size=1)
    ),
    st.tuples(st.sampled_from(KEYS), st.sampled_from(["", "!"]), st.none()),
)
Asked = tuple[str, str, str | list[str] | None]


def written(asked: Asked) -> str:
    match asked:
        case (key, word, None):
            return f"{word}{key}"
        case (key, word, list(values)):
            return f"{key} {word} ({','.join(values)})"
        case (key, word, value):
            return f"{key}{word}{value}"


def meets(asked: Asked, found: Mapping[str, str]) -> bool:
    key, word, given_ = asked
    if given_ is None:
        return (key in found) == (word == "")
    values = given_ if isinstance(given_, list) else [given_]
    return (found.get(key) in values) == (word in {"=", "in"})


@pytest.mark.parametrize("state", [State.OPEN, State.ALL])
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    found=st.lists(st.none() | labels, min_size=1, max_size=4),
    asked=st.lists(requirement, min_size=1, max_size=2),
)
async def test_violations_are_found_by_labels_as_kubernetes_selects(
    reader: Reader, state: State, found: list[dict[str, str] | None], asked: list[Asked]
) -> None:
    with reader.engine.begin() as connection:
        connection.execute(delete(violations))
        connection.execute(delete(resources))
        for number, each in enumerate(found):
            said = verdict(FAIL, f"pod-{number}")
            record = told(said)
            assert record.event is not None
            row = rows.violation_row(record.key, record.event, said)
            connection.execute(insert(violations), row)
            columns = {
                "key": row["resource_key"], "cluster": "prod", "name": f"pod-{number}",
                "first_seen_at": START, "last_seen_at": START,
            }  # fmt: skip
            connection.execute(insert(resources), columns if each is None else {**columns, "labels": each})
    wanted = Filter(state=state, labels=selector([",".join(map(written, asked))]))
    listed, _ = await list_violations(reader, wanted, Sort.RESOURCE, None, list)
    expected = [
        f"pod-{number}" for number, each in enumerate(found) if all(meets(one, each or {}) for one in asked)
    ]
    assert [each.resource.name for each in listed] == expected
    assert {each.outcome for each in listed} <= {Outcome.FAIL.value}
