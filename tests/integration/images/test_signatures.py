"""Images signed by cosign, in a real registry, verified by Tocsin.

Not covered: RSA and Ed25519 keys made by cosign, keyless signatures, attestations.
"""

import base64
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from evaluator.asking import StatementJudge
from evaluator.images.credentials import DockerConfig
from evaluator.images.opening import Images
from evaluator.images.signatures.public_keys import is_signed, load_key
from evaluator.images.signatures.simple_signing import SIGNATURE_ANNOTATION, plain_candidate
from evaluator.images.signatures.trust import NoTrustError
from evaluator.policies.model_authorities import Key, KeyRef, Source
from evaluator.policies.signatures import Signed, Unsigned, Unverified, Verification
from pipeline.bus import Record
from pipeline.events import Event, EventType, Outcome, PolicyApplied, Topic, policy_key, source_of
from tests.images import config, image, push
from tests.integration.images.conftest import image_settings
from tests.integration.images.test_verdicts import CLUSTER, NOW, running
from tests.registry import RunningRegistry
from tests.signing import NOTHING, Cosign
from tests.unit.evaluator.policy_objects import policy_object

MESSAGE = b"what was signed"


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Cosign:
    return Cosign(tmp_path_factory.mktemp("cosign") / "ours")


def authority(text: str, algorithm: str = "sha256") -> Key:
    key = KeyRef(data=text, hash_algorithm=algorithm)
    return Key(name="ours", path="spec.authorities[0].key", key=key)


async def verify(folder: Path, host: str, name: str, key: Key, digest: str = "") -> Verification:
    settings = image_settings(folder, host)
    async with Images.start(settings) as images:
        keychain = DockerConfig(settings.docker_config, 1.0)
        return await images.signatures.verify(
            (name, digest), key, keychain, keychain, StatementJudge(NOTHING, {})
        )


async def test_a_signature_under_the_tag_of_the_digest_verifies(
    registry: RunningRegistry, ours: Cosign, tmp_path: Path
) -> None:
    digest = push(registry.host, "signed/web", "1", image())
    name = f"{registry.host}/signed/web"
    ours.sign(f"{name}@{digest}")
    by_tag = await verify(tmp_path, registry.host, f"{name}:1", authority(ours.public_key))
    assert isinstance(by_tag, Signed)
    by_digest = await verify(tmp_path, registry.host, f"{name}@{digest}", authority(ours.public_key))
    assert by_digest == by_tag


async def test_a_signature_that_refers_to_the_image_verifies(
    registry: RunningRegistry, ours: Cosign, tmp_path: Path
) -> None:
    digest = push(registry.host, "signed/referred", "1", image(config(user="7")))
    name = f"{registry.host}/signed/referred@{digest}"
    ours.sign(name, "--registry-referrers-mode=oci-1-1", COSIGN_EXPERIMENTAL="1")
    found = await verify(tmp_path, registry.host, name, authority(ours.public_key))
    assert isinstance(found, Signed)


async def test_a_bundle_that_refers_to_the_image_verifies(
    registry: RunningRegistry, ours: Cosign, tmp_path: Path
) -> None:
    digest = push(registry.host, "signed/bundled", "1", image(config(user="8")))
    name = f"{registry.host}/signed/bundled@{digest}"
    ours.sign(name, "--new-bundle-format")
    found = await verify(tmp_path, registry.host, name, authority(ours.public_key))
    assert isinstance(found, Signed)


async def test_signatures_in_a_repository_of_their_own_are_found_where_the_source_says(
    registry: RunningRegistry, ours: Cosign, tmp_path: Path
) -> None:
    digest = push(registry.host, "signed/apart", "1", image(config(user="9")))
    name, elsewhere = f"{registry.host}/signed/apart@{digest}", f"{registry.host}/signed/signatures"
    ours.sign(name, COSIGN_REPOSITORY=elsewhere)
    key = authority(ours.public_key)
    beside = await verify(tmp_path, registry.host, name, key)
    assert isinstance(beside, Unsigned)
    found = await verify(tmp_path, registry.host, name, replace(key, source=Source(oci=elsewhere)))
    assert isinstance(found, Signed)


async def test_no_signature_another_key_and_another_image_are_not_signed(
    registry: RunningRegistry, ours: Cosign, tmp_path: Path
) -> None:
    host, name = registry.host, f"{registry.host}/signed/one"
    signed = push(host, "signed/one", "1", image(config(user="1")))
    bare = push(host, "signed/one", "2", image(config(user="2")))
    ours.sign(f"{name}@{signed}")
    unsigned = await verify(tmp_path, host, f"{name}:2", authority(ours.public_key))
    assert unsigned == Unsigned(f"no signature of {name}@{bare}")
    theirs = Cosign(tmp_path / "theirs")
    other = await verify(tmp_path, host, f"{name}:1", authority(theirs.public_key))
    assert other == Unsigned(f"no signature of {name}@{signed} verifies: not by this key (1)")


async def test_a_registry_that_is_not_there_leaves_it_unknown(ours: Cosign, tmp_path: Path) -> None:
    found = await verify(tmp_path, "127.0.0.1:1", "127.0.0.1:1/app:1", authority(ours.public_key))
    assert isinstance(found, Unverified)


async def test_a_policy_sees_the_signatures_and_one_image_has_one_verdict(
    registry: RunningRegistry, ours: Cosign, tmp_path: Path
) -> None:
    name = f"{registry.host}/signed/judged"
    ours.sign(f"{name}@{push(registry.host, 'signed/judged', '1', image(config(user='11')))}")
    push(registry.host, "signed/judged", "2", image(config(user="12")))
    text = "package sigstore\nisCompliant { count(input.authorityMatches.ours.signatures) == 1 }"
    authorities = [{"name": "ours", "key": {"data": ours.public_key}}]
    body = policy_object(authorities=authorities, policy={"type": "rego", "data": text})
    policy = PolicyApplied(cluster=CLUSTER, name="signed", digest="1", object=body)
    event = Event(
        type=EventType.POLICY_APPLIED,
        source=source_of(CLUSTER),
        id="1",
        time=NOW,
        subject="s",
        key=policy_key(CLUSTER, "signed"),
        data=policy,
    )
    async with running(tmp_path, registry) as cluster:
        await cluster.bus.publish([Record(Topic.POLICIES, policy_key(CLUSTER, "signed"), event)])
        await cluster.pod("a", f"{name}:1", f"{name}:2")
        signed, bare = await cluster.settled(f"a/signed/{name}:1", f"a/signed/{name}:2")
    assert (signed.outcome, signed.message) == (Outcome.PASS, "")
    assert bare.outcome is Outcome.FAIL
    assert bare.message.startswith(f"ours: no signature of {name}@sha256:")


_EC, _ED, _RSA = (
    ec.generate_private_key(ec.SECP256R1()),
    ed25519.Ed25519PrivateKey.generate(),
    rsa.generate_private_key(public_exponent=65537, key_size=2048),
)
_SIGNED = (
    (_EC, _EC.sign(MESSAGE, ec.ECDSA(SHA256()))),
    (_ED, _ED.sign(MESSAGE)),
    (_RSA, _RSA.sign(MESSAGE, padding.PKCS1v15(), SHA256())),
)


def pem(der: bytes) -> str:
    return f"-----BEGIN PUBLIC KEY-----\n{base64.b64encode(der).decode()}\n-----END PUBLIC KEY-----\n"


def verifies(der: bytes, signature: bytes, message: bytes) -> bool:
    try:
        return is_signed(load_key(pem(der)), "sha256", signature, message)
    except NoTrustError:
        return False


@given(st.integers(0, 2), st.integers(0, 2), st.integers(0), st.integers(1, 255))
def test_every_change_of_one_byte_of_message_signature_or_key_is_refused(
    which: int, part: int, place: int, change: int
) -> None:
    private, signature = _SIGNED[which]
    der = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert verifies(der, signature, MESSAGE)
    parts = [bytearray(der), bytearray(signature), bytearray(MESSAGE)]
    parts[part][place % len(parts[part])] ^= change
    assert not verifies(*map(bytes, parts))


@given(st.integers(0, 70), st.characters(codec="ascii"))
def test_every_change_of_one_character_of_the_digest_is_refused(place: int, other: str) -> None:
    digest = "sha256:" + "0123456789abcdef" * 4
    changed = digest[:place] + other + digest[place + 1 :]
    payload = (
        '{"critical": {"identity": {"docker-reference": "r/a"}, "image": {"docker-manifest-digest": "%s"},'
        ' "type": "cosign container image signature"}, "optional": null}'
    )
    signed = plain_candidate((payload % digest).encode(), {SIGNATURE_ANNOTATION: ""}, changed)
    assert signed.is_about_it is (changed == digest)
