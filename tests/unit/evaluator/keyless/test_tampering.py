"""No single byte of what is signed, or of what comes with it, may be another.

Not covered: the chain of a cosign signature, which nothing depends on when the trust root has it; of
timestamps what their own signatures do not cover (they are CMS), as long as the time stays.
"""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluator.images.keyless.outcomes import RefusedError
from evaluator.images.keyless.timestamps import time_of
from evaluator.images.keyless.trust import read_trust_root
from evaluator.images.signatures.bundles import bundled_candidate
from evaluator.images.signatures.candidates import Candidate
from evaluator.images.signatures.simple_signing import plain_candidate
from evaluator.policies.signatures import Signature
from tests.unit.evaluator.keyless.conftest import World

pytestmark = pytest.mark.filterwarnings("ignore:Parsed a serial number:UserWarning")
"""A byte of a certificate's serial number may become one that cryptography warns of, and will refuse."""

LOOKED_AT = {
    "dev.cosignproject.cosign/signature": ("log", "stamp"),
    "dev.sigstore.cosign/certificate": ("log", "stamp"),
    "dev.sigstore.cosign/bundle": ("log",),
}
"""By annotation: which authority depends on it, one with a log or one with timestamps."""


@pytest.fixture(scope="module")
def plain(world: World) -> Candidate:
    return world.plain(stamped=True)


@pytest.fixture(scope="module")
def bundles(world: World) -> dict[str, Candidate]:
    return {
        "statement": world.enveloped(),
        "manifest": world.of_manifest(),
    }


AT = st.integers(0, 1 << 20)
BY = st.integers(1, 255)


def changed(text: bytes, at: int, by: int) -> bytes:
    """Another byte at one place."""
    at %= len(text)
    return text[:at] + bytes([text[at] ^ by]) + text[at + 1 :]


@settings(max_examples=200, deadline=None)
@given(at=AT, by=BY)
def test_no_byte_of_a_payload_may_be_another(world: World, plain: Candidate, at: int, by: int) -> None:
    candidate = plain_candidate(changed(plain.message, at, by), plain.annotations, world.digest)
    assert not isinstance(world.verify(candidate), Signature)


@settings(max_examples=300, deadline=None)
@given(name=st.sampled_from(sorted(LOOKED_AT)), at=AT, by=BY)
def test_no_byte_of_what_comes_with_a_signature_may_be_another(
    world: World, plain: Candidate, name: str, at: int, by: int
) -> None:
    text = changed(plain.annotations[name].encode(), at, by).decode(errors="replace")
    if "".join(text.split()) == "".join(plain.annotations[name].split()):
        return  # white space in PEM and between the tokens of JSON says nothing
    candidate = plain_candidate(plain.message, {**plain.annotations, name: text}, world.digest)
    if "log" in LOOKED_AT[name]:
        assert not isinstance(world.verify(candidate), Signature)
    if "stamp" in LOOKED_AT[name]:
        authority = world.authority(log=None, timestamps=world.ref)
        assert not isinstance(world.verify(candidate, authority), Signature)


@settings(max_examples=200, deadline=None)
@given(at=AT, by=BY)
def test_no_byte_of_a_timestamp_changes_its_time(world: World, plain: Candidate, at: int, by: int) -> None:
    authorities = read_trust_root(world.ref.text).timestamp_authorities
    text = plain.annotations["dev.sigstore.cosign/rfc3161timestamp"]
    stamp = base64.b64decode(json.loads(text)["SignedRFC3161Timestamp"])
    time = time_of(stamp, plain.signatures[0], authorities)
    try:
        assert time_of(changed(stamp, at, by), plain.signatures[0], authorities) == time
    except RefusedError:
        return


@settings(max_examples=300, deadline=None)
@given(form=st.sampled_from(["statement", "manifest"]), at=AT, by=BY)
def test_no_byte_of_a_bundle_may_be_another(
    world: World, bundles: dict[str, Candidate], form: str, at: int, by: int
) -> None:
    candidate = bundled_candidate(changed(bundles[form].bundle, at, by), world.digest)
    if candidate is not None and candidate.is_about_it:
        assert not isinstance(world.verify(candidate), Signature)


@pytest.mark.parametrize("form", [World.plain, World.enveloped, World.of_manifest])
def test_another_image_has_not_this_signature(world: World, form: Callable[..., Candidate]) -> None:
    elsewhere = replace(world, digest="sha256:" + "ab" * 32)
    candidate = form(world)
    if candidate.bundle:
        moved = bundled_candidate(candidate.bundle, elsewhere.digest)
        assert moved is not None
    else:
        moved = plain_candidate(candidate.message, candidate.annotations, elsewhere.digest)
    assert not moved.is_about_it


@pytest.mark.parametrize("path", ["tlogEntries", "certificate", "timestampVerificationData"])
def test_a_bundle_with_a_part_of_another_is_refused(world: World, path: str) -> None:
    one: dict[str, Any] = json.loads(world.enveloped(stamped=True).bundle)
    two: dict[str, Any] = json.loads(world.enveloped(stamped=True).bundle)
    one["verificationMaterial"][path] = two["verificationMaterial"][path]
    assert not isinstance(world.verify(world.read(one)), Signature)
