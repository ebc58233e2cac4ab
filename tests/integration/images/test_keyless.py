"""Signatures without keys in a real registry, by a Sigstore made for the tests.

Not covered: every way to be wrong (`tests/unit/evaluator/keyless`), policies (`tests/e2e/test_keyless.py`).
"""

import json
from pathlib import Path
from typing import Any

import pytest

from evaluator.asking import StatementJudge
from evaluator.images.credentials import DockerConfig
from evaluator.images.opening import Images
from evaluator.policies.model_authorities import (
    Identity,
    Key,
    Keyless,
    KeyRef,
    Signer,
    TransparencyLog,
    TrustRootRef,
)
from evaluator.policies.signatures import Signed, Unsigned, Unverified, Verification
from tests.images import Built, image, push
from tests.integration.images.conftest import image_settings
from tests.registry import RunningRegistry
from tests.signing import NOTHING
from tests.sigstore.authorities import ISSUER, new_key
from tests.sigstore.carrying import push_referring, push_tagged
from tests.sigstore.instance import MiniSigstore, payload_of, pem_of, statement
from tests.sigstore.instance import Signer as By

PATH = "spec.authorities[0]"
WHO = (Identity(issuer=ISSUER, subject="ci@example.com"),)


@pytest.fixture(scope="module")
def sigstore(tmp_path_factory: pytest.TempPathFactory) -> MiniSigstore:
    return MiniSigstore(tmp_path_factory.mktemp("sigstore"))


def keyless(sigstore: MiniSigstore, **more: Any) -> Keyless:
    ref = TrustRootRef("mini", json.dumps(sigstore.trusted_root()))
    fields = {"trust_root": ref, "log": TransparencyLog("", ref), "identities": WHO, **more}
    return Keyless(name="ours", path=f"{PATH}.keyless", url="https://fulcio.example.com", **fields)


async def verify(
    folder: Path, registry: RunningRegistry, name: str, signer: Signer, **more: Any
) -> Verification:
    settings = image_settings(folder, registry.host, **more)
    async with Images.start(settings) as images:
        keychain = DockerConfig(settings.docker_config, 1.0)
        wanted = (f"{registry.host}/{name}:1", "")
        nobody = StatementJudge(NOTHING, {})
        return await images.signatures.verify(wanted, signer, keychain, keychain, nobody)


def pushed(registry: RunningRegistry, name: str) -> Built:
    built = image()
    push(registry.host, name, "1", built)
    return built


def sign(registry: RunningRegistry, name: str, sigstore: MiniSigstore, signer: By, **more: Any) -> Built:
    """An image with a signature in cosign's own form."""
    built = pushed(registry, name)
    payload = payload_of(built.digest)
    push_tagged(registry.host, name, built.digest, (payload, sigstore.annotations(signer, payload, **more)))
    return built


async def test_a_signature_under_cosigns_tag_says_who_signed(
    registry: RunningRegistry, sigstore: MiniSigstore, tmp_path: Path
) -> None:
    sign(registry, "keyless/tag", sigstore, sigstore.signer(github={2: "push"}))
    answer = await verify(tmp_path, registry, "keyless/tag", keyless(sigstore))
    assert isinstance(answer, Signed)
    (signature,) = answer.signatures
    assert signature.match() == {
        "id": signature.id,
        "subject": "ci@example.com",
        "issuer": ISSUER,
        "githubWorkflowTrigger": "push",
    }


@pytest.mark.parametrize("kind", ["statement", "manifest"])
async def test_a_bundle_that_refers_to_the_image_verifies(
    registry: RunningRegistry, sigstore: MiniSigstore, tmp_path: Path, kind: str
) -> None:
    name, signer = f"keyless/{kind}", sigstore.signer()
    built = pushed(registry, name)
    if kind == "statement":
        bundle = sigstore.envelope_bundle(signer, statement(built.digest))
    else:
        bundle = sigstore.message_bundle(signer, built.body)
    push_referring(registry.host, name, built, [json.dumps(bundle).encode()])
    assert isinstance(await verify(tmp_path, registry, name, keyless(sigstore)), Signed)
    only = keyless(sigstore, bundles_only=True)
    assert isinstance(await verify(tmp_path, registry, name, only), Signed)


async def test_bundles_only_does_not_ask_for_cosigns_tag(
    registry: RunningRegistry, sigstore: MiniSigstore, tmp_path: Path
) -> None:
    built = sign(registry, "keyless/only", sigstore, sigstore.signer())
    answer = await verify(tmp_path, registry, "keyless/only", keyless(sigstore, bundles_only=True))
    assert isinstance(answer, Unsigned)
    tag = f"/manifests/{built.digest.replace(':', '-')}.sig"
    assert not any(
        method == "GET" and path.endswith(f"keyless/only{tag}") for method, path in registry.asked()
    )


async def test_a_signature_of_another_image_or_by_somebody_else_is_none(
    registry: RunningRegistry, sigstore: MiniSigstore, tmp_path: Path
) -> None:
    sign(registry, "keyless/boss", sigstore, sigstore.signer("boss@example.com"))
    answer = await verify(tmp_path, registry, "keyless/boss", keyless(sigstore))
    assert isinstance(answer, Unsigned)
    assert "it is by boss@example.com" in answer.reason
    built, other = pushed(registry, "keyless/other"), payload_of(f"sha256:{'0' * 64}")
    push_tagged(
        registry.host, "keyless/other", built.digest, (other, sigstore.annotations(sigstore.signer(), other))
    )
    answer = await verify(tmp_path, registry, "keyless/other", keyless(sigstore))
    assert isinstance(answer, Unsigned)
    assert "not of this image" in answer.reason


async def test_one_good_signature_beside_one_that_cannot_be_known_is_enough(
    registry: RunningRegistry, sigstore: MiniSigstore, tmp_path: Path
) -> None:
    built = pushed(registry, "keyless/two")
    payload = payload_of(built.digest)
    unlogged = sigstore.annotations(sigstore.signer(), payload, logged=False)
    push_tagged(registry.host, "keyless/two", built.digest, (payload, unlogged))
    answer = await verify(tmp_path / "a", registry, "keyless/two", keyless(sigstore))
    assert isinstance(answer, Unverified)
    assert "Tocsin asks no log" in answer.reason
    good = sigstore.annotations(sigstore.signer(), payload)
    push_tagged(registry.host, "keyless/two", built.digest, (payload, unlogged), (payload, good))
    assert isinstance(await verify(tmp_path / "b", registry, "keyless/two", keyless(sigstore)), Signed)


async def test_a_policy_without_a_trust_root_takes_the_one_of_the_setting(
    registry: RunningRegistry, sigstore: MiniSigstore, tmp_path: Path
) -> None:
    sign(registry, "keyless/setting", sigstore, sigstore.signer())
    public = keyless(sigstore, trust_root=None, log=None)
    answer = await verify(tmp_path, registry, "keyless/setting", public)
    assert isinstance(answer, Unverified)
    assert "TOCSIN_TRUSTED_ROOT" in answer.reason
    file = tmp_path / "trusted_root.json"
    file.write_text(json.dumps(sigstore.trusted_root()), encoding="utf-8")
    answer = await verify(tmp_path, registry, "keyless/setting", public, trusted_root=str(file))
    assert isinstance(answer, Signed)
    answer = await verify(tmp_path, registry, "keyless/setting", public, trusted_root="embedded")
    assert isinstance(answer, Unsigned)
    answer = await verify(tmp_path, registry, "keyless/setting", public, trusted_root=str(tmp_path / "none"))
    assert isinstance(answer, Unverified)
    assert "No such file" in answer.reason


async def test_a_key_with_a_log_needs_an_entry_of_that_log(
    registry: RunningRegistry, sigstore: MiniSigstore, tmp_path: Path
) -> None:
    by = By(new_key())
    ref = TrustRootRef("mini", json.dumps(sigstore.trusted_root()))
    key = Key(
        name="ours",
        path=f"{PATH}.key",
        key=KeyRef(data=pem_of(by.key).decode()),
        log=TransparencyLog("https://rekor.example.com", ref),
    )
    sign(registry, "keyless/key", sigstore, by)
    assert isinstance(await verify(tmp_path, registry, "keyless/key", key), Signed)
    sign(registry, "keyless/key-alone", sigstore, by, logged=False)
    answer = await verify(tmp_path, registry, "keyless/key-alone", key)
    assert isinstance(answer, Unverified)
    assert "Tocsin asks no log" in answer.reason
    other = MiniSigstore(tmp_path / "other")
    sign(registry, "keyless/key-elsewhere", other, by)
    answer = await verify(tmp_path, registry, "keyless/key-elsewhere", key)
    assert isinstance(answer, Unsigned)
    assert "of no log of the trust root" in answer.reason


@pytest.mark.parametrize("kind", ["statement", "manifest"])
async def test_a_key_verifies_bundles_with_and_without_a_log(
    registry: RunningRegistry, sigstore: MiniSigstore, tmp_path: Path, kind: str
) -> None:
    by, name = By(new_key()), f"keyless/key-{kind}"
    ref = TrustRootRef("mini", json.dumps(sigstore.trusted_root()))
    built = pushed(registry, name)
    if kind == "statement":
        bundle = sigstore.envelope_bundle(by, statement(built.digest))
    else:
        bundle = sigstore.message_bundle(by, built.body)
    push_referring(registry.host, name, built, [json.dumps(bundle).encode()])
    for log in (None, TransparencyLog("", ref)):
        key = Key(name="ours", path=f"{PATH}.key", key=KeyRef(data=pem_of(by.key).decode()), log=log)
        assert isinstance(await verify(tmp_path, registry, name, key), Signed)
        other = Key(name="ours", path=f"{PATH}.key", key=KeyRef(data=pem_of(new_key()).decode()), log=log)
        assert isinstance(await verify(tmp_path, registry, name, other), Unsigned)
