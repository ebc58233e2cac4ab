"""Events as rows of the tables. Pure."""

import hashlib
from datetime import datetime
from typing import Any

import msgspec

from pipeline.events import (
    Event,
    PolicyApplied,
    PolicyChecked,
    ResourceApplied,
    SourceFailed,
    Verdict,
    resource_key,
)
from pipeline.waivers import WaiverApplied, WaiverRef
from sink.objects import described, images, labels, packed

Row = dict[str, Any]
_ID_DIGITS = 16
"""Of a violation's id: 64 bits; commands take any prefix that is one violation's only."""


def resource_row(key: str, event: Event, applied: ResourceApplied) -> Row:
    """A row of `resources`."""
    ref, owner = applied.resource, applied.owner
    return {
        "key": key,
        "cluster": applied.cluster,
        "uid": ref.uid,
        "api_version": ref.api_version,
        "kind": ref.kind,
        "namespace": ref.namespace,
        "name": ref.name,
        "resource_version": ref.resource_version,
        "owner_kind": owner.kind if owner else "",
        "owner_name": owner.name if owner else "",
        "digest": applied.digest,
        "file": applied.file,
        "images": "\n".join(images(ref.kind, applied.object)),
        "labels": labels(applied.object),
        "first_seen_at": event.time,
        "last_seen_at": event.time,
        "deleted_at": None,
    }


def object_row(key: str, applied: ResourceApplied) -> Row:
    """A row of `objects`."""
    return {
        "key": key,
        "cluster": applied.cluster,
        "digest": applied.digest,
        "body": packed(applied.object),
    }


def applied_policy_row(key: str, event: Event, applied: PolicyApplied) -> Row:
    """What the watcher knows of a policy: that it is there."""
    return {
        "key": key,
        "cluster": applied.cluster,
        "name": applied.name,
        "digest": applied.digest,
        "file": applied.file,
        **{name: described(applied.object, name) for name in ("severity", "url", "description")},
        "applied_at": event.time,
        "deleted_at": None,
    }


def applied_version_row(key: str, event: Event, applied: PolicyApplied) -> Row:
    """What the watcher knows of a version of a policy: its text."""
    return {
        **_version(key, event, applied.cluster, applied.name, applied.digest),
        "body": packed(applied.object),
    }


def checked_version_row(key: str, event: Event, checked: PolicyChecked) -> Row:
    """What the evaluator made of that version."""
    policy = checked.policy
    return {
        **_version(key, event, checked.cluster, policy.name, policy.digest),
        "mode": policy.mode.value,
        "title": policy.title,
        "error": checked.error,
    }


def _version(key: str, event: Event, cluster: str, name: str, digest: str) -> Row:
    return {
        "policy_key": key,
        "digest": digest,
        "cluster": cluster,
        "name": name,
        "first_applied_at": event.time,
        "last_applied_at": event.time,
    }


def checked_policy_row(key: str, event: Event, checked: PolicyChecked) -> Row:
    """What the evaluator made of it. A new row is of one that is still to come, or forgotten.

    `deleted_at` is for such a row only: that a policy is there is the watcher's to say.
    """
    return {
        "key": key,
        "cluster": checked.cluster,
        "name": checked.policy.name,
        "digest": checked.policy.digest,
        "mode": checked.policy.mode.value,
        "title": checked.policy.title,
        "file": checked.file,
        "engine": checked.engine,
        "error": checked.error,
        "unsupported": checked.unsupported,
        "refusals": dict(checked.refusals),
        "findings": msgspec.to_builtins(checked.findings),
        "reads": list(checked.reads),
        "memo": checked.memo,
        "applied_at": event.time,
        "deleted_at": event.time,
    }


def source_error_row(key: str, event: Event, failed: SourceFailed) -> Row:
    """A row of `source_errors`."""
    return {
        "key": key,
        "cluster": failed.cluster,
        "file": failed.file,
        "document": failed.document,
        "message": failed.message,
        "failed_at": event.time,
    }


def verdict_row(key: str, event: Event, verdict: Verdict) -> Row:
    """A row of `verdicts`."""
    ref = verdict.resource
    return {
        "key": key,
        "event_id": event.id,
        "cluster": verdict.cluster,
        "resource_key": resource_key(verdict.cluster, ref.uid),
        "policy": verdict.policy.name,
        "policy_digest": verdict.policy.digest,
        "mode": verdict.policy.mode.value,
        "outcome": verdict.outcome.value,
        "namespace": ref.namespace,
        "kind": ref.kind,
        "name": ref.name,
        "message": verdict.message,
        "evaluated_at": verdict.evaluated_at,
        "data": msgspec.json.encode(verdict).decode(),
    }


def violation_row(key: str, event: Event, verdict: Verdict) -> Row:
    """A row of `violations` for a span that this verdict opens."""
    return {
        "id": violation_id(key, event.id),
        "verdict_key": key,
        "cluster": verdict.cluster,
        "resource_key": resource_key(verdict.cluster, verdict.resource.uid),
        "opened_at": verdict.evaluated_at,
        "resolved_at": None,
        "resolution": None,
        **_NO_WAIVER,
        **seen(verdict),
    }


def seen(verdict: Verdict) -> Row:
    """The columns of `violations` that each verdict of the span sets anew."""
    ref, owner = verdict.resource, verdict.owner
    return {
        "api_version": ref.api_version,
        "kind": ref.kind,
        "namespace": ref.namespace,
        "name": ref.name,
        "owner_kind": owner.kind if owner else "",
        "owner_name": owner.name if owner else "",
        "policy": verdict.policy.name,
        "policy_digest": verdict.policy.digest,
        "mode": verdict.policy.mode.value,
        "title": verdict.policy.title,
        "outcome": verdict.outcome.value,
        "message": verdict.message,
        "warning": verdict.warning,
        "images": "\n".join(image.name for image in verdict.images),
        "image": verdict.image.name if verdict.image else "",
        "file": verdict.file,
        "explanation": msgspec.to_builtins(verdict.explanation),
        "last_seen_at": verdict.evaluated_at,
    }


def violation_id(verdict_key: str, event_id: str) -> str:
    """Short and stable: of the verdict's key and the event that opened the span."""
    return hashlib.sha256(f"{verdict_key}\n{event_id}".encode()).hexdigest()[:_ID_DIGITS]


_NO_WAIVER: Row = {
    "waiver": "",
    "waiver_owner": "",
    "waiver_reason": "",
    "waiver_ticket": "",
    "waiver_expires_at": None,
    "waiver_ended_at": None,
    "waiver_resolution": None,
}


def waived(waiver: WaiverRef) -> Row:
    """The columns of `violations` that a waiver sets."""
    return {
        "waiver": waiver.name,
        "waiver_owner": waiver.owner,
        "waiver_reason": waiver.reason,
        "waiver_ticket": waiver.ticket,
        "waiver_expires_at": waiver.expires,
        "waiver_ended_at": None,
    }


def waiver_row(key: str, event: Event, waiver: WaiverApplied) -> Row:
    """A row of `waivers`."""
    return {
        "key": key,
        "cluster": waiver.cluster,
        "name": waiver.name,
        "digest": waiver.digest,
        "owner": waiver.owner,
        "reason": waiver.reason,
        "ticket": waiver.ticket,
        "file": waiver.file,
        "data": msgspec.json.encode(waiver).decode(),
        "expires_at": waiver.expires,
        "applied_at": event.time,
        "deleted_at": None,
    }


def unwaived(row: Row, resolution: str | None, at: datetime) -> Row:
    """The row of a waived span that is waived no more. `resolution` None: it is back, as another one."""
    return {**row, "waiver_ended_at": at, "waiver_resolution": resolution}


def reopened(row: Row, event: Event, at: datetime) -> Row:
    """The row of a span that goes on where a waived one left off: nobody has seen it since."""
    begun = {"opened_at": at, "last_seen_at": at, "resolved_at": None, "resolution": None}
    return {**row, "id": violation_id(row["verdict_key"], event.id), **begun, **_NO_WAIVER}


def resolved(row: Row, resolution: str, at: datetime) -> Row:
    """The row of an open span, closed."""
    return {**row, "resolved_at": at, "resolution": resolution}
