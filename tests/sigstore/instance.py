"""All of a miniature Sigstore, the trust roots that name it, and signatures made with it."""

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate

from tests.sigstore.authorities import CertificateLog, Fulcio, PrivateKey, new_key, spki
from tests.sigstore.log import Rekor, Taken, b64
from tests.sigstore.stamps import TimestampAuthority

BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
IN_TOTO = "application/vnd.in-toto+json"
_START = "2015-01-01T00:00:00Z"


def pae(kind: str, payload: bytes) -> bytes:
    """What DSSE signs."""
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind.encode(), len(payload), payload)


def pem_of(key: PrivateKey) -> bytes:
    return b"-----BEGIN PUBLIC KEY-----\n" + base64.encodebytes(spki(key)) + b"-----END PUBLIC KEY-----\n"


@dataclass(slots=True)
class Signer:
    """A key, and the certificate that goes with it (none for somebody who is known by the key)."""

    key: PrivateKey
    certificate: Certificate | None = None

    def sign(self, message: bytes) -> bytes:
        return self.key.sign(message, ec.ECDSA(SHA256()))

    @property
    def pem(self) -> bytes:
        if self.certificate is None:
            return pem_of(self.key)
        return self.certificate.public_bytes(Encoding.PEM)


@dataclass(slots=True)
class MiniSigstore:
    """Fulcio, Rekor, a certificate log and a timestamp authority, all with keys of their own."""

    folder: Path
    certificates: CertificateLog = field(default_factory=CertificateLog)
    rekor: Rekor = field(default_factory=Rekor)
    fulcio: Fulcio = field(init=False)
    stamps: TimestampAuthority = field(init=False)

    def __post_init__(self) -> None:
        self.fulcio = Fulcio(self.certificates)
        self.stamps = TimestampAuthority(self.folder / "stamps")

    def signer(self, subject: str = "ci@example.com", **more: Any) -> Signer:
        """Somebody with a fresh certificate; see `Fulcio.issue`."""
        key = new_key()
        return Signer(key, self.fulcio.issue(key, subject, **more))

    def trusted_root(self, *, stamps: bool = True) -> dict[str, Any]:
        """`trusted_root.json`."""
        chain = [self.fulcio.intermediate, self.fulcio.root]
        return {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [_log(self.rekor.key, "https://rekor.example.com")],
            "certificateAuthorities": [_authority(chain)],
            "ctlogs": [_log(self.certificates.key, "https://ct.example.com")],
            "timestampAuthorities": [_authority(self.stamps.chain)] if stamps else [],
        }

    def trust_root(self, name: str) -> dict[str, Any]:
        """A TrustRoot object with the same in it."""
        chain = [self.fulcio.intermediate, self.fulcio.root]
        keys = {
            "certificateAuthorities": [_own_authority(chain)],
            "tLogs": [_own_log(self.rekor.key)],
            "ctLogs": [_own_log(self.certificates.key)],
            "timestampAuthorities": [_own_authority(self.stamps.chain)],
        }
        return {
            "apiVersion": "policy.sigstore.dev/v1alpha1",
            "kind": "TrustRoot",
            "metadata": {"name": name},
            "spec": {"sigstoreKeys": keys},
        }

    def take(self, signer: Signer, signature: bytes, digest: str, at: datetime | None = None) -> Taken:
        """A hashedrekord of the log. `digest`: hexadecimal."""
        body = {
            "apiVersion": "0.0.1",
            "kind": "hashedrekord",
            "spec": {
                "data": {"hash": {"algorithm": "sha256", "value": digest}},
                "signature": {"content": b64(signature), "publicKey": {"content": b64(signer.pem)}},
            },
        }
        return self.rekor.take(body, at or datetime.now(UTC))

    def take_envelope(
        self, signer: Signer, signature: bytes, payload: bytes, envelope: bytes, at: datetime | None = None
    ) -> Taken:
        """A dsse entry of the log."""
        body = {
            "apiVersion": "0.0.1",
            "kind": "dsse",
            "spec": {
                "envelopeHash": {"algorithm": "sha256", "value": hashlib.sha256(envelope).hexdigest()},
                "payloadHash": {"algorithm": "sha256", "value": hashlib.sha256(payload).hexdigest()},
                "signatures": [{"signature": b64(signature), "verifier": b64(signer.pem)}],
            },
        }
        return self.rekor.take(body, at or datetime.now(UTC))

    def annotations(
        self,
        signer: Signer,
        payload: bytes,
        *,
        at: datetime | None = None,
        logged: bool = True,
        stamped: bool = False,
    ) -> dict[str, str]:
        """What cosign writes beside a payload that it signs."""
        signature = signer.sign(payload)
        found = {"dev.cosignproject.cosign/signature": b64(signature)}
        if signer.certificate is not None:
            chain = (self.fulcio.intermediate, self.fulcio.root)
            found["dev.sigstore.cosign/certificate"] = signer.pem.decode()
            found["dev.sigstore.cosign/chain"] = "".join(
                each.public_bytes(Encoding.PEM).decode() for each in chain
            )
        if logged:
            taken = self.take(signer, signature, hashlib.sha256(payload).hexdigest(), at)
            found["dev.sigstore.cosign/bundle"] = taken.annotation()
        if stamped:
            stamp = {"SignedRFC3161Timestamp": b64(self.stamps.stamp(signature))}
            found["dev.sigstore.cosign/rfc3161timestamp"] = json.dumps(stamp)
        return found

    def message_bundle(self, signer: Signer, message: bytes, **more: Any) -> dict[str, Any]:
        """A bundle with a signature of a message that is elsewhere."""
        signature, digest = signer.sign(message), hashlib.sha256(message)
        taken = self.take(signer, signature, digest.hexdigest(), more.get("at"))
        return {
            **self._bundle(signer, signature, taken, **more),
            "messageSignature": {
                "messageDigest": {"algorithm": "SHA2_256", "digest": b64(digest.digest())},
                "signature": b64(signature),
            },
        }

    def envelope_bundle(self, signer: Signer, payload: bytes, **more: Any) -> dict[str, Any]:
        """A bundle with an in-toto statement."""
        signature = signer.sign(pae(IN_TOTO, payload))
        envelope = {"payload": b64(payload), "payloadType": IN_TOTO, "signatures": [{"sig": b64(signature)}]}
        taken = self.take_envelope(signer, signature, payload, json.dumps(envelope).encode(), more.get("at"))
        return {**self._bundle(signer, signature, taken, **more), "dsseEnvelope": envelope}

    def _bundle(
        self,
        signer: Signer,
        signature: bytes,
        taken: Taken,
        *,
        at: datetime | None = None,  # noqa: ARG002 - of the entry
        promised: bool = True,
        stamped: bool = False,
        logged: bool = True,
    ) -> dict[str, Any]:
        material: dict[str, Any] = {"tlogEntries": [taken.bundled(promised=promised)] if logged else []}
        if signer.certificate is None:
            material["publicKey"] = {"hint": "key"}
        else:
            material["certificate"] = {"rawBytes": b64(signer.certificate.public_bytes(Encoding.DER))}
        if stamped:
            stamps = [{"signedTimestamp": b64(self.stamps.stamp(signature))}]
            material["timestampVerificationData"] = {"rfc3161Timestamps": stamps}
        return {"mediaType": BUNDLE, "verificationMaterial": material}


def statement(digest: str, predicate_type: str = "https://sigstore.dev/cosign/sign/v1") -> bytes:
    """An in-toto statement about an image. `digest`: `sha256:HEX`."""
    value = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"digest": {"sha256": digest.removeprefix("sha256:")}}],
        "predicateType": predicate_type,
        "predicate": {},
    }
    return json.dumps(value).encode()


def payload_of(digest: str, reference: str = "registry.example.com/app") -> bytes:
    """What cosign signs of an image: a simple-signing document."""
    critical = {
        "identity": {"docker-reference": reference},
        "image": {"docker-manifest-digest": digest},
        "type": "cosign container image signature",
    }
    return json.dumps({"critical": critical, "optional": None}).encode()


def _log(key: PrivateKey, url: str) -> dict[str, Any]:
    return {
        "baseUrl": url,
        "hashAlgorithm": "SHA2_256",
        "publicKey": {
            "rawBytes": b64(spki(key)),
            "keyDetails": "PKIX_ECDSA_P256_SHA_256",
            "validFor": {"start": _START},
        },
        "logId": {"keyId": b64(hashlib.sha256(spki(key)).digest())},
    }


def _authority(chain: Sequence[Certificate]) -> dict[str, Any]:
    certificates = [{"rawBytes": b64(each.public_bytes(Encoding.DER))} for each in chain]
    return {
        "subject": {"organization": "mini", "commonName": "mini"},
        "uri": "https://fulcio.example.com",
        "certChain": {"certificates": certificates},
        "validFor": {"start": _START},
    }


def _own_authority(chain: Sequence[Certificate]) -> dict[str, Any]:
    pem = b"".join(each.public_bytes(Encoding.PEM) for each in chain)
    subject = {"organization": "mini", "commonName": "mini"}
    return {"subject": subject, "uri": "https://fulcio.example.com", "certChain": b64(pem)}


def _own_log(key: PrivateKey) -> dict[str, Any]:
    return {"baseURL": "https://rekor.example.com", "hashAlgorithm": "sha256", "publicKey": b64(pem_of(key))}
