"""One broker for all tests of a process, and topics of its own for each test: a prefix."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from pipeline.settings import KafkaSettings, load_settings
from tests.kafka.broker import Broker, running
from tests.services import kafka


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with running(kafka(), tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture
def kafka_prefix() -> str:
    return f"t{uuid4().hex[:8]}."


@pytest.fixture
def kafka_settings(broker: Broker, kafka_prefix: str) -> KafkaSettings:
    """Settings of topics of this test's own, to be made."""
    return load_settings(
        kafka_bootstrap=broker.bootstrap,
        kafka_prefix=kafka_prefix,
        kafka_partitions=1,
        kafka_session_timeout=3,
    ).kafka
