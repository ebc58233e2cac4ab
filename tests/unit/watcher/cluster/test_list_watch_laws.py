"""Laws of what follows a cluster: list state, lines, batches, back-off. Any order, any chunking.

Not covered: requests and answers (`tests/integration/watcher`), a real server (`tests/faults`).
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from watcher.backoff import Backoff
from watcher.cluster.errors import GarbledError
from watcher.cluster.lines import Lines
from watcher.cluster.liststate import ListState

UIDS = st.sampled_from("abcdef")
OLD = "old"
"""Digest of what nothing is told of, such as an old ReplicaSet."""
DIGESTS = st.sampled_from(("1", "2", "3", OLD))


class ListWatch(RuleBasedStateMachine):
    """A server changes; lists show it in pages, watches event by event; 410 comes at any time.

    `told`: what a consumer knows of what the state called news.
    """

    def __init__(self) -> None:
        super().__init__()
        self.state = ListState()
        self.server: dict[str, str] = {}
        self.told: dict[str, str] = {}
        self.minded: set[str] = set()
        self.version = 1
        self.pages: list[tuple[str, str]] | None = None
        self.missed = True
        """Whether the server changed and no watch said so."""

    @initialize(earlier=st.sets(UIDS))
    def restore(self, earlier: set[str]) -> None:
        self.state.restore(earlier)
        self.told = dict.fromkeys(earlier, "")

    def _apply(self, uid: str, digest: str) -> None:
        if digest == OLD:
            self._gone(uid)
            self.state.kept_in_mind(uid)
            self.minded.add(uid)
            return
        self.minded.discard(uid)
        news = self.state.applied(uid, digest)
        assert news is (self.told.get(uid) != digest)
        self.told[uid] = digest

    def _gone(self, uid: str) -> None:
        assert self.state.deleted(uid) is (uid in self.told or uid in self.minded)
        self.told.pop(uid, None)
        self.minded.discard(uid)

    @rule(uid=UIDS, digest=DIGESTS)
    def write(self, uid: str, digest: str) -> None:
        self.version += 1
        self.server[uid] = digest
        if self.state.synced and not self.missed:
            self._apply(uid, digest)
            self.state.reached(str(self.version))
        else:
            self.missed = True

    @rule(uid=UIDS)
    def delete(self, uid: str) -> None:
        self.version += 1
        self.server.pop(uid, None)
        if self.state.synced and not self.missed:
            self._gone(uid)
        else:
            self.missed = True

    @rule()
    def bookmark(self) -> None:
        self.version += 1
        if not self.missed:
            self.state.reached(str(self.version))

    @rule()
    def gone(self) -> None:
        """410: the watch is over, a list that has begun too."""
        self.state.forget_version()
        self.pages = None
        self.missed = True

    @precondition(lambda self: not self.state.synced)
    @rule()
    def begin_list(self) -> None:
        """The list is of this moment, whatever changes while its pages come."""
        self.state.begin_list()
        self.pages = sorted(self.server.items())
        self.listed = dict(self.server)
        self.at = str(self.version)

    @precondition(lambda self: self.pages)
    @rule(size=st.integers(1, 3))
    def page(self, size: int) -> None:
        assert self.pages is not None
        page, self.pages = self.pages[:size], self.pages[size:]
        for uid, digest in page:
            self._apply(uid, digest)

    @precondition(lambda self: self.pages == [])
    @rule()
    def end_list(self) -> None:
        gone = self.state.end_list(self.at)
        assert sorted(gone) == sorted((self.told.keys() | self.minded) - self.listed.keys())
        for uid in gone:
            self.told.pop(uid, None)
            self.minded.discard(uid)
        assert self.told == _shown(self.listed)
        self.pages = None
        self.missed = False
        self._catch_up()

    def _catch_up(self) -> None:
        """The watch says what changed since the list."""
        for uid in self.listed.keys() - self.server.keys():
            self._gone(uid)
        for uid, digest in self.server.items():
            self._apply(uid, digest)
        self.state.reached(str(self.version))

    @invariant()
    def a_consumer_knows_what_the_state_knows(self) -> None:
        assert self.told == self.state.known

    @invariant()
    def a_followed_server_is_known_exactly(self) -> None:
        if self.state.synced and not self.missed:
            assert self.told == _shown(self.server)
            assert self.minded == self.server.keys() - self.told.keys()


def _shown(objects: dict[str, str]) -> dict[str, str]:
    return {uid: digest for uid, digest in objects.items() if digest != OLD}


TestListWatch = ListWatch.TestCase


@given(st.lists(st.binary(max_size=12)), st.lists(st.integers(1, 7), min_size=1))
def test_lines_are_the_same_however_the_network_cuts_them(lines: list[bytes], sizes: list[int]) -> None:
    text = b"".join(line.replace(b"\n", b"") + b"\n" for line in lines)
    feeding, at, turn = Lines(), 0, 0
    got: list[bytes] = []
    while at < len(text):
        size = sizes[turn % len(sizes)]
        got += feeding.feed(text[at : at + size])
        at, turn = at + size, turn + 1
    assert got == [line for line in text.split(b"\n") if line.strip()]


@given(st.integers(1, 30), st.integers(0, 60), st.integers(1, 7))
def test_a_line_is_refused_exactly_when_it_is_longer_than_the_limit(
    limit: int, length: int, size: int
) -> None:
    lines, text = Lines(limit), b"x" * length + b"\n"

    def feed() -> list[bytes]:
        return [line for at in range(0, len(text), size) for line in lines.feed(text[at : at + size])]

    if length > limit:
        with pytest.raises(GarbledError, match="more than"):
            feed()
    else:
        assert feed() == ([text[:-1]] if length else [])


@given(st.floats(0.01, 5.0), st.floats(1.0, 64.0), st.lists(st.floats(0.0, 60.0), min_size=1, max_size=20))
def test_a_delay_is_between_half_of_its_envelope_and_the_envelope_or_what_was_asked_for(
    first: float, factor: float, asked: list[float]
) -> None:
    backoff, envelope = Backoff(first, first * factor), first
    for at_least in asked:
        delay = backoff.delay(at_least)
        assert delay >= max(envelope / 2, at_least)
        assert delay <= max(envelope, at_least * 1.1)
        envelope = min(2 * envelope, first * factor)
    backoff.reset()
    assert first / 2 <= backoff.delay() <= first


def test_delays_of_two_are_not_in_step() -> None:
    one, other = Backoff(1.0, 1.0), Backoff(1.0, 1.0)
    assert [one.delay() for _ in range(5)] != [other.delay() for _ in range(5)]
