"""What a running `tocsin run` tells of itself: health, metrics and its log, asked as an operator would.

Not covered: the services on Kafka (`tests/integration/kafka`), the watcher's metrics
(`tests/integration/kube`).
"""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.command import NOT_PRIVILEGED, pod, policy, write
from tests.e2e.running import Running, running

RUN = ("run", "--manifests", "deploy", "-p", "policies", "--db", "sqlite:///audit.db")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "deploy" / "good.yaml", pod("good"))
    write(tmp_path / "deploy" / "bad.yaml", pod("bad", privileged=True))
    write(tmp_path / "policies" / "no-privileged.yaml", policy("no-privileged", NOT_PRIVILEGED))
    return tmp_path


@contextmanager
def listening(folder: Path, **settings: str) -> Iterator[tuple[Running, str]]:
    """A run that has rung, and the URL it serves on."""
    lines = [f'{name} = "{value}"' for name, value in {"listen": "127.0.0.1:0", **settings}.items()]
    (folder / "tocsin.toml").write_text("\n".join(lines), encoding="utf-8")
    with running(folder, *RUN) as run:
        said = run.err.expect("health and metrics: http://")
        url = "http://" + said.partition("http://")[2].partition('"')[0]
        run.out.expect("fail", "default/Pod/bad")
        yield run, url


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - ours, on this machine
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def samples(url: str) -> dict[tuple[str, ...], float]:
    """Value by name and label values."""
    _, text = get(f"{url}/metrics")
    families = text_string_to_metric_families(text)
    return {
        (sample.name, *(value for name, value in sorted(sample.labels.items()) if name != "le")): sample.value
        for family in families
        for sample in family.samples
    }


def until_handled(url: str, group: str, topic: str, number: float) -> dict[tuple[str, ...], float]:
    """Metrics once a group has handled so many records; each look takes a request."""
    for _ in range(2000):
        found = samples(url)
        if found.get(("tocsin_handled_records_total", group, topic), 0) >= number:
            return found
    raise AssertionError(f"not handled: {found}")


def test_a_run_says_that_it_is_alive_and_ready(folder: Path) -> None:
    with listening(folder) as (run, url):
        run.err.expect("read 2 resources")
        status, body = get(f"{url}/readyz")
        assert (status, json.loads(body)) == (200, {"status": "ready", "checks": {"listed": "ok"}})
        status, body = get(f"{url}/healthz")
        parts = json.loads(body)["parts"]
        assert (status, set(parts.values())) == (200, {"running"})
        assert {"source", "evaluator", "sink"} <= set(parts)
        assert get(f"{url}/nothing")[0] == 404
        assert run.stop() == 0


def test_metrics_count_what_went_through(folder: Path) -> None:
    with listening(folder) as (run, url):
        found = until_handled(url, "sink", "tocsin.verdicts", 3)
        assert found["tocsin_published_records_total", "tocsin.resources"] == 2
        assert found["tocsin_verdicts_total", "fail"] == 1
        assert found["tocsin_verdicts_total", "pass"] == 1
        assert found["tocsin_policies", "working"] == 1
        answered = [value for key, value in found.items() if key[0] == "tocsin_evaluations_total"]
        assert sum(answered) >= 2
        assert found["tocsin_memo_misses_total",] == 2
        assert found["tocsin_worker_restarts_total",] == 0
        assert found["tocsin_event_latency_seconds_count", "sink", "tocsin.verdicts"] >= 2
        assert found["tocsin_ready", "listed"] == 1
        assert ("process_resident_memory_bytes",) in found
        assert run.stop() == 0


def test_with_a_log_in_json_every_line_on_stderr_is_json(folder: Path) -> None:
    write(folder / "deploy" / "broken.yaml", "kind: [")
    with listening(folder, log_format="json") as (run, url):
        until_handled(url, "sink", "tocsin.verdicts", 3)
        run.err.expect("read 2 resources")
        assert run.stop() == 0
    entries: list[dict[str, Any]] = [json.loads(line) for line in run.err.seen]
    verdict = next(entry for entry in entries if entry["message"] == "verdict")
    assert verdict["resource"] == "default/Pod/bad"
    assert (verdict["policy"], verdict["outcome"], verdict["service"]) == ("no-privileged", "fail", "run")
    assert verdict["event_id"]
    assert any(entry["message"] == "unreadable" and entry["level"] == "warning" for entry in entries)


def test_an_address_that_is_taken_is_one_line(folder: Path) -> None:
    with listening(folder) as (run, url):
        port = url.rpartition(":")[2]
        (folder / "tocsin.toml").write_text(f'listen = "127.0.0.1:{port}"', encoding="utf-8")
        with running(folder, *RUN) as second:
            assert second.wait() == 2
            assert "cannot listen on 127.0.0.1" in second.err.seen[-1]
            assert "Traceback" not in "".join(second.err.seen)
        assert run.stop() == 0
