"""`tocsin watch`, `evaluate` and `sink` as a user runs them, on a real broker.

Not covered: a live cluster as the source (tests/integration/kube has its watcher), and
long series of faults (tests/faults).
"""

import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.bus import Record
from pipeline.events import Topic
from pipeline.kafka.consuming import offsets_at_end
from pipeline.kafka.producing import Producer
from pipeline.kafka.reading import read_topic
from pipeline.kafka.wire import Message
from pipeline.settings import KafkaSettings
from tests.e2e import databases
from tests.e2e.command import NOT_PRIVILEGED, pod, policy, tocsin, waiver, write
from tests.e2e.running import Running, running
from tests.e2e.test_telemetry import get
from tests.kafka.broker import USER, Broker

pytestmark = pytest.mark.xdist_group("kafka")

DB = databases.SQLITE
ONE_PROCESS = "sqlite:///one.db"
WATCH = ("watch", "--manifests", "deploy", "-p", "policies")


@pytest.fixture
def folder(tmp_path: Path, broker: Broker, kafka_prefix: str) -> Path:
    """Manifests and policies, and settings in `tocsin.toml`; topics are there."""
    write(tmp_path / "policies" / "no-privileged.yaml", policy("no-privileged", NOT_PRIVILEGED))
    for number in range(20):
        write(tmp_path / "deploy" / f"{number}.yaml", pod(f"pod-{number}", privileged=number % 4 == 0))
    lines = {
        "kafka_bootstrap": broker.bootstrap,
        "kafka_prefix": kafka_prefix,
        "kafka_partitions": 4,
        "kafka_session_timeout": 6.0,
        "backoff_first": 0.1,
        "backoff_most": 0.5,
        "workers": 1,
    }
    text = "".join(f"{name} = {json.dumps(value)}\n" for name, value in lines.items())
    (tmp_path / "tocsin.toml").write_text(text, encoding="utf-8")
    return tmp_path


@contextmanager
def services(folder: Path, *commands: tuple[str, ...]) -> Iterator[list[Running]]:
    with ExitStack() as stack:
        yield [stack.enter_context(running(folder, *command)) for command in commands]


def spans(folder: Path, db: str) -> list[dict[str, Any]]:
    """Every violation there ever was, without times and what is made of them."""
    ran = tocsin(folder, "violations", "list", "--db", db, "--all", "--sort", "resource", "-o", "json")
    if ran.code not in (0, 1):
        return []
    return sorted(map(_timeless, ran.report), key=str)


def _timeless(found: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in found.items() if name != "id" and not name.endswith("At")}
    return {**kept, "waiver": _timeless(kept["waiver"])} if kept.get("waiver") else kept


def violations(folder: Path, db: str = DB) -> list[tuple[str, str, str | None]]:
    found = ((each["resource"]["name"], each["policy"], each["resolution"]) for each in spans(folder, db))
    return sorted(found, key=str)


def until(folder: Path, wanted: list[tuple[str, str, str | None]], *dbs: str) -> None:
    """Ask until the databases say so; each attempt takes a process."""
    for db in dbs or (DB,):
        found: list[tuple[str, str, str | None]] = []
        for _ in range(60):
            found = violations(folder, db)
            if found == wanted:
                break
        else:
            raise AssertionError(f"{db}: expected {wanted}, found {found}")


def bad(*numbers: int, resolution: str | None = None) -> list[tuple[str, str, str | None]]:
    return [(f"pod-{number}", "no-privileged", resolution) for number in numbers]


def pilot(name: str) -> dict[str, Any]:
    return waiver(f"pilot-{name}", policies=["no-privileged"], match={"names": [name]})


@pytest.fixture(params=databases.KINDS)
def db(request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    """URL of a database that is ready."""
    with databases.ready(request.param, folder) as url:
        yield url


def test_services_give_the_rows_of_one_process(folder: Path, db: str) -> None:
    """Both follow the same folder through the same history. On a server, two sinks write at once."""
    assert tocsin(folder, "topics", "create").code == 0
    write(folder / "waivers" / "12.yaml", pilot("pod-12"))
    watch = (*WATCH, "--waivers", "waivers")
    one_process = ("run", *watch[1:], "--db", ONE_PROCESS)
    sinks = [("sink", "--db", db)] * (1 if db == DB else 2)
    with services(folder, watch, ("evaluate",), ("evaluate",), *sinks, one_process) as started:
        waived = bad(12, resolution="waived")
        until(folder, sorted([*bad(0, 4, 8, 16), *waived], key=str), ONE_PROCESS, db)
        write(folder / "waivers" / "16.yaml", pilot("pod-16"))
        waived += bad(16, resolution="waived")
        until(folder, sorted([*bad(0, 4, 8), *waived], key=str), ONE_PROCESS, db)
        (folder / "waivers" / "12.yaml").unlink()
        until(folder, sorted([*bad(0, 4, 8, 12), *waived], key=str), ONE_PROCESS, db)
        write(folder / "deploy" / "0.yaml", pod("pod-0"))
        (folder / "deploy" / "4.yaml").unlink()
        write(folder / "deploy" / "1.yaml", pod("pod-1", privileged=True))
        ended = [*bad(0, resolution="fixed"), *bad(4, resolution="resource_deleted")]
        until(folder, sorted([*ended, *waived, *bad(1, 8, 12)], key=str), ONE_PROCESS, db)
        write(folder / "policies" / "no-privileged.yaml", policy("no-privileged", "isCompliant { true }"))
        changed = bad(1, 8, 12, resolution="policy_changed")
        until(folder, sorted([*ended, *waived, *changed], key=str), ONE_PROCESS, db)
        for service in started:
            assert service.stop(signal.SIGTERM) == 0
            assert not [line for line in service.err.seen if "Traceback" in line or line.startswith("error")]
    assert spans(folder, db) == spans(folder, ONE_PROCESS)


def test_events_on_kafka_are_followed(folder: Path, broker: Broker) -> None:
    assert tocsin(folder, "topics", "create").code == 0
    filters = ("--type", "failed", "--policy", "no-privileged")
    with running(folder, "events", "tail", "--kafka", broker.bootstrap, *filters) as tail:
        tail.err.expect("following")
        with services(folder, WATCH, ("evaluate",)):
            event = json.loads(tail.out.expect("dev.tocsin"))
        assert tail.stop(signal.SIGINT) == 0
    assert (event["specversion"], event["type"]) == ("1.0", "dev.tocsin.verdict.failed.v1")
    assert event["data"]["message"] == "container web is privileged"


def test_services_start_in_any_order(folder: Path) -> None:
    commands = (("sink", "--db", DB), ("evaluate",), WATCH)
    with services(folder, *commands) as started:
        for service in started:
            assert "trying again" in service.err.expect("tocsin topics create")
        assert tocsin(folder, "topics", "create").code == 0
        until(folder, sorted(bad(0, 4, 8, 12, 16), key=str))
        for service in started:
            assert service.stop(signal.SIGTERM) == 0


def test_what_is_killed_goes_on_where_it_was(folder: Path) -> None:
    assert tocsin(folder, "topics", "create").code == 0
    with services(folder, ("sink", "--db", DB), WATCH) as (_, watcher):
        with running(folder, "evaluate") as evaluator:
            until(folder, sorted(bad(0, 4, 8, 12, 16), key=str))
            evaluator.stop(signal.SIGKILL)
        watcher.stop(signal.SIGKILL)
        (folder / "policies" / "no-privileged.yaml").unlink()
        write(folder / "policies" / "other.yaml", policy("other", NOT_PRIVILEGED))
        with services(folder, WATCH, ("evaluate",)):
            wanted = [
                *bad(0, 4, 8, 12, 16, resolution="policy_deleted"),
                *((f"pod-{number}", "other", None) for number in (0, 4, 8, 12, 16)),
            ]
            until(folder, sorted(wanted, key=str))


def test_kafka_that_is_not_there_is_waited_for(tmp_path: Path) -> None:
    for command in (("evaluate",), ("sink", "--db", DB), ("watch", "--manifests", ".")):
        with running(tmp_path, *command, "--kafka", "127.0.0.1:1") as service:
            assert "trying again in" in service.err.expect("kafka 127.0.0.1:1")
            assert service.stop(signal.SIGTERM) == 0


def test_a_watcher_is_ready_once_everything_was_listed(folder: Path) -> None:
    assert tocsin(folder, "topics", "create").code == 0
    os.mkfifo(folder / "deploy" / "slow.yaml")
    command = ("watch", "--manifests", "deploy", "--manifests", "deploy/slow.yaml", "-p", "policies")
    with running(folder, *command, env={"TOCSIN_LISTEN": "127.0.0.1:0"}) as watcher:
        said = watcher.err.expect("health and metrics: http://")
        url = "http://" + said.partition("http://")[2].partition('"')[0]
        pipe = os.open(folder / "deploy" / "slow.yaml", os.O_WRONLY)  # when it is opened to be read
        try:
            status, text = get(f"{url}/readyz")
            checks = json.loads(text)["checks"]
            assert (status, checks) == (503, {"watch": "ok", "listed": "nothing was listed yet"})
        finally:
            os.close(pipe)
        watcher.err.expect("read 20 resources and 1 policy")
        assert get(f"{url}/readyz")[0] == 200
        assert watcher.stop(signal.SIGTERM) == 0


def test_a_password_that_is_refused_ends_a_command_with_one_line(folder: Path, broker: Broker) -> None:
    env = {
        "TOCSIN_KAFKA_BOOTSTRAP": broker.secure_bootstrap,
        "TOCSIN_KAFKA_SECURITY": "sasl_ssl",
        "TOCSIN_KAFKA_SASL_MECHANISM": "PLAIN",
        "TOCSIN_KAFKA_CA_FILE": str(broker.ca_file),
        "TOCSIN_KAFKA_USER": USER,
        "TOCSIN_KAFKA_PASSWORD": "another",
    }
    told = f"kafka {broker.secure_bootstrap}: user or password refused"
    ran = tocsin(folder, "topics", "check", env=env)
    assert ran.code == 3
    assert [line.startswith(f"error: {told}") for line in ran.err.splitlines()] == [True]
    with running(folder, "evaluate", env=env) as service:
        assert service.wait() == 3
        errors = [line for line in map(json.loads, service.err.seen) if line["level"] != "info"]
    assert [line["message"].startswith(told) for line in errors] == [True]


async def test_a_watcher_that_starts_again_tells_only_what_has_changed(
    folder: Path, kafka_settings: KafkaSettings
) -> None:
    assert tocsin(folder, "topics", "create").code == 0
    log = replace(kafka_settings, partitions=4)
    with running(folder, *WATCH) as watcher:
        watcher.err.expect("read 20 resources and 1 policy")
        watcher.stop(signal.SIGKILL)
    before = {topic: sum((await offsets_at_end(log, topic)).values()) for topic in Topic}
    (folder / "deploy" / "4.yaml").unlink()
    write(folder / "deploy" / "0.yaml", pod("pod-0"))
    write(folder / "deploy" / "20.yaml", pod("pod-20"))
    with running(folder, *WATCH) as watcher:
        watcher.err.expect("read 20 resources and 1 policy")
        watcher.err.expect("19 of them are on the log as they are")
        write(folder / "deploy" / "8.yaml", pod("pod-8"))
        while (found := sum((await offsets_at_end(log, Topic.RESOURCES)).values())) < before[
            Topic.RESOURCES
        ] + 4:
            pass  # what is on the log is asked for over the network
        assert watcher.stop(signal.SIGTERM) == 0
    records: list[Record] = []
    await read_topic(log, Topic.RESOURCES, records.append)
    told = Counter(record.event.subject if record.event else "gone" for record in records)
    assert found == before[Topic.RESOURCES] + 4
    once = {f"default/Pod/pod-{number}": 1 for number in range(21)}
    assert told == {**once, "default/Pod/pod-0": 2, "default/Pod/pod-8": 2, "gone": 1}
    for topic in (Topic.POLICIES, Topic.DEADLETTERS):
        assert sum((await offsets_at_end(log, topic)).values()) == before[topic]


async def test_a_service_ends_loudly_where_too_much_cannot_be_read(
    folder: Path, kafka_settings: KafkaSettings
) -> None:
    assert tocsin(folder, "topics", "create").code == 0
    async with Producer.started(kafka_settings) as producer:
        odd = [Message(Topic.RESOURCES, f"c/{number}".encode(), b"no event", []) for number in range(30)]
        await producer.publish_raw(odd)
    for command in (("evaluate",), ("sink", "--db", DB)):
        with running(folder, *command) as service:
            assert service.wait() == 3
            assert any("deadletter_share" in line for line in service.err.seen)
