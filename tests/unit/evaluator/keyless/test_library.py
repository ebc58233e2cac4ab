"""Our steps and sigstore-python's, on bundles of the kind that both verify.

Not covered: identities, which sigstore-python is not asked about.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluator.images.keyless.library import confirm, knows, public_trust_root
from evaluator.images.keyless.outcomes import RefusedError, UnverifiableError
from evaluator.images.keyless.trust import TrustRoot, read_trust_root
from evaluator.images.keyless.verifying import Issuers, Witnesses, verify_by_certificate
from evaluator.images.signatures.bundles import bundled_candidate
from evaluator.images.signatures.candidates import Candidate
from evaluator.images.signatures.witnesses import read
from evaluator.policies.model_authorities import Identity
from tests.sigstore.authorities import ISSUER, CertificateLog
from tests.sigstore.instance import MiniSigstore
from tests.unit.evaluator.keyless.conftest import World

WHO = (Identity(issuer=ISSUER, subject="ci@example.com"),)


@dataclass(frozen=True, slots=True, repr=False)
class Both:
    """What each says of a candidate; None where it is no bundle of the kind that both verify."""

    root: TrustRoot

    def say(self, candidate: Candidate | None) -> tuple[bool, bool] | None:
        if candidate is None or not candidate.signatures or not candidate.is_about_it:
            return None
        try:
            signed, material = read(candidate, candidate.signatures[0])
            known = knows(material, self.root)
        except (RefusedError, UnverifiableError):
            return None
        if not known:
            return None
        root = self.root
        issuers = Issuers(root.authorities, root.certificate_logs, WHO)
        witnesses = Witnesses(root.logs, stampers=root.timestamp_authorities, timed=True)
        return (
            _accepts(lambda: verify_by_certificate(signed, material, issuers, witnesses, datetime.now(UTC))),
            _accepts(lambda: confirm(signed, material, root)),
        )


def _accepts(verify: Callable[[], object]) -> bool:
    try:
        verify()
    except (RefusedError, UnverifiableError):
        return False
    return True


@pytest.fixture(scope="module")
def both(world: World) -> Both:
    return Both(read_trust_root(json.dumps(world.sigstore.trusted_root())))


@pytest.fixture(scope="module")
def bundle(world: World) -> dict[str, dict[str, Any]]:
    forms = {"statement": world.enveloped, "manifest": world.of_manifest}
    return {name: json.loads(form(stamped=True).bundle) for name, form in forms.items()}


@pytest.mark.parametrize("form", [World.enveloped, World.of_manifest])
@pytest.mark.parametrize("stamped", [True, False])
def test_both_accept_what_is_good(
    world: World, both: Both, form: Callable[..., Candidate], *, stamped: bool
) -> None:
    assert both.say(form(world, stamped=stamped)) == (True, True)


@pytest.mark.parametrize("form", [World.enveloped, World.of_manifest])
def test_both_refuse_what_is_wrong(
    world: World, both: Both, form: Callable[..., Candidate], tmp_path_factory: pytest.TempPathFactory
) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=9)
    new_signer = world.sigstore.signer
    other = World(MiniSigstore(tmp_path_factory.mktemp("other")), world.digest)
    for candidate in (
        form(world, at=long_ago),
        form(world, new_signer(at=long_ago)),
        form(world, new_signer(logged=False)),
        form(world, new_signer(log=CertificateLog())),
        form(world, new_signer(signs_code=False)),
        form(other),
    ):
        assert both.say(candidate) == (False, False)


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Paths of all texts in JSON."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield from places(each, (*path, key))
    if isinstance(value, str):
        yield path


@settings(max_examples=150, deadline=None)
@given(
    form=st.sampled_from(["statement", "manifest"]),
    place=st.integers(0, 1 << 20),
    at=st.integers(0, 1 << 20),
    to=st.sampled_from("AQgw0189=+/"),
)
def test_both_say_the_same_of_a_bundle_with_one_text_changed(
    world: World, both: Both, bundle: dict[str, dict[str, Any]], form: str, place: int, at: int, to: str
) -> None:
    changed = json.loads(json.dumps(bundle[form]))
    every = list(places(changed))
    *way, last = every[place % len(every)]
    holder = changed
    for step in way:
        holder = holder[step]
    text = holder[last]
    at %= len(text)
    holder[last] = text[:at] + to + text[at + 1 :]
    answer = both.say(bundled_candidate(json.dumps(changed).encode(), world.digest))
    if answer is not None:
        ours, theirs = answer
        assert theirs or not ours
        if "timestampVerificationData" not in way:  # its own signature does not cover all of a timestamp
            assert ours is (holder[last] == text)


def test_the_public_trust_root_that_is_installed_can_be_read() -> None:
    root = read_trust_root(public_trust_root())
    assert root.authorities
    assert root.logs
    assert root.certificate_logs
