"""Topics on a real broker, in plain text and with TLS and a password.

Not covered: several brokers, and SCRAM. Brokers that refuse: test_refusals.py.
"""

from dataclasses import replace

import pytest
from aiokafka.admin import NewTopic

from pipeline.kafka import topics
from pipeline.kafka.errors import LogAwayError, LogError
from pipeline.settings import KafkaSettings
from pipeline.settings_types import KafkaSecurity, SaslMechanism
from tests.kafka.broker import PASSWORD, USER, Broker

pytestmark = pytest.mark.xdist_group("kafka")


async def test_topics_are_made_once_and_are_as_they_have_to_be(kafka_settings: KafkaSettings) -> None:
    assert {found.what for found in await topics.differences(kafka_settings)} == {"topic"}
    made = await topics.create(kafka_settings)
    assert sorted(made) == sorted(plan.name for plan in topics.plans(kafka_settings))
    assert await topics.create(kafka_settings) == []
    assert await topics.differences(kafka_settings) == []


async def test_what_differs_is_said_and_what_would_break_is_refused(kafka_settings: KafkaSettings) -> None:
    name = f"{kafka_settings.prefix}tocsin.resources"
    async with topics.admin(kafka_settings) as client:
        await client.create_topics([NewTopic(name, 3, 1, topic_configs={"cleanup.policy": "delete"})])
    await topics.create(kafka_settings)
    found = {(each.topic, each.what): each for each in await topics.differences(kafka_settings)}
    policy = found[name, "cleanup.policy"]
    assert (policy.expected, policy.found, policy.breaks) == ("compact", "delete", True)
    assert found[name, "partitions"].found == "3"
    with pytest.raises(LogError, match=r"tocsin\.resources: .*run `tocsin topics"):
        await topics.require(kafka_settings)


async def test_a_broker_is_spoken_to_with_tls_and_a_password(
    broker: Broker, kafka_settings: KafkaSettings
) -> None:
    secure = replace(
        kafka_settings,
        bootstrap=broker.secure_bootstrap,
        security=KafkaSecurity.SASL_SSL,
        mechanism=SaslMechanism.PLAIN,
        user=USER,
        password=PASSWORD,
        ca_file=str(broker.ca_file),
    )
    await topics.create(secure)
    assert await topics.differences(secure) == []
    assert PASSWORD not in repr(secure)


async def test_a_broker_that_is_not_there_is_named(kafka_settings: KafkaSettings) -> None:
    with pytest.raises(LogAwayError, match=r"kafka 127\.0\.0\.1:1: "):
        await topics.differences(replace(kafka_settings, bootstrap="127.0.0.1:1"))
