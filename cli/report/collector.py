"""Builds the scan report from the log: one pass, no lookups.

Memory grows with violations, warnings and errors, not with resources: what
passed is only counted. A scan's log has each record once (nothing is replayed
in one process), so that counting records is counting resources and verdicts.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

from cli.report.model import (
    API_VERSION,
    KIND,
    ErrorItem,
    Finding,
    OutcomeCounts,
    PolicyItem,
    Resource,
    ScanReport,
    Summary,
    WaiverItem,
    is_violation,
    sorted_errors,
    sorted_findings,
)
from pipeline.bus import Consumer, Delivery, Record
from pipeline.events import (
    Event,
    Outcome,
    PolicyChecked,
    ResourceApplied,
    ResourceRef,
    SourceFailed,
    Topic,
    Verdict,
)
from pipeline.waivers import WaiverApplied, unknown_policies
from watcher.manifests import PathProblem

TOPICS = (Topic.RESOURCES, Topic.POLICIES, Topic.VERDICTS, Topic.DEADLETTERS)
"""What the collector has to be subscribed to."""

REASON_EXTENSION = "reason"
"""Extension attribute of a dead letter that says why nothing could handle it."""

_BATCH = 512

_PolicyKey = tuple[str, ...]
"""Name and file first, then all the rest: two policies of one name are two policies."""


class Collector:
    """Takes deliveries, gives a report. Order of arrival does not matter.

    `clock`: says whether a waiver has expired when the report is made.
    """

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._clock = clock
        self._waivers: dict[str, WaiverApplied] = {}
        self._resources = 0
        self._outcomes: defaultdict[str, Counter[Outcome]] = defaultdict(Counter)
        self._findings: list[Finding] = []
        self._errors: list[ErrorItem] = []
        self._policies: dict[_PolicyKey, PolicyChecked] = {}
        self._elsewhere: frozenset[str] = frozenset()
        self._told: set[str] = set()
        """Names of waivers that this scan was given."""

    def knows(self, waivers: Iterable[WaiverApplied], policies: Iterable[str]) -> None:
        """Waivers that a database brings, and names of policies that are only there."""
        self._waivers = {waiver.name: waiver for waiver in waivers} | self._waivers
        self._elsewhere = frozenset(policies)

    def failed(self, problems: Iterable[PathProblem]) -> None:
        """Paths that the user named and that cannot be used: the log says nothing of them."""
        for problem in problems:
            self._errors.append(ErrorItem(file=_text(problem.path), message=_text(str(problem))))

    async def collect(self, consumer: Consumer) -> None:
        """Read to the end of the log; the consumer has to be of `TOPICS`."""
        while True:
            delivery = await consumer.receive(_BATCH)
            if not delivery.records:
                return
            self.take(delivery)
            await consumer.acknowledge(delivery)

    def take(self, delivery: Delivery) -> None:
        """Count and keep what is in these records."""
        for record in delivery.records:
            self._take(record)

    def _take(self, record: Record) -> None:
        event = record.event
        if event is None:  # a tombstone: a scan has nothing to take back
            return
        match event.data:
            case SourceFailed() as failed:
                self._errors.append(_source_error(failed))
            case _ if record.topic is Topic.DEADLETTERS:
                self._errors.append(_dead_letter_error(event))
            case Verdict() as verdict:
                self._take_verdict(verdict)
            case ResourceApplied():
                self._resources += 1
            case PolicyChecked() as checked:
                self._take_policy(checked)
            case WaiverApplied() as waiver:
                self._waivers[waiver.name] = waiver
                self._told.add(waiver.name)
            case _:  # PolicyApplied: its PolicyChecked says what became of it
                pass

    def _take_verdict(self, verdict: Verdict) -> None:
        if verdict.outcome is Outcome.WITHDRAWN:
            return
        self._outcomes[verdict.policy.name][verdict.outcome] += 1
        if verdict.outcome is Outcome.ERROR:
            self._errors.append(_verdict_error(verdict))
        elif verdict.outcome is not Outcome.PASS:
            self._findings.append(_finding(verdict))

    def _take_policy(self, checked: PolicyChecked) -> None:
        self._policies[_policy_key(checked)] = checked
        if checked.error:
            self._errors.append(
                ErrorItem(
                    policy=_text(checked.policy.name),
                    file=_text_or_none(checked.file),
                    message=_text(checked.error),
                )
            )

    def report(self) -> ScanReport:
        """The report of everything taken so far."""
        everything = sorted_findings(self._findings)
        findings = [finding for finding in everything if finding.waiver is None]
        waived = tuple(finding for finding in everything if finding.waiver is not None)
        totals = sum(self._outcomes.values(), Counter[Outcome]())
        return ScanReport(
            api_version=API_VERSION,
            kind=KIND,
            summary=Summary(
                resources=self._resources,
                policies=len(self._policies),
                evaluations=totals.total(),
                passed=totals[Outcome.PASS],
                warned=totals[Outcome.WARN],
                failed=totals[Outcome.FAIL],
                errored=totals[Outcome.ERROR],
                waived=len(waived),
            ),
            violations=tuple(finding for finding in findings if is_violation(finding)),
            warnings=tuple(finding for finding in findings if finding.outcome is Outcome.WARN),
            errors=sorted_errors(self._errors),
            policies=self._policy_items(),
            waived=waived,
            waivers=self._waiver_items(Counter(finding.waiver for finding in waived)),
        )

    def _waiver_items(self, waived: Mapping[str | None, int]) -> tuple[WaiverItem, ...]:
        now = self._clock()
        known = {checked.policy.name for checked in self._policies.values()} | self._elsewhere
        return tuple(
            WaiverItem(
                name=name,
                owner=_text(waiver.owner),
                reason=_text(waiver.reason),
                ticket=_text_or_none(waiver.ticket),
                expires=waiver.expires,
                expired=waiver.expires <= now,
                waived=waived.get(name, 0),
                file=_text_or_none(waiver.file),
                unknown_policies=tuple(map(_text, unknown_policies(waiver, known))),
            )
            for name, waiver in sorted(self._waivers.items())
            if name in self._told or waived.get(name)
        )

    def _policy_items(self) -> tuple[PolicyItem, ...]:
        # Verdicts name no file: of several policies of one name, a valid one made them.
        judges: dict[str, _PolicyKey] = {}
        for key in sorted(self._policies, key=lambda key: (bool(self._policies[key].error), key)):
            judges.setdefault(key[0], key)
        return tuple(
            _policy_item(self._policies[key], self._outcomes[key[0]] if judges[key[0]] == key else Counter())
            for key in sorted(self._policies)
        )


def _policy_key(checked: PolicyChecked) -> _PolicyKey:
    policy = checked.policy
    loaded = (checked.engine, checked.error, checked.unsupported)
    return (policy.name, checked.file, policy.digest, policy.mode, policy.title, *loaded)


def _policy_item(checked: PolicyChecked, counts: Counter[Outcome]) -> PolicyItem:
    return PolicyItem(
        name=_text(checked.policy.name),
        mode=checked.policy.mode,
        engine=_text_or_none(checked.engine),
        error=_text_or_none(checked.error),
        unsupported=_text_or_none(checked.unsupported),
        title=_text_or_none(checked.policy.title),
        file=_text_or_none(checked.file),
        outcomes=OutcomeCounts(
            passed=counts[Outcome.PASS],
            warned=counts[Outcome.WARN],
            failed=counts[Outcome.FAIL],
            errored=counts[Outcome.ERROR],
        ),
    )


def _finding(verdict: Verdict) -> Finding:
    image = verdict.image.name if verdict.image else None
    names = [image] if image is not None else [image.name for image in verdict.images]
    return Finding(
        resource=_resource(verdict.resource),
        owner=_resource(verdict.owner) if verdict.owner else None,
        policy=_text(verdict.policy.name),
        mode=verdict.policy.mode,
        outcome=verdict.outcome,
        message=_text(verdict.message),
        warning=_text(verdict.warning),
        images=tuple(map(_text, names)),
        image=None if image is None else _text(image),
        file=_text_or_none(verdict.file),
        policy_title=_text_or_none(verdict.policy.title),
        waiver=verdict.waiver.name if verdict.waiver else None,
    )


def _verdict_error(verdict: Verdict) -> ErrorItem:
    return ErrorItem(
        policy=_text(verdict.policy.name),
        resource=_resource(verdict.resource),
        image=_text_or_none(verdict.image.name) if verdict.image else None,
        file=_text_or_none(verdict.file),
        message=_text(verdict.message),
    )


def _source_error(failed: SourceFailed) -> ErrorItem:
    return ErrorItem(
        file=_text_or_none(failed.file),
        document=failed.document or None,
        resource=_resource(failed.resource) if failed.resource else None,
        message=_text(failed.message),
    )


def _dead_letter_error(event: Event) -> ErrorItem:
    reason = event.extensions.get(REASON_EXTENSION, "no reason was given")
    subject = f" of {event.subject}" if event.subject else ""
    return ErrorItem(message=_text(f"{event.type}{subject} could not be handled: {reason}"))


def _resource(ref: ResourceRef) -> Resource:
    return Resource(
        api_version=_text(ref.api_version),
        kind=_text(ref.kind),
        namespace=_text(ref.namespace),
        name=_text(ref.name),
    )


def _text(text: str) -> str:
    r"""The text as something UTF-8 can hold.

    YAML and JSON manifests may spell lone surrogates (`"\ud800"`), and file
    names that are no UTF-8 arrive as such; one of them must not cost the report.
    """
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def _text_or_none(text: str) -> str | None:
    return _text(text) if text else None
