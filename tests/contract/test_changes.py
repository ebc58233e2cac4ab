"""Following violations on every database: each that opens or ends is told once, whatever is written when.

Not covered: how it is shown (`tests/e2e/test_following`).
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from pipeline.bus import Record
from pipeline.events import Withdrawal
from sink import schema
from sink.database import connect, parse_url
from sink.queries.changes import Changes
from sink.queries.filters import Filter
from sink.queries.model import Violation
from sink.queries.reader import Reader
from sink.queries.terms import terms
from sink.queries.violations import list_violations
from sink.queries.words import Sort, State
from sink.store import Store
from sink.tables import offsets, verdicts, violations
from tests.contract.test_store import delivery
from tests.unit.sink.histories import FAIL, PASS, START, WAIVED, history, logs, withdrawn


class Clock:
    """The sink's clock, moved by hand."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


class Sides:
    """Both sides of one database."""

    def __init__(self, store: Store, reader: Reader, clock: Clock) -> None:
        self.store = store
        self.reader = reader
        self.clock = clock
        self._told = 0

    async def tell(self, records: Sequence[Record], *, after: timedelta = timedelta()) -> None:
        """Write records, so long after the time of the last."""
        self.clock.now += after
        await self.store.apply(delivery(records, self._told), "log")
        self._told += len(records)

    def follow(self, **wanted: Any) -> Changes:
        return Changes(self.reader, Filter(**wanted))


@asynccontextmanager
async def opened(database: str) -> AsyncIterator[Sides]:
    clock = Clock()
    async with connect(parse_url(database), writes=True) as engine:
        await schema.upgrade(engine)
        async with engine.begin() as connection:
            for table in (violations, verdicts, offsets):
                await connection.execute(delete(table))
        async with Reader.open(database) as reader:
            yield Sides(Store(engine, clock), reader, clock)


@pytest.fixture
async def sides(database: str) -> AsyncIterator[Sides]:
    async with opened(database) as sides:
        yield sides


def shown(found: Sequence[Violation]) -> list[tuple[str, str]]:
    return [(each.resource.name, each.resolution or "open") for each in found]


async def test_what_was_there_is_not_told_and_what_comes_is_told_once(sides: Sides) -> None:
    await sides.tell(history("old", [FAIL]))
    changes = sides.follow()
    await changes.begin()
    assert await changes.next() == []
    await sides.tell(history("new", [FAIL]), after=timedelta(seconds=1))
    assert shown(await changes.next()) == [("new", "open")]
    assert await changes.next() == []


async def test_an_end_is_told_even_of_what_was_there_long_before(sides: Sides) -> None:
    story = history("web", [FAIL, FAIL, withdrawn(Withdrawal.RESOURCE_DELETED)])
    await sides.tell(story[:1])
    await sides.tell(history("other", [PASS]), after=timedelta(days=1))
    changes = sides.follow()
    await changes.begin()
    await sides.tell(story[1:2], after=timedelta(hours=1))
    assert await changes.next() == [], "it was open before and is open still"
    await sides.tell(story[2:], after=timedelta(hours=1))
    assert shown(await changes.next()) == [("web", "resource_deleted")]


async def test_what_another_sink_with_a_slower_clock_wrote_is_told(sides: Sides) -> None:
    await sides.tell(history("ahead", [FAIL]))
    changes = sides.follow()
    await changes.begin()
    await sides.tell(history("behind", [FAIL]), after=timedelta(minutes=-1))
    assert shown(await changes.next()) == [("behind", "open")]


async def test_what_is_not_asked_for_is_not_told(sides: Sides) -> None:
    changes = sides.follow(names=terms(["web*"]))
    await changes.begin()
    await sides.tell([*history("web-1", [FAIL, PASS]), *history("db", [FAIL])])
    assert shown(await changes.next()) == [("web-1", "fixed")]


async def test_what_was_listed_in_between_is_not_told_again(sides: Sides) -> None:
    changes = sides.follow()
    await changes.begin()
    await sides.tell(history("web", [FAIL]))
    listed, _ = await list_violations(sides.reader, Filter(), Sort.NEWEST, None, list)
    changes.know(listed)
    assert await changes.next() == []


async def test_of_those_that_are_over_only_ends_are_told(sides: Sides) -> None:
    changes = sides.follow(state=State.RESOLVED)
    await changes.begin()
    await sides.tell([*history("web", [FAIL]), *history("short", [FAIL, PASS]), *history("kept", [WAIVED])])
    assert sorted(shown(await changes.next())) == [("kept", "waived"), ("short", "fixed")]
    await sides.tell(history("web", [FAIL, PASS])[1:], after=timedelta(seconds=1))
    listed, _ = await list_violations(sides.reader, changes.wanted, Sort.NEWEST, None, list)
    assert len(listed) == 3
    changes.know(listed)
    assert await changes.next() == []


async def test_of_waived_ones_only_what_is_waived_is_told(sides: Sides) -> None:
    story = history("web", [FAIL, WAIVED])
    await sides.tell(story[:1])
    changes = sides.follow(state=State.WAIVED)
    await changes.begin()
    await sides.tell(history("db", [FAIL, PASS]), after=timedelta(seconds=1))
    assert await changes.next() == []
    await sides.tell(story[1:], after=timedelta(seconds=1))
    assert shown(await changes.next()) == [("web", "waived")]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(logs(), st.data())
async def test_whoever_follows_knows_in_the_end_what_the_database_says(
    database: str, log: list[Record], data: st.DataObject
) -> None:
    async with opened(database) as sides:
        start = data.draw(st.integers(0, len(log)), "told before")
        await sides.tell(log[:start])
        changes = sides.follow()
        await changes.begin()
        there, _ = await list_violations(sides.reader, Filter(state=State.ALL), Sort.OLDEST, None, list)
        known = {each.id: each.resolution for each in there}
        rest = log[start:]
        while rest:
            size = data.draw(st.integers(1, len(rest)), "written at once")
            await sides.tell(rest[:size], after=timedelta(seconds=data.draw(st.integers(-60, 300))))
            rest = rest[size:]
            if data.draw(st.booleans(), "looks") or not rest:
                told = await changes.next()
                assert all(known.get(each.id, "never") != each.resolution for each in told)
                known |= {each.id: each.resolution for each in told}
        now, _ = await list_violations(sides.reader, Filter(state=State.ALL), Sort.OLDEST, None, list)
        assert known == {each.id: each.resolution for each in now}
