"""Events on the wire: what is written is what is read. Not covered: Kafka itself."""

from datetime import UTC, datetime

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage
from hypothesis import given
from hypothesis import strategies as st

from pipeline.codec import from_json, from_kafka, to_json, to_kafka
from pipeline.errors import ContractError
from pipeline.events import (
    Change,
    Event,
    EventType,
    Image,
    Mode,
    Outcome,
    PolicyRef,
    ResourceApplied,
    ResourceRef,
    Verdict,
    Withdrawal,
    resource_key,
    source_of,
    subject_of,
)

TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
NAME = st.from_regex(r"[a-z]([-a-z0-9]{0,10}[a-z0-9])?", fullmatch=True)
TIME = st.datetimes(timezones=st.just(UTC), min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1))  # noqa: DTZ001 - hypothesis wants naive bounds
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
REF = st.builds(ResourceRef, api_version=NAME, kind=NAME, namespace=NAME, name=NAME, uid=NAME)
APPLIED = st.builds(
    ResourceApplied,
    cluster=NAME,
    resource=REF,
    digest=NAME,
    object=st.dictionaries(TEXT, JSON, max_size=3),
    owner=st.none() | REF,
)
VERDICT = st.builds(
    Verdict,
    cluster=NAME,
    resource=REF,
    policy=st.builds(
        PolicyRef, name=NAME, digest=NAME, mode=st.sampled_from(Mode), generation=st.integers(0, 9)
    ),
    outcome=st.sampled_from(Outcome),
    change=st.sampled_from(Change),
    evaluated_at=TIME,
    message=TEXT,
    images=st.lists(st.builds(Image, name=NAME, container=NAME), max_size=2).map(tuple),
)


@st.composite
def events(draw: st.DrawFn) -> Event:
    data = draw(APPLIED | VERDICT)
    applied = isinstance(data, ResourceApplied)
    return Event(
        type=EventType.RESOURCE_APPLIED if applied else EventType.VERDICT_FAILED,
        source=source_of(data.cluster),
        id=draw(NAME),
        time=draw(TIME),
        subject=subject_of(data.resource),
        key=resource_key(data.cluster, data.resource.uid),
        data=data,
        extensions={"policy": draw(NAME), "namespace": data.resource.namespace},
    )


@given(events())
def test_an_event_survives_kafka(event: Event) -> None:
    assert from_kafka(to_kafka(event)) == event


@given(events())
def test_an_event_survives_json(event: Event) -> None:
    assert from_json(to_json(event)) == event
    assert b"\n" not in to_json(event)


def test_a_reason_of_a_later_release_says_that_the_verdict_holds_no_longer() -> None:
    text = b"""{"specversion": "1.0", "type": "dev.tocsin.verdict.withdrawn.v1", "source": "/c",
    "id": "1", "time": "2026-03-01T00:00:00Z", "partitionkey": "c/u/p",
    "data": {"cluster": "c", "outcome": "withdrawn",
    "resource": {"apiVersion": "v1", "kind": "Pod", "namespace": "shop", "name": "web"}, "change": "updated",
    "policy": {"name": "p", "digest": "p1", "mode": "warn"}, "evaluatedAt": "2026-03-01T00:00:00Z",
    "reason": "the_moon"}}"""
    data = from_json(text).data
    assert isinstance(data, Verdict)
    assert data.reason is Withdrawal.OUT_OF_SCOPE


@given(st.binary(max_size=60))
def test_bytes_that_are_no_event_are_a_contract_error(body: bytes) -> None:
    with pytest.raises(ContractError):
        from_json(body)


@pytest.mark.parametrize(
    "text",
    [
        '{"specversion": "1.0", "type": "a.stranger.v1", "source": "/s", "id": "1"}',
        '{"specversion": "1.0", "type": "dev.tocsin.verdict.failed.v1", "source": "/", "id": "", "data": 1}',
        '{"specversion": "9.9", "type": "dev.tocsin.verdict.failed.v1", "source": "/s", "id": "1"}',
        "[]",
        "null",
    ],
)
def test_a_cloudevent_that_is_not_ours_is_a_contract_error(text: str) -> None:
    with pytest.raises(ContractError):
        from_json(text.encode())


def test_a_kafka_message_without_headers_is_a_contract_error() -> None:
    with pytest.raises(ContractError):
        from_kafka(KafkaMessage(headers={}, key=None, value=b"{}"))
