"""What a coordinator says of a group's offsets, and what is no answer."""

from aiokafka import TopicPartition
from aiokafka.structs import OffsetAndMetadata

from pipeline.kafka.committed import answered

ONE, TWO = TopicPartition("resources", 1), TopicPartition("resources", 2)


def test_an_offset_below_zero_says_that_nothing_was_committed() -> None:
    found = {ONE: OffsetAndMetadata(7, ""), TWO: OffsetAndMetadata(-1, "")}
    assert answered(found, [ONE, TWO]) == {ONE: 7, TWO: None}


def test_a_partition_that_is_not_in_the_answer_was_not_answered() -> None:
    assert answered({}, [ONE]) is None
    assert answered({ONE: OffsetAndMetadata(7, "")}, [ONE, TWO]) is None
