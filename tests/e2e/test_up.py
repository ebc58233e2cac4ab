"""`make up` and `make down`: the services of compose.yaml as processes, from a manifest to a row.

Not covered: containers (no engine runs here); faults (`make faults SUITE=pipeline`).
"""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests import up
from tests.compose.project import load
from tests.e2e.command import NOT_PRIVILEGED, pod, policy, tocsin, write
from tests.otlp import Collector, Span, collecting
from tests.services import absent, kafka
from tests.up import Started

pytestmark = pytest.mark.xdist_group("kafka")

SERVICES = {"watch", "evaluate", "sink"}


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    pytest.importorskip("opentelemetry.sdk", reason="the tracing extra is not installed")
    with collecting() as collector:
        yield collector


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("up")
    write(folder / "deploy" / "bad.yaml", pod("bad", privileged=True))
    write(folder / "policies" / "no-privileged.yaml", policy("no-privileged", NOT_PRIVILEGED))
    return folder


@pytest.fixture(scope="module")
def started(folder: Path, collector: Collector) -> Iterator[list[Started]]:
    kafka()
    if not any(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        absent("PostgreSQL is not here: install its package")
    environment = {
        **os.environ,
        "TOCSIN_MANIFESTS": str(folder / "deploy"),
        "TOCSIN_POLICIES": str(folder / "policies"),
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
    }
    command = [sys.executable, "-m", "tests.up", "--folder", str(folder / ".up")]
    root = Path(__file__).parents[2]
    try:
        ran = subprocess.run([*command, "up"], env=environment, cwd=root, capture_output=True, text=True)  # noqa: PLW1510
        assert ran.returncode == 0, ran.stderr
        yield up.Up(folder / ".up").known()
    finally:
        ended = subprocess.run([*command, "down"], cwd=root, capture_output=True, text=True, check=True)
        assert ended.stderr == ""


def test_everything_of_compose_is_there_and_ready(started: list[Started], folder: Path) -> None:
    services = set(load().services)
    jobs = load().jobs
    assert {each.name for each in started} == services - jobs
    for each in started:
        if each.url:
            with urllib.request.urlopen(f"{each.url}/readyz", timeout=10) as answer:  # noqa: S310 - ours
                assert json.load(answer)["status"] == "ready"
    for job in jobs:
        assert (folder / ".up" / f"{job}.log").exists()


def violations(folder: Path) -> list[str]:
    port = json.loads((folder / ".up" / "ports.json").read_text(encoding="utf-8"))["postgres"]
    url = f"postgresql://tocsin:tocsin@127.0.0.1:{port}/tocsin"
    ran = tocsin(folder, "violations", "list", "--db", url, "-o", "json")
    return [item["resource"]["name"] for item in ran.report]


@pytest.mark.usefixtures("started")
def test_a_manifest_becomes_a_row_and_logs_are_json_without_secrets(folder: Path) -> None:
    for _ in range(100):  # each look takes a process
        if found := violations(folder):
            break
    assert found == ["bad"]
    for name in SERVICES:
        text = (folder / ".up" / f"{name}.log").read_text(encoding="utf-8")
        entries = [json.loads(line) for line in text.splitlines()]
        assert {entry["service"] for entry in entries} == {name}
        assert "tocsin:tocsin@" not in text


def samples(started: list[Started], name: str) -> dict[tuple[str, ...], float]:
    url = next(each.url for each in started if each.name == name)
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:  # noqa: S310 - ours
        families = text_string_to_metric_families(answer.read().decode())
        return {
            (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
            for family in families
            for sample in family.samples
        }


def counted(started: list[Started], folder: Path, name: str, *expected: tuple[str, ...]) -> None:
    """A service has counted 1 of each, or does soon: nothing says when it has been through with a record."""
    found: dict[tuple[str, ...], float] = {}
    for _ in range(500):  # each look takes a request
        found = samples(started, name)
        if all(key in found for key in expected):
            break
        time.sleep(0.02)
    else:
        log = (folder / ".up" / f"{name}.log").read_text(encoding="utf-8")
        raise AssertionError(f"{name} has not counted {expected}: {found}\n{log}")
    assert {key: found[key] for key in expected} == dict.fromkeys(expected, 1)


def test_each_service_counts_what_it_does(started: list[Started], folder: Path) -> None:
    counted(started, folder, "watch", ("tocsin_published_records_total", "tocsin.resources"))
    counted(
        started,
        folder,
        "evaluate",
        ("tocsin_verdicts_total", "fail"),
        ("tocsin_policies", "working"),
        ("tocsin_memo_misses_total",),
    )
    counted(started, folder, "sink", ("tocsin_handled_records_total", "sink", "tocsin.resources"))
    assert any(key[0] == "tocsin_consumer_lag_records" for key in samples(started, "sink"))


def test_one_trace_leads_through_three_services(started: list[Started], collector: Collector) -> None:
    def found(name: str) -> Span | None:
        subject = "default/Pod/bad"
        return next(
            (
                s
                for s in collector.spans
                if s.name == name and s.attributes["cloudevents.event_subject"] == subject
            ),
            None,
        )

    for _ in range(300):  # spans are sent every five seconds, by three processes
        spans = [found(name) for name in ("watch resource", "evaluate verdict", "sink verdict")]
        if all(spans):
            break
        samples(started, "sink")
        time.sleep(0.1)
    watched, evaluated, written = (span for span in spans if span)
    assert (evaluated.trace, evaluated.parent) == (watched.trace, watched.id)
    assert (written.trace, written.parent) == (watched.trace, evaluated.id)
    services = [span.service for span in (watched, evaluated, written)]
    assert services == ["tocsin-watch", "tocsin-evaluate", "tocsin-sink"]


def test_a_second_one_is_refused(started: list[Started], folder: Path) -> None:
    with pytest.raises(up.UpError, match="make down"):
        up.up(folder / ".up", {})
    assert all(psutil.pid_exists(each.pid) for each in started)
