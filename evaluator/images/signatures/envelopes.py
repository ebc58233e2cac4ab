"""DSSE envelopes around in-toto statements: read, and what of them is signed. Pure.

Sources: the DSSE protocol (pre-authentication encoding) and in-toto's Statement.
"""

from collections.abc import Mapping

import msgspec

from evaluator.images.signatures.candidates import decode

IN_TOTO = "application/vnd.in-toto+json"


class Subject(msgspec.Struct, frozen=True):
    """What a statement is about: digests by algorithm."""

    digest: Mapping[str, str] = {}


class Statement(msgspec.Struct, frozen=True, rename="camel"):
    """An in-toto statement, without its predicate."""

    predicate_type: str = ""
    subject: tuple[Subject, ...] = ()

    def is_about(self, digest: str) -> bool:
        """Whether one of its subjects is what has this digest."""
        algorithm, _, text = digest.partition(":")
        return any(subject.digest.get(algorithm) == text for subject in self.subject)


class _Signature(msgspec.Struct, frozen=True):
    sig: str = ""


class Envelope(msgspec.Struct, frozen=True, rename="camel"):
    """A payload and its signatures, as base64."""

    payload: str = ""
    payload_type: str = ""
    signatures: tuple[_Signature, ...] = ()

    def decoded(self) -> bytes | None:
        """The payload; None where it is no canonical base64 or no in-toto statement by its type."""
        return decode(self.payload) if self.payload_type == IN_TOTO else None

    def decoded_signatures(self) -> tuple[bytes, ...]:
        """Those that are canonical base64."""
        return tuple(found for each in self.signatures if (found := decode(each.sig)) is not None)

    def message(self, payload: bytes) -> bytes:
        """What is signed where `payload` is what it holds."""
        return pre_authentication_encoding(self.payload_type, payload)


def read_statement(payload: bytes) -> Statement | None:
    """The statement of a payload; None where it is none."""
    try:
        return msgspec.json.decode(payload, type=Statement)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """What DSSE signs, "PAE"."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)
