"""The store's promises on every database: deliveries into tables, whatever comes twice or late.

Not covered: which rows a verdict makes (`tests/unit/sink`), what is asked of them
(`test_violation_queries`).
"""

import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import count
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from pipeline.bus import Delivery, Record
from pipeline.bus_memory import MemoryBus
from pipeline.errors import StoreBusyError
from pipeline.events import (
    Event,
    EventType,
    Explanation,
    Mode,
    Payload,
    PolicyApplied,
    PolicyChecked,
    PolicyRef,
    ResourceApplied,
    ResourceRef,
    SourceFailed,
    Topic,
    Withdrawal,
)
from sink import schema
from sink.app import GROUP, TOPICS, run_sink
from sink.database import connect, parse_url
from sink.objects import unpacked
from sink.store import Store
from sink.tables import metadata
from tests.unit.sink.histories import CLUSTER, FAIL, PASS, START, history, logs, told, verdict, withdrawn

NOW = datetime(2026, 4, 1, tzinfo=UTC)
_numbers = count()


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Store]:
    async with connect(parse_url(url), writes=True) as engine:
        await schema.upgrade(engine)
        yield Store(engine, lambda: NOW)


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    async with opened(database) as store:
        yield store


async def rows(
    store: Store, *, less: Sequence[str] = ("offsets", "schema_compatibility")
) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table."""
    found = {}
    async with store.engine.connect() as connection:
        for name in sorted(metadata.tables.keys() - set(less)):
            table = metadata.tables[name]
            query = select(table).order_by(*table.primary_key)
            found[name] = [dict(row) for row in (await connection.execute(query)).mappings()]
    return found


async def only(store: Store, table: str) -> dict[str, Any]:
    """The one row of a table."""
    (row,) = (await rows(store))[table]
    return row


def delivery(records: Sequence[Record], start: int = 0) -> Delivery:
    """Records of one partition of each topic, the first at this offset of the log."""
    placed = [
        Record(record.topic, record.key, record.event, offset=start + number)
        for number, record in enumerate(records)
    ]
    return Delivery(placed, {(record.topic, 0): record.offset + 1 for record in placed})


def record(topic: Topic, type_: EventType, key: str, data: Payload) -> Record:
    event = Event(type=type_, source="/clusters/prod", id="1", time=START, subject="s", key=key, data=data)
    return Record(topic, key, event)


def resource(name: str = "web", file: str = "") -> Record:
    ref = ResourceRef(api_version="v1", kind="Pod", namespace="shop", name=name, uid=f"uid-{name}")
    data = ResourceApplied(cluster=CLUSTER, resource=ref, digest="d1", object={}, file=file)
    return record(Topic.RESOURCES, EventType.RESOURCE_APPLIED, f"{CLUSTER}/uid-{name}", data)


def applied(name: str = "no-root") -> Record:
    data = PolicyApplied(cluster=CLUSTER, name=name, digest="p1", object={}, file="p.yaml")
    return record(Topic.POLICIES, EventType.POLICY_APPLIED, f"{CLUSTER}/{name}", data)


def checked(name: str = "no-root", error: str = "") -> Record:
    ref = PolicyRef(name=name, digest="p1", mode=Mode.ENFORCE, title="No root")
    data = PolicyChecked(cluster=CLUSTER, policy=ref, file="p.yaml", engine="regopy", error=error)
    return record(Topic.VERDICTS, EventType.POLICY_CHECKED, f"{CLUSTER}/{name}", data)


def failed(file: str = "a.yaml") -> Record:
    data = SourceFailed(cluster=CLUSTER, file=file, message="not YAML", document=2)
    return record(Topic.DEADLETTERS, EventType.SOURCE_FAILED, f"{CLUSTER}/{file}#2", data)


def gone(told: Record) -> Record:
    return Record(told.topic, told.key, None)


async def test_a_delivery_that_comes_again_changes_nothing(store: Store) -> None:
    sent = delivery([resource(), applied(), checked(), failed(), *history("web", [FAIL, PASS, FAIL])])
    await store.apply(sent, "log")
    before = await rows(store, less=())
    await store.apply(sent, "log")
    assert await rows(store, less=()) == before


async def test_a_log_that_comes_again_from_the_middle_doubles_no_violation(store: Store) -> None:
    sent = history("web", [FAIL, FAIL, PASS, FAIL])
    await store.apply(delivery(sent[:3]), "log")
    await store.apply(delivery(sent[1:], start=1), "log")
    assert [row["resolution"] for row in (await rows(store))["violations"]].count("fixed") == 1
    assert len((await rows(store))["violations"]) == 2


async def test_a_late_delivery_does_not_turn_the_offset_back(store: Store) -> None:
    sent = history("web", [FAIL, PASS, FAIL])
    await store.apply(delivery(sent), "log")
    await store.apply(delivery(sent[:1]), "log")
    assert (await rows(store, less=()))["offsets"][0]["next_offset"] == 3


async def test_a_scan_leaves_the_offsets_of_a_sink_as_they_are(store: Store) -> None:
    await store.apply(delivery([resource(), *history("web", [FAIL, PASS])], 480), "kafka:1")
    before = await store.positions("kafka:1")
    bus = MemoryBus()
    async with bus.consume(GROUP, TOPICS) as consumer:
        await bus.publish([resource("db"), applied(), checked(), *history("db", [FAIL])])
        for topic in TOPICS:
            await bus.seal(topic)
        await run_sink(consumer, store, bus.log_id)
    assert await store.positions("kafka:1") == before
    assert {row["log_id"] for row in (await rows(store, less=()))["offsets"]} == {"kafka:1"}
    assert len((await rows(store))["resources"]) == 2


async def test_the_offsets_of_another_log_mean_nothing(store: Store) -> None:
    await store.apply(delivery(history("web", [FAIL, PASS, FAIL])), "log")
    await store.apply(delivery([resource("new")]), "another log")
    assert (await only(store, "resources"))["name"] == "new"


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(logs(), st.data())
async def test_any_restart_of_any_log_leaves_the_rows_of_an_undisturbed_one(
    database: str, log: list[Record], data: st.DataObject
) -> None:
    async with opened(database) as store:
        one, other = f"log {next(_numbers)}", f"log {next(_numbers)}"
        await clear(store)
        await store.apply(delivery(log), one)
        undisturbed = await rows(store)
        await clear(store)
        done = 0
        while done < len(log):
            start = data.draw(st.integers(0, done), "begins again at")
            end = data.draw(st.integers(start + 1, len(log)), "is stopped at")
            await store.apply(delivery(log[start:end], start), other)
            done = max(done, end)
        assert await rows(store) == undisturbed


async def clear(store: Store) -> None:
    async with store.engine.begin() as connection:
        for table in metadata.tables.values():
            await connection.execute(table.delete())


async def test_a_deleted_resource_stays_with_the_time_of_its_end_and_may_come_back(store: Store) -> None:
    await store.apply(delivery([resource(), gone(resource())]), "log")
    assert (await only(store, "resources"))["deleted_at"] == NOW
    await store.apply(delivery([resource()], start=2), "log")
    row = await only(store, "resources")
    assert (row["deleted_at"], row["first_seen_at"]) == (None, START)


async def test_what_is_deleted_and_back_in_one_delivery_is_there(store: Store) -> None:
    await store.apply(delivery([applied(), gone(applied()), applied()]), "log")
    assert (await only(store, "policies"))["deleted_at"] is None


@pytest.mark.parametrize("turned", [False, True])
async def test_what_watcher_and_evaluator_say_of_a_policy_meets_in_one_row(
    store: Store, *, turned: bool
) -> None:
    sent = [applied(), checked(error="broken")]
    await store.apply(delivery(sent[::-1] if turned else sent), "log")
    row = await only(store, "policies")
    assert (row["name"], row["mode"], row["error"], row["file"]) == ("no-root", "enforce", "broken", "p.yaml")


async def test_an_error_of_a_source_is_there_until_it_is_mended(store: Store) -> None:
    await store.apply(delivery([failed("a.yaml"), failed("b.yaml")]), "log")
    await store.apply(delivery([gone(failed("a.yaml"))], start=2), "log")
    assert (await only(store, "source_errors"))["file"] == "b.yaml"


async def test_an_evaluator_that_starts_again_gets_the_last_verdict_of_each_key(store: Store) -> None:
    sent = [*history("web", [FAIL, PASS]), *history("db", [FAIL]), *history("x", [FAIL], cluster="other")]
    await store.apply(delivery(sent), "log")
    last = {key: (event_id, verdict) for key, event_id, verdict in await store.last_verdicts(CLUSTER)}
    wanted = {each.key: (each.event.id, each.event.data) for each in (sent[1], sent[2]) if each.event}
    assert last == wanted


async def test_a_watcher_that_starts_again_is_told_what_is_there(store: Store) -> None:
    await store.apply(
        delivery([resource("web", "w.yaml"), resource("db"), gone(resource("db")), applied(), failed()]),
        "log",
    )
    assert await store.known_resources(CLUSTER) == {f"{CLUSTER}/uid-web": "w.yaml"}
    assert await store.known_policies(CLUSTER) == {f"{CLUSTER}/no-root": "p.yaml"}
    assert await store.known_source_errors(CLUSTER) == {f"{CLUSTER}/a.yaml#2": "a.yaml"}
    assert await store.known_resources("other") == {}


async def test_what_was_deleted_while_its_verdicts_were_not_yet_withdrawn_is_still_known(
    store: Store,
) -> None:
    sent = history("web", [FAIL, withdrawn(Withdrawal.RESOURCE_DELETED)], file="w.yaml")
    key = f"{CLUSTER}/uid-shop-web"
    web = Record(Topic.RESOURCES, key, resource("web", "w.yaml").event)
    await store.apply(delivery([web, sent[0], gone(web)]), "log")
    assert key in await store.known_resources(CLUSTER)
    await store.apply(delivery([sent[1]], start=3), "log")
    assert key not in await store.known_resources(CLUSTER)


async def test_what_no_text_column_can_hold_stops_nothing(store: Store) -> None:
    hostile = msgspec.structs.replace(verdict(), message="a\0b", warning="\0", explanation=Explanation(
        responses=({"result": False, "error": "a\0b"},)
    ))  # fmt: skip
    await store.apply(delivery([told(hostile)]), "log")
    row = await only(store, "violations")
    assert row["message"] == "a\ufffdb"
    assert row["explanation"]["responses"][0]["error"] == "a\0b"
    assert [verdict.message for _, _, verdict in await store.last_verdicts(CLUSTER)] == ["a\0b"]


async def test_the_sink_writes_a_log_to_its_end(store: Store) -> None:
    bus = MemoryBus(capacity=4)
    async with bus.consume(GROUP, TOPICS) as consumer:
        await bus.publish([resource(), applied(), *history("web", [FAIL])])
        for topic in TOPICS:
            await bus.seal(topic)
        await run_sink(consumer, store, bus.log_id)
    assert {name: len(found) for name, found in (await rows(store)).items()} == {
        "objects": 1, "outbox": 0, "policies": 1, "policy_versions": 1, "resources": 1, "source_errors": 0,
        "subscribers": 0, "undelivered": 0, "verdicts": 1, "violations": 1, "waivers": 0,
    }  # fmt: skip


async def test_a_database_that_another_writer_holds_is_busy_and_not_broken(store: Store) -> None:
    if store.engine.dialect.name != "sqlite":
        pytest.skip("a server locks rows, not the database")
    async with connect(store.engine.url, writes=True) as other, other.begin():
        with pytest.raises(StoreBusyError, match="locked"):
            await store.apply(delivery([resource()]), "log")
    await store.apply(delivery([resource()]), "log")
    assert (await only(store, "resources"))["name"] == "web"


async def test_a_batch_of_large_objects_is_written_whole(store: Store) -> None:
    # digests, so that compression leaves half: together more than one statement holds
    large = [
        {"data": hashlib.shake_256(bytes([number])).hexdigest(3 * 2**20)} for number in range(6)
    ]  # fmt: skip
    sent = []
    for number, content in enumerate(large):
        ref = ResourceRef(api_version="v1", kind="Pod", namespace="shop", name=f"{number}", uid=f"{number}")
        data = ResourceApplied(cluster=CLUSTER, resource=ref, digest="d1", object=content)
        sent.append(record(Topic.RESOURCES, EventType.RESOURCE_APPLIED, f"{CLUSTER}/{number}", data))
    await store.apply(delivery(sent), "log")
    assert [unpacked(row["body"]) for row in (await rows(store))["objects"]] == large
