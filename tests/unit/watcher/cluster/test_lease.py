"""Who may take a Lease: by its record and one's own clock. On a server: `tests/integration/kube`."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from watcher.cluster.lease import Candidate

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
STEPS = st.lists(st.tuples(st.sampled_from("ab"), st.floats(0.0, 20.0)), max_size=60)


def test_a_lease_that_nobody_holds_may_be_taken() -> None:
    assert Candidate("a", 15).may_take({}, 0)
    assert Candidate("a", 15).may_take({"holderIdentity": ""}, 0)


def test_a_lease_is_taken_from_a_holder_only_after_its_own_duration_of_silence() -> None:
    candidate = Candidate("a", 15)
    held = Candidate("b", 15).taken({}, NOW)
    assert not candidate.may_take(held, 100)
    assert not candidate.may_take(held, 114.9)
    assert candidate.may_take(held, 115)


def test_the_holders_clock_does_not_matter() -> None:
    candidate = Candidate("a", 15)
    held = Candidate("b", 15).taken({}, datetime(2001, 1, 1, tzinfo=UTC))
    assert not candidate.may_take(held, 0)


def test_transitions_are_counted_when_the_holder_changes() -> None:
    a, b = Candidate("a", 15), Candidate("b", 15)
    first = a.taken({}, NOW)
    assert (first["holderIdentity"], first["leaseTransitions"]) == ("a", 1)
    assert a.taken(first, NOW)["leaseTransitions"] == 1
    assert b.taken(first, NOW)["leaseTransitions"] == 2


@given(STEPS)
def test_no_candidate_takes_what_another_renewed_within_its_duration(steps: list[tuple[str, float]]) -> None:
    candidates = {name: Candidate(name, 15.0) for name in "ab"}
    spec: dict[str, Any] = {}
    renewed, now = -1e9, 0.0
    for number, (name, pause) in enumerate(steps):
        now += pause
        holder = spec.get("holderIdentity")
        if candidates[name].may_take(spec, now):
            assert holder in {None, name} or now - renewed >= 15.0
            spec = candidates[name].taken(spec, NOW.replace(microsecond=number))
            renewed = now
