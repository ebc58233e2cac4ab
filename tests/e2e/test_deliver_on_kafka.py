"""`tocsin deliver` on Kafka: services that are killed lose nothing, keep the order, and share the work."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.kafka.producing import Producer
from pipeline.settings import KafkaSettings
from tests.e2e import databases
from tests.e2e.running import running
from tests.e2e.test_deliver import command, stop, subscribers
from tests.fakes.subscriber import serving
from tests.verdicts import history

pytestmark = pytest.mark.xdist_group("kafka")

DELIVER = ("deliver", "--subscribers", "subscribers.yaml")


@pytest.fixture(params=databases.KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """What the services share."""
    with databases.ready(request.param, tmp_path) as url:
        yield url


@pytest.fixture
async def folder(tmp_path: Path, kafka_settings: KafkaSettings, database: str) -> Path:
    """Settings in `tocsin.toml`; topics are there."""
    lines = {
        "kafka_bootstrap": kafka_settings.bootstrap,
        "kafka_prefix": kafka_settings.prefix,
        "kafka_partitions": 4,
        "kafka_session_timeout": 2.0,
        "backoff_first": 0.1,
        "subscriber_poll": 0.1,
        "db": database,
    }
    text = "".join(f"{name} = {json.dumps(value)}\n" for name, value in lines.items())
    (tmp_path / "tocsin.toml").write_text(text, encoding="utf-8")
    assert (await command(tmp_path, "topics", "create")).code == 0
    return tmp_path


async def test_services_that_are_killed_lose_nothing_and_a_replay_tells_it_again(
    folder: Path, kafka_settings: KafkaSettings
) -> None:
    records = history(25, 16)
    wanted: dict[str, list[str]] = {}
    for record in records:
        assert record.event is not None
        wanted.setdefault(record.event.subject, []).append(record.event.id)
    async with serving() as good, serving(lambda _, before: 200 if before else 503) as bad:
        subscribers(
            folder,
            {"name": "good", "url": good.url, "start": "beginning"},
            {"name": "bad", "url": bad.url, "start": "beginning", "concurrency": 3},
        )
        async with Producer.started(kafka_settings) as producer:
            for half in (0, 200):
                with running(folder, *DELIVER) as first, running(folder, *DELIVER) as second:
                    await producer.publish(records[half : half + 200])
                    await good.until_accepted(half + 60)
                    await stop(first, signal.SIGKILL)
                    await good.until_accepted(half + 120)
                    await stop(second, signal.SIGKILL)
        with running(folder, *DELIVER) as service:
            await good.until_accepted(400)
            await bad.until_accepted(400)
            before = len(good.accepted)
            brokers = kafka_settings.bootstrap
            ran = await command(folder, "subscribers", "replay", "good", "--from", "1d", "--kafka", brokers)
            assert (ran.code, ran.err) == (0, "good gets again what it takes of 400 events\n")
            await good.until(lambda me: len(me.accepted) >= before + 400)
            assert await stop(service) == 0
    assert good.firsts() == wanted
    assert bad.firsts() == wanted
