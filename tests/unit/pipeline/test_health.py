"""What /healthz and /readyz say. Not covered: that they are asked by HTTP (`tests/e2e/test_telemetry`)."""

import asyncio

import pytest

from pipeline.errors import StoreError
from pipeline.service import run_parts
from pipeline.telemetry.health import Health

GRACE = 5.0


async def until_stop(stop: asyncio.Event) -> None:
    await stop.wait()


async def at_once(_: asyncio.Event) -> None:
    return


def test_a_process_without_checks_is_ready_and_alive() -> None:
    health = Health()
    assert health.ready().good
    assert health.alive().good


def test_it_is_ready_when_everything_waited_for_is_there_and_says_what_is_not() -> None:
    health = Health()
    health.waits_for("listed", "nothing yet")
    health.waits_for("database", "unreachable")
    health.has("database")
    answer = health.ready()
    assert not answer.good
    assert answer.said == {"listed": "nothing yet", "database": "ok"}
    health.has("listed")
    assert health.ready().good


def test_a_check_that_is_asked_says_what_is_true_now() -> None:
    health, reasons = Health(), ["no partitions"]
    health.ask("assigned", lambda: reasons[-1])
    assert health.ready().said == {"assigned": "no partitions"}
    reasons.append("")
    assert health.ready().good


async def test_a_part_that_ends_while_others_go_on_is_no_life() -> None:
    health, stop = Health(), asyncio.Event()
    seen: list[bool] = []
    ended = asyncio.Event()

    async def look(_: asyncio.Event) -> None:
        await ended.wait()
        seen.append(health.alive().good)
        assert health.alive().said["short"] == "ended"
        stop.set()

    parts = health.watching({"short": at_once, "long": until_stop, "look": look})

    async def short(stop: asyncio.Event) -> None:
        await parts["short"](stop)
        ended.set()

    await run_parts({**parts, "short": short}, stop, GRACE)
    assert seen == [False]


async def test_told_to_stop_it_is_alive_to_the_end_but_not_ready() -> None:
    health, stop = Health(), asyncio.Event()
    stop.set()
    await run_parts(health.watching({"one": until_stop}), stop, GRACE)
    assert health.alive().good
    assert health.alive().said == {"one": "ended"}
    assert health.ready().said == {"stop": "told to stop: draining"}


async def test_parts_that_somebody_cancelled_may_begin_again() -> None:
    health, stop = Health(), asyncio.Event()

    async def fails(_: asyncio.Event) -> None:
        raise StoreError("gone")

    with pytest.raises(StoreError, match="gone"):
        await run_parts(health.watching({"fails": fails, "long": until_stop}), stop, GRACE)
    assert "long" not in health.alive().said
