"""From findings to events: what is new since the last verdict of each key. Pure.

Only a verdict that differs from the last one is told (by a scan, every one); what no
longer holds is withdrawn with the reason.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from types import MappingProxyType

from msgspec import structs

from evaluator.endings import Ending
from evaluator.evaluation import Finding
from evaluator.last_verdicts import LastVerdict
from evaluator.policies.change import change, cover, verdict_id
from evaluator.state import State, fingerprint
from evaluator.waivers import Subject, Waivers
from pipeline.bus import Record
from pipeline.events import (
    VERDICT_TYPES,
    Change,
    Event,
    Outcome,
    ResourceApplied,
    Topic,
    Verdict,
    is_violation,
    source_of,
    subject_of,
    verdict_key,
)
from pipeline.waivers import WaiverRef

_NOTHING: Mapping[str, str] = MappingProxyType({})


def key_of(applied: ResourceApplied, finding: Finding) -> str:
    """Key of the verdict that a finding becomes."""
    return verdict_key(applied.cluster, applied.resource.uid, finding.policy.name, finding.image_key)


def tell(
    state: State,
    resource_key: str,
    applied: ResourceApplied,
    findings: Iterable[Finding],
    now: datetime,
    handed_on: Mapping[str, str] = _NOTHING,
) -> Iterator[Record]:
    """Records for the findings that are news. Updates the state.

    `handed_on`: extension attributes that the event which asked hands on (`pipeline.events.carried`).
    """
    for finding in findings:
        key = key_of(applied, finding)
        last = state.last(resource_key, key)
        verdict = _verdict(applied, finding, Change.NEW, now, waived_by(state.waivers, applied, finding, now))
        if verdict.outcome is Outcome.ERROR and _was_waived(last):
            verdict = structs.replace(verdict, waived_before=_covering(state.waivers, applied, finding, now))
        waiver = verdict.waiver or verdict.waived_before
        kind = _change(last, verdict)
        if kind is not Change.NEW:
            verdict = structs.replace(verdict, change=kind)
        if last is not None and kind is Change.NONE:
            if state.tells_all:  # the same decision has the same id: whoever knows it passes it over
                yield _record(key, last.event_id, verdict, handed_on)
            continue
        event_id = verdict_id(
            key=key,
            previous_id=state.previous_id(resource_key, key),
            resource_version=applied.resource.resource_version,
            resource_digest=applied.digest,
            generation=finding.policy.generation,
            policy_digest=finding.policy.digest,
            image_config_digest=finding.config_digest,
            outcome=verdict.outcome,
            waiver=f"{waiver.name}/{waiver.expires.isoformat()}" if waiver else "",
        )
        state.put_verdict(resource_key, key, event_id, verdict)
        yield _record(key, event_id, verdict, handed_on)


def waived_by(
    waivers: Waivers, applied: ResourceApplied, finding: Finding, now: datetime
) -> WaiverRef | None:
    """What covers a finding; only a violation can be waived."""
    if not is_violation(finding.judgement.outcome, finding.policy.mode):
        return None
    return _covering(waivers, applied, finding, now)


def _covering(
    waivers: Waivers, applied: ResourceApplied, finding: Finding, now: datetime
) -> WaiverRef | None:
    images = (finding.image,) if finding.image else finding.images
    return waivers.covering(Subject(applied, finding.policy.name, images), now)


def _was_waived(last: LastVerdict | None) -> bool:
    return last is not None and last.waiver != ""


def _change(last: LastVerdict | None, verdict: Verdict) -> Change:
    before, now = _was_waived(last), (verdict.waiver or verdict.waived_before) is not None
    unknown = before and verdict.outcome is Outcome.ERROR  # the violation may be there still
    violated = unknown or is_violation(verdict.outcome, verdict.policy.mode)
    covered = cover(before=before, now=now, violated=violated)
    same = last is not None and last.fingerprint == fingerprint(verdict)
    return change(last.outcome if last else None, verdict.outcome, same=same, cover=covered)


def withdraw(
    state: State,
    resource_key: str,
    keys: Iterable[tuple[str, LastVerdict]],
    ending: Ending,
    now: datetime,
    handed_on: Mapping[str, str] = _NOTHING,
) -> Iterator[Record]:
    """Records that take verdicts back. Updates the state."""
    for key, last in keys:
        verdict = Verdict(
            cluster=last.cluster,
            resource=last.resource,
            owner=last.owner,
            policy=last.policy,
            image=last.image,
            file=last.file,
            outcome=Outcome.WITHDRAWN,
            change=Change.UPDATED,
            reason=ending.reason,
            image_removed=ending.image_removed,
            evaluated_at=now,
        )
        event_id = verdict_id(
            key=key,
            previous_id=last.event_id,
            resource_version=last.resource.resource_version,
            resource_digest=ending.reason.value,
            generation=last.policy.generation,
            policy_digest=last.policy.digest,
            image_config_digest="",
            outcome=Outcome.WITHDRAWN,
        )
        state.put_verdict(resource_key, key, event_id, verdict)
        yield _record(key, event_id, verdict, handed_on)


def _verdict(
    applied: ResourceApplied, finding: Finding, kind: Change, now: datetime, waiver: WaiverRef | None
) -> Verdict:
    judgement = finding.judgement
    return Verdict(
        cluster=applied.cluster,
        resource=applied.resource,
        owner=applied.owner,
        policy=finding.policy,
        outcome=judgement.outcome,
        change=kind,
        message=judgement.message,
        warning=judgement.warning,
        images=finding.images,
        image=finding.image,
        explanation=judgement.explanation,
        evaluated_at=now,
        resource_digest=applied.digest,
        file=applied.file,
        waiver=waiver,
    )


def _record(key: str, event_id: str, verdict: Verdict, handed_on: Mapping[str, str]) -> Record:
    return Record(
        Topic.VERDICTS,
        key,
        Event(
            type=VERDICT_TYPES[verdict.outcome],
            source=source_of(verdict.cluster),
            id=event_id,
            time=verdict.evaluated_at,
            subject=subject_of(verdict.resource),
            key=key,
            data=verdict,
            extensions={**handed_on, **_extensions(verdict)},
        ),
    )


def _extensions(verdict: Verdict) -> dict[str, str]:
    """Attributes for filters that see no data, such as Knative Triggers."""
    extensions = {
        "cluster": verdict.cluster,
        "kind": verdict.resource.kind,
        "policy": verdict.policy.name,
        "mode": verdict.policy.mode,
        "change": verdict.change,
    }
    if verdict.resource.namespace:
        extensions["namespace"] = verdict.resource.namespace
    if verdict.waiver:
        extensions["waiver"] = verdict.waiver.name
    return extensions
