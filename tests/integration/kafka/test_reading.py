"""Compacted topics are read back whole, before the broker has compacted anything.

Not covered: what compaction removes (`delete.retention.ms` and who was away for longer).
"""

import pytest

from pipeline.bus import Record
from pipeline.events import Topic
from pipeline.kafka import reading, topics
from pipeline.kafka.errors import LogAwayError
from pipeline.kafka.partitions import partition_of
from pipeline.kafka.producing import Producer
from pipeline.kafka.reading import read_latest, read_partition, read_topic
from pipeline.kafka.wire import Message, encode
from pipeline.settings import KafkaSettings
from tests.integration.kafka.test_evaluating import _pod

pytestmark = pytest.mark.xdist_group("kafka")

UIDS = [f"u{number}" for number in range(300)]


def _said(records: list[Record]) -> list[tuple[str, str | None]]:
    return [
        (record.key, record.event.data.digest if record.event else None)  # type: ignore[union-attr]
        for record in records
    ]


async def test_of_each_key_the_last_that_can_be_read_is_told_in_the_order_of_the_log(
    kafka_settings: KafkaSettings,
) -> None:
    await topics.create(kafka_settings)
    said = [_pod(uid, privileged=False, version=version) for version in ("1", "2") for uid in UIDS]
    gone = Record(Topic.RESOURCES, "c/u0", None)
    odd = Message(Topic.RESOURCES, b"c/u1", b"no event", [])
    async with Producer.started(kafka_settings) as producer:
        await producer.publish_raw([*map(encode, said), encode(gone), odd, encode(said[2])])
    latest: list[Record] = []
    await read_latest(kafka_settings, Topic.RESOURCES, latest.append)
    wanted = {f"c/{uid}": f"{uid}-2" for uid in UIDS} | {"c/u2": "u2-1"}
    told = {**dict(_said(latest))}
    assert told == wanted | {"c/u0": None}
    again = [record.key for record in latest]
    assert again.count("c/u1") == 2  # what hid it made its whole past be read
    assert len(again) == len(UIDS) + 1

    partition = partition_of(b"c/u2", kafka_settings.partitions)
    of_it: list[Record] = []
    await read_partition(kafka_settings, Topic.RESOURCES, partition, of_it.append)
    mine = {key for key in told if partition_of(key.encode(), kafka_settings.partitions) == partition}
    assert dict(_said(of_it)) == {key: told[key] for key in mine}
    assert of_it[-1].key in ("c/u2", "c/u1")

    every: list[Record] = []
    await read_topic(kafka_settings, Topic.RESOURCES, every.append)
    assert len(every) == len(said) + 2


async def test_records_that_stop_coming_end_the_reading(
    kafka_settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    await topics.create(kafka_settings)
    monkeypatch.setattr(reading, "_SILENCE", 1.0)
    await read_partition(kafka_settings, Topic.RESOURCES, 0, lambda _: None)  # nothing is to come
    with pytest.raises(LogAwayError, match="no records for 1 s"):
        await read_partition(kafka_settings, Topic.RESOURCES, 0, lambda _: None, until=5)
