"""What verifying the signatures of one image by one authority comes to."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature that verifies, as a policy's Rego sees it.

    Source: policy-controller, `PolicySignature`. `id`: SHA-256 of the signed document, in
    hexadecimal. The others are of a certificate, and empty where a key signed.
    """

    id: str
    subject: str = ""
    issuer: str = ""
    github: tuple[tuple[str, str], ...] = ()
    """Names such as `githubWorkflowRepo` with their values."""

    def order(self) -> tuple[str, str, str]:
        """What signatures are sorted by."""
        return self.id, self.subject, self.issuer

    def match(self) -> Mapping[str, str]:
        """The object that stands for it in `authorityMatches`; what is empty is left out."""
        fields = {"id": self.id, "subject": self.subject, "issuer": self.issuer, **dict(self.github)}
        return {name: text for name, text in fields.items() if text}


@dataclass(frozen=True, slots=True)
class Signed:
    """At least one signature verifies. They are sorted by their ids."""

    signatures: tuple[Signature, ...]


@dataclass(frozen=True, slots=True)
class Attestation:
    """A statement that verifies, and that the policy on it passes. `predicate_type` as the policy writes it.

    Source: policy-controller, `PolicyAttestation`.
    """

    signature: Signature
    predicate_type: str

    def match(self) -> Mapping[str, str]:
        """The object that stands for it in `authorityMatches`."""
        return {**self.signature.match(), "predicateType": self.predicate_type}


@dataclass(frozen=True, slots=True)
class Attested:
    """Every attestation that an authority wants is there: by its name in the policy, at least one."""

    attestations: tuple[tuple[str, tuple[Attestation, ...]], ...]


@dataclass(frozen=True, slots=True)
class Unsigned:
    """All that there is was looked at, and nothing verifies."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unverified:
    """It is not known. `retry_after`: seconds the registry wants to be left alone for; 0: it did not say."""

    reason: str
    retry_after: float = 0.0


Verification = Signed | Attested | Unsigned | Unverified
