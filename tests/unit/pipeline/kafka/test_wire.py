"""Records as Kafka messages, keys and partitions, without a broker.

Not covered: what events are on the wire (tests/unit/pipeline/test_codec.py).
"""

from dataclasses import dataclass, field

import pytest

from pipeline.bus import Record
from pipeline.events import SourceFailed, Topic, verdict_key
from pipeline.kafka.deadletters import DeadLetterShare
from pipeline.kafka.errors import DeadLettersError
from pipeline.kafka.partitions import partition_of
from pipeline.kafka.wire import Unreadable, dead_letter, decode, encode


@dataclass(frozen=True)
class Message:
    key: bytes | None = b"prod/uid"
    value: bytes | None = b"{}"
    headers: list[tuple[str, bytes]] = field(default_factory=list)
    partition: int = 3
    offset: int = 42
    timestamp: int = 1_700_000_000_000


def test_verdicts_are_on_the_partition_of_their_resource() -> None:
    for number in range(100):
        uid = f"uid-{number}"
        verdict = verdict_key("prod", uid, "policy", "example.com/app/web@sha256:0")
        assert partition_of(f"prod/{uid}".encode(), 12) == partition_of(verdict.encode(), 12)


def test_keys_are_spread_over_all_partitions() -> None:
    assert {partition_of(f"prod/{number}".encode(), 12) for number in range(1000)} == set(range(12))


def test_a_tombstone_stays_a_tombstone() -> None:
    message = encode(Record(Topic.RESOURCES, "prod/uid", None))
    assert (message.key, message.value) == (b"prod/uid", None)
    assert decode(Topic.RESOURCES, Message(value=None)) == Record(Topic.RESOURCES, "prod/uid", None)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (Message(key=None), "no key"),
        (Message(key=b"\xff"), "not UTF-8"),
        (Message(), "not a CloudEvent"),
        (Message(value=b"\xff\x00"), "not a CloudEvent"),
    ],
)
def test_what_is_no_event_of_ours_says_why(message: Message, reason: str) -> None:
    bad = decode(Topic.RESOURCES, message)
    assert isinstance(bad, Unreadable)
    assert reason in bad.reason


def test_a_dead_letter_is_as_it_came_and_reads_as_something_that_failed() -> None:
    original = Message(value=b"\xff\x00", headers=[("ce_type", b"other")])
    bad = decode(Topic.RESOURCES, original)
    assert isinstance(bad, Unreadable)
    letter = dead_letter(bad)
    assert (letter.key, letter.value, letter.headers[0]) == (b"prod/uid", b"\xff\x00", ("ce_type", b"other"))
    read = decode(Topic.DEADLETTERS, Message(value=letter.value, headers=list(letter.headers)))
    assert isinstance(read, Record)
    assert read.event is not None
    assert isinstance(read.event.data, SourceFailed)
    assert "kafka:tocsin.resources/3@42: " in read.event.data.message
    assert read.event.data.cluster == "prod"


def test_few_dead_letters_are_borne_and_many_are_not() -> None:
    share = DeadLetterShare(0.1)
    share.good(1000)
    for _ in range(100):
        share.bad("it was no event")
    with pytest.raises(DeadLettersError, match=r"101 of the last 1000 .*it was no event"):
        share.bad("it was no event")
