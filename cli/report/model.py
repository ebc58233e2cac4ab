"""The scan report: what `tocsin scan -o json` prints. A contract (`tocsin.dev/v1`).

Every key of a struct is always there: a text with nothing to say is "", what
does not exist is null. Only `ErrorItem` leaves out what it is not about. New
keys may be added; a change of the ones that exist needs a new `apiVersion`.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

import msgspec

from pipeline import events
from pipeline.events import Mode, Outcome

API_VERSION: Literal["tocsin.dev/v1"] = "tocsin.dev/v1"
KIND: Literal["ScanReport"] = "ScanReport"


class ReportStruct(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Base of the report's parts: immutable, camelCase in JSON."""


class Resource(ReportStruct, frozen=True):
    """Names an object. `namespace` is empty for cluster-scoped objects."""

    api_version: str
    kind: str
    namespace: str
    name: str


class Finding(ReportStruct, frozen=True):
    """A verdict that is worth a line: of outcome `fail` or `warn`."""

    resource: Resource
    owner: Resource | None
    """The root controller; null when the resource has none."""
    policy: str
    mode: Mode
    outcome: Outcome
    message: str
    warning: str
    images: tuple[str, ...]
    """Names of the images the verdict is about, as written in the object."""
    image: str | None
    """Set where the verdict is of this one image and not of the resource."""
    file: str | None
    """Where the manifest was read; null for an object of a cluster."""
    policy_title: str | None
    waiver: str | None = None
    """Name of the waiver that covers it; null where none does."""


class ErrorItem(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What could not be read or evaluated, and why; keys that do not apply are absent."""

    message: str
    policy: str | None = None
    resource: Resource | None = None
    image: str | None = None
    file: str | None = None
    document: int | None = None
    """Number of the document in the file, from 1."""


class OutcomeCounts(
    ReportStruct,
    frozen=True,
    rename={"passed": "pass", "warned": "warn", "failed": "fail", "errored": "error"},
):
    """Verdicts by outcome."""

    passed: int = 0
    warned: int = 0
    failed: int = 0
    errored: int = 0

    @property
    def evaluations(self) -> int:
        """All of them."""
        return self.passed + self.warned + self.failed + self.errored


class PolicyItem(ReportStruct, frozen=True):
    """A policy that was loaded, valid or not."""

    name: str
    mode: Mode
    engine: str | None
    error: str | None
    """Invalid: field path and reason."""
    unsupported: str | None
    """Valid, but it uses what Tocsin does not evaluate yet."""
    title: str | None
    file: str | None
    outcomes: OutcomeCounts


class Summary(
    ReportStruct,
    frozen=True,
    rename={"passed": "pass", "warned": "warn", "failed": "fail", "errored": "error"},
):
    """Counts: `evaluations` verdicts, of which so many of each outcome."""

    resources: int
    policies: int
    evaluations: int
    passed: int
    warned: int
    failed: int
    errored: int
    waived: int = 0
    """Of those that failed, or that warned in mode `enforce`: so many are covered by waivers."""


class WaiverItem(ReportStruct, frozen=True):
    """A waiver that the audit was given, in effect or not."""

    name: str
    owner: str
    reason: str
    ticket: str | None
    expires: datetime
    expired: bool
    """Whether that was over when the report was made."""
    waived: int
    """Violations that it covers."""
    file: str | None
    unknown_policies: tuple[str, ...] = ()
    """Names, not globs, of policies that the audit did not have."""


class ScanReport(ReportStruct, frozen=True):
    """One audit. Lists are sorted, so that equal audits give equal reports.

    `violations`: outcome `fail` in any mode, and `warn` where the mode is
    `enforce`; such a `warn` is in `warnings` too, which has every `warn`. What a waiver covers
    is in `waived` and in neither of them.
    """

    api_version: Literal["tocsin.dev/v1"]
    kind: Literal["ScanReport"]
    summary: Summary
    violations: tuple[Finding, ...]
    warnings: tuple[Finding, ...]
    errors: tuple[ErrorItem, ...]
    policies: tuple[PolicyItem, ...]
    waived: tuple[Finding, ...] = ()
    waivers: tuple[WaiverItem, ...] = ()


def is_violation(finding: Finding) -> bool:
    """Whether admission would have refused it, or warned of it as a failure."""
    return events.is_violation(finding.outcome, finding.mode)


def mere_warnings(report: ScanReport) -> tuple[Finding, ...]:
    """The warnings that are not among the violations: a reader wants each line once."""
    return tuple(finding for finding in report.warnings if not is_violation(finding))


def policies_by_name(report: ScanReport) -> dict[str, PolicyItem]:
    """One policy for each name, also for those that only verdicts and errors name, by name.

    A pseudo-policy (`no-matching-policy`) is never loaded; of two policies of
    one name the valid one stands for both. Nothing is counted for a policy that
    was not loaded.
    """
    named: dict[str, PolicyItem] = {}
    for item in report.policies:
        known = named.get(item.name)
        if known is None or (known.error and not item.error):
            named[item.name] = item
    for finding in (*report.violations, *mere_warnings(report), *report.waived):
        if finding.policy not in named:
            named[finding.policy] = _unloaded(finding.policy, finding.mode, finding.policy_title)
    for error in report.errors:
        if error.policy is not None and error.policy not in named:
            named[error.policy] = _unloaded(error.policy, Mode.ENFORCE, None)
    return dict(sorted(named.items()))


def _unloaded(name: str, mode: Mode, title: str | None) -> PolicyItem:
    return PolicyItem(
        name=name,
        mode=mode,
        engine=None,
        error=None,
        unsupported=None,
        title=title,
        file=None,
        outcomes=OutcomeCounts(),
    )


def sorted_findings(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """By namespace, kind, name, file, policy and image; the rest only breaks ties."""
    return tuple(sorted(findings, key=_finding_key))


def sorted_errors(errors: Iterable[ErrorItem]) -> tuple[ErrorItem, ...]:
    """In the order of findings; those about no resource come first."""
    return tuple(sorted(errors, key=_error_key))


def _finding_key(finding: Finding) -> tuple[object, ...]:
    return (
        *_resource_key(finding.resource),
        finding.file or "",
        finding.policy,
        finding.image or "",
        finding.images,
        finding.resource.api_version,
        finding.outcome,
        finding.mode,
        finding.message,
        finding.warning,
        finding.policy_title or "",
        _full_key(finding.owner),
        finding.waiver or "",
    )


def _error_key(error: ErrorItem) -> tuple[object, ...]:
    return (
        *_resource_key(error.resource),
        error.file or "",
        error.document or 0,
        error.policy or "",
        error.image or "",
        error.message,
        _full_key(error.resource),
    )


def _resource_key(resource: Resource | None) -> tuple[str, str, str]:
    return (resource.namespace, resource.kind, resource.name) if resource else ("", "", "")


def _full_key(resource: Resource | None) -> tuple[str, ...]:
    return (*_resource_key(resource), resource.api_version if resource else "")
