"""`tocsin deliver` and `tocsin run --subscribers`: processes that are stopped and killed lose nothing.

What subscribers may do to a delivery is in tests/integration/deliverer.
"""

import asyncio
import json
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e import databases
from tests.e2e.command import NOT_PRIVILEGED, Ran, pod, policy, tocsin, write
from tests.e2e.running import Running, running
from tests.fakes.subscriber import eventually, serving

DB = databases.SQLITE
RETRY = {"first": "10ms", "most": "50ms", "maxAge": "60s"}


def subscribers(folder: Path, *entries: dict[str, Any]) -> str:
    """Write the file of subscribers; returns its name."""
    file = folder / "subscribers.yaml"
    whole = [{"retry": RETRY, "timeout": "2s", **entry} for entry in entries]
    file.write_text(yaml.safe_dump({"subscribers": whole}), encoding="utf-8")
    return file.name


async def in_thread(work: Callable[[], Any]) -> Any:
    return await asyncio.to_thread(work)


async def command(folder: Path, *arguments: str) -> Ran:
    """A command, while this process goes on to serve subscribers."""
    ran: Ran = await in_thread(lambda: tocsin(folder, *arguments))
    return ran


def _embedded(folder: Path) -> tuple[str, ...]:
    write(folder / "policies" / "no-privileged.yaml", policy("no-privileged", NOT_PRIVILEGED))
    return ("run", "--manifests", "deploy", "-p", "policies", "--db", DB, "--subscribers", "subscribers.yaml")


async def stop(service: Running, number: signal.Signals = signal.SIGTERM) -> int:
    code: int = await in_thread(lambda: service.stop(number))
    return code


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tocsin.toml").write_text("workers = 1\nsubscriber_poll = 0.1\nbackoff_first = 0.1\n")
    return tmp_path


def changes(folder: Path, round_: int, number: int = 12) -> None:
    """Every Pod is wrong, each time in another way: a verdict of each, however many rounds were missed."""
    for each in range(number):
        body = pod(f"pod-{each}", privileged=True)
        body["spec"]["containers"][0]["name"] = f"web-{round_}"
        write(folder / "deploy" / f"{each}.yaml", body)


def outbox(folder: Path) -> str:
    """Every event there ever was, one a line."""
    with closing(sqlite3.connect(folder / "audit.db")) as connection:
        return "\n".join(text for (text,) in connection.execute("SELECT event FROM outbox ORDER BY seq"))


def decided(folder: Path) -> dict[str, list[str]]:
    """By resource, the ids of all verdicts there ever were, in their order."""
    found: dict[str, list[str]] = {}
    for event in map(json.loads, outbox(folder).splitlines()):
        found.setdefault(event["subject"], []).append(event["id"])
    return found


async def test_a_run_that_is_killed_again_and_again_delivers_everything_in_order(folder: Path) -> None:
    """Each time in the middle of a round of changes; the second subscriber fails half of the time."""
    arguments = _embedded(folder)
    async with serving() as good, serving(lambda _, before: 200 if before else 500) as bad:
        subscribers(
            folder,
            {"name": "good", "url": good.url, "concurrency": 2},
            {"name": "bad", "url": bad.url, "mode": "binary", "concurrency": 2},
        )
        for round_ in range(3):
            changes(folder, round_)
            before = len({got.event_id for got in good.accepted})
            with running(folder, *arguments) as service:
                await good.until_accepted(before + 1 + round_)
                await stop(service, signal.SIGKILL)
        with running(folder, *arguments) as service:
            await eventually(lambda: outbox(folder).count("container web-2 is privileged") == 2 * 12)
            await eventually(lambda: good.firsts() == bad.firsts() == decided(folder))
            assert await stop(service) == 0
        assert good.firsts() == bad.firsts() == decided(folder)
    assert decided(folder).keys() == {f"default/Pod/pod-{each}" for each in range(12)}
    assert sum(map(len, decided(folder).values())) > 12
    ran = await command(folder, "subscribers", "list", "--db", DB, "-o", "json")
    assert [(each["name"], each["standing"], each["undelivered"]) for each in ran.report["subscribers"]] == [
        ("bad", "active", 0),
        ("good", "active", 0),
    ]


async def test_a_run_is_replayed_paused_and_resumed_by_commands(folder: Path) -> None:
    changes(folder, 0)
    arguments = _embedded(folder)
    async with serving() as server:
        subscribers(folder, {"name": "one", "url": server.url})
        with running(folder, *arguments) as service:
            await server.until_accepted(12)
            ran = await command(folder, "subscribers", "replay", "one", "--from", "1h", "--db", DB)
            assert (ran.code, ran.err) == (0, "one gets again what it takes of 12 events\n")
            await server.until(lambda me: len(me.accepted) == 24)
            assert (await command(folder, "subscribers", "pause", "one", "--db", DB)).code == 0
            await in_thread(lambda: service.err.expect("one is paused"))
            changes(folder, 1)
            await in_thread(lambda: service.out.expect("pod-11"))
            assert len(server.accepted) == 24
            assert (await command(folder, "subscribers", "resume", "one", "--db", DB)).code == 0
            await server.until_accepted(24)
            assert await stop(service) == 0
    assert len(server.accepted) == 36


async def test_what_was_refused_is_listed_sent_again_and_forgotten(folder: Path) -> None:
    changes(folder, 0)
    arguments = _embedded(folder)
    async with serving(lambda _, __: 403) as server:
        file = subscribers(folder, {"name": "one", "url": server.url})
        with running(folder, *arguments) as service:
            await eventually(lambda: len(server.got) == 12)
            assert await stop(service) == 0
        listed = await command(folder, "subscribers", "undelivered", "--db", DB, "-o", "json")
        kept = listed.report["undelivered"]
        assert {(each["subscriber"], each["status"], each["attempts"]) for each in kept} == {("one", 403, 1)}
        assert {each["event"]["id"] for each in kept} == {got.event_id for got in server.got}
        table = await command(folder, "subscribers", "undelivered", "one", "--db", DB)
        assert "answered 403 Forbidden" in table.out
        retry = ("subscribers", "retry", "--subscribers", file, "--db", DB)
        assert (await command(folder, *retry)).code == 3
        server.behaviour = lambda _, __: 200
        one = kept[0]["event"]["id"]
        ran = await command(folder, *retry, "one", "--id", one)
        assert (ran.code, ran.err) == (0, "1 event arrived, 0 did not\n")
        assert (
            await command(folder, "subscribers", "forget", "one", "--id", kept[1]["event"]["id"], "--db", DB)
        ).code == 0
        assert (await command(folder, *retry)).err == "10 events arrived, 0 did not\n"
        assert (await command(folder, "subscribers", "undelivered", "--db", DB)).err == "0 events\n"
    assert len(server.accepted) == 11


async def test_a_subscriber_that_is_gone_is_told_and_stays_gone_until_it_is_resumed(folder: Path) -> None:
    changes(folder, 0)
    arguments = _embedded(folder)
    async with serving(lambda _, __: 410) as server:
        subscribers(folder, {"name": "one", "url": server.url, "concurrency": 1})
        for told in ("410 Gone", "one is gone"):
            with running(folder, *arguments) as service:
                await in_thread(partial(service.err.expect, told))
                assert await stop(service) == 0
        assert len(server.got) == 1
        server.behaviour = lambda _, __: 200
        with running(folder, *arguments) as service:
            assert (await command(folder, "subscribers", "resume", "one", "--db", DB)).code == 0
            await server.until_accepted(12)
            assert await stop(service) == 0


async def test_a_file_with_mistakes_ends_with_2_and_a_line_for_each(folder: Path) -> None:
    changes(folder, 0)
    subscribers(folder, {"name": "A", "url": "ftp://x"}, {"name": "b", "url": "https://${NOWHERE}/"})
    for arguments in (
        _embedded(folder),
        ("deliver", "--subscribers", "subscribers.yaml", "--db", DB),
        ("subscribers", "check", "--subscribers", "subscribers.yaml"),
    ):
        ran = await command(folder, *arguments)
        assert (ran.code, ran.out) == (2, "")
        assert "subscribers.yaml:2: " in ran.err
        assert "not set in the environment: NOWHERE" in ran.err
        assert "Traceback" not in ran.err


async def test_secrets_are_in_no_log(folder: Path) -> None:
    """Not when it works, not when it is refused, not when nobody is there; at the loudest level."""
    changes(folder, 0)
    arguments = _embedded(folder)
    secrets = {
        "HOOK": "T000-very-s3cret-path",
        "TOKEN": "s3cret-bearer-value",
        "HEADER": "s3cret-header-value",
        "KEY": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "TOCSIN_LOG_LEVEL": "debug",
        "TOCSIN_LOG_FORMAT": "json",
    }
    common = {"bearer": "${TOKEN}", "headers": {"X-Key": "${HEADER}"}, "signature": {"secrets": ["${KEY}"]}}
    async with serving() as good, serving(lambda _, before: 500 if not before else 403) as bad:
        subscribers(
            folder,
            {"name": "good", "url": f"{good.url}/${{HOOK}}", **common},
            {"name": "bad", "url": f"{bad.url}/${{HOOK}}", **common},
            {"name": "nobody", "url": "https://127.0.0.1:9/${HOOK}", **common},
        )
        with running(folder, *arguments, env=secrets) as service:
            await good.until_accepted(12)
            await eventually(lambda: len(bad.got) == 24)
            await in_thread(lambda: service.err.expect("nobody", "cannot be connected to"))
            assert await stop(service) == 0
        text = "\n".join(service.err.seen + service.out.seen)
        assert good.got[0].headers["Authorization"] == "Bearer s3cret-bearer-value"
        assert good.got[0].headers["X-Key"] == "s3cret-header-value"
        assert good.got[0].headers["webhook-signature"].startswith("v1,")
        assert '"event_id"' in text
        for secret in ("s3cret", "MfKQ9r8", good.got[0].headers["webhook-signature"]):
            assert secret not in text
