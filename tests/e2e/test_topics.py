"""`tocsin topics` as a user runs it, on a real broker. What it compares: tests/integration/kafka."""

from pathlib import Path

import pytest

from tests.e2e.command import tocsin
from tests.kafka.broker import Broker

pytestmark = pytest.mark.xdist_group("kafka")


def test_topics_are_created_and_checked(broker: Broker, kafka_prefix: str, tmp_path: Path) -> None:
    env = {"TOCSIN_KAFKA_PREFIX": kafka_prefix, "TOCSIN_KAFKA_PARTITIONS": "2"}
    kafka = ("--kafka", broker.bootstrap)
    before = tocsin(tmp_path, "topics", "check", *kafka, env=env)
    assert (before.code, before.out.count("missing")) == (1, 4)
    made = tocsin(tmp_path, "topics", "create", *kafka, env=env)
    assert (made.code, made.out) == (0, "")
    assert f"{kafka_prefix}tocsin.verdicts" in made.err
    again = tocsin(tmp_path, "topics", "create", *kafka, env=env)
    assert (again.code, again.err) == (0, "the topics are there already\n")
    after = tocsin(tmp_path, "topics", "check", *kafka, env=env)
    assert (after.code, after.out, after.err) == (0, "", "0 differences\n")
    other = tocsin(tmp_path, "topics", "check", *kafka, env={**env, "TOCSIN_KAFKA_PARTITIONS": "5"})
    assert other.code == 1
    assert other.out.splitlines()[1].split() == [
        f"{kafka_prefix}tocsin.resources",
        "partitions",
        "5",
        "2",
        "no",
    ]


def test_kafka_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    ran = tocsin(tmp_path, "topics", "check", "--kafka", "127.0.0.1:1")
    assert (ran.code, ran.out) == (3, "")
    assert ran.errors[0].startswith("error: kafka 127.0.0.1:1: ")
