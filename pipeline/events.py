"""The event contract: what flows between the stages, and to subscribers.

Every event is a CloudEvent 1.0 (`pipeline.codec` writes and reads them); the
types here are its attributes and its data. JSON Schemas of the data are
generated from these classes (`pipeline.schemas`) and committed under
`docs/reference/schemas/`: a change of the data needs a new type version.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from pipeline.data import Data
from pipeline.waivers import WaiverApplied, WaiverRef

REDACTED = "[redacted]"
"""What a literal environment value is on the log, where the watcher replaces them."""


class Topic(StrEnum):
    """The topics of the log."""

    RESOURCES = "tocsin.resources"
    POLICIES = "tocsin.policies"
    VERDICTS = "tocsin.verdicts"
    DEADLETTERS = "tocsin.deadletters"


class EventType(StrEnum):
    """CloudEvents `type` of everything Tocsin emits."""

    RESOURCE_APPLIED = "dev.tocsin.resource.applied.v1"
    POLICY_APPLIED = "dev.tocsin.policy.applied.v1"
    POLICY_CHECKED = "dev.tocsin.policy.checked.v1"
    WAIVER_APPLIED = "dev.tocsin.waiver.applied.v1"
    SOURCE_FAILED = "dev.tocsin.source.failed.v1"
    VERDICT_PASSED = "dev.tocsin.verdict.passed.v1"
    VERDICT_WARNED = "dev.tocsin.verdict.warned.v1"
    VERDICT_FAILED = "dev.tocsin.verdict.failed.v1"
    VERDICT_ERRORED = "dev.tocsin.verdict.errored.v1"
    VERDICT_WITHDRAWN = "dev.tocsin.verdict.withdrawn.v1"


class Outcome(StrEnum):
    """What a policy says of a resource. An error is never shown as a pass or a fail."""

    PASS = "pass"  # noqa: S105 - not a password
    WARN = "warn"
    FAIL = "fail"
    ERROR = "error"
    WITHDRAWN = "withdrawn"


class Mode(StrEnum):
    """What admission would do with a violation. Tocsin only records it."""

    WARN = "warn"
    ENFORCE = "enforce"


class Change(StrEnum):
    """A verdict beside the previous one for the same resource, policy and image."""

    NEW = "new"
    DEGRADED = "degraded"
    IMPROVED = "improved"
    UPDATED = "updated"
    NONE = "none"
    WAIVED = "waived"
    """A violation that a waiver covers from now on; also one that is new."""
    RETURNED = "returned"
    """A violation that no waiver covers any more."""


class Withdrawal(StrEnum):
    """Why a verdict no longer holds. The words are those of a violation's resolution."""

    RESOURCE_DELETED = "resource_deleted"
    POLICY_DELETED = "policy_deleted"
    POLICY_CHANGED = "policy_changed"
    OUT_OF_SCOPE = "out_of_scope"

    @classmethod
    def _missing_(cls, value: object) -> "Withdrawal":  # noqa: ARG003 - see enum.Enum
        """Of a later release, which may have more reasons: it holds no longer."""
        return cls.OUT_OF_SCOPE


class ResourceRef(Data, frozen=True, omit_defaults=False):
    """Names one object of a cluster. `namespace` is empty for cluster-scoped objects."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str = ""
    resource_version: str = ""


class PolicyRef(Data, frozen=True):
    """Names one version of a ClusterImagePolicy. `digest` is of its whole spec."""

    name: str
    digest: str
    mode: Mode
    uid: str = ""
    generation: int = 0
    title: str = ""


class ResourceApplied(Data, frozen=True):
    """A resource as it is now: the object without managedFields, and its root owner.

    `digest` covers what policies can see, not status; `file` is where a manifest was read.
    """

    cluster: str
    resource: ResourceRef
    digest: str
    object: dict[str, Any]
    owner: ResourceRef | None = None
    file: str = ""


class PolicyText(Data, frozen=True):
    """What a `configMapRef` or `remote` of a policy leads to: a text, or the reason why to none."""

    path: str
    """Of the field, as in `spec.policy.configMapRef`."""
    text: str = ""
    problem: str = ""


class PolicyApplied(Data, frozen=True):
    """A ClusterImagePolicy as it is now, valid or not, its texts resolved; `digest` covers them."""

    cluster: str
    name: str
    digest: str
    object: dict[str, Any]
    file: str = ""
    texts: tuple[PolicyText, ...] = ()
    """One for each field that leads elsewhere, if somebody went there."""


class PolicyFinding(Data, frozen=True):
    """Something the linter says of a policy: valid, but hardly what its author meant."""

    rule: str
    severity: str
    """error, warning or info."""
    message: str
    fix: str = ""
    """What to write instead, in words."""
    line: int = 0
    """In the policy's text, from 1, as is the column; 0 where it is of no one place."""
    column: int = 0


class PolicyChecked(Data, frozen=True):
    """What became of a policy when it was loaded: the engine it got, or why it has none."""

    cluster: str
    policy: PolicyRef
    file: str = ""
    engine: str = ""
    error: str = ""
    """Invalid: field path and reason."""
    unsupported: str = ""
    """Valid, but it uses what Tocsin does not evaluate yet."""
    refusals: dict[str, str] = msgspec.field(default_factory=dict)
    """Engine -> why it was not chosen."""
    findings: tuple[PolicyFinding, ...] = ()
    reads: tuple[str, ...] = ()
    """Paths of the input document that the verdict depends on."""
    memo: str = ""
    """Why verdicts of this policy are not remembered; empty where they are."""


class SourceFailed(Data, frozen=True):
    """Something the watcher could not read; the last good objects of that place stay."""

    cluster: str
    file: str
    message: str
    document: int = 0
    """Number of the document in the file, from 1; 0 for the file as a whole."""
    resource: ResourceRef | None = None


class Image(Data, frozen=True):
    """An image of a resource as written in the object, and the digest that runs, where known."""

    name: str
    container: str = ""
    digest: str = ""
    tag_digest: str = ""
    """What the tag points at in the registry: the bytes that were judged where none run, and where others
    run, a tag that has moved. Known only where a policy asks for the image's config."""


class Explanation(Data, frozen=True):
    """Where the deciding value came from."""

    file: str = ""
    """The field of the policy that holds its text: what `line` is a line of."""
    line: int = 0
    expression: str = ""
    """The one that did not hold, where the policy says nothing itself; empty where not known."""
    responses: tuple[dict[str, Any], ...] = ()
    """Every member of `isCompliant`, in Rego's set order."""
    decided: int = -1
    """Index of the response that decided; -1 where none did."""


class Verdict(Data, frozen=True):
    """What one policy says of one resource (or of one of its images) now."""

    cluster: str
    resource: ResourceRef
    policy: PolicyRef
    outcome: Outcome
    change: Change
    evaluated_at: datetime
    owner: ResourceRef | None = None
    message: str = ""
    warning: str = ""
    images: tuple[Image, ...] = ()
    image: Image | None = None
    """Set where the verdict is of one image and not of the resource."""
    explanation: Explanation | None = None
    input_digest: str = ""
    resource_digest: str = ""
    reason: Withdrawal | None = None
    """Set on a withdrawn verdict only."""
    image_removed: bool = False
    """Of a withdrawn verdict of one image: the resource has it no more, and the policy still covers both.

    A violation of it was fixed. `reason` is `out_of_scope` then: readers of older releases know that word.
    """
    file: str = ""
    waiver: WaiverRef | None = None
    """Set on a violation that is waived: it is one all the same, and admission knows no waivers."""
    waived_before: WaiverRef | None = None
    """Of an error: what covers the violation before it, which may be there still. The error is not waived.

    When nothing covers that any more, the error is told again and has `returned`.
    """


Payload = ResourceApplied | PolicyApplied | PolicyChecked | SourceFailed | Verdict | WaiverApplied


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A CloudEvent with typed data. `key` orders it on the log (`partitionkey` on the wire)."""

    type: EventType
    source: str
    id: str
    time: datetime
    subject: str
    key: str
    data: Payload
    extensions: Mapping[str, str] = {}


DATA_TYPES: Mapping[EventType, type[Payload]] = {
    EventType.RESOURCE_APPLIED: ResourceApplied,
    EventType.POLICY_APPLIED: PolicyApplied,
    EventType.POLICY_CHECKED: PolicyChecked,
    EventType.WAIVER_APPLIED: WaiverApplied,
    EventType.SOURCE_FAILED: SourceFailed,
    EventType.VERDICT_PASSED: Verdict,
    EventType.VERDICT_WARNED: Verdict,
    EventType.VERDICT_FAILED: Verdict,
    EventType.VERDICT_ERRORED: Verdict,
    EventType.VERDICT_WITHDRAWN: Verdict,
}

VERDICT_TYPES: Mapping[Outcome, EventType] = {
    Outcome.PASS: EventType.VERDICT_PASSED,
    Outcome.WARN: EventType.VERDICT_WARNED,
    Outcome.FAIL: EventType.VERDICT_FAILED,
    Outcome.ERROR: EventType.VERDICT_ERRORED,
    Outcome.WITHDRAWN: EventType.VERDICT_WITHDRAWN,
}


TRACE = ("traceparent", "tracestate")
"""Attributes of the CloudEvents extension "distributed tracing"."""

_OBSERVED = "observedtime"
"""Extension attribute: when the watcher saw the change that this event came of (RFC 3339)."""


def carried(cause: Event) -> dict[str, str]:
    """Extension attributes that an event hands on to those that it causes: its trace, and when it began."""
    handed_on = {name: value for name in TRACE if (value := cause.extensions.get(name))}
    return {**handed_on, _OBSERVED: cause.extensions.get(_OBSERVED) or cause.time.isoformat()}


def observed_at(event: Event) -> datetime:
    """When the change was seen that this event came of; its own time where it does not say."""
    said = event.extensions.get(_OBSERVED, "")
    try:
        observed = datetime.fromisoformat(said)
    except ValueError:
        return event.time
    return observed if observed.tzinfo else event.time


def is_violation(outcome: Outcome, mode: Mode) -> bool:
    """Whether admission would have called it a failure: a warning fails a policy that is enforced."""
    return outcome is Outcome.FAIL or (outcome is Outcome.WARN and mode is Mode.ENFORCE)


def is_final(verdict: Verdict) -> bool:
    """Whether no verdict of this key can follow: an API server gives a uid once, a manifest comes back."""
    deleted = verdict.reason is Withdrawal.RESOURCE_DELETED
    return deleted and not verdict.file


def source_of(cluster: str) -> str:
    """CloudEvents `source` of a cluster."""
    return f"/clusters/{cluster}"


def resource_key(cluster: str, uid: str) -> str:
    """Key of a resource on the log."""
    return f"{cluster}/{uid}"


def policy_key(cluster: str, name: str) -> str:
    """Key of a policy on the log."""
    return f"{cluster}/{name}"


def policy_name(key: str) -> str:
    """The policy's name in its key."""
    return key.partition("/")[2]


LONGEST_IMAGE_IN_KEY = 512
"""Bytes; a name, a tag and a digest as registries have them are shorter."""


def verdict_key(cluster: str, uid: str, policy: str, image: str = "") -> str:
    """Key of a verdict on the log; with the image where the verdict is of one image.

    Of an image of more than `LONGEST_IMAGE_IN_KEY` bytes, with its SHA-256: keys are in databases' indexes.
    """
    if not image:
        return f"{cluster}/{uid}/{policy}"
    written = image.encode(errors="surrogatepass")
    if len(written) > LONGEST_IMAGE_IN_KEY:
        image = f"sha256:{hashlib.sha256(written).hexdigest()}"
    return f"{cluster}/{uid}/{policy}/{image}"


def subject_of(ref: ResourceRef) -> str:
    """CloudEvents `subject` of a resource: namespace/kind/name, or kind/name without namespace."""
    return f"{ref.namespace}/{ref.kind}/{ref.name}" if ref.namespace else f"{ref.kind}/{ref.name}"
