"""Subscribers written with another CloudEvents implementation read what Python wrote: npm `cloudevents`.

Binary and structured content mode over HTTP, binary on Kafka. They are real programs
(tests/consumers), and check each event by the specification's own schema.
"""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp
import pytest
from cloudevents.core.bindings import http

from pipeline.bus import Record
from pipeline.codec import to_cloudevent, to_json
from pipeline.events import Event, Topic
from pipeline.kafka.topics import topic_name
from pipeline.settings import KafkaSettings
from tests.consumers import node
from tests.e2e.running import Lines


def as_read(event: Event) -> dict[str, Any]:
    """The event as JavaScript has it: a moment there has milliseconds."""
    seen: dict[str, Any] = json.loads(to_json(event))
    moment = event.time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {**seen, "time": moment}


@contextmanager
def subscriber() -> Iterator[tuple[str, Lines]]:
    """The URL of a subscriber, and what it says of what it gets."""
    line, environment = node.command("http.cjs")
    with subprocess.Popen(line, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            lines = Lines(process.stdout)
            port = json.loads(lines.expect('"port"'))["port"]
            yield f"http://127.0.0.1:{port}/", lines
        finally:
            process.kill()


@pytest.mark.parametrize("mode", ["binary", "structured"])
async def test_a_subscriber_in_javascript_reads_every_event(
    embedded_records: list[Record], mode: str
) -> None:
    write = http.to_binary_event if mode == "binary" else http.to_structured_event
    events = [record.event for record in embedded_records if record.event]
    with subscriber() as (url, lines):
        async with aiohttp.ClientSession() as session:
            for event in events:
                request = write(to_cloudevent(event))
                async with session.post(url, data=request.body, headers=request.headers) as answer:
                    said = json.loads(lines.expect("{"))
                    assert (answer.status, said.get("error")) == (204, None)
                assert said == {"mode": mode, "event": as_read(event)}


@pytest.mark.xdist_group("kafka")
def test_a_consumer_in_javascript_reads_every_event_on_kafka(
    kafka_records: list[Record], events_topics: KafkaSettings
) -> None:
    names = {topic_name(events_topics, topic): topic for topic in Topic}
    printed = node.run("kafka.cjs", events_topics.bootstrap, str(len(kafka_records)), *names)
    read = [json.loads(line) for line in printed.splitlines()]
    assert [each for each in read if "error" in each] == []
    by_key: dict[tuple[Topic, str], list[Any]] = {}
    for each in read:
        by_key.setdefault((names[each["topic"]], each["key"]), []).append(each.get("event"))
    wanted: dict[tuple[Topic, str], list[Any]] = {}
    for record in kafka_records:
        event = as_read(record.event) if record.event else None
        wanted.setdefault((record.topic, record.key), []).append(event)
    assert by_key == wanted
