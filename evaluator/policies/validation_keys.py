"""Public keys of authorities: reading and validating them.

Source: policy-controller, `KeyRef.Validate` and `pkg/apis/policy/common`, `ValidateKMS`.
Not checked here: that a Secret is in the controller's own namespace, which depends on where
the controller runs.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from types import MappingProxyType

from evaluator.policies.describe import describe
from evaluator.policies.model_authorities import KeyRef
from evaluator.policies.reading import Section
from pipeline.events import PolicyText

_NO_TEXTS: Mapping[str, PolicyText] = MappingProxyType({})
_NOT_SENT = PolicyText(path="", problem="it was not looked up: the policy came without it")
_HASHES = ("sha224", "sha256", "sha384", "sha512")
_KMS_SCHEMES = ("awskms://", "azurekms://", "hashivault://", "gcpkms://")
# A key's or an alias' ARN, with an optional host:port in front; other ids need settings from outside.
_AWS_KMS = re.compile(
    r"awskms://(?:[^/:]*:[^/:]*|\[[^/\]]*\]:[^/:]*)?/"
    r"arn:(?:aws|aws-us-gov|aws-cn):kms:[a-z0-9-]+:\d{12}:"
    r"(?:alias/.*|key/m?r?k?-?[A-Fa-f0-9]{8}(?:-?[A-Fa-f0-9]{4}){3}-?[A-Fa-f0-9]{12})",
    re.ASCII,
)
_PEM = re.compile(r"-----BEGIN ((?:RSA )?PUBLIC KEY)-----\s(.*?)\s-----END \1-----", re.DOTALL)
_DER_SEQUENCE = 0x30


def parse_key(section: Section, texts: Mapping[str, PolicyText] = _NO_TEXTS) -> KeyRef:
    """Read a KeyRef: exactly one of data, kms, secretRef. What is wrong becomes problems.

    `texts`: what is found elsewhere, by the path of the field that leads there.
    """
    data, kms = section.text("data"), section.text("kms")
    secret = section.section("secretRef")
    sources = [name for name in ("data", "kms", "secretRef") if section.has_content(name)]
    if len(sources) != 1:
        section.problem("", f"expected exactly one of data, kms, secretRef, got {listed(sources)}")
    if data and not _is_public_key(data):
        section.problem("data", "expected a public key in PEM (BEGIN PUBLIC KEY), got something else")
    if len(_PEM.findall(data)) > 1:
        section.warning("data", "several public keys: policy-controller uses the first, and so does Tocsin")
    if kms:
        _check_kms(section, kms)
    algorithm = section.text("hashAlgorithm").strip().lower() or "sha256"
    if algorithm not in _HASHES:
        section.problem("hashAlgorithm", f"expected one of {', '.join(_HASHES)}, got {describe(algorithm)}")
    found = texts.get(section.path("secretRef"), _NOT_SENT) if secret else PolicyText(path="")
    return KeyRef(
        data=data or found.text,
        kms=kms,
        secret_name=secret.text("name") if secret else "",
        secret_namespace=secret.text("namespace") if secret else "",
        hash_algorithm=algorithm,
        problem=found.problem,
    )


def listed(names: list[str]) -> str:
    """Names of fields, for a message."""
    return " and ".join(names) if names else "none"


def _is_public_key(text: str) -> bool:
    """Whether this is PEM around a DER sequence; the key itself is looked at where it is used."""
    pem = _PEM.search(text)
    if pem is None:
        return False
    try:
        der = base64.b64decode("".join(pem[2].split()), validate=True)
    except (binascii.Error, ValueError):
        return False
    return der[:1] == bytes([_DER_SEQUENCE])


def _check_kms(section: Section, kms: str) -> None:
    if not kms.startswith(_KMS_SCHEMES):
        section.problem("kms", f"expected a URL of {', '.join(_KMS_SCHEMES)}, got {describe(kms)}")
    elif kms.startswith("awskms://") and _AWS_KMS.fullmatch(kms) is None:
        section.problem("kms", f"expected awskms://[HOST:PORT]/ARN of a key or an alias, got {describe(kms)}")


def not_verified(key: KeyRef, path: str) -> str:
    """Why a key cannot be had here, in one line; empty where it can. `path`: of the object that names it."""
    if key.kms:
        return f"{path}.kms: Tocsin asks no key management service; put the public key in data"
    return f"{path}.secretRef: {key.problem}" if key.problem else ""
