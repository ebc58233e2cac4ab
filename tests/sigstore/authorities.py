"""A certificate authority as Fulcio is one, and the log of certificates that it submits to."""

import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import (
    AuthorityKeyIdentifier,
    BasicConstraints,
    Certificate,
    CertificateBuilder,
    ExtendedKeyUsage,
    GeneralName,
    KeyUsage,
    Name,
    NameAttribute,
    ObjectIdentifier,
    RFC822Name,
    SubjectAlternativeName,
    SubjectKeyIdentifier,
    UniformResourceIdentifier,
    UnrecognizedExtension,
    random_serial_number,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

ISSUER = "https://token.example.com"
_FULCIO = "1.3.6.1.4.1.57264.1"
_SCT_LIST = ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_YEARS = timedelta(days=3650)

PrivateKey = ec.EllipticCurvePrivateKey


def new_key() -> PrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def spki(key: PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def usage(*, signs: bool = False, issues: bool = False) -> KeyUsage:
    return KeyUsage(
        digital_signature=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=issues,
        crl_sign=issues,
        encipher_only=False,
        decipher_only=False,
    )


def name(common: str) -> Name:
    return Name(
        [NameAttribute(NameOID.ORGANIZATION_NAME, "mini"), NameAttribute(NameOID.COMMON_NAME, common)]
    )


def authority(
    common: str, key: PrivateKey, issuer: Certificate | None = None, issuer_key: PrivateKey | None = None
) -> Certificate:
    """A certificate that may issue others: its own issuer where none is given."""
    now = datetime.now(UTC).replace(microsecond=0)
    above = issuer_key or key
    public = above.public_key()
    builder = (
        CertificateBuilder()
        .subject_name(name(common))
        .issuer_name(issuer.subject if issuer else name(common))
        .public_key(key.public_key())
        .serial_number(random_serial_number())
        .not_valid_before(now - _YEARS)
        .not_valid_after(now + _YEARS)
        .add_extension(BasicConstraints(ca=True, path_length=None if issuer is None else 0), critical=True)
        .add_extension(usage(issues=True), critical=True)
        .add_extension(SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
    )
    return builder.sign(above, SHA256())


def der_text(text: str) -> bytes:
    """A DER UTF8String, of fewer than 256 bytes."""
    body = text.encode()
    head = b"\x0c" + (bytes([len(body)]) if len(body) < 128 else bytes([0x81, len(body)]))
    return head + body


@dataclass(slots=True)
class CertificateLog:
    """A certificate transparency log that signs whatever it is given."""

    key: PrivateKey = field(default_factory=new_key)

    @property
    def id(self) -> bytes:
        return hashlib.sha256(spki(self.key)).digest()

    def promise(self, tbs: bytes, issuer: PrivateKey, time: datetime) -> bytes:
        """A signed certificate timestamp list (RFC 6962, section 3.3), as the extension has it."""
        milliseconds = (time - _EPOCH) // timedelta(milliseconds=1)
        head = struct.pack("!BBQH", 0, 0, milliseconds, 1)
        entry = hashlib.sha256(spki(issuer)).digest() + len(tbs).to_bytes(3) + tbs
        signature = self.key.sign(head + entry + b"\0\0", ec.ECDSA(SHA256()))
        sct = b"\0" + self.id + struct.pack("!QH", milliseconds, 0) + b"\x04\x03"
        sct += len(signature).to_bytes(2) + signature
        listed = len(sct).to_bytes(2) + sct
        octets = len(listed).to_bytes(2) + listed
        head = b"\x04" + (bytes([len(octets)]) if len(octets) < 128 else bytes([0x81, len(octets)]))
        return head + octets


@dataclass(slots=True)
class Fulcio:
    """A root and an intermediate that issues short-lived certificates for signing code."""

    log: CertificateLog
    root_key: PrivateKey = field(default_factory=new_key)
    key: PrivateKey = field(default_factory=new_key)
    root: Certificate = field(init=False)
    intermediate: Certificate = field(init=False)

    def __post_init__(self) -> None:
        self.root = authority("root", self.root_key)
        self.intermediate = authority("intermediate", self.key, self.root, self.root_key)

    def issue(
        self,
        key: PrivateKey,
        subject: str = "ci@example.com",
        *,
        issuer: str = ISSUER,
        at: datetime | None = None,
        github: Mapping[int, str] | None = None,
        logged: bool = True,
        signs_code: bool = True,
        log: CertificateLog | None = None,
    ) -> Certificate:
        """For ten minutes from a minute before `at`. `github`: texts by the last number of their OIDs."""
        start = (at or datetime.now(UTC)).replace(microsecond=0) - timedelta(minutes=1)
        names: list[GeneralName] = [
            RFC822Name(subject) if "@" in subject else UniformResourceIdentifier(subject)
        ]
        purpose = ExtendedKeyUsageOID.CODE_SIGNING if signs_code else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = (
            CertificateBuilder()
            .subject_name(Name([]))
            .issuer_name(self.intermediate.subject)
            .public_key(key.public_key())
            .serial_number(random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + timedelta(minutes=10))
            .add_extension(usage(signs=True), critical=True)
            .add_extension(ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False
            )
            .add_extension(SubjectAlternativeName(names), critical=True)
            .add_extension(_extension(1, issuer.encode()), critical=False)
            .add_extension(_extension(8, der_text(issuer)), critical=False)
        )
        for number, text in (github or {}).items():
            builder = builder.add_extension(_extension(number, text.encode()), critical=False)
        if logged:
            tbs = builder.sign(self.key, SHA256()).tbs_certificate_bytes
            promise = (log or self.log).promise(tbs, self.key, start)
            builder = builder.add_extension(UnrecognizedExtension(_SCT_LIST, promise), critical=False)
        return builder.sign(self.key, SHA256())


def _extension(number: int, value: bytes) -> UnrecognizedExtension:
    return UnrecognizedExtension(ObjectIdentifier(f"{_FULCIO}.{number}"), value)
