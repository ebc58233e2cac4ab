"""Keys of every kind, and what is changed by one byte, through a real registry.

Not covered: keys from Secrets (`tests/integration/kube/test_policy_keys.py`).
"""

import base64
import json
import random
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA224, SHA256, SHA384, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from evaluator.asking import StatementJudge
from evaluator.images.media import MediaType
from evaluator.images.opening import Images
from evaluator.policies.model_authorities import Key, KeyRef, Source
from evaluator.policies.signatures import Signed, Unsigned, Unverified, Verification
from tests.images import Built, config, described, image, index, push
from tests.integration.images.conftest import image_settings
from tests.registry import RunningRegistry
from tests.signing import NOTHING, Cosign, signature_manifest, simple_signing, tag_of

HASHES: dict[str, HashAlgorithm] = {
    "sha224": SHA224(),
    "sha256": SHA256(),
    "sha384": SHA384(),
    "sha512": SHA512(),
}
EMPTY = "application/vnd.oci.empty.v1+json"
CHANGES = 48
"""Bytes that are changed, of the payload and of its signature, each in the registry."""


def authority(text: str, algorithm: str = "sha256", source: Source = Source()) -> Key:  # noqa: B008 - frozen
    key = KeyRef(data=text, hash_algorithm=algorithm)
    return Key(name="ours", path="spec.authorities[0].key", key=key, source=source)


def pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    form = PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(Encoding.PEM, form).decode()


async def verify(images: Images, name: str, key: Key) -> Verification:
    return await images.signatures.verify((name, ""), key, images.keychain, images.keychain, JUDGE)


JUDGE = StatementJudge(NOTHING, {})


@pytest.mark.parametrize(
    ("kind", "algorithm"), [("p256", "sha256"), ("p384", "sha384"), ("p521", "sha512"), ("rsa", "sha256")]
)
async def test_what_cosign_signs_with_a_key_of_any_kind_verifies(
    registry: RunningRegistry, tmp_path: Path, kind: str, algorithm: str
) -> None:
    repository = f"keys/{kind}"
    name = f"{registry.host}/{repository}@{push(registry.host, repository, '1', image(config(user=kind)))}"
    ours, theirs = Cosign(tmp_path / "ours", kind), Cosign(tmp_path / "theirs", kind)
    ours.sign(name)
    async with Images.start(image_settings(tmp_path, registry.host)) as images:
        assert isinstance(await verify(images, name, authority(ours.public_key, algorithm)), Signed)
        assert await verify(images, name, authority(theirs.public_key, algorithm)) == Unsigned(
            f"no signature of {name} verifies: not by this key (1)"
        )


async def test_ed25519_verifies_and_what_cosign_hashes_before_is_refused_as_admission_refuses_it(
    registry: RunningRegistry, tmp_path: Path
) -> None:
    """What cosign signs is Ed25519ph, policy-controller verifies Ed25519: see docs/guides/signatures.md."""
    hashed = push(registry.host, "keys/ed25519", "1", image(config(user="1")))
    plain = push(registry.host, "keys/ed25519", "2", image(config(user="2")))
    bundled = push(registry.host, "keys/ed25519", "3", image(config(user="3")))
    ours, name = Cosign(tmp_path / "ours", "ed25519"), f"{registry.host}/keys/ed25519"
    ours.sign(f"{name}@{hashed}")
    ours.sign(f"{name}@{bundled}", "--new-bundle-format")
    payload = simple_signing(plain)
    private = load_pem_private_key((tmp_path / "ours" / "private.pem").read_bytes(), None)
    assert isinstance(private, ed25519.Ed25519PrivateKey)
    built = signature_manifest(payload, base64.b64encode(private.sign(payload)).decode())
    push(registry.host, "keys/ed25519", tag_of(plain), built)
    key = authority(ours.public_key)
    async with Images.start(image_settings(tmp_path, registry.host)) as images:
        assert isinstance(await verify(images, f"{name}@{plain}", key), Signed)
        assert isinstance(await verify(images, f"{name}@{hashed}", key), Unsigned)
        assert isinstance(await verify(images, f"{name}@{bundled}", key), Unsigned)


@pytest.mark.parametrize("algorithm", HASHES)
@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
async def test_the_hash_is_the_one_that_the_policy_names(
    registry: RunningRegistry, tmp_path: Path, kind: str, algorithm: str
) -> None:
    repository = f"keys/{kind}-{algorithm}"
    digest = push(registry.host, repository, "1", image())
    payload, hashed = simple_signing(digest), HASHES[algorithm]
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
    if kind == "rsa":
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        signature = key.sign(payload, padding.PKCS1v15(), hashed)
    else:
        key = ec.generate_private_key(ec.SECP384R1())
        signature = key.sign(payload, ec.ECDSA(hashed))
    built = signature_manifest(payload, base64.b64encode(signature).decode())
    push(registry.host, repository, tag_of(digest), built)
    name = f"{registry.host}/{repository}@{digest}"
    async with Images.start(image_settings(tmp_path, registry.host)) as images:
        for other in HASHES:
            found = await verify(images, name, authority(pem(key), other))
            assert isinstance(found, Signed) is (other == algorithm), other


async def test_rsa_with_pss_is_refused_as_cosign_refuses_it(
    registry: RunningRegistry, tmp_path: Path
) -> None:
    digest = push(registry.host, "keys/pss", "1", image())
    payload, key = simple_signing(digest), rsa.generate_private_key(public_exponent=65537, key_size=2048)
    signature = key.sign(payload, padding.PSS(padding.MGF1(SHA256()), 32), SHA256())
    built = signature_manifest(payload, base64.b64encode(signature).decode())
    push(registry.host, "keys/pss", tag_of(digest), built)
    name = f"{registry.host}/keys/pss@{digest}"
    async with Images.start(image_settings(tmp_path, registry.host)) as images:
        assert isinstance(await verify(images, name, authority(pem(key))), Unsigned)


def _other_byte(body: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(body))
    return body[:place] + bytes([body[place] ^ chance.randrange(1, 256)]) + body[place + 1 :]


@pytest.mark.parametrize("part", ["payload", "signature"])
async def test_one_byte_that_is_changed_in_the_registry_is_refused(
    registry: RunningRegistry, tmp_path: Path, part: str
) -> None:
    repository = f"keys/changed-{part}"
    digest = push(registry.host, repository, "1", image())
    key = ec.generate_private_key(ec.SECP256R1())
    payload = simple_signing(digest)
    signature = key.sign(payload, ec.ECDSA(SHA256()))
    name, chance = f"{registry.host}/{repository}@{digest}", random.Random(6)  # noqa: S311 - no secret

    async def judged(payload: bytes, signature: bytes) -> Verification:
        built = signature_manifest(payload, base64.b64encode(signature).decode())
        push(registry.host, repository, tag_of(digest), built)
        return await verify(images, name, authority(pem(key)))

    settings = image_settings(tmp_path, registry.host, tag_ttl=0.0, failure_ttl=0.0)
    async with Images.start(settings) as images:
        assert isinstance(await judged(payload, signature), Signed)
        for _ in range(CHANGES):
            if part == "payload":
                answer = await judged(_other_byte(payload, chance), signature)
            else:
                answer = await judged(payload, _other_byte(signature, chance))
            assert isinstance(answer, Unsigned), answer
        assert isinstance(await judged(payload, signature), Signed)


async def test_signatures_under_tags_with_a_prefix_are_found_where_the_source_says(
    registry: RunningRegistry, tmp_path: Path
) -> None:
    ours = Cosign(tmp_path / "ours")
    name = f"{registry.host}/keys/prefix@{push(registry.host, 'keys/prefix', '1', image())}"
    ours.sign(name, "--attachment-tag-prefix", "release-")
    async with Images.start(image_settings(tmp_path, registry.host)) as images:
        assert isinstance(await verify(images, name, authority(ours.public_key)), Unsigned)
        source = Source(tag_prefix="release-")
        assert isinstance(await verify(images, name, authority(ours.public_key, source=source)), Signed)


async def test_with_the_network_off_what_was_seen_before_is_known_and_the_rest_is_not(
    registry: RunningRegistry, tmp_path: Path
) -> None:
    ours = Cosign(tmp_path / "ours")
    signed, other = (
        f"{registry.host}/keys/offline@{push(registry.host, 'keys/offline', tag, image(config(user=tag)))}"
        for tag in ("1", "2")
    )
    ours.sign(signed)
    ours.sign(other)
    key = authority(ours.public_key)
    async with Images.start(image_settings(tmp_path, registry.host)) as images:
        assert isinstance(await verify(images, signed, key), Signed)
    before = len(registry.asked())
    async with Images.start(image_settings(tmp_path, registry.host, offline=True)) as images:
        assert isinstance(await verify(images, signed, key), Signed)
        unknown = await verify(images, other, key)
    assert isinstance(unknown, Unverified)
    assert unknown.reason.endswith("not in the cache, and the network is off (setting offline)")
    assert len(registry.asked()) == before


async def test_a_signed_image_costs_three_requests_however_many_ask(
    registry: RunningRegistry, tmp_path: Path
) -> None:
    ours = Cosign(tmp_path / "ours")
    digest = push(registry.host, "keys/counted", "1", image())
    ours.sign(f"{registry.host}/keys/counted@{digest}")
    before = len(registry.asked())
    async with Images.start(image_settings(tmp_path, registry.host)) as images:
        for _ in range(5):
            found = await verify(images, f"{registry.host}/keys/counted:1", authority(ours.public_key))
            assert isinstance(found, Signed)
    asked = [each for each in registry.asked()[before:] if "/keys/counted/" in each[1]]
    assert [(method, path.rpartition("/")[2].partition(":")[0]) for method, path in asked] == [
        ("HEAD", "1"),
        ("GET", tag_of(digest)),
        ("GET", "sha256"),
    ]


async def test_an_image_with_too_many_manifests_that_may_be_signatures_is_an_error(
    registry: RunningRegistry, tmp_path: Path
) -> None:
    """Anybody who may push beside an image may push a thousand of them."""
    built = image(config(user="many"))
    digest = push(registry.host, "keys/many", "1", built)
    descriptors = []
    for number in range(70):
        about = {"artifactType": EMPTY, "subject": built.descriptor, "annotations": {"n": str(number)}}
        manifest = {"schemaVersion": 2, "mediaType": MediaType.OCI_MANIFEST, "layers": [], **about}
        body = json.dumps({**manifest, "config": described(b"{}", EMPTY)}).encode()
        referring = Built(body, MediaType.OCI_MANIFEST, (b"{}",))
        push(registry.host, "keys/many", referring.digest, referring)
        descriptors.append(referring.descriptor | {"artifactType": EMPTY})
    push(registry.host, "keys/many", digest.replace(":", "-"), index(more=descriptors))
    before = len(registry.asked())
    key = ec.generate_private_key(ec.SECP256R1())
    async with Images.start(image_settings(tmp_path, registry.host)) as images:
        found = await verify(images, f"{registry.host}/keys/many@{digest}", authority(pem(key)))
    assert isinstance(found, Unverified)
    assert "more than 64 manifests that may hold a signature" in found.reason
    assert len(registry.asked()) - before < 70
