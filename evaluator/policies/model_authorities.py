"""Whom a policy trusts: the kinds of authorities, parsed and valid.

Source: sigstore policy-controller, `pkg/apis/policy/v1beta1/clusterimagepolicy_types.go`, `Authority`.
"""

from dataclasses import dataclass
from enum import StrEnum

from evaluator.policies.model_text import Rego


class Action(StrEnum):
    """What a static authority says."""

    PASS = "pass"  # noqa: S105 - not a password
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Static:
    """An authority that says pass or fail without looking."""

    name: str
    action: Action
    message: str = ""


@dataclass(frozen=True, slots=True)
class KeyRef:
    """Where a public key is: exactly one of PEM text, a KMS URL, a Secret.

    `data` is what the Secret holds, too; `problem` says why that is not known.
    """

    data: str = ""
    kms: str = ""
    secret_name: str = ""
    secret_namespace: str = ""
    hash_algorithm: str = "sha256"
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who may have signed: an issuer and a subject, each as text or as a regular expression."""

    issuer: str = ""
    issuer_regexp: str = ""
    subject: str = ""
    subject_regexp: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """Where signatures are, if not beside the image. `tag_prefix` goes in front of their tags.

    `pull_secrets`: names of Secrets in the workload's namespace, with credentials for them.
    """

    oci: str = ""
    tag_prefix: str = ""
    pull_secrets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WantedAttestation:
    """`attestations[]`: the statement that has to be there, and what it has to say.

    `predicate_type` as written: a URI, or one of cosign's short names. `path` is where the
    policy names it.
    """

    name: str
    path: str
    predicate_type: str
    rego: Rego | None = None


@dataclass(frozen=True, slots=True)
class TrustRootRef:
    """A TrustRoot by its name. `text`: what it holds, as JSON; `problem`: why that is not known."""

    name: str
    text: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class TransparencyLog:
    """`ctlog`: the log that has to have an entry of each signature; none has to where both are empty."""

    url: str = ""
    trust_root: TrustRootRef | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Signer:
    """What authorities have in common that look at signatures. `path` is where the policy names it.

    `unsupported`: one line about what it wants that is not verified here; empty when there is none.
    """

    name: str
    path: str
    source: Source = Source()
    attestations: tuple[WantedAttestation, ...] = ()
    """All have to be there; where there is none, it is the image that has to be signed."""
    log: TransparencyLog | None = None
    timestamps: TrustRootRef | None = None
    """`rfc3161timestamp`: whose timestamps count."""
    bundles_only: bool = False
    """`signatureFormat: bundle`."""
    unsupported: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key(_Signer):
    """An authority that verifies with a public key."""

    key: KeyRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyless(_Signer):
    """An authority that verifies certificates of a CA."""

    url: str
    identities: tuple[Identity, ...]
    ca_cert: KeyRef | None = None
    trust_root: TrustRootRef | None = None
    """None: the public Sigstore's."""
    ignores_sct: bool = False


Signer = Key | Keyless
"""An authority that looks at what is signed."""

Authority = Static | Signer
