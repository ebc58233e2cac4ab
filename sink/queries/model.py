"""What the read side answers with. JSON of these is what the commands print: keys may be added."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from pipeline.events import Mode, Outcome


class Item(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Base: immutable, camelCase in JSON; a text with nothing to say is "", what does not exist is null."""


class Resource(Item, frozen=True):
    """Names an object. `namespace` is empty for cluster-scoped objects."""

    api_version: str
    kind: str
    namespace: str
    name: str


class Owner(Item, frozen=True):
    """The root controller of a resource, in the resource's namespace."""

    kind: str
    name: str


class Waiving(Item, frozen=True):
    """What waives a violation, or did: its span ended because of it."""

    name: str
    owner: str
    reason: str
    ticket: str | None
    expires_at: datetime
    ended_at: datetime | None
    """When it covered the violation no more; null while it does."""
    resolution: str | None
    """How the violation ended while it was waived; null where the waiver ended first, and it came back."""


class Waiver(Item, frozen=True):
    """A waiver that is there, whether or not it still waives anything."""

    name: str
    cluster: str
    policies: tuple[str, ...]
    match: dict[str, Any]
    """As it was written."""
    owner: str
    reason: str
    ticket: str | None
    file: str | None
    """Where it was read: a file, or `ConfigMap NAMESPACE/NAME`."""
    applied_at: datetime
    expires_at: datetime
    violations: int
    """That it covers now."""
    unknown_policies: tuple[str, ...]
    """Names, not globs, of policies that are not loaded."""


class Violation(Item, frozen=True):
    """A span in which a resource (or one image of it) violated a policy. Open while `resolved_at` is null."""

    id: str
    cluster: str
    resource: Resource
    owner: Owner | None
    policy: str
    policy_title: str
    mode: str
    outcome: str
    message: str
    warning: str
    images: tuple[str, ...]
    image: str | None
    """Set where the violation is of this one image and not of the resource."""
    file: str | None
    """Where the manifest was read; null for an object of a cluster."""
    explanation: dict[str, Any] | None
    opened_at: datetime
    last_seen_at: datetime
    """When a verdict last said so; a verdict that stays as it is is not told again."""
    resolved_at: datetime | None
    resolution: str | None
    waiver: Waiving | None
    """Of one with the resolution `waived`; the violation is there all the same."""


class Span(Item, frozen=True):
    """One time that a resource violated a policy."""

    id: str
    opened_at: datetime
    resolved_at: datetime | None
    resolution: str | None


class Detail(Violation, frozen=True):
    """A violation with what there is to know of its policy, and the other times."""

    severity: str | None
    policy_url: str | None
    policy_description: str | None
    times: int
    """How many spans there are of it, this one among them."""
    earlier: tuple[Span, ...]
    """The latest of those before this one, newest first."""


class Occurrence(Violation, frozen=True):
    """A violation as a part of a history."""

    occurrence: int
    """The how many-eth time of this resource (or image) under this policy, from 1."""
    duration_seconds: float | None
    """From opened to resolved; null while it is open."""


class Group(Item, frozen=True):
    """Violations under one heading. What the heading does not name is null."""

    cluster: str
    namespace: str | None
    workload: Owner | None
    policy: str | None
    policy_title: str | None
    severity: str | None
    mode: str
    """The strictest: enforce where any of them is."""
    violations: int
    workloads: int
    """Root owners, and resources that nobody owns."""
    policies: int
    oldest_opened_at: datetime
    newest_opened_at: datetime
    last_seen_at: datetime
    example: str
    """The id of one of them."""
    message: str
    """What the policy said of the example."""


class Count(Item, frozen=True):
    """Open violations under one heading."""

    name: str
    violations: int
    enforce: int
    """How many of them are of policies in mode enforce."""


class Period(Item, frozen=True):
    """What happened from `since` to `until`, the end not among it."""

    since: datetime
    until: datetime
    opened: int
    resolved: int
    resolutions: dict[str, int]
    """How those that were resolved came to their end."""
    mean_seconds_to_fix: float | None
    """From opened to resolved, of those that were fixed; null where none was."""
    open_at_end: int


class Summary(Item, frozen=True):
    """How things stand, and whether they get better."""

    open: int
    enforce: int
    waived: int
    """Violations that waivers cover; they are not among the open ones."""
    waived_expired: int
    """Those of them whose waiver is over: they open again with the next evaluation."""
    policies: tuple[Count, ...]
    """The most violated first, as in the other lists."""
    namespaces: tuple[Count, ...]
    severities: tuple[Count, ...]
    modes: tuple[Count, ...]
    period: Period
    before: Period
    """The period of the same length before."""
    recorded_since: datetime | None
    """Where the record began after the period did: what was before then is not known."""


class Policy(Item, frozen=True):
    """A policy that is loaded, valid or not."""

    name: str
    cluster: str
    mode: str
    """Empty while no evaluator has looked at the policy."""
    title: str
    severity: str | None
    url: str | None
    description: str | None
    file: str | None
    digest: str
    engine: str | None
    error: str | None
    """Invalid: field path and reason."""
    unsupported: str | None
    """Valid, but it uses what Tocsin does not evaluate yet."""
    refusals: dict[str, str]
    """Engine -> why it was not chosen."""
    findings: tuple[dict[str, Any], ...]
    """What the linter says."""
    reads: tuple[str, ...]
    """Paths of the input document that the verdict depends on."""
    memo: str
    """Why verdicts of this policy are not remembered; empty where they are."""
    violations: int
    """Open ones."""
    errors: int
    """Resources that it could not be evaluated on."""
    applied_at: datetime
    asks: tuple[str, ...] = ()
    """What it asks registries for, one line each; its text says, and who reads the text fills it in."""


class Standing(Item, frozen=True):
    """What a policy says of a resource, or of one of its images, now."""

    outcome: Outcome
    mode: Mode
    message: str
    waiver: str = ""
    """Name of the waiver that covers it; empty: none."""
    image: str = ""
    """What sets apart the verdicts of a resource's images; empty: it is of the resource as a whole."""


class Refusal(Item, frozen=True):
    """What of a workload a policy would refuse for one reason if its mode were `enforce`."""

    policy: str
    cluster: str
    namespace: str
    workload: Owner
    """The root owner, or the resource that nobody owns."""
    outcome: Outcome
    """Why: `fail`, `warn` (a pass with a warning), `error` (it cannot be evaluated)."""
    resources: int
    waived: int
    """How many of those a waiver covers: admission refuses them all the same."""
    waiver: str | None
    """Name of such a waiver."""
    message: str
    """What the policy says of one of them."""


class Readiness(Item, frozen=True):
    """What a policy would refuse now if its mode were `enforce`."""

    policy: str
    cluster: str
    mode: str
    """Empty while no evaluator has looked at the policy."""
    title: str
    ready: bool
    """Whether nothing would be refused; false, too, where nothing is known."""
    evaluated: bool
    """Whether there is any verdict of it."""
    problem: str | None
    """Why it cannot be evaluated at all, or why nothing is known."""
    resources: int
    """That it applies to."""
    refused: int
    """Resources that fail, or pass with a warning."""
    waived: int
    """How many of those have a violation that is waived here: admission refuses them all the same."""
    errors: int
    """Resources that it could not be evaluated on: admission refuses them, too."""
    workloads: int
    """Root owners of both."""
    oldest_opened_at: datetime | None
    """Of the open violations."""
    since: datetime
    open: int
    """Open violations now."""
    open_before: int
    """Likewise, at `since`."""
    refusals: tuple[Refusal, ...] = ()
    """Which workloads; empty, too, where nobody asked for them."""


class FailureKind(StrEnum):
    """What it is that could not be read or evaluated."""

    SOURCE = "source"
    """A file, a document in it, or an object of a cluster that cannot be read."""
    POLICY = "policy"
    """A policy that gives no verdict at all."""
    RESOURCE = "resource"
    """Resources of a workload that a policy could not be evaluated on."""


class Failure(Item, frozen=True):
    """What could not be read or evaluated. What does not apply to its kind is null."""

    kind: FailureKind
    cluster: str
    message: str
    """Of resources: of one of them."""
    since: datetime
    """When it was found, the oldest of several."""
    file: str | None = None
    document: int | None = None
    """Number of the document in the file, from 1; null for the file as a whole."""
    policy: str | None = None
    namespace: str | None = None
    """Empty for a workload without one."""
    workload: Owner | None = None
    """The root owner of the resources, or the resource that nobody owns."""
    resources: int | None = None
    """How many of the workload's."""
