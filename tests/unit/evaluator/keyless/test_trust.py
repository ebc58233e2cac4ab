"""Trust roots in each of their forms."""

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import CertificateBuilder

from evaluator.images.keyless.outcomes import UnverifiableError
from evaluator.images.keyless.roots import TrustRoots
from evaluator.images.keyless.trust import Period, UnusableTrustRootError, read_trust_root
from evaluator.policies.model_authorities import TrustRootRef
from tests.sigstore.authorities import name, new_key
from tests.unit.evaluator.keyless.conftest import World


def test_a_trust_root_is_the_same_in_both_forms(world: World) -> None:
    one = read_trust_root(json.dumps(world.sigstore.trusted_root()))
    two = read_trust_root(json.dumps(world.sigstore.trust_root("mini")["spec"]))
    for part in ("authorities", "timestamp_authorities"):
        assert [each.certificates for each in getattr(one, part)] == [
            each.certificates for each in getattr(two, part)
        ]
    for part in ("logs", "certificate_logs"):
        assert [each.ids for each in getattr(one, part)] == [each.ids for each in getattr(two, part)]


def test_ids_of_logs_are_those_of_their_keys_whatever_a_text_says(world: World) -> None:
    """policy-controller keeps them as hexadecimal text."""
    root = world.sigstore.trusted_root()
    own = world.sigstore.rekor.id
    root["tlogs"][0]["logId"]["keyId"] = base64.b64encode(own.hex().encode()).decode()
    assert read_trust_root(json.dumps(root)).logs[0].ids == {own}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected trusted_root.json"),
        ("[]", "expected trusted_root.json"),
        ("{}", "names neither"),
        ('{"remote": {"mirror": "https://tuf.example.com"}}', "TUF repository"),
        ('{"repository": {"mirrorFS": ""}}', "TUF repository"),
        ('{"sigstoreKeys": {"certificateAuthorities": [{"certChain": "?"}]}}', "expected base64"),
        (
            '{"certificateAuthorities": [{"certChain": {"certificates": [{"rawBytes": "AAAA"}]}}]}',
            "cannot be read",
        ),
        ('{"certificateAuthorities": [{}]}', "expected 1 to 64 certificates"),
        ('{"tlogs": [{"publicKey": {"rawBytes": "AAAA"}}]}', "the key of a log"),
        (json.dumps({"tlogs": [{}] * 65}), "expected trusted_root.json"),
        ("[" * 100_000, "expected trusted_root.json"),
    ],
)
def test_what_is_no_trust_root_is_an_error_that_says_so(text: str, said: str) -> None:
    with pytest.raises(UnusableTrustRootError, match=said):
        read_trust_root(text)


def test_an_authority_with_a_key_that_nothing_is_verified_by_is_an_error() -> None:
    now = datetime.now(UTC)
    key = ed25519.Ed25519PrivateKey.generate()
    builder = CertificateBuilder().subject_name(name("a")).issuer_name(name("a")).serial_number(1)
    builder = builder.not_valid_before(now).not_valid_after(now + timedelta(1)).public_key(key.public_key())
    der = builder.sign(new_key(), SHA256()).public_bytes(Encoding.DER)
    chain = {"certificates": [{"rawBytes": base64.b64encode(der).decode()}]}
    with pytest.raises(UnusableTrustRootError, match="ECDSA or RSA"):
        read_trust_root(json.dumps({"certificateAuthorities": [{"certChain": chain}]}))


@pytest.mark.parametrize("part", ["tlogs", "ctlogs", "certificateAuthorities"])
def test_what_was_not_trusted_then_is_not_trusted(world: World, part: str) -> None:
    root: dict[str, Any] = world.sigstore.trusted_root()
    holder = root[part][0]
    holder = holder if part == "certificateAuthorities" else holder["publicKey"]
    holder["validFor"] = {"start": "2015-01-01T00:00:00Z", "end": "2016-01-01T00:00:00Z"}
    ref = TrustRootRef("old", json.dumps(root))
    authority = world.authority(trust_root=ref, log=None)
    answer = world.verify(world.enveloped(), authority)
    assert "trust" in getattr(answer, "reason", "")


def test_a_period_has_its_ends_in_it() -> None:
    start, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
    period = Period(start, end)
    assert period.covers(start)
    assert period.covers(end)
    assert not period.covers(end + timedelta(microseconds=1))
    assert not period.covers(start - timedelta(microseconds=1))
    assert Period().covers(start)


def test_a_file_is_read_again_when_it_is_replaced(world: World, tmp_path: Path) -> None:
    file = tmp_path / "trusted_root.json"
    file.write_text(json.dumps(world.sigstore.trusted_root()), encoding="utf-8")
    roots = TrustRoots(str(file))
    assert roots.of(None).timestamp_authorities
    file.write_text(json.dumps(world.sigstore.trusted_root(stamps=False)), encoding="utf-8")
    assert not roots.of(None).timestamp_authorities
    file.write_bytes(b"\xff" * 10)
    with pytest.raises(UnverifiableError, match="it is no text"):
        roots.of(None)
    file.write_text(" " * (1 << 20) + "{}", encoding="utf-8")
    with pytest.raises(UnverifiableError, match="expected at most"):
        roots.of(None)
