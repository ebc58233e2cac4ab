"""What verifying the signatures of one image by one key comes to."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Signed:
    """At least one signature verifies. `ids`: SHA-256 of what was signed, in hexadecimal, sorted."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unsigned:
    """All that there is was looked at, and nothing verifies."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unverified:
    """It is not known. `retry_after`: seconds the registry wants to be left alone for; 0: it did not say."""

    reason: str
    retry_after: float = 0.0


Verification = Signed | Unsigned | Unverified
