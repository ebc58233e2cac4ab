"""cosign, with keys of its own: signatures and attestations as its users make them."""

import json
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from evaluator.rego.questions import Answer, Failure, Question
from tests.images import Built, described, image
from tests.services import cosign

_PRIVATE: Mapping[str, Callable[[], CertificateIssuerPrivateKeyTypes]] = {
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "p521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "rsa": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
}


class Cosign:
    """cosign with a key pair: its own (P-256), or one of a kind that it imports."""

    def __init__(self, folder: Path, kind: str = "p256") -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        if kind == "p256":
            self.run("generate-key-pair")
        else:
            form = PrivateFormat.PKCS8
            pem = _PRIVATE[kind]().private_bytes(Encoding.PEM, form, NoEncryption())
            (folder / "private.pem").write_bytes(pem)
            self.run("import-key-pair", "--key", "private.pem", "--output-key-prefix", "cosign")
        self.public_key = (folder / "cosign.pub").read_text()

    def sign(self, name: str, *more: str, **environment: str) -> None:
        """Sign an image, named with its digest."""
        self._with_key("sign", *more, name, **environment)

    def attest(self, name: str, kind: str, predicate: Any, *more: str, **environment: str) -> None:
        """Attest a predicate of a type (a URI, or a short name) about an image."""
        (self.folder / "predicate.json").write_text(json.dumps(predicate))
        words = ("--type", kind, "--predicate", "predicate.json", *more, name)
        self._with_key("attest", *words, **environment)

    def run(self, *arguments: str, **environment: str) -> str:
        """Any command of cosign's; what it prints."""
        own = {"COSIGN_PASSWORD": "", "HOME": str(self.folder), "PATH": os.environ["PATH"]}
        done = subprocess.run(
            [str(cosign()), *arguments],
            cwd=self.folder,
            env=own | environment,
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _with_key(self, command: str, *more: str, **environment: str) -> None:
        flags = ("--key", "cosign.key", "--tlog-upload=false", "--allow-http-registry", "-y")
        self.run(command, *flags, *more, **environment)


class _Nothing:
    """Engines where no policy is to be evaluated."""

    async def evaluate(self, questions: Sequence[Question]) -> list[list[Answer]]:
        return [[Failure("no policy was expected here")] for _ in questions]


NOTHING = _Nothing()


def simple_signing(digest: str, repository: str = "r/a") -> bytes:
    """What cosign signs of an image."""
    critical = {
        "identity": {"docker-reference": repository},
        "image": {"docker-manifest-digest": digest},
        "type": "cosign container image signature",
    }
    return json.dumps({"critical": critical, "optional": None}).encode()


def signature_manifest(payload: bytes, signature: str) -> Built:
    """A manifest as cosign puts it under the tag of a digest. `signature`: base64."""
    layer = described(payload, "application/vnd.dev.cosign.simplesigning.v1+json")
    layer["annotations"] = {"dev.cosignproject.cosign/signature": signature}
    built = image(b"{}", layers=[layer])
    return Built(built.body, built.media_type, (b"{}", payload))


def tag_of(digest: str, suffix: str = "sig") -> str:
    """The tag that cosign derives from a digest."""
    return f"{digest.replace(':', '-')}.{suffix}"
