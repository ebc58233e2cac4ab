"""Verdicts as `dev.chainguard.policy.validation.changed.v1`, for consumers that were written for it. Pure.

The event of Chainguard Enforce, by its events reference: it knows an image in a cluster, and
nothing of the resource that runs it. What it cannot say is not sent: withdrawals, errors (its
`valid` is true or false), and images whose digest nobody knows. `docs/guides/events.md` says what
a reader loses. `python -m deliverer.validation_changed FOLDER` writes its JSON Schema.
"""

import json
import sys
from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from pathlib import Path

import msgspec
from cloudevents.core.v1.event import CloudEvent

from pipeline.events import Change, Event, Image, Outcome, Verdict

TYPE = "dev.chainguard.policy.validation.changed.v1"

_CHANGES = {Change.NEW: "new", Change.DEGRADED: "degraded", Change.IMPROVED: "improved"}
"""Any other change is the empty text there: the policy was looked at again."""
_HUB = "index.docker.io"


class PolicyState(msgspec.Struct, frozen=True):
    """What a policy says of the image, and what was different before."""

    change: str
    """new, degraded, improved, or empty."""
    diagnostic: str
    last_checked: datetime
    valid: bool


class ImagePolicyRecord(msgspec.Struct, frozen=True):
    """An image in a cluster. `policies`: by name; of the one that has news only."""

    cluster_id: str
    image_id: str
    last_seen: datetime
    policies: dict[str, PolicyState]


class Actor(msgspec.Struct, frozen=True):
    """Whose change it is: the cluster's."""

    subject: str


class Occurrence(msgspec.Struct, frozen=True):
    """The data of the event."""

    actor: Actor
    body: ImagePolicyRecord


def events_of(event: Event) -> Iterator[CloudEvent]:
    """The same news in the other form: one event for each image of a verdict whose digest is known."""
    verdict = event.data
    if not isinstance(verdict, Verdict) or verdict.outcome in {Outcome.ERROR, Outcome.WITHDRAWN}:
        return
    images = (verdict.image,) if verdict.image else verdict.images
    for image_id in dict.fromkeys(filter(None, map(image_id_of, images))):
        yield CloudEvent(
            attributes={
                "specversion": "1.0",
                "type": TYPE,
                "source": f"k8s://{verdict.cluster}",
                "id": sha256(f"{event.id} {image_id}".encode()).hexdigest()[:32],
                "time": event.time,
                "subject": image_id,
                "datacontenttype": "application/json",
            },
            data=msgspec.to_builtins(_occurrence(event, verdict, image_id)),
        )


def _occurrence(event: Event, verdict: Verdict, image_id: str) -> Occurrence:
    state = PolicyState(
        change=_CHANGES.get(verdict.change, ""),
        diagnostic=verdict.message or verdict.warning,
        last_checked=verdict.evaluated_at,
        valid=verdict.outcome is Outcome.PASS,
    )
    record = ImagePolicyRecord(
        cluster_id=verdict.cluster,
        image_id=image_id,
        last_seen=event.time,
        policies={verdict.policy.name: state},
    )
    return Occurrence(actor=Actor(subject=verdict.cluster), body=record)


def image_id_of(image: Image) -> str:
    """`registry/repository@digest`, as admission sees it; empty where no digest is known."""
    written, _, named = image.name.partition("@")
    digest = image.digest or named or image.tag_digest
    if not digest:
        return ""
    path, _, last = written.rpartition("/")
    repository = f"{path}/{last.partition(':')[0]}" if path else last.partition(":")[0]
    registry, _, rest = repository.partition("/")
    if rest and ("." in registry or ":" in registry or registry == "localhost"):
        host = _HUB if registry in {"docker.io", _HUB} else registry
    else:
        host, rest = _HUB, repository
    if host == _HUB and "/" not in rest:
        rest = f"library/{rest}"
    return f"{host}/{rest}@{digest}"


def schema() -> str:
    """JSON Schema of the data, as it is committed."""
    found = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": TYPE}
    return json.dumps({**found, **msgspec.json.schema(Occurrence)}, indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    (Path(sys.argv[1]) / f"{TYPE}.json").write_text(schema(), encoding="utf-8")
