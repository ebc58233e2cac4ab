"""One subscriber's lane, to real HTTP servers that behave as servers do.

Not covered: where events come from (tests/integration/kafka, tests/e2e/test_deliver.py) and what
survives a process (tests/contract/test_subscribers.py).
"""

import asyncio
import random
from collections.abc import Awaitable
from datetime import timedelta
from email.utils import format_datetime

import pytest
from aiohttp import web

from deliverer.answers import Failed
from deliverer.lane import Limits
from deliverer.subscriber import ContentMode, Patience
from pipeline.bus import Record
from tests.fakes.subscriber import Behaviour, Got, answer, cut, eventually, hang, serving
from tests.integration.deliverer.lanes import Log, Seen, clock, delivering, to
from tests.verdicts import history

RESOURCES, EACH = 6, 5


def _everything(records: list[Record]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for record in records:
        assert record.event is not None
        found.setdefault(record.event.subject, []).append(record.event.id)
    return found


def _first(broken: Behaviour) -> Behaviour:
    """Break the first attempt at every second event."""

    def behave(got: Got, before: int) -> int | Awaitable[web.StreamResponse]:
        return broken(got, before) if not before and got.event_id[-1] in "024" else 200

    return behave


BEHAVIOURS: dict[str, Behaviour] = {
    "200": lambda _, __: 200,
    "202": lambda _, __: 202,
    "204": lambda _, __: 204,
    "408": _first(lambda _, __: 408),
    "425": _first(lambda _, __: 425),
    "429": _first(lambda _, __: 429),
    "429 for a moment": _first(lambda _, __: answer(429, Retry_After="0")()),
    "500": _first(lambda _, __: 500),
    "502": _first(lambda _, __: 502),
    "503": _first(lambda _, __: 503),
    "hangs": _first(lambda _, __: hang()),
    "cuts the connection": _first(lambda _, __: cut()),
}


@pytest.mark.parametrize("behaviour", BEHAVIOURS.values(), ids=BEHAVIOURS)
@pytest.mark.parametrize("mode", ContentMode)
async def test_each_event_of_each_resource_arrives_in_order_whatever_a_subscriber_does_at_first(
    behaviour: Behaviour, mode: ContentMode
) -> None:
    records = history(RESOURCES, EACH)
    log, seen = Log(records), Seen()
    async with serving(behaviour) as server, delivering(to(server.url, mode=mode, timeout=0.2), log, seen):
        await server.until_accepted(len(records))
    assert server.firsts() == _everything(records)
    assert len(server.accepted) == len(records)
    assert log.committed == len(records)
    assert not seen.kept


async def test_a_subscriber_that_does_all_of_it_at_random_gets_everything_in_order() -> None:
    chance = random.Random(7)  # noqa: S311 - a test's
    records = history(20, 10)
    bad: list[Behaviour] = [*BEHAVIOURS.values(), lambda _, __: 500, lambda _, __: cut()]

    def behave(got: Got, before: int) -> int | Awaitable[web.StreamResponse]:
        return chance.choice(bad)(got, before)

    async with serving(behave) as server, delivering(to(server.url, timeout=0.2), Log(records)):
        await server.until_accepted(len(records))
    assert server.firsts() == _everything(records)


async def test_a_subscriber_that_is_down_gets_everything_when_it_is_back() -> None:
    records = history(RESOURCES, EACH)
    log, seen = Log(records), Seen()
    async with serving() as first:
        port = int(first.url.rsplit(":", 1)[1].split("/")[0])
    async with delivering(to(first.url), log, seen):
        await eventually(lambda: len(seen.answers) >= 50)
        assert log.committed == 0
        async with serving(port=port) as server:
            await server.until_accepted(len(records))
    assert all(isinstance(each, Failed) for each in seen.answers[:50])
    assert server.firsts() == _everything(records)


async def test_a_subscriber_that_is_down_is_not_asked_more_and_more() -> None:
    """One pause for all of it, not one for each of a thousand events."""
    patience = Patience(first=0.05, most=0.2)
    async with serving(lambda _, __: 500) as server:
        log, seen = Log(history(500, 1)), Seen()
        async with delivering(to(server.url, patience=patience, concurrency=2), log, seen) as running:
            began = asyncio.get_running_loop().time()
            await eventually(lambda: len(seen.answers) >= 30)
            assert asyncio.get_running_loop().time() - began > 0.5
            running.halt.set()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 413, 422, 301, 302, 307, 308])
async def test_an_event_that_is_refused_is_kept_at_once_and_the_next_follows(status: int) -> None:
    records = history(2, 3)

    def refuse(got: Got, _: int) -> int | Awaitable[web.StreamResponse]:
        return answer(status, Location="/elsewhere")() if got.event_id == "pod-0-1" else 200

    log, seen = Log(records), Seen()
    async with serving(refuse) as server, delivering(to(server.url), log, seen):
        await server.until_accepted(5)
    assert [got.event_id for got in server.got if got.resource == "shop/Pod/pod-0"] == [
        "pod-0-0",
        "pod-0-1",
        "pod-0-2",
    ]
    (kept,) = seen.kept
    assert (kept.event.id, kept.status, kept.attempts) == ("pod-0-1", status, 1)
    assert str(status) in kept.reason
    assert log.committed == len(records)


async def test_a_redirect_takes_nothing_elsewhere() -> None:
    async with serving() as elsewhere, serving() as server:
        server.behaviour = lambda _, __: answer(307, Location=elsewhere.url)()
        seen = Seen()
        async with delivering(
            to(server.url, headers={"Authorization": "Bearer x"}), Log(history(1, 1)), seen
        ):
            await eventually(lambda: bool(seen.kept))
    assert not elsewhere.got


async def test_an_event_that_is_never_taken_is_given_up_after_its_time_or_its_attempts() -> None:
    for patience in (Patience(0.001, 0.002, age=0.1), Patience(0.001, 0.002, attempts=4)):
        seen, log = Seen(), Log(history(2, 2))
        async with (
            serving(lambda got, _: 500 if got.event_id == "pod-1-0" else 200) as server,
            delivering(to(server.url, patience=patience), log, seen),
        ):
            await server.until_accepted(3)
        (kept,) = seen.kept
        assert kept.event.id == "pod-1-0"
        assert kept.given_up_at - kept.first_tried_at >= timedelta(0)
        assert patience.attempts in (0, kept.attempts)
        assert kept.reason == "answered 500 Internal Server Error"
        assert log.committed == 4


async def test_an_event_that_fails_holds_up_its_resource_only() -> None:
    records = history(10, 20)
    log, seen = Log(records), Seen()
    async with (
        serving(lambda got, _: 500 if got.event_id == "pod-3-0" else 200) as server,
        delivering(to(server.url, concurrency=2), log, seen),
    ):
        await server.until_accepted(180)
        assert log.committed <= 3
    assert "shop/Pod/pod-3" not in server.firsts()


async def test_an_event_that_fails_for_ever_holds_up_the_others_for_a_while_only() -> None:
    records = history(50, 20)
    log, seen = Log(records), Seen()
    limits = Limits(events=100, size=2**20, span=200)
    async with (
        serving(lambda got, _: 500 if got.event_id == "pod-3-0" else 200) as server,
        delivering(to(server.url), log, seen, limits),
    ):
        await server.until_accepted(len(records) - 1)
    assert [each.event.id for each in seen.kept] == ["pod-3-0"]
    assert log.committed == len(records)


@pytest.mark.parametrize("as_date", [False, True])
async def test_retry_after_is_honoured_for_the_whole_subscriber(as_date: bool) -> None:
    times: list[float] = []

    def busy(_: Got, __: int) -> int | Awaitable[web.StreamResponse]:
        times.append(asyncio.get_running_loop().time())
        said = format_datetime(clock() + timedelta(seconds=2), usegmt=True) if as_date else "1"
        return 200 if len(times) > 1 else answer(429, Retry_After=said)()

    async with serving(busy) as server, delivering(to(server.url, concurrency=1), Log(history(3, 1))):
        await server.until_accepted(3)
    assert times[1] - times[0] >= 0.9


async def test_gone_ends_it_and_nothing_is_lost() -> None:
    records = history(4, 4)
    log, seen = Log(records), Seen()
    async with (
        serving(lambda got, _: 410 if got.event_id == "pod-2-1" else 200) as server,
        delivering(to(server.url, concurrency=1), log, seen) as running,
    ):
        await asyncio.wait_for(running.task, 10)
    assert seen.is_gone
    assert not seen.kept
    assert log.committed == next(each.offset for each in records if each.event and each.event.id == "pod-2-1")
    assert server.got[-1].event_id == "pod-2-1"


async def test_only_so_many_requests_are_under_way_and_never_two_of_a_resource() -> None:
    under_way: set[str] = set()

    async def slow(got: Got) -> web.StreamResponse:
        assert got.resource not in under_way
        under_way.add(got.resource)
        await asyncio.sleep(0.002)
        under_way.discard(got.resource)
        return web.Response(status=200)

    records = history(10, 10)
    async with (
        serving(lambda got, _: slow(got)) as server,
        delivering(to(server.url, concurrency=3), Log(records)),
    ):
        await server.until_accepted(len(records))
    assert server.most_at_once == 3
    assert not [got for got in server.got if got not in server.accepted]


async def test_memory_is_bounded_while_a_subscriber_hangs() -> None:
    records = history(5000, 1)
    log = Log(records)
    async with serving(lambda _, __: hang()) as server:
        limits = Limits(events=150, size=2**20)
        async with delivering(to(server.url, timeout=5), log, limits=limits) as running:
            await eventually(lambda: running.lane.waiting == 150 and server.at_once == 8)
            assert log.most_read == 150
            running.task.cancel()


async def test_halting_finishes_what_is_under_way() -> None:
    answers = asyncio.Event()

    async def slow() -> web.StreamResponse:
        await answers.wait()
        return web.Response(status=200)

    log = Log(history(4, 1))
    async with (
        serving(lambda _, __: slow()) as server,
        delivering(to(server.url, concurrency=4), log) as running,
    ):
        await eventually(lambda: server.at_once == 4)
        running.halt.set()
        answers.set()
    assert len(server.accepted) == 4
    assert log.committed == 4


async def test_partitions_that_go_are_finished_first_and_what_is_left_is_read_again() -> None:
    """As in a rebalance after which they are here again: doubles at most, in order."""
    records = history(6, 6)
    log = Log(records)
    async with serving() as server, delivering(to(server.url, concurrency=2), log):
        for number in (3, 9, 17):
            await server.until_accepted(number)
            assert log.release is not None
            await log.release()
            log.position = log.committed
        await server.until_accepted(len(records))
    assert server.firsts() == _everything(records)
    assert log.committed == len(records)


async def test_a_slow_subscriber_delays_only_itself() -> None:
    records = history(10, 10)
    async with (
        serving(lambda _, __: hang()) as slow,
        serving() as quick,
        delivering(to(slow.url, name="slow", timeout=30), Log(records)) as running,
    ):
        async with delivering(to(quick.url, name="quick"), Log(records)):
            await quick.until_accepted(len(records))
        assert not slow.accepted
        running.task.cancel()
    assert quick.firsts() == _everything(records)
