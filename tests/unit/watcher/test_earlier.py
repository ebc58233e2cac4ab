"""What a watcher tells when it starts again: what the log does not say yet (with Kafka: tests/e2e)."""

from collections.abc import Sequence
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from pipeline.bus import Record
from pipeline.events import (
    Event,
    EventType,
    Payload,
    PolicyApplied,
    ResourceApplied,
    ResourceRef,
    SourceFailed,
    Topic,
    source_of,
)
from watcher.earlier import EarlierOnLog, Unrepeated

TYPES = {
    ResourceApplied: (Topic.RESOURCES, EventType.RESOURCE_APPLIED),
    PolicyApplied: (Topic.POLICIES, EventType.POLICY_APPLIED),
    SourceFailed: (Topic.DEADLETTERS, EventType.SOURCE_FAILED),
}


def a_record(key: str, data: Payload) -> Record:
    topic, type_ = TYPES[type(data)]
    time = datetime(2026, 1, 1, tzinfo=UTC)
    event = Event(type=type_, source=source_of("c"), id=key, time=time, subject=key, key=key, data=data)
    return Record(topic, key, event)


def a_pod(uid: str, digest: str = "1", owner: str = "", version: str = "1") -> Record:
    ref = ResourceRef(
        api_version="v1", kind="Pod", namespace="d", name=uid, uid=uid, resource_version=version
    )
    root = ResourceRef(api_version="apps/v1", kind="Deployment", namespace="d", name=owner) if owner else None
    return a_record(
        f"c/{uid}", ResourceApplied(cluster="c", resource=ref, digest=digest, object={}, owner=root)
    )


def a_policy(name: str, digest: str = "1", version: str = "1", title: str = "", uid: str = "u") -> Record:
    metadata = {"name": name, "uid": uid, "resourceVersion": version, "annotations": {"title": title}}
    body = {"metadata": metadata, "spec": {}, "status": {"observed": version}}
    return a_record(f"c/{name}", PolicyApplied(cluster="c", name=name, digest=digest, object=body))


class Log:
    """Remembers what was published."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    async def publish(self, records: Sequence[Record]) -> None:
        assert records
        self.records += records

    async def seal(self, topic: Topic) -> None:
        raise AssertionError(topic)


def earlier(*records: Record) -> EarlierOnLog:
    found = EarlierOnLog("c")
    for record in records:
        found.take(record)
    return found


states = st.dictionaries(
    st.sampled_from(["a", "b", "c", "d"]), st.tuples(st.sampled_from("12"), st.sampled_from(["", "web"]))
)


@given(states, st.lists(states, min_size=1, max_size=4))
async def test_the_log_says_what_is_there_and_is_told_no_more_than_it_needs(
    before: dict[str, tuple[str, str]], after: list[dict[str, tuple[str, str]]]
) -> None:
    """The states are those of a cluster: when the watcher went, when it came back, and then."""
    records = [a_pod(uid, *state) for uid, state in before.items()]
    known, log = earlier(*records), Log()
    news = Unrepeated(log, known)
    there = set(await known.known_kinds("c"))
    folded = {record.key: record for record in records}
    told = dict(before)
    for state in after:
        now = [
            a_pod(uid, *each, version="9")
            for uid, each in state.items()
            if told.get(uid) != each or state is after[0]
        ]
        gone = [Record(Topic.RESOURCES, key, None) for key in sorted(there - {f"c/{uid}" for uid in state})]
        await news.publish([*now, *gone])
        there = {f"c/{uid}" for uid in state}
        told = dict(state)
    for record in log.records:
        if record.event is None:
            del folded[record.key]
        else:
            folded[record.key] = record
    assert {key: _said(record) for key, record in folded.items()} == {
        f"c/{uid}": state for uid, state in after[-1].items()
    }
    if after == [before]:
        assert (log.records, news.passed_over) == ([], len(before))


def _said(record: Record) -> tuple[str, str]:
    assert record.event is not None
    assert isinstance(record.event.data, ResourceApplied)
    owner = record.event.data.owner
    return record.event.data.digest, owner.name if owner else ""


async def test_a_policy_is_told_again_where_anything_but_its_status_changed() -> None:
    for same in (a_policy("p"), a_policy("p", version="2")):
        log = Log()
        await Unrepeated(log, earlier(a_policy("p"))).publish([same])
        assert log.records == []
    for other in (a_policy("p", "2"), a_policy("p", title="x"), a_policy("p", uid="v"), a_policy("q")):
        log = Log()
        await Unrepeated(log, earlier(a_policy("p"))).publish([other])
        assert log.records == [other]


async def test_what_could_not_be_read_is_told_again_where_the_reason_is_another() -> None:
    failed = a_record("c/a.yaml#1", SourceFailed(cluster="c", file="a.yaml", message="no kind"))
    other = a_record("c/a.yaml#1", SourceFailed(cluster="c", file="a.yaml", message="no name"))
    log = Log()
    news = Unrepeated(log, earlier(failed))
    await news.publish([failed])
    await news.publish([other])
    await news.publish([failed])
    assert log.records == [other, failed]


def test_other_clusters_are_none_of_its_business() -> None:
    there = a_record("cc/p", PolicyApplied(cluster="cc", name="p", digest="1", object={}))
    assert not earlier(there).says(there)
