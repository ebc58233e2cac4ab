"""What may be a signature of an image, or an attestation about it, in whatever form. Pure.

The forms: `simple_signing` (cosign's own), `bundles` (Sigstore's, around `envelopes`), and
`attestations` (envelopes, in bundles or not).
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is to be verified. `id`: SHA-256 of its document, in hexadecimal."""

    id: str
    message: bytes
    """What was signed; empty where it is the image's manifest itself."""
    signatures: tuple[bytes, ...]
    """Any of them is enough."""
    is_about_it: bool
    """Whether the message speaks of the image at all."""
    annotations: Mapping[str, str] = field(default_factory=dict)
    """Of the layer it came in: here cosign puts a certificate, a log's entry, a time stamp."""
    bundle: bytes = b""
    """The Sigstore bundle it came in, whole; empty where it came in none."""
    manifest: bytes = b""
    """SHA-256 of the image's manifest, where it is that what was signed."""
    envelope: bytes = b""
    """The DSSE envelope it came in, whole, where that came in no bundle."""
    predicate_type: str = ""
    """Of an attestation: the URI in its statement."""
    statement: bytes = b""
    """Of an attestation: the in-toto statement, as its policy sees it."""


def id_of(body: bytes) -> str:
    """The id of a document."""
    return hashlib.sha256(body).hexdigest()


def decode(text: str) -> bytes | None:
    """Base64 in its canonical form; None where it is not."""
    try:
        found = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return found if base64.b64encode(found).decode() == text else None
