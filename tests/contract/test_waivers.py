"""Waivers on every database: what is waived, what each waiver covers, and what stays when it is over.

Not covered: which waiver covers what (`tests/unit/evaluator`), how verdicts fold (`tests/unit/sink`).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select

from pipeline.bus import Record
from pipeline.events import Event, EventType, Outcome, Topic, Verdict, Withdrawal, source_of
from pipeline.waivers import WaiverApplied, WaiverMatch, waiver_key
from sink import schema
from sink.database import connect, parse_url
from sink.pruning import heaps, prune
from sink.queries.changes import Changes
from sink.queries.filters import Filter
from sink.queries.model import Waiver
from sink.queries.reader import Reader
from sink.queries.readiness import readiness
from sink.queries.standings import standings
from sink.queries.summary import summarise
from sink.queries.terms import terms
from sink.queries.verdicts import Said as JudgedSaid
from sink.queries.verdicts import list_judged
from sink.queries.violations import count_waived, list_violations
from sink.queries.waivers import list_waivers, waivers_of
from sink.queries.words import Sort, State
from sink.rows import violation_row
from sink.store import Store
from sink.tables import offsets, verdicts, violations
from tests.contract.test_inventory import applied, checked
from tests.contract.test_store import delivery
from tests.unit.sink.histories import (
    CLUSTER,
    ERROR,
    FAIL,
    PASS,
    START,
    STILL_WAIVED,
    WAIVED,
    Said,
    as_told,
    history,
    logs,
    standing,
    withdrawn,
)

OTHER = Said(Outcome.FAIL, waiver="pilot")


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    async with connect(parse_url(database), writes=True) as engine:
        await schema.upgrade(engine)
        yield Store(engine, lambda: START)


@pytest.fixture
async def reader(store: Store, database: str) -> AsyncIterator[Reader]:  # noqa: ARG001 - makes the tables
    async with Reader.open(database) as reader:
        yield reader


async def tell(store: Store, *records: Record, log: str = "log") -> None:
    await store.apply(delivery(records), log)


def waiver(name: str = "legacy", *, days: int = 9, file: str = "w.yaml", policy: str = "no-root") -> Record:
    data = WaiverApplied(
        cluster=CLUSTER,
        name=name,
        digest=f"{name}{days}",
        policies=(policy, "no-*"),
        match=WaiverMatch(namespaces=("shop",)),
        owner="team",
        reason="why",
        ticket="T-1",
        expires=START + timedelta(days=days),
        file=file,
    )
    key = waiver_key(CLUSTER, name)
    event = Event(
        type=EventType.WAIVER_APPLIED,
        source=source_of(CLUSTER),
        id=data.digest,
        time=START,
        subject=f"Waiver/{name}",
        key=key,
        data=data,
    )
    return Record(Topic.POLICIES, key, event)


def gone(name: str = "legacy") -> Record:
    return Record(Topic.POLICIES, waiver_key(CLUSTER, name), None)


def covered(found: list[Waiver]) -> dict[str, int]:
    return {each.name: each.violations for each in found}


async def states(reader: Reader) -> dict[str, list[str]]:
    """Names of resources by state."""
    found = {}
    for state in (State.OPEN, State.WAIVED, State.RESOLVED):
        listed, _ = await list_violations(reader, Filter(state=state), Sort.RESOURCE, None, list)
        found[state.value] = [each.resource.name for each in listed]
    return found


async def test_what_is_waived_is_neither_open_nor_gone_and_says_by_whom(store: Store, reader: Reader) -> None:
    await tell(store, waiver(), *history("web", [FAIL, WAIVED]), *history("api", [FAIL]))
    assert await states(reader) == {"open": ["api"], "waived": ["web"], "resolved": ["web"]}
    listed, _ = await list_violations(reader, Filter(state=State.WAIVED), Sort.NEWEST, None, list)
    (found,) = [each.waiver for each in listed]
    assert found is not None
    assert (found.name, found.owner, found.reason, found.ticket) == ("legacy", "team", "why", "T-1")
    assert (found.expires_at, found.ended_at) == (START + timedelta(days=9), None)
    assert await count_waived(reader, Filter(), START) == (1, 0)
    summary = await summarise(reader, Filter(), START - timedelta(days=1), START + timedelta(days=1))
    assert (summary.open, summary.waived, summary.waived_expired) == (1, 1, 0)


async def test_a_waiver_that_is_over_covers_nothing_though_nobody_evaluated_since(
    store: Store, reader: Reader
) -> None:
    await tell(
        store,
        waiver(),
        applied("no-root", "p1", 0),
        checked("no-root", "p1", 0),
        *history("web", [FAIL, WAIVED]),
    )
    (key,) = {record.key.rpartition("/")[0] for record in history("web", [FAIL])}
    end = START + timedelta(days=9)
    for now, covered_by, waived, over in ((end - timedelta(seconds=1), "legacy", 1, 0), (end, "", 0, 1)):
        ((standing,),) = (await standings(reader, [key], ["no-root"], now)).values()
        assert (standing.outcome, standing.waiver) == (Outcome.FAIL, covered_by)
        (found,) = await readiness(reader, terms(["no-root"]), (), START, now)
        assert (found.refused, found.waived) == (1, waived)
        assert await count_waived(reader, Filter(), now) == (1, over)
        summary = await summarise(reader, Filter(), START, now)
        assert (summary.waived, summary.waived_expired) == (1, over)


async def test_when_the_waiver_ends_a_new_violation_opens_and_the_old_one_says_what_it_was(
    store: Store,
    reader: Reader,
) -> None:
    log = history("web", [WAIVED, FAIL])
    await tell(store, waiver(), log[0])
    await tell(store, log[1], log="later")
    assert await states(reader) == {"open": ["web"], "waived": [], "resolved": ["web"]}
    listed, _ = await list_violations(reader, Filter(state=State.RESOLVED), Sort.NEWEST, None, list)
    assert [each.waiver and each.waiver.ended_at for each in listed] == [START + timedelta(minutes=1)]


async def test_what_ends_while_it_is_waived_says_how(store: Store, reader: Reader) -> None:
    deleted = withdrawn(Withdrawal.RESOURCE_DELETED)
    for name, said in {"web": PASS, "api": deleted, "db": FAIL, "job": WAIVED}.items():
        await tell(store, *history(name, [FAIL, WAIVED, said]), log=name)
    listed, _ = await list_violations(reader, Filter(state=State.ALL), Sort.RESOURCE, None, list)
    ends = {each.resource.name: each.waiver.resolution for each in listed if each.waiver}
    assert ends == {"web": "fixed", "api": "resource_deleted", "db": None, "job": None}
    assert await states(reader) == {
        "open": ["db"],
        "waived": ["job"],
        "resolved": ["api", "db", "job", "web"],
    }


async def test_a_waiver_that_ends_while_nothing_can_be_evaluated_covers_nothing(
    store: Store, reader: Reader
) -> None:
    await tell(store, waiver(), *history("web", as_told([WAIVED, STILL_WAIVED, ERROR])))
    await tell(store, gone(), log="second")
    assert await states(reader) == {"open": ["web"], "waived": [], "resolved": ["web"]}


async def test_what_an_older_release_opened_although_it_was_waived_is_told_apart(
    store: Store, reader: Reader
) -> None:
    first, second, third, fourth = history("web", [WAIVED, FAIL, WAIVED, PASS])
    await tell(store, first, log="1")
    async with store.engine.begin() as connection:  # the older one knows no waivers, and the newer not of it
        event = second.event
        assert event is not None
        assert isinstance(event.data, Verdict)
        await connection.execute(insert(violations), [violation_row(second.key, event, event.data)])
    assert await states(reader) == {"open": ["web"], "waived": ["web"], "resolved": ["web"]}
    await tell(store, third, log="3")
    assert await states(reader) == {"open": [], "waived": ["web"], "resolved": ["web", "web"]}
    await tell(store, fourth, log="4")
    assert await states(reader) == {"open": [], "waived": [], "resolved": ["web", "web"]}


async def test_each_waiver_says_what_it_covers_now(store: Store, reader: Reader) -> None:
    await tell(
        store,
        *(waiver(), waiver("pilot", days=1), waiver("idle", days=5)),
        *history("web", [WAIVED]),
        *history("api", [WAIVED, PASS]),
        *history("db", [WAIVED, OTHER]),
    )
    found = await list_waivers(reader)
    assert list(covered(found)) == ["pilot", "idle", "legacy"]
    assert covered(found) == {"pilot": 1, "idle": 0, "legacy": 1}
    assert found[0].match == {"namespaces": ["shop"]}
    assert await list_waivers(reader, terms(["another"])) == []


async def test_a_policy_that_is_named_and_not_loaded_is_pointed_out_a_glob_is_not(
    store: Store, reader: Reader
) -> None:
    await tell(
        store,
        waiver(),
        waiver("typo", policy="no-rot"),
        applied("no-root", "p1", 0),
        checked("no-root", "p1", 0),
    )
    unknown = {each.name: each.unknown_policies for each in await list_waivers(reader)}
    assert unknown == {"legacy": (), "typo": ("no-rot",)}


async def test_a_waiver_that_is_taken_back_is_not_there_and_may_come_back(
    store: Store, reader: Reader
) -> None:
    await tell(store, waiver(), waiver("pilot"))
    await tell(store, gone(), log="second")
    assert list(covered(await list_waivers(reader))) == ["pilot"]
    assert await store.known_waivers(CLUSTER) == {waiver_key(CLUSTER, "pilot"): "w.yaml"}
    await tell(store, waiver(days=3), log="third")
    restored = await store.waivers(CLUSTER)
    assert restored == await waivers_of(reader)
    assert restored[waiver_key(CLUSTER, "legacy")].expires == START + timedelta(days=3)
    assert await store.known_policies(CLUSTER) == {}


async def test_a_log_that_comes_again_leaves_the_same_rows(store: Store) -> None:
    log = [waiver(), *history("web", [FAIL, WAIVED, OTHER, FAIL, WAIVED])]

    async def rows() -> list[tuple[object, ...]]:
        async with store.engine.connect() as connection:
            query = select(violations).order_by(violations.c.id)
            return [tuple(row) for row in await connection.execute(query)]

    await tell(store, *log)
    once = await rows()
    await tell(store, *log, log="again")
    assert await rows() == once


async def test_whoever_follows_hears_of_a_waiver_once(store: Store, reader: Reader) -> None:
    changes = Changes(reader, Filter())
    await changes.begin()
    first, second, third = history("web", [WAIVED, OTHER, FAIL])
    await tell(store, first)
    assert [each.resolution for each in await changes.next()] == ["waived"]
    later = Store(store.engine, lambda: START + timedelta(hours=1))
    await tell(later, second, log="second")
    assert await changes.next() == []
    await tell(later, third, log="third")
    assert [each.resolution for each in await changes.next()] == [None]


async def test_readiness_counts_what_is_waived_as_refused_and_says_so(store: Store, reader: Reader) -> None:
    await tell(
        store,
        applied("no-root", "p1", 0),
        checked("no-root", "p1", 0),
        *history("web", [WAIVED]),
        *history("api", [FAIL]),
    )
    (found,) = await readiness(reader, terms(["no-root"]), (), START, START)
    assert (found.refused, found.waived, found.ready) == (2, 1, False)


async def test_a_report_of_verdicts_has_the_waiver_of_each(store: Store, reader: Reader) -> None:
    await tell(store, *history("web", [WAIVED]), *history("api", [FAIL]))

    def said(judged: object) -> list[JudgedSaid]:
        return [each for one in judged for each in one.said]  # type: ignore[attr-defined]

    for now, waived in ((START, ["", "legacy"]), (START + timedelta(days=9), ["", ""])):
        found = await list_judged(reader, Filter(state=State.ALL), now, said)
        assert sorted(each.waiver.name if each.waiver else "" for each in found) == waived


async def test_what_is_waived_now_is_not_forgotten_and_what_was_is(store: Store, reader: Reader) -> None:
    await tell(store, waiver(), *history("web", [WAIVED]), *history("api", [WAIVED, PASS]))
    await tell(store, gone(), log="second")
    pruned = {
        heap.name: sum([number async for number in prune(store.engine, heap, 10)])
        for heap in heaps(START + timedelta(days=1))
    }
    assert (pruned["resolved violations"], pruned["deleted waivers"]) == (1, 1)
    assert await states(reader) == {"open": [], "waived": ["web"], "resolved": ["web"]}


async def test_two_sinks_that_write_the_same_waived_verdict_leave_one_row(
    store: Store, reader: Reader
) -> None:
    log = [waiver(), *history("web", [FAIL, WAIVED])]
    await asyncio.gather(tell(store, *log), tell(store, *log))
    assert await states(reader) == {"open": [], "waived": ["web"], "resolved": ["web"]}


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(logs(), st.data())
async def test_after_any_log_each_violation_is_open_or_waived_and_what_is_over_says_why(
    database: str, log: list[Record], data: st.DataObject
) -> None:
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(connect(parse_url(database), writes=True))
        await schema.upgrade(engine)
        reader = await stack.enter_async_context(Reader.open(database))
        async with engine.begin() as connection:
            for table in (violations, verdicts, offsets):
                await connection.execute(delete(table))
        rest = log
        while rest:
            size = data.draw(st.integers(1, len(rest)))
            await tell(Store(engine, lambda: START), *rest[:size], log=str(len(rest)))
            rest = rest[size:]
        expected = sorted((key.split("/")[1], stands) for key, stands in standing(log).items())
        found: list[tuple[str, str]] = []
        for state in (State.OPEN, State.WAIVED):
            listed, _ = await list_violations(reader, Filter(state=state), Sort.RESOURCE, None, list)
            found += [(f"uid-{each.resource.namespace}-{each.resource.name}", state.value) for each in listed]
        assert sorted(found) == expected
        everything, _ = await list_violations(reader, Filter(state=State.ALL), Sort.RESOURCE, None, list)
        begins = {(each.resource.name, each.opened_at) for each in everything}
        for each in everything:
            assert (each.resolved_at is None) == (each.resolution is None)
            assert (each.resolution == "waived") == (each.waiver is not None)
            if each.waiver and each.waiver.ended_at:
                came_back = (each.resource.name, each.waiver.ended_at) in begins
                assert came_back == (each.waiver.resolution is None)
