"""A timestamp authority (RFC 3161): its certificates, and `openssl ts` to answer with them."""

import shutil
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import (
    AuthorityKeyIdentifier,
    BasicConstraints,
    Certificate,
    CertificateBuilder,
    ExtendedKeyUsage,
    SubjectKeyIdentifier,
    random_serial_number,
)
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.sigstore.authorities import PrivateKey, authority, name, new_key, usage

_CONFIG = """
[tsa]
default_tsa = own
[own]
serial = {folder}/serial
crypto_device = builtin
signer_digest = sha256
default_policy = 1.2.3.4
digests = sha256
ess_cert_id_alg = sha256
"""


@dataclass(slots=True)
class TimestampAuthority:
    """A root, and a certificate that signs timestamps of the clock of this machine."""

    folder: Path
    root_key: PrivateKey = field(default_factory=new_key)
    key: PrivateKey = field(default_factory=new_key)
    root: Certificate = field(init=False)
    certificate: Certificate = field(init=False)

    def __post_init__(self) -> None:
        self.root = authority("stamp-root", self.root_key)
        now = datetime.now(UTC).replace(microsecond=0)
        self.certificate = (
            CertificateBuilder()
            .subject_name(name("stamps"))
            .issuer_name(self.root.subject)
            .public_key(self.key.public_key())
            .serial_number(random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=365))
            .add_extension(BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(usage(signs=True), critical=True)
            .add_extension(ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
            .add_extension(SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False)
            .add_extension(
                AuthorityKeyIdentifier.from_issuer_public_key(self.root_key.public_key()), critical=False
            )
            .sign(self.root_key, SHA256())
        )
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "serial").write_text("01")
        (self.folder / "config").write_text(_CONFIG.format(folder=self.folder))
        (self.folder / "signer.pem").write_bytes(self.certificate.public_bytes(Encoding.PEM))
        key = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (self.folder / "key.pem").write_bytes(key)

    @property
    def chain(self) -> list[Certificate]:
        return [self.certificate, self.root]

    def stamp(self, message: bytes) -> bytes:
        """A response about a message, in DER. The time is now."""
        openssl = shutil.which("openssl")
        if openssl is None:
            pytest.skip("openssl is not installed: no timestamps can be made here")
        data, query, answer = (self.folder / each for each in ("data", "query", "answer"))
        data.write_bytes(message)
        _run([openssl, "ts", "-query", "-data", str(data), "-sha256", "-cert", "-out", str(query)])
        _run(
            [
                *(openssl, "ts", "-reply", "-queryfile", str(query), "-out", str(answer)),
                *("-config", str(self.folder / "config"), "-section", "own"),
                *("-signer", str(self.folder / "signer.pem"), "-inkey", str(self.folder / "key.pem")),
            ]
        )
        return answer.read_bytes()


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=60)
