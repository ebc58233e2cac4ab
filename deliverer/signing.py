"""Signatures as Standard Webhooks 1.0 has them (standardwebhooks.com). Pure.

HMAC-SHA256 of `id.timestamp.body`, with every current secret. In binary mode the body is the
data only: whoever wants all attributes to be signed takes structured mode.
"""

import base64
import binascii
import hmac
from collections.abc import Iterable
from hashlib import sha256

_PREFIX = "whsec_"
_VERSION = "v1"
_SHORTEST, _LONGEST = 24, 64
"""Bytes of a key, as the specification recommends."""


def parse_secret(text: str) -> bytes:
    """The key of a secret, `whsec_` and base64. Raises ValueError, never with the secret in its text."""
    encoded = text.removeprefix(_PREFIX)
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not _SHORTEST <= len(key) <= _LONGEST:
        raise ValueError(
            f"expected {_PREFIX} and {_SHORTEST} to {_LONGEST} bytes in base64, "
            "such as `echo whsec_$(openssl rand -base64 32)` makes"
        )
    return key


def sign(keys: Iterable[bytes], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Headers that prove who sent a body, and when: seconds since 1970."""
    signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
    signatures = (base64.b64encode(hmac.digest(key, signed, sha256)).decode() for key in keys)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"{_VERSION},{signature}" for signature in signatures),
    }
