"""Public keys, and signatures by them. Pure.

Source: sigstore, `pkg/signature.LoadVerifier`: ECDSA in ASN.1, RSA with PKCS #1 v1.5, and
Ed25519, which knows no other hash. Of several keys in one text the first counts, as upstream
(`cryptoutils.UnmarshalPEMToPublicKey`).
Keys and signatures are taken in their one canonical form only, as Go takes them.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from functools import lru_cache

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA224, SHA256, SHA384, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)

from evaluator.images.signatures.trust import NoTrustError
from pipeline.errors import clip

PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey

_PEM = re.compile(r"-----BEGIN ((?:RSA )?PUBLIC KEY)-----(.*?)-----END \1-----", re.DOTALL)
_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
_RSA_BITS = range(2048, 8193)
"""Fewer are forgeable; more cost too much of everybody's time."""
_HASHES: Mapping[str, HashAlgorithm] = {
    "sha224": SHA224(),
    "sha256": SHA256(),
    "sha384": SHA384(),
    "sha512": SHA512(),
}


@lru_cache(maxsize=256)
def load_key(text: str) -> PublicKey:
    """The first public key of a PEM text, as upstream. Raises NoTrustError."""
    found = _PEM.search(text)
    if found is None:
        raise NoTrustError("expected a public key in PEM, got none")
    return _load(found[1], found[2])


def is_signed(key: PublicKey, algorithm: str, signature: bytes, message: bytes) -> bool:
    """Whether a signature of a message is by this key. `algorithm`: such as `sha256`."""
    return _is_by(key, _HASHES[algorithm], signature, message)


def is_digest_signed(key: PublicKey, signature: bytes, digest: bytes) -> bool | None:
    """Whether what has this SHA-256 was signed by this key; None for Ed25519, which needs the message."""
    try:
        match key:
            case ec.EllipticCurvePublicKey():
                key.verify(signature, digest, ec.ECDSA(Prehashed(SHA256())))
            case rsa.RSAPublicKey():
                key.verify(signature, digest, padding.PKCS1v15(), Prehashed(SHA256()))
            case _:
                return None
    except InvalidSignature:
        return False
    return True


def _load(label: str, body: str) -> PublicKey:
    try:
        der = base64.b64decode("".join(body.split()), validate=True)
        key = load_der_public_key(der)
    except (binascii.Error, ValueError, UnsupportedAlgorithm) as error:
        raise NoTrustError(f"the public key cannot be read: {clip(str(error), 100)}") from error
    if not isinstance(key, PublicKey):
        raise NoTrustError("expected a key of ECDSA, RSA or Ed25519, got one of another kind")
    if isinstance(key, ec.EllipticCurvePublicKey) and not isinstance(key.curve, _CURVES):
        raise NoTrustError(f"expected a key on P-256, P-384 or P-521, got {key.curve.name}")
    if isinstance(key, rsa.RSAPublicKey) and key.key_size not in _RSA_BITS:
        raise NoTrustError(f"expected an RSA key of 2048 to 8192 bits, got {key.key_size}")
    form = PublicFormat.PKCS1 if label.startswith("RSA") else PublicFormat.SubjectPublicKeyInfo
    if key.public_bytes(Encoding.DER, form) != der:
        raise NoTrustError("the public key is not in its canonical form")
    return key


def _is_by(key: PublicKey, algorithm: HashAlgorithm, signature: bytes, message: bytes) -> bool:
    try:
        match key:
            case ec.EllipticCurvePublicKey():
                key.verify(signature, message, ec.ECDSA(algorithm))
            case rsa.RSAPublicKey():
                key.verify(signature, message, padding.PKCS1v15(), algorithm)
            case _:
                key.verify(signature, message)
    except InvalidSignature:
        return False
    return True
