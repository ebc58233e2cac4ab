"""Laws of `watcher.cluster.owners`: chains, rings, what is missing. Asking the server: integration tests."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pipeline.events import ResourceRef
from watcher.cluster.owners import MOST_LOOKED_UP, Owners

NAMES = st.sampled_from("abcdefghijkl")


def _owner(uid: str, kind: str = "ReplicaSet") -> ResourceRef:
    return ResourceRef("apps/v1", kind, "shop", uid, uid)


@given(st.integers(1, 7))
def test_the_root_is_the_end_of_a_chain_and_where_it_breaks_is_told(length: int) -> None:
    chain, owners = [_owner(str(at)) for at in range(length)], Owners()
    for below, above in pairwise(chain):
        owners.note(below.uid, above)
    assert owners.root(chain[0]) == (chain[-1], chain[-1])  # nobody has said who controls the last
    owners.note(chain[-1].uid, None)
    assert owners.root(chain[0]) == (chain[-1], None)
    owners.forget([chain[0].uid])
    assert owners.root(chain[0]) == (chain[0], chain[0])


@given(st.dictionaries(NAMES, st.none() | NAMES), NAMES)
def test_whatever_references_say_the_root_is_found_and_is_on_the_way(
    above: dict[str, str | None], begin: str
) -> None:
    owners = Owners()
    for uid, owner in above.items():
        owners.note(uid, _owner(owner) if owner else None)
    root, missing = owners.root(_owner(begin))
    way, at = [begin], begin
    while (following := above.get(at)) and following not in way:
        way.append(following)
        at = following
    assert root is not None
    assert root.uid in way
    assert missing is None or missing.uid not in above
    if len(way) <= 7 and above.get(at) is None:
        assert root.uid == way[-1]


@given(NAMES)
def test_a_controller_that_is_not_watched_is_named_as_it_is(name: str) -> None:
    rollout = ResourceRef("argoproj.io/v1alpha1", "Rollout", "shop", name, name)
    assert Owners().root(rollout) == (rollout, None)
    assert Owners().root(None) == (None, None)


def test_answers_are_forgotten_where_there_are_too_many_and_what_was_watched_is_not() -> None:
    owners = Owners()
    owners.note("watched", None)
    for number in range(MOST_LOOKED_UP + 5):
        owners.look_up(str(number), None)
    assert len(owners) == MOST_LOOKED_UP + 1
    assert "watched" in owners
    assert owners.root(_owner("4")) == (_owner("4"), _owner("4"))  # to be asked for again
    assert owners.root(_owner("5")) == (_owner("5"), None)
