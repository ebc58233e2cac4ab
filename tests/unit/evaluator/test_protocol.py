"""Frames between a worker and its owner, and what is no frame. Not covered: real pipes (`tests/faults`)."""

import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.rego.protocol import (
    Answered,
    BrokenProtocolError,
    Compiled,
    Frames,
    Reply,
    frame,
    read_reply,
)

ANSWER_LIMIT = 4096
replies = st.lists(
    st.builds(Answered, st.none() | st.binary(max_size=ANSWER_LIMIT), st.text(max_size=50))
    | st.builds(Compiled, st.text(max_size=50), st.booleans(), st.integers(0, 9), st.integers(0, 9))
)


@given(replies, st.integers(1, 100))
def test_what_was_sent_is_read_however_the_pipe_cuts_it(sent: list[Reply], size: int) -> None:
    stream = b"".join(map(frame, sent))
    frames = Frames(ANSWER_LIMIT)
    chunks = [stream[start : start + size] for start in range(0, len(stream), size)]
    assert [read_reply(body) for chunk in chunks for body in frames.feed(chunk)] == sent


def test_a_frame_longer_than_any_answer_is_not_waited_for() -> None:
    with pytest.raises(BrokenProtocolError, match="at most"):
        list(Frames(ANSWER_LIMIT).feed(struct.pack("!I", 2**31)))


@given(st.binary(max_size=100))
def test_noise_is_a_reply_or_an_error_that_says_so(noise: bytes) -> None:
    with suppress(BrokenProtocolError):
        assert isinstance(read_reply(noise), Answered | Compiled)
