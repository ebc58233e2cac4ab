"""How far a group has come in partitions, as its coordinator says.

A coordinator that is still loading its offsets, after a broker has restarted, says so of the
group and names no partition; the client's own `committed` takes that for "none yet", and a
partition would begin again from its first record. What is not in an answer is asked for again.
"""

import asyncio
from collections.abc import Collection, Mapping

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata

from pipeline.kafka.consuming import group_id
from pipeline.kafka.errors import translated
from pipeline.kafka.topics import admin
from pipeline.settings import KafkaSettings

_AGAIN = 0.25
"""Seconds between two questions."""


async def committed(
    settings: KafkaSettings, group: str, places: Collection[TopicPartition]
) -> Mapping[TopicPartition, int | None]:
    """By partition, the offset to read next; None where the group never committed one.

    Asks for as long as a coordinator cannot say. Raises LogError.
    """
    async with admin(settings) as client:
        with translated(settings.bootstrap):
            while True:
                try:
                    found = await client.list_consumer_group_offsets(
                        group_id(settings, group), partitions=list(places)
                    )
                except KafkaError as error:
                    if not error.retriable:
                        raise
                else:
                    if (positions := answered(found, places)) is not None:
                        return positions
                await asyncio.sleep(_AGAIN)


def answered(
    found: Mapping[TopicPartition, OffsetAndMetadata], places: Collection[TopicPartition]
) -> Mapping[TopicPartition, int | None] | None:
    """The offset of each partition from an answer; None where the answer is not one."""
    if not found.keys() >= set(places):
        return None
    return {place: found[place].offset if found[place].offset >= 0 else None for place in places}
