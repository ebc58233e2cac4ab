"""What is known of subscribers, what they did not get, and the outbox: on SQLite and on PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.bus import Delivery
from pipeline.errors import UsageError
from pipeline.events import Topic
from pipeline.settings import load_settings
from sink.database import connect, parse_url
from sink.outbox import OutboxFeed, RewoundError, Wake, prune, rewind
from sink.schema import upgrade
from sink.store import Store
from sink.subscribers import ACTIVE, GONE, PAUSED, SubscriberStore, Undelivered
from tests.verdicts import history, verdict

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
LIMITS = load_settings().database_limits


@pytest.fixture
async def store(database: str) -> AsyncIterator[SubscriberStore]:
    async with connect(parse_url(database), writes=True) as engine:
        await upgrade(engine)
    async with SubscriberStore.open(database, LIMITS, create=False) as store:
        yield store


async def written(database: str, wake: Wake, first: int, last: int, now: datetime = NOW) -> None:
    """Verdicts as a sink gets them, with their rows."""
    records = [each for each in history(2, 50) if first <= each.offset < last]
    async with Store.open(database, create=False, wake=wake) as store:
        timed = Store(store.engine, lambda: now, wake)
        await timed.apply(Delivery(records, {(Topic.VERDICTS, 0): last}), "log")


async def test_a_subscriber_is_active_until_it_is_paused_or_gone(store: SubscriberStore) -> None:
    await store.register("a", "url-1", from_now=True)
    assert await store.standing("a") == ACTIVE
    for standing in (PAUSED, GONE):
        await store.put_standing("a", standing)
        await store.register("a", "url-1", from_now=True)
        assert await store.standing("a") == standing
    assert [(each.name, each.standing) for each in await store.known()] == [("a", GONE)]


async def test_another_url_brings_back_who_is_gone_and_not_who_is_paused(store: SubscriberStore) -> None:
    for standing, after in ((GONE, ACTIVE), (PAUSED, PAUSED)):
        await store.register("a", "url-1", from_now=True)
        await store.put_standing("a", standing)
        await store.register("a", f"url-{standing}", from_now=True)
        assert await store.standing("a") == after


async def test_a_name_that_nobody_knows_is_told(store: SubscriberStore) -> None:
    with pytest.raises(UsageError, match="no subscriber 'a'"):
        await store.put_standing("a", PAUSED)
    assert await store.standing("a") == GONE


def _given_up(name: str, number: int, minutes: int, reason: str = "no") -> Undelivered:
    event = verdict("pod", number).event
    assert event is not None
    return Undelivered(name, event, reason, 403, 1, NOW, NOW + timedelta(minutes=minutes))


async def test_what_was_given_up_is_kept_once_listed_in_order_and_forgotten(store: SubscriberStore) -> None:
    await store.register("a", "url", from_now=True)
    letters = [_given_up("a", number, 10 - number) for number in range(5)]
    for letter in [*letters, _given_up("b", 0, 0)]:
        await store.keep(letter)
    await store.keep(_given_up("a", 0, 10, "still no"))
    found: list[Undelivered] = []
    while page := await store.kept("a", (), found[-1] if found else None, 2):
        found += page
    assert [(each.event.id, each.reason) for each in found] == [
        ("pod-4", "no"), ("pod-3", "no"), ("pod-2", "no"), ("pod-1", "no"), ("pod-0", "still no"),
    ]  # fmt: skip
    assert found[0] == letters[4]
    assert [each.undelivered for each in await store.known()] == [5]
    assert [each.event.id for each in await store.kept("a", ["pod-3"])] == ["pod-3"]
    await store.forget(found[:4])
    assert [each.subscriber for each in await store.kept()] == ["b", "a"]


async def test_the_outbox_has_what_the_rows_have_and_is_read_in_order(
    store: SubscriberStore, database: str
) -> None:
    wake = Wake()
    await store.register("late", "url", from_now=True)
    await written(database, wake, 0, 4)
    await written(database, wake, 0, 4)  # the same delivery again
    await store.register("new", "url", from_now=True)
    await written(database, wake, 4, 6)
    async with OutboxFeed.open(store, "late", wake) as feed:
        first = await feed.read(4)
        assert [each.event and each.event.id for each in first.records] == [
            "pod-0-0", "pod-1-0", "pod-0-1", "pod-1-1",
        ]  # fmt: skip
        assert list(feed.lag.values()) == [2]
        await feed.commit({0: first.records[1].offset})
    async with OutboxFeed.open(store, "late", wake) as feed:
        again = await feed.read(100)
        assert [each.event and each.event.id for each in again.records] == [
            "pod-1-0", "pod-0-1", "pod-1-1", "pod-0-2", "pod-1-2",
        ]  # fmt: skip
        assert list(feed.lag.values()) == [0]
    async with OutboxFeed.open(store, "new", wake) as feed:
        assert [each.event and each.event.id for each in (await feed.read(100)).records] == [
            "pod-0-2",
            "pod-1-2",
        ]


async def test_a_reader_that_waits_is_woken(store: SubscriberStore, database: str) -> None:
    wake = Wake()
    await store.register("a", "url", from_now=True)
    async with OutboxFeed.open(store, "a", wake) as feed:
        waiting = asyncio.create_task(feed.read(10))
        await asyncio.sleep(0)
        await written(database, wake, 0, 2)
        delivery = await waiting
        while not delivery.records:
            delivery = await feed.read(10)
    assert len(delivery.records) == 2


async def test_a_reader_that_is_put_back_notices_when_it_reads_and_when_it_commits(
    store: SubscriberStore, database: str
) -> None:
    wake = Wake()
    await store.register("a", "url", from_now=True)
    await written(database, wake, 0, 4)
    await written(database, wake, 4, 8, NOW + timedelta(hours=1))
    for notices in ("read", "commit"):
        async with OutboxFeed.open(store, "a", wake) as feed:
            await feed.read(100)
            assert await rewind(store, "a", NOW + timedelta(minutes=30)) == 4
            with pytest.raises(RewoundError):
                await (feed.read(1) if notices == "read" else feed.commit({0: 1000}))
        async with OutboxFeed.open(store, "a", wake) as feed:
            assert len((await feed.read(100)).records) == 4
    assert await rewind(store, "a", NOW - timedelta(days=1)) == 8
    assert await rewind(store, "a", NOW + timedelta(days=1)) == 0


async def test_the_outbox_forgets_what_is_old_and_everybody_is_past(
    store: SubscriberStore, database: str
) -> None:
    wake = Wake()
    for name in ("fast", "slow", "gone", "elsewhere"):
        await store.register(name, "url", from_now=True)
    await store.put_standing("gone", GONE)
    await written(database, wake, 0, 10)
    await written(database, wake, 10, 20, NOW + timedelta(hours=1))
    for name, number in (("fast", 20), ("slow", 5)):
        async with OutboxFeed.open(store, name, wake) as feed:
            records = (await feed.read(100)).records
            await feed.commit({0: records[number - 1].offset + 1})
    named = ("fast", "slow", "gone")  # nobody delivers to the fourth any more
    assert await prune(store, named, NOW) == 0
    assert await prune(store, named, NOW + timedelta(minutes=1)) == 5
    assert await prune(store, ("fast",), NOW + timedelta(minutes=1)) == 5
    async with OutboxFeed.open(store, "slow", wake) as feed:
        assert len((await feed.read(100)).records) == 10
