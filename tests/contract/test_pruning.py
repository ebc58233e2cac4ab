"""What is forgotten on every database, and what is not.

Not covered: the command (`tests/e2e/test_queries`).
"""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from pipeline.bus import Record
from pipeline.events import Withdrawal
from sink import schema
from sink.database import connect, parse_url
from sink.pruning import count, heaps, prune
from sink.spans import Resolution
from sink.store import Store
from sink.tables import metadata, verdicts, violations
from tests.contract.test_inventory import applied, checked, pod
from tests.contract.test_store import delivery, gone
from tests.unit.sink.histories import FAIL, PASS, START, Said, history, logs, withdrawn

MINUTE = timedelta(minutes=1)
NOT_TOLD = ("offsets", "schema_compatibility")
"""Tables whose rows nobody was told of."""


@pytest.fixture
async def engine(database: str) -> AsyncIterator[AsyncEngine]:
    async with connect(parse_url(database), writes=True) as engine:
        await schema.upgrade(engine)
        yield engine


async def tell(engine: AsyncEngine, *records: Record, now: datetime = START) -> None:
    await Store(engine, lambda: now).apply(delivery(records), f"log {now}")


async def left(engine: AsyncEngine) -> dict[str, int]:
    async with engine.connect() as connection:
        tables = {name: table for name, table in metadata.tables.items() if name not in NOT_TOLD}
        found = {
            name: await connection.scalar(select(func.count()).select_from(table))
            for name, table in tables.items()
        }
    return {name: number for name, number in found.items() if number}


async def pruned(engine: AsyncEngine, before: datetime, batch: int = 100) -> dict[str, int]:
    """What was forgotten; a count before says the same of the first, and a second run finds nothing."""
    found = {}
    for heap in heaps(before):
        expected = await count(engine, heap)
        found[heap.name] = sum([number async for number in prune(engine, heap, batch)])
        assert found[heap.name] == expected
        assert await count(engine, heap) == 0
    return {name: number for name, number in found.items() if number}


@pytest.mark.parametrize("batch", [1, 3, 100])
async def test_what_was_resolved_before_is_forgotten_in_batches(engine: AsyncEngine, batch: int) -> None:
    stories = [history(f"web-{number}", [FAIL, PASS, FAIL]) for number in range(6)]
    await tell(engine, *(record for story in stories for record in story))
    assert await pruned(engine, START + MINUTE, batch) == {}
    assert await pruned(engine, START + 2 * MINUTE, batch) == {"resolved violations": 6}
    assert await left(engine) == {"verdicts": 6, "violations": 6}


async def test_a_deleted_resource_is_forgotten_and_others_stay(engine: AsyncEngine) -> None:
    await tell(engine, pod("web"), pod("db"), gone(pod("web")), now=START)
    assert await pruned(engine, START) == {}
    assert await pruned(engine, START + MINUTE) == {"deleted resources": 1}
    assert await left(engine) == {"resources": 1, "objects": 1}


async def test_a_deleted_resource_stays_as_long_as_it_has_verdicts(engine: AsyncEngine) -> None:
    story = history("web", [PASS, withdrawn(Withdrawal.OUT_OF_SCOPE)])
    web = Record(pod("web").topic, "prod/uid-shop-web", pod("web").event)
    await tell(engine, web, *story, gone(web))
    assert await pruned(engine, START + MINUTE) == {}
    assert await pruned(engine, START + 2 * MINUTE) == {"withdrawn verdicts": 1, "deleted resources": 1}
    assert await left(engine) == {}


async def test_withdrawn_verdicts_go_and_others_stay(engine: AsyncEngine) -> None:
    out_of_scope = withdrawn(Withdrawal.OUT_OF_SCOPE)
    await tell(engine, *history("web", [PASS, out_of_scope]), *history("db", [PASS, PASS]))
    assert await pruned(engine, START + 2 * MINUTE) == {"withdrawn verdicts": 1}
    assert await left(engine) == {"verdicts": 1}


async def test_the_version_of_a_policy_stays_while_it_is_loaded_or_a_violation_speaks_of_it(
    engine: AsyncEngine,
) -> None:
    await tell(
        engine,
        *(applied("no-root", f"p{number}", number) for number in (0, 1, 2)),
        checked("no-root", "p2", 2),
        *history("web", [Said(FAIL.outcome, digest="p1")]),
    )
    assert await pruned(engine, START + timedelta(days=1)) == {"old versions of policies": 1}
    await tell(engine, gone(applied("no-root", "p2", 2)), now=START + MINUTE)
    assert await pruned(engine, START + timedelta(days=1)) == {"old versions of policies": 1}
    assert await left(engine) == {"policies": 1, "verdicts": 1, "violations": 1, "policy_versions": 1}


async def test_a_deleted_policy_stays_as_long_as_it_has_verdicts(engine: AsyncEngine) -> None:
    await tell(engine, applied("no-root", "p1", 0), *history("web", [FAIL]))
    # and ended before it took the verdicts back
    await tell(engine, gone(applied("no-root", "p1", 0)), now=START + MINUTE)
    later = START + timedelta(days=1)
    assert "deleted policies" not in await pruned(engine, later)
    assert await Store(engine).known_policies("prod") == {"prod/no-root": ""}
    taken_back = history("web", [FAIL, withdrawn(Withdrawal.POLICY_DELETED)])[1:]
    await tell(engine, *taken_back, now=START + 2 * MINUTE)
    found = await pruned(engine, later)
    assert (found["deleted policies"], found["resolved violations"]) == (1, 1)
    assert await left(engine) == {}


async def test_what_is_told_late_of_a_policy_that_was_forgotten_does_not_bring_it_back(
    engine: AsyncEngine,
) -> None:
    await tell(engine, checked("no-root", "p1", 0))
    assert await Store(engine).known_policies("prod") == {}
    await tell(engine, applied("no-root", "p1", 1), now=START + MINUTE)
    assert await Store(engine).known_policies("prod") == {"prod/no-root": ""}
    await tell(engine, checked("no-root", "p1", 2), now=START + 2 * MINUTE)
    assert await Store(engine).known_policies("prod") == {"prod/no-root": ""}


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(logs(), st.integers(0, 8), st.integers(1, 4))
async def test_of_any_history_exactly_what_was_over_before_is_forgotten(
    database: str, log: list[Record], minutes: int, batch: int
) -> None:
    before = START + minutes * MINUTE
    async with connect(parse_url(database), writes=True) as engine:
        await schema.upgrade(engine)
        async with engine.begin() as connection:
            for table in metadata.tables.values():
                await connection.execute(delete(table))
        await tell(engine, *log)
        over, stays = await _violations(engine, before)
        await pruned(engine, before, batch)
        assert await _violations(engine, before) == (set(), stays)
        assert over.isdisjoint(stays)
        async with engine.connect() as connection:
            kinds = (await connection.execute(select(verdicts.c.outcome, verdicts.c.evaluated_at))).all()
        assert all(row.outcome != "withdrawn" or row.evaluated_at >= before for row in kinds)


async def _violations(engine: AsyncEngine, before: datetime) -> tuple[set[str], set[str]]:
    """Ids of those that were over before then, and of the others; what is waived is over with its waiver."""
    columns = violations.c
    asked = select(columns.id, columns.resolution, columns.resolved_at, columns.waiver_ended_at)
    async with engine.connect() as connection:
        found = (await connection.execute(asked)).all()
    ends = {
        row.id: row.waiver_ended_at if row.resolution == Resolution.WAIVED else row.resolved_at
        for row in found
    }
    over = {known for known, ended in ends.items() if ended is not None and ended < before}
    return over, {row.id for row in found} - over
