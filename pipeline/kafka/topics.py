"""The topics: what they have to be, making them, and what is different where they are otherwise.

Resources, policies and verdicts are compacted: the topic is the state. What is
deleted stays readable for as long as a reader may be away (`retention`).
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code

from pipeline.events import Topic
from pipeline.kafka.connection import client_options
from pipeline.kafka.ending import ended
from pipeline.kafka.errors import LogAwayError, LogError, translated
from pipeline.kafka.refusal import connected
from pipeline.settings import KafkaSettings

_MOST_REPLICAS = 3
_LOOKS, _LOOK_EVERY = 100, 0.05
"""Seconds between looks, and how many: usually one is enough."""
_MISSING = 3
"""Kafka's error code for a topic that does not exist."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a topic has to be. `name`: with the prefix."""

    topic: Topic
    name: str
    partitions: int
    config: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """What a topic is otherwise. `breaks`: nothing works with it; the others are a matter of taste."""

    topic: str
    what: str
    expected: str
    found: str
    breaks: bool = False


def topic_name(settings: KafkaSettings, topic: Topic) -> str:
    """What a topic is called on the brokers."""
    return f"{settings.prefix}{topic.value}"


def plans(settings: KafkaSettings) -> list[Plan]:
    """Every topic."""
    kept = str(int(settings.retention * 1000))
    config = {
        "cleanup.policy": "compact",
        "delete.retention.ms": kept,
        "min.compaction.lag.ms": "0",
        "max.message.bytes": str(settings.message_bytes + 2**16),
        "compression.type": "producer",
    }
    # a verdict that is taken back is followed by a tombstone: nobody who is away may miss the first
    lag = {"min.compaction.lag.ms": kept}
    counts = {Topic.RESOURCES: settings.partitions, Topic.VERDICTS: settings.partitions}
    return [
        Plan(
            topic,
            topic_name(settings, topic),
            counts.get(topic, 1),
            {**config, **(lag if topic is Topic.VERDICTS else {})},
        )
        for topic in Topic
    ]


@asynccontextmanager
async def admin(settings: KafkaSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    """A client for administration. Raises LogError."""
    client = AIOKafkaAdminClient(**client_options(settings))
    try:
        await connected(settings, client.start())
        yield client
    finally:
        await ended(client.close())


async def create(settings: KafkaSettings) -> list[str]:
    """Make the topics that are missing; returns their names. Raises LogError."""
    async with admin(settings) as client:
        with translated(settings.bootstrap):
            brokers = len((await client.describe_cluster())["brokers"])
            replicas = settings.replicas or min(_MOST_REPLICAS, brokers)
            safe = {"min.insync.replicas": str(max(1, replicas - 1))}
            new = [
                NewTopic(plan.name, plan.partitions, replicas, topic_configs={**plan.config, **safe})
                for plan in plans(settings)
            ]
            response = await client.create_topics(new)
            await _until_seen(client, [plan.name for plan in plans(settings)])
    made: list[str] = []
    for name, code, message in response.topic_errors:
        if not code:
            made.append(name)
        elif for_code(code) is not TopicAlreadyExistsError:
            raise LogError(f"kafka {settings.bootstrap}: topic {name}: {message or for_code(code).__name__}")
    return made


async def _until_seen(client: AIOKafkaAdminClient, names: Sequence[str]) -> None:
    """A broker hears of new topics a moment after the controller made them; others ask brokers."""
    for _ in range(_LOOKS):
        if all(topic["error_code"] != _MISSING for topic in await client.describe_topics(list(names))):
            return
        await asyncio.sleep(_LOOK_EVERY)


async def differences(settings: KafkaSettings) -> list[Difference]:
    """How the topics are other than planned; empty where all is well. Raises LogError."""
    wanted = plans(settings)
    async with admin(settings) as client:
        with translated(settings.bootstrap):
            described = await client.describe_topics([plan.name for plan in wanted])
            counts = {
                topic["topic"]: len(topic["partitions"])
                for topic in described
                if topic["error_code"] != _MISSING
            }
            configs = await _configs(client, list(counts))
    found: list[Difference] = []
    for plan in wanted:
        if plan.name not in counts:
            found.append(Difference(plan.name, "topic", "there", "missing", breaks=True))
            continue
        if counts[plan.name] != plan.partitions:
            one = plan.topic is Topic.POLICIES or plan.topic is Topic.DEADLETTERS
            count = str(counts[plan.name])
            found.append(Difference(plan.name, "partitions", str(plan.partitions), count, breaks=one))
        found += [
            Difference(plan.name, key, value, configs[plan.name].get(key, ""), key == "cleanup.policy")
            for key, value in plan.config.items()
            if configs[plan.name].get(key) != value
        ]
    resources, verdicts = (counts.get(topic_name(settings, t)) for t in (Topic.RESOURCES, Topic.VERDICTS))
    if resources and verdicts and resources != verdicts:
        name = topic_name(settings, Topic.VERDICTS)
        found.append(Difference(name, "partitions", f"{resources}, as resources", str(verdicts), breaks=True))
    return found


async def require(settings: KafkaSettings) -> None:
    """Raises LogError unless the topics are there, and such that nothing would go wrong.

    LogAwayError for those that are missing: somebody may be about to make them.
    """
    broken = [difference for difference in await differences(settings) if difference.breaks]
    if broken:
        first = broken[0]
        kind = LogAwayError if first.what == "topic" else LogError
        raise kind(
            f"kafka {settings.bootstrap}: {first.topic}: {first.what} is {first.found}, "
            f"expected {first.expected}: run `tocsin topics create` and `tocsin topics check`"
        )


async def _configs(client: AIOKafkaAdminClient, names: Sequence[str]) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    answers: list[Any] = await client.describe_configs(asked)
    return {
        name: {entry[0]: entry[1] for entry in entries}
        for answer in answers
        for _, _, _, name, entries in answer.resources
    }
