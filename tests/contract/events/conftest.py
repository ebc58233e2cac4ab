"""The records of real runs, one of each kind for all tests of a process."""

import pytest

from pipeline.bus import Record
from pipeline.settings import KafkaSettings, load_settings
from tests.contract.events import runs
from tests.kafka.broker import Broker


@pytest.fixture(scope="session")
def embedded_records(tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    """Of a run in one process."""
    return runs.embedded(tmp_path_factory.mktemp("embedded"))


@pytest.fixture(scope="session")
def events_topics(broker: Broker) -> KafkaSettings:
    """Topics for one run of services."""
    return load_settings(
        kafka_bootstrap=broker.bootstrap, kafka_prefix="events.", kafka_partitions=3, kafka_session_timeout=10
    ).kafka


@pytest.fixture(scope="session")
def kafka_records(tmp_path_factory: pytest.TempPathFactory, events_topics: KafkaSettings) -> list[Record]:
    """Of services on a broker."""
    return runs.on_kafka(tmp_path_factory.mktemp("services"), events_topics)
