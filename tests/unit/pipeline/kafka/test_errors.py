"""The client's errors as ours."""

import pytest
from aiokafka.errors import KafkaError

from pipeline.kafka.errors import LogAwayError, translated


@pytest.mark.parametrize(
    "error",
    [KafkaError("no"), OSError("no"), TimeoutError("no"), AssertionError("Did we not perform bootstrap?")],
)
def test_what_a_client_says_of_a_broker_that_is_not_there_yet_is_waited_out(error: Exception) -> None:
    with pytest.raises(LogAwayError, match=r"^kafka broker:1: "), translated("broker:1"):
        raise error
