"""A ClusterImagePolicy, parsed and valid: what it selects, whom it trusts, what it asks.

Source: sigstore policy-controller, `pkg/apis/policy/v1beta1/clusterimagepolicy_types.go`.
"""

from dataclasses import dataclass
from enum import StrEnum

from evaluator.policies.reading import Problem
from evaluator.policies.selectors import Selector
from pipeline.events import PolicyRef


class PolicyType(StrEnum):
    """Language of a policy's text."""

    REGO = "rego"
    CUE = "cue"


class TextSource(StrEnum):
    """Where a policy's text is; the value is the name of the field."""

    INLINE = "data"
    CONFIG_MAP = "configMapRef"
    REMOTE = "remote"


class Action(StrEnum):
    """What a static authority says."""

    PASS = "pass"  # noqa: S105 - not a password
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class MatchRule:
    """Which resources: `*` stands for any version or group; an empty group is the core group."""

    group: str
    version: str
    resource: str
    selector: Selector | None = None


@dataclass(frozen=True, slots=True)
class Static:
    """An authority that says pass or fail without looking."""

    name: str
    action: Action
    message: str = ""


@dataclass(frozen=True, slots=True)
class KeyRef:
    """Where a public key is: exactly one of PEM text, a KMS URL, a Secret."""

    data: str = ""
    kms: str = ""
    secret_name: str = ""
    secret_namespace: str = ""
    hash_algorithm: str = "sha256"


@dataclass(frozen=True, slots=True)
class Source:
    """Where signatures are, if not beside the image. `tag_prefix` goes in front of their tags."""

    oci: str = ""
    tag_prefix: str = ""


@dataclass(frozen=True, slots=True)
class Key:
    """An authority that verifies with a public key. `path` is where the policy names it.

    `unsupported`: one line about what it wants that is not verified here; empty when there is none.
    """

    name: str
    path: str
    key: KeyRef
    source: Source = Source()
    unsupported: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who may have signed: an issuer and a subject, each as text or as a regular expression."""

    issuer: str = ""
    issuer_regexp: str = ""
    subject: str = ""
    subject_regexp: str = ""


@dataclass(frozen=True, slots=True)
class Keyless:
    """An authority that verifies certificates of a CA. `path` is where the policy names it."""

    name: str
    path: str
    url: str
    identities: tuple[Identity, ...]
    ca_cert: KeyRef | None = None


Authority = Static | Key | Keyless


@dataclass(frozen=True, slots=True)
class Rego:
    """`spec.policy`: the text (empty where it is not at hand) and what its input document shall hold.

    `type` is `cue` where the text is no Rego at all. `unsupported` is as in `Policy`,
    of these fields only; `problem` says why the field that leads to the text leads to none.
    """

    text: str
    include_spec: bool = False
    include_object_meta: bool = False
    include_type_meta: bool = False
    fetch_config_file: bool = False
    source: TextSource = TextSource.INLINE
    type: PolicyType = PolicyType.REGO
    unsupported: str = ""
    problem: str = ""

    @property
    def field(self) -> str:
        """The field that holds the text or leads to it: what its lines are lines of."""
        return f"spec.policy.{self.source}"


@dataclass(frozen=True, slots=True)
class Policy:
    """One version of a valid ClusterImagePolicy."""

    ref: PolicyRef
    globs: tuple[str, ...]
    """`spec.images[].glob`: one match is enough."""
    match: tuple[MatchRule, ...]
    """One match is enough; none at all means every workload."""
    authorities: tuple[Authority, ...]
    rego: Rego | None = None
    unsupported: str = ""
    """One line that names each field used that Tocsin does not evaluate yet; empty when there is none."""
    unknown_fields: tuple[str, ...] = ()
    """Paths of fields no ClusterImagePolicy has; they are ignored."""
    warnings: tuple[Problem, ...] = ()
    """Valid, but hardly meant."""
