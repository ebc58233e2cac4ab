"""Inclusion proofs, of trees that a log made for the tests has built."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.images.keyless.entries import Proof
from evaluator.images.keyless.merkle import root_of
from evaluator.images.keyless.outcomes import RefusedError
from tests.sigstore.log import Rekor


def log(size: int) -> Rekor:
    return Rekor(bodies=[b"%d" % number for number in range(size)])


def proof(rekor: Rekor, index: int, size: int) -> Proof:
    return Proof(index, size, rekor.root(size), tuple(rekor.path(index, size)), "")


@pytest.mark.parametrize("size", [*range(1, 18), 31, 32, 33, 100])
def test_every_entry_of_every_tree_is_in_it(size: int) -> None:
    rekor = log(size)
    for index in range(size):
        assert root_of(rekor.bodies[index], proof(rekor, index, size)) == rekor.root(size)


@given(st.data())
def test_what_is_not_in_the_tree_has_no_proof(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 40))
    index = data.draw(st.integers(0, size - 1))
    rekor = log(size)
    good = proof(rekor, index, size)
    hashes = list(good.hashes)
    how = data.draw(st.sampled_from(["body", "index", "size", "more", "less", "hash"]))
    body = b"other" if how == "body" else rekor.bodies[index]
    other_index, other_size = index, size
    if how == "index":
        other_index = data.draw(st.integers(0, size + 2).filter(lambda each: each != index))
    if how == "size":
        other_size = data.draw(st.integers(1, size * 4).filter(lambda each: each != size))
    if how == "more":
        hashes.insert(data.draw(st.integers(0, len(hashes))), data.draw(st.binary(min_size=32, max_size=32)))
    if how == "less" and hashes:
        hashes.pop(data.draw(st.integers(0, len(hashes) - 1)))
    if how == "hash" and hashes:
        hashes[data.draw(st.integers(0, len(hashes) - 1))] = b"\0" * 32
    changed = Proof(other_index, other_size, good.root, tuple(hashes), "")
    if (changed, body) == (good, rekor.bodies[index]):
        return
    if how == "size" and _same_path(index, size, other_size):
        return  # a proof does not say how large the tree is: the checkpoint does
    try:
        assert root_of(body, changed) != good.root
    except RefusedError:
        return


def _same_path(index: int, size: int, other: int) -> bool:
    """Whether the proofs for two sizes have hashes on the same sides, and as many."""
    return _sides(index, size) == _sides(index, other)


def _sides(index: int, size: int) -> list[str]:
    if index >= size:
        return ["outside"]
    sides: list[str] = []
    position, last = index, size - 1
    while last:
        if position & 1 or position == last:
            sides.append("left")
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            sides.append("right")
        position, last = position >> 1, last >> 1
    return sides
