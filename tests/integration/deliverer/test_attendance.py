"""A subscriber over time: asked for permission, paused, gone, active again."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

from aiohttp import web

from deliverer.lane import Surroundings
from deliverer.ports import Standing
from deliverer.sender import HttpSender
from deliverer.service import Attendance
from deliverer.subscriber import Subscriber
from pipeline.errors import StoreError
from tests.fakes.subscriber import eventually, serving
from tests.integration.deliverer.lanes import Log, Seen, clock, to
from tests.verdicts import history

POLL = 0.01


@dataclass
class Standings(Seen):
    """Standings that a test changes; `away`: the database cannot be asked."""

    now: Standing = Standing.ACTIVE
    away: bool = False
    opened: list[Log] = field(default_factory=list)

    async def standing(self, subscriber: Subscriber) -> Standing:
        if self.away:
            raise StoreError("away")
        return self.now

    async def gone(self, subscriber: Subscriber, now: datetime) -> None:
        self.now = Standing.GONE


@asynccontextmanager
async def attending(
    subscriber: Subscriber, log: Log, standings: Standings
) -> AsyncIterator["tuple[Attendance, asyncio.Task[None], asyncio.Event]"]:
    stop = asyncio.Event()

    @asynccontextmanager
    async def opened() -> AsyncIterator[Log]:
        log.position = log.committed
        yield log

    around = Surroundings(standings, standings, standings, clock)
    async with HttpSender.open(subscriber, clock) as sender, asyncio.TaskGroup() as group:
        attendance = Attendance(subscriber, opened, sender, around, POLL)
        task = group.create_task(attendance.run(stop, lambda: None))
        try:
            yield attendance, task, stop
        finally:
            stop.set()


async def test_a_subscriber_that_is_paused_gets_nothing_and_later_everything() -> None:
    records, standings = history(5, 5), Standings(now=Standing.PAUSED)
    async with serving() as server, attending(to(server.url), Log(records), standings) as (attendance, _, _):
        await eventually(lambda: attendance.standing is Standing.PAUSED)
        assert not server.got
        standings.now = Standing.ACTIVE
        await server.until_accepted(len(records))
    assert len(server.accepted) == len(records)


async def test_a_subscriber_that_is_gone_is_asked_nothing_until_somebody_says_so() -> None:
    log, standings = Log(history(3, 1)), Standings()
    async with (
        serving(lambda _, __: 410) as server,
        attending(to(server.url, concurrency=1), log, standings) as (attendance, _, _),
    ):
        await eventually(lambda: attendance.standing is Standing.GONE)
        assert len(server.got) == 1
        server.behaviour = lambda _, __: 200
        standings.now = Standing.ACTIVE
        await server.until_accepted(3)


async def test_a_database_that_goes_away_stops_no_lane() -> None:
    log, standings = Log(history(3, 1)), Standings()
    async with serving() as server, attending(to(server.url), log, standings) as (_, task, _):
        await server.until_accepted(3)
        standings.away = True
        log.records = history(3, 3)
        await server.until_accepted(9)
        assert not task.done()
        standings.away = False


def _permitting(origin: str, rate: str = "*") -> web.Response:
    return web.Response(headers={"WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": rate})


async def test_a_subscriber_is_asked_first_and_its_rate_is_kept_to() -> None:
    asked: list[Mapping[str, str]] = []
    times: list[float] = []

    def permit(headers: Mapping[str, str]) -> web.Response:
        asked.append(headers)
        return [web.Response(status=405), _permitting("other.example.com"), _permitting("*", "600")][
            min(len(asked), 3) - 1
        ]

    def take(_: object, __: int) -> int:
        times.append(asyncio.get_running_loop().time())
        return 200

    async with serving(take) as server:
        server.permission = permit
        subscriber = to(server.url, origin="tocsin.example.com", headers={"Authorization": "Bearer x"})
        async with attending(subscriber, Log(history(6, 1)), Standings()):
            await server.until_accepted(6)
    assert len(asked) == 3
    assert {each["WebHook-Request-Origin"] for each in asked} == {"tocsin.example.com"}
    assert asked[0]["Authorization"] == "Bearer x"
    assert times[-1] - times[0] >= 5 * 0.1 * 0.9


async def test_a_subscriber_that_says_gone_when_it_is_asked_is_gone() -> None:
    standings = Standings()
    async with serving() as server:
        server.permission = lambda _: web.Response(status=410)
        subscriber = to(server.url, origin="tocsin.example.com")
        async with attending(subscriber, Log(history(1, 1)), standings) as (attendance, _, _):
            await eventually(lambda: attendance.standing is Standing.GONE)
    assert not server.got
