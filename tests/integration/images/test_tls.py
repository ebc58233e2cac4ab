"""A registry with a certificate of an authority of its own."""

import ipaddress
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from evaluator.images.opening import Images
from evaluator.policies.configs import Found, ImageConfig, Unavailable
from pipeline.errors import UsageError
from pipeline.settings import ImageSettings
from tests.fakes.registry import FakeRegistry
from tests.images import image
from tests.integration.images.conftest import image_settings


def certificate(folder: Path) -> ssl.SSLContext:
    """A server's context; its certificate, which is its own authority, is in `ca.pem`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "registry of a test")])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "ca.pem").write_bytes(built.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    return context


async def find(settings: ImageSettings, host: str) -> Found:
    async with Images.start(settings) as images:
        return await images.configs.find((f"{host}/shop/web:1", ""), images.keychain)


async def test_its_authority_is_trusted_by_setting_only(tmp_path: Path) -> None:
    async with FakeRegistry().running(certificate(tmp_path)) as registry:
        registry.serve("shop/web", "1", image())
        settings = image_settings(tmp_path, private_registries=frozenset({registry.host}))
        refused = await find(settings, registry.host)
        assert not registry.asked
        trusted = await find(replace(settings, ca_file=str(tmp_path / "ca.pem")), registry.host)
    assert isinstance(refused, Unavailable)
    assert "TLS: " in refused.reason
    assert isinstance(trusted, ImageConfig)


async def test_a_file_that_holds_no_authority_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    with pytest.raises(UsageError, match="registry_ca_file"):
        await find(
            replace(image_settings(tmp_path), ca_file=str(tmp_path / "ca.pem")), "registry.example.com"
        )
