"""Traces of a `tocsin run`, as a collector gets them.

Not covered: the services on Kafka (`tests/e2e/test_services`).
"""

import json
from pathlib import Path

import pytest

from tests.e2e.command import NOT_PRIVILEGED, pod, policy, write
from tests.e2e.running import running
from tests.otlp import Span, collecting

pytest.importorskip("opentelemetry.sdk", reason="the tracing extra is not installed")

RUN = ("run", "--manifests", "deploy", "-p", "policies", "--db", "sqlite:///audit.db")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "policies" / "no-privileged.yaml", policy("no-privileged", NOT_PRIVILEGED))
    write(tmp_path / "deploy" / "bad.yaml", pod("bad", privileged=True))
    return tmp_path


def configure(folder: Path, url: str) -> None:
    (folder / "tocsin.toml").write_text(f'otlp_endpoint = "{url}"', encoding="utf-8")


def one(spans: list[Span], name: str, subject: str) -> Span:
    (span,) = [s for s in spans if s.name == name and s.attributes["cloudevents.event_subject"] == subject]
    return span


def test_one_trace_leads_from_the_manifest_to_the_row(folder: Path) -> None:
    with collecting() as collector:
        configure(folder, collector.url)
        with running(folder, *RUN) as run:
            run.out.expect("fail", "default/Pod/bad")
            assert run.stop() == 0
    watched = one(collector.spans, "watch resource", "default/Pod/bad")
    evaluated = one(collector.spans, "evaluate verdict", "default/Pod/bad")
    written = one(collector.spans, "sink verdict", "default/Pod/bad")
    assert watched.parent == ""
    assert (evaluated.trace, evaluated.parent) == (watched.trace, watched.id)
    assert (written.trace, written.parent) == (watched.trace, evaluated.id)
    assert watched.began <= evaluated.began <= evaluated.ended <= written.ended
    assert evaluated.attributes["cloudevents.event_type"] == "dev.tocsin.verdict.failed.v1"
    assert {span.service for span in collector.spans} == {"tocsin-run"}


def test_a_verdict_event_carries_the_context_of_its_evaluation(folder: Path) -> None:
    with collecting() as collector:
        configure(folder, collector.url)
        with running(folder, *RUN) as run:
            run.out.expect("fail", "default/Pod/bad")
            with running(folder, "events", "tail", "--type", "failed") as tail:
                tail.err.expect("following")
                write(folder / "deploy" / "worse.yaml", pod("worse", privileged=True))
                event = json.loads(tail.out.expect("default/Pod/worse"))
                tail.stop()
            assert run.stop() == 0
    evaluated = one(collector.spans, "evaluate verdict", "default/Pod/worse")
    assert event["traceparent"].startswith(f"00-{evaluated.trace}-{evaluated.id}-")


def test_a_collector_that_is_away_costs_spans_and_nothing_else(folder: Path) -> None:
    with collecting() as collector:
        pass
    configure(folder, collector.url)
    with running(folder, *RUN) as run:
        run.out.expect("fail", "default/Pod/bad")
        assert run.stop() == 0


def test_without_a_collector_events_carry_no_context(folder: Path) -> None:
    with running(folder, *RUN) as run:
        run.out.expect("fail", "default/Pod/bad")
        with running(folder, "events", "tail", "--type", "failed") as tail:
            tail.err.expect("following")
            write(folder / "deploy" / "worse.yaml", pod("worse", privileged=True))
            event = json.loads(tail.out.expect("default/Pod/worse"))
            tail.stop()
        assert run.stop() == 0
    assert "traceparent" not in event
    assert event["observedtime"]
