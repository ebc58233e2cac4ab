"""Signatures without keys, by a Sigstore made for the tests: what is good, and what is refused and why.

Not covered: registries (`tests/integration/images/test_keyless.py`), single bytes (`test_tampering`).
"""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from evaluator.images.keyless.outcomes import UnverifiableError
from evaluator.images.signatures.candidates import Candidate
from evaluator.images.signatures.trust import Refused, Undecided
from evaluator.policies.model_authorities import Identity, TransparencyLog, TrustRootRef
from evaluator.policies.signatures import Signature
from tests.sigstore.authorities import ISSUER, CertificateLog, new_key
from tests.sigstore.instance import MiniSigstore, Signer, payload_of
from tests.unit.evaluator.keyless.conftest import World

FORMS: list[Callable[..., Candidate]] = [World.plain, World.enveloped, World.of_manifest]
BUNDLES: list[Callable[..., Candidate]] = [World.enveloped, World.of_manifest]
LONG_AGO = datetime.now(UTC) - timedelta(days=100)


@pytest.mark.parametrize("form", FORMS)
def test_a_signature_is_good_long_after_its_certificate(world: World, form: Callable[..., Candidate]) -> None:
    signer = world.sigstore.signer(github={2: "push", 5: "org/app"}, at=LONG_AGO)
    candidate = form(world, signer, at=LONG_AGO)
    assert world.verify(candidate) == Signature(
        candidate.id,
        "ci@example.com",
        ISSUER,
        (("githubWorkflowTrigger", "push"), ("githubWorkflowRepo", "org/app")),
    )


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("minutes", [-120, 120])
def test_a_signature_made_outside_of_its_certificates_time_is_refused(
    world: World, form: Callable[..., Candidate], minutes: int
) -> None:
    at = datetime.now(UTC) + timedelta(minutes=minutes)
    answer = world.verify(form(world, at=at))
    assert isinstance(answer, Refused)
    assert "its certificate was good from" in answer.reason
    assert "(its log entry)" in answer.reason


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "identity",
    [
        Identity(issuer=ISSUER, subject="boss@example.com"),
        Identity(issuer="https://evil.example.com", subject="ci@example.com"),
        Identity(issuer=ISSUER, subject_regexp="^@example.com$"),
        Identity(issuer_regexp="^http://", subject="ci@example.com"),
    ],
)
def test_somebody_else_is_refused(world: World, form: Callable[..., Candidate], identity: Identity) -> None:
    answer = world.verify(form(world), world.authority(identities=(identity,)))
    assert isinstance(answer, Refused)
    assert answer.reason == f"it is by ci@example.com (issuer {ISSUER})"


@pytest.mark.parametrize("form", FORMS)
def test_one_identity_of_several_is_enough(world: World, form: Callable[..., Candidate]) -> None:
    identities = (
        Identity(issuer=ISSUER, subject="boss@example.com"),
        Identity(issuer_regexp=r"token\.example", subject_regexp=r"(?i)^CI@"),
    )
    assert isinstance(world.verify(form(world), world.authority(identities=identities)), Signature)


@pytest.mark.parametrize("form", FORMS)
def test_a_workflow_is_known_by_its_url(world: World, form: Callable[..., Candidate]) -> None:
    url = "https://github.com/org/app/.github/workflows/release.yml@refs/heads/main"
    identity = Identity(issuer=ISSUER, subject_regexp=r"^https://github\.com/org/app/.+@refs/heads/main$")
    answer = world.verify(form(world, world.sigstore.signer(url)), world.authority(identities=(identity,)))
    assert isinstance(answer, Signature)
    assert answer.subject == url


@pytest.mark.parametrize("form", FORMS)
def test_another_sigstore_is_refused(
    world: World, form: Callable[..., Candidate], other: MiniSigstore
) -> None:
    answer = world.verify(form(replace(world, sigstore=other)))
    assert isinstance(answer, Refused)


@pytest.mark.parametrize("part", ["certificateAuthorities", "tlogs", "ctlogs"])
@pytest.mark.parametrize("form", FORMS)
def test_a_trust_root_with_one_part_of_another_sigstore_refuses(
    world: World, form: Callable[..., Candidate], other: MiniSigstore, part: str
) -> None:
    root = world.sigstore.trusted_root() | {part: other.trusted_root()[part]}
    ref = TrustRootRef("mixed", json.dumps(root))
    authority = world.authority(trust_root=ref, log=TransparencyLog("", ref))
    assert isinstance(world.verify(form(world), authority), Refused)


@pytest.mark.parametrize("form", FORMS)
def test_a_certificate_without_a_log_of_certificates_is_refused_unless_the_policy_ignores_it(
    world: World, form: Callable[..., Candidate]
) -> None:
    candidate = form(world, world.sigstore.signer(logged=False))
    answer = world.verify(candidate)
    assert isinstance(answer, Refused)
    assert "(SCT)" in answer.reason
    assert isinstance(world.verify(candidate, world.authority(ignores_sct=True)), Signature)


@pytest.mark.parametrize("form", FORMS)
def test_a_certificate_seen_by_another_log_of_certificates_is_refused(
    world: World, form: Callable[..., Candidate]
) -> None:
    answer = world.verify(form(world, world.sigstore.signer(log=CertificateLog())))
    assert isinstance(answer, Refused)
    assert "SCT is of no certificate transparency log" in answer.reason


@pytest.mark.parametrize("form", FORMS)
def test_a_certificate_for_something_else_is_refused(world: World, form: Callable[..., Candidate]) -> None:
    answer = world.verify(form(world, world.sigstore.signer(signs_code=False)))
    assert answer == Refused("its certificate is not for signing code")


def test_a_certificate_that_is_not_the_signers_is_refused(world: World) -> None:
    other = Signer(new_key(), world.sigstore.signer().certificate)
    assert world.verify(world.plain(other)) == Refused("it is not by the key of its certificate")


def test_a_log_entry_of_another_signature_is_refused(world: World) -> None:
    one, two = world.plain(), world.plain()
    entry = "dev.sigstore.cosign/bundle"
    mixed = {**one.annotations, entry: two.annotations[entry]}
    assert world.verify(replace(one, annotations=mixed)) == Refused("its log entry is of another signature")


def test_a_log_entry_of_another_message_is_refused(world: World) -> None:
    signer = world.sigstore.signer()
    payload = payload_of(world.digest)
    one = world.plain(signer)
    taken = world.sigstore.take(signer, one.signatures[0], "00" * 32)
    annotations = {**one.annotations, "dev.sigstore.cosign/bundle": taken.annotation()}
    answer = world.verify(replace(one, annotations=annotations, message=payload))
    assert answer == Refused("its log entry is of another message")


def test_without_a_log_entry_upstream_would_ask_the_log_so_it_is_not_known(world: World) -> None:
    answer = world.verify(world.plain(logged=False))
    assert answer == Undecided("it has no log entry beside it, and Tocsin asks no log")


def test_without_a_log_entry_somebody_else_is_refused_all_the_same(world: World) -> None:
    authority = world.authority(identities=(Identity(issuer=ISSUER, subject="boss@example.com"),))
    answer = world.verify(world.plain(logged=False), authority)
    assert isinstance(answer, Refused)


def test_with_a_trust_root_and_no_log_a_certificate_counts_while_it_is_good(world: World) -> None:
    authority = world.authority(log=None)
    candidate = world.plain()
    assert isinstance(world.verify(candidate, authority, timedelta()), Signature)
    answer = world.verify(candidate, authority)
    assert isinstance(answer, Refused)
    assert "now: nothing that the policy looks at says when" in answer.reason


def test_a_timestamp_keeps_a_signature_good_without_a_log(world: World) -> None:
    authority = world.authority(log=None, timestamps=world.ref)
    assert isinstance(world.verify(world.plain(logged=False, stamped=True), authority), Signature)
    answer = world.verify(world.plain(logged=False), authority)
    assert isinstance(answer, Refused)
    assert "its certificate was good from" in answer.reason


def test_a_timestamp_outside_of_the_certificates_time_is_refused(world: World) -> None:
    authority = world.authority(log=None, timestamps=world.ref)
    candidate = world.plain(world.sigstore.signer(at=LONG_AGO), logged=False, stamped=True)
    answer = world.verify(candidate, authority)
    assert isinstance(answer, Refused)
    assert "(its signed timestamp)" in answer.reason


def test_a_timestamp_of_another_signature_or_authority_is_refused(world: World, other: MiniSigstore) -> None:
    authority = world.authority(log=None, timestamps=world.ref)
    one = world.plain(logged=False, stamped=True)
    stamp = "dev.sigstore.cosign/rfc3161timestamp"
    for another in (world.plain(stamped=True), replace(world, sigstore=other).plain(stamped=True)):
        mixed = {**one.annotations, stamp: another.annotations[stamp]}
        answer = world.verify(replace(one, annotations=mixed), authority)
        assert isinstance(answer, Refused)
        assert "its timestamp is by no authority of the trust root" in answer.reason


@pytest.mark.parametrize("form", BUNDLES)
def test_a_bundle_of_a_log_without_times_needs_a_timestamp(
    world: World, form: Callable[..., Candidate]
) -> None:
    assert isinstance(world.verify(form(world, promised=False, stamped=True)), Signature)
    answer = world.verify(form(world, promised=False))
    assert answer == Refused("nothing that the policy looks at says when it was signed")


@pytest.mark.parametrize("form", BUNDLES)
def test_a_bundle_without_a_log_entry_is_refused_unless_timestamps_stand_for_it(
    world: World, form: Callable[..., Candidate]
) -> None:
    candidate = form(world, logged=False, stamped=True)
    answer = world.verify(candidate, world.authority(log=None))
    assert answer == Undecided("it has no log entry beside it, and Tocsin asks no log") or isinstance(
        answer, Refused
    )
    assert isinstance(world.verify(candidate, world.authority(timestamps=world.ref)), Signature)


def test_bundles_only_means_that(world: World) -> None:
    authority = world.authority(bundles_only=True)
    assert world.verify(world.plain(), authority) == Refused("it is no bundle (signatureFormat)")
    assert isinstance(world.verify(world.enveloped(), authority), Signature)


def test_for_bundles_all_trust_roots_have_to_be_one(world: World) -> None:
    elsewhere = replace(world.ref, name="elsewhere")
    authority = world.authority(log=TransparencyLog("", elsewhere))
    assert isinstance(world.verify(world.plain(), authority), Signature)
    answer = world.verify(world.enveloped(), authority)
    assert isinstance(answer, Undecided)
    assert answer.reason.startswith("ctlog.trustRootRef: ")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"trust_root": TrustRootRef("gone", problem="not found")}, "TrustRoot gone: not found"),
        ({"trust_root": TrustRootRef("bad", "{}")}, "TrustRoot bad: it names neither"),
        ({"trust_root": None, "log": None}, "name a file with trusted_root.json in TOCSIN_TRUSTED_ROOT"),
        (
            {"identities": (Identity(issuer=ISSUER, subject_regexp="(?=a)"),)},
            "(?=a) is not read",
        ),
    ],
)
def test_what_makes_every_signature_unknown_is_said_at_once(
    world: World, more: dict[str, Any], said: str
) -> None:
    with pytest.raises(UnverifiableError) as error:
        world.verify(world.plain(), world.authority(**more))
    assert said in str(error.value)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> MiniSigstore:
    return MiniSigstore(tmp_path_factory.mktemp("other"))


@pytest.mark.parametrize(
    ("module", "form", "more"),
    [
        ("rfc3161_client", World.plain, {"stamped": True, "logged": False}),
        ("sigstore.models", World.enveloped, {}),
    ],
)
def test_without_the_extra_it_is_not_known_and_the_message_has_the_command(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    module: str,
    form: Callable[..., Candidate],
    more: dict[str, Any],
) -> None:
    candidate = form(world, **more)
    monkeypatch.setitem(sys.modules, module, None)
    authority = world.authority(timestamps=world.ref, log=None) if more else world.authority()
    answer = world.verify(candidate, authority)
    assert isinstance(answer, Undecided)
    assert "pip install '.[keyless]'" in answer.reason
