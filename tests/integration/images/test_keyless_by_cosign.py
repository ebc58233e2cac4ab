"""Tocsin and cosign, each verifying what the other does: of a Sigstore made for the tests.

Not covered: keys (`test_signatures`), what cosign would ask a log for.
"""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from evaluator.policies.model_authorities import WantedAttestation
from evaluator.policies.signatures import Attested, Signed, Unsigned
from tests.images import Built
from tests.integration.images.test_keyless import keyless, pushed, sign, sigstore, verify
from tests.registry import RunningRegistry
from tests.services import cosign
from tests.sigstore.authorities import ISSUER
from tests.sigstore.carrying import push_referring
from tests.sigstore.instance import MiniSigstore, pem_of, statement

__all__ = ["sigstore"]
PREDICATE = "https://example.com/scan/v1"


@pytest.fixture
def accepts(sigstore: MiniSigstore, tmp_path: Path, registry: RunningRegistry) -> Callable[..., bool]:
    """Whether cosign verifies an image by a subject, with the trust root of the Sigstore."""
    authorities = (sigstore.fulcio.root, sigstore.fulcio.intermediate)
    files = {
        "SIGSTORE_ROOT_FILE": b"".join(each.public_bytes(Encoding.PEM) for each in authorities),
        "SIGSTORE_REKOR_PUBLIC_KEY": pem_of(sigstore.rekor.key),
        "SIGSTORE_CT_LOG_PUBLIC_KEY_FILE": pem_of(sigstore.certificates.key),
    }
    (tmp_path / "root.json").write_text(json.dumps(sigstore.trusted_root()))
    for name, body in files.items():
        (tmp_path / name).write_bytes(body)

    def verified(name: str, built: Built, subject: str, *, bundled: bool = False) -> bool:
        more = (
            ["--new-bundle-format", "--trusted-root", str(tmp_path / "root.json")]
            if bundled
            else ["--offline"]
        )
        environment = {} if bundled else {key: str(tmp_path / key) for key in files}
        ran = subprocess.run(
            [
                *(str(cosign()), "verify", *more, "--allow-http-registry", "--certificate-identity", subject),
                *("--certificate-oidc-issuer", ISSUER, f"{registry.host}/{name}@{built.digest}"),
            ],
            env={"HOME": str(tmp_path), "PATH": os.environ["PATH"], **environment},
            capture_output=True,
            check=False,
            timeout=120,
        )
        return ran.returncode == 0

    return verified


async def test_cosign_says_the_same_of_a_signature_in_its_own_form(
    registry: RunningRegistry, sigstore: MiniSigstore, tmp_path: Path, accepts: Callable[..., bool]
) -> None:
    built = sign(registry, "by-cosign/plain", sigstore, sigstore.signer())
    assert accepts("by-cosign/plain", built, "ci@example.com")
    assert not accepts("by-cosign/plain", built, "boss@example.com")
    assert isinstance(await verify(tmp_path, registry, "by-cosign/plain", keyless(sigstore)), Signed)
    other = MiniSigstore(tmp_path / "other")
    built = sign(registry, "by-cosign/other", other, other.signer())
    assert not accepts("by-cosign/other", built, "ci@example.com")
    assert isinstance(await verify(tmp_path, registry, "by-cosign/other", keyless(sigstore)), Unsigned)


async def test_cosign_says_the_same_of_a_bundle(
    registry: RunningRegistry, sigstore: MiniSigstore, tmp_path: Path, accepts: Callable[..., bool]
) -> None:
    built = pushed(registry, "by-cosign/bundle")
    bundle = sigstore.envelope_bundle(sigstore.signer(), statement(built.digest))
    push_referring(registry.host, "by-cosign/bundle", built, [json.dumps(bundle).encode()])
    assert accepts("by-cosign/bundle", built, "ci@example.com", bundled=True)
    assert not accepts("by-cosign/bundle", built, "boss@example.com", bundled=True)
    assert isinstance(await verify(tmp_path, registry, "by-cosign/bundle", keyless(sigstore)), Signed)


def run_cosign(folder: Path, sigstore: MiniSigstore, *arguments: str) -> None:
    """cosign, with a key and a certificate of the Sigstore for it. No log is told."""
    signer = sigstore.signer()
    assert signer.certificate is not None
    pem = signer.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key.pem").write_bytes(pem)
    (folder / "certificate.pem").write_bytes(signer.certificate.public_bytes(Encoding.PEM))
    (folder / "ct.pem").write_bytes(pem_of(sigstore.certificates.key))
    chain = (sigstore.fulcio.intermediate, sigstore.fulcio.root)
    (folder / "chain.pem").write_bytes(b"".join(each.public_bytes(Encoding.PEM) for each in chain))
    own = {"COSIGN_PASSWORD": "", "HOME": str(folder), "PATH": os.environ["PATH"]}
    own["SIGSTORE_CT_LOG_PUBLIC_KEY_FILE"] = str(folder / "ct.pem")
    subprocess.run(
        [str(cosign()), "import-key-pair", "--key", "key.pem", "--output-key-prefix", "own"],
        cwd=folder,
        env=own,
        check=True,
        capture_output=True,
        timeout=120,
    )
    flags = ("--key", "own.key", "--certificate", "certificate.pem", "--certificate-chain", "chain.pem")
    subprocess.run(
        [
            str(cosign()),
            arguments[0],
            *flags,
            "--tlog-upload=false",
            "--allow-http-registry",
            "-y",
            *arguments[1:],
        ],
        cwd=folder,
        env=own,
        check=True,
        capture_output=True,
        timeout=120,
    )


async def test_what_cosign_signs_with_a_certificate_is_good_while_that_is(
    registry: RunningRegistry, sigstore: MiniSigstore, tmp_path: Path
) -> None:
    built = pushed(registry, "by-cosign/signed")
    run_cosign(tmp_path, sigstore, "sign", f"{registry.host}/by-cosign/signed@{built.digest}")
    unlogged = keyless(sigstore, log=None)
    answer = await verify(tmp_path / "a", registry, "by-cosign/signed", unlogged)
    assert isinstance(answer, Signed)
    assert answer.signatures[0].subject == "ci@example.com"


async def test_what_cosign_attests_with_a_certificate_says_who_attested(
    registry: RunningRegistry, sigstore: MiniSigstore, tmp_path: Path
) -> None:
    built = pushed(registry, "by-cosign/attested")
    (tmp_path / "predicate.json").write_text('{"high": 0}')
    more = ("--type", PREDICATE, "--predicate", "predicate.json")
    run_cosign(tmp_path, sigstore, "attest", *more, f"{registry.host}/by-cosign/attested@{built.digest}")
    wanted = WantedAttestation("scan", "spec.authorities[0].attestations[0]", PREDICATE)
    answer = await verify(
        tmp_path / "a", registry, "by-cosign/attested", keyless(sigstore, log=None, attestations=(wanted,))
    )
    assert isinstance(answer, Attested)
    ((name, (attestation,)),) = answer.attestations
    assert name == "scan"
    assert attestation.match()["subject"] == "ci@example.com"
    assert attestation.match()["issuer"] == ISSUER
