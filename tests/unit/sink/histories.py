"""What is told of resources over time: verdicts as the evaluator would tell them. Tests nothing itself."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from pipeline.bus import Record
from pipeline.events import (
    VERDICT_TYPES,
    Change,
    Event,
    Explanation,
    Image,
    Mode,
    Outcome,
    PolicyRef,
    ResourceRef,
    Topic,
    Verdict,
    Withdrawal,
    source_of,
    subject_of,
    verdict_key,
)
from pipeline.waivers import WaiverRef

START = datetime(2026, 3, 1, tzinfo=UTC)
CLUSTER = "prod"


@dataclass(frozen=True)
class Said:
    """What a policy (or its withdrawal) says at one moment."""

    outcome: Outcome
    mode: Mode = Mode.WARN
    digest: str = "p1"
    reason: Withdrawal | None = None
    waiver: str = ""
    image_removed: bool = False


PASS = Said(Outcome.PASS)
FAIL = Said(Outcome.FAIL)
ERROR = Said(Outcome.ERROR)
WAIVED = Said(Outcome.FAIL, waiver="legacy")


REMOVED = Said(Outcome.WITHDRAWN, reason=Withdrawal.OUT_OF_SCOPE, image_removed=True)


def withdrawn(reason: Withdrawal) -> Said:
    return Said(Outcome.WITHDRAWN, reason=reason)


def verdict(
    said: Said = FAIL,
    name: str = "web",
    policy: str = "no-root",
    *,
    at: datetime = START,
    cluster: str = CLUSTER,
    namespace: str = "shop",
    kind: str = "Pod",
    owner: ResourceRef | None = None,
    images: Sequence[str] = ("nginx:1",),
    file: str = "",
) -> Verdict:
    return Verdict(
        cluster=cluster,
        resource=ResourceRef(
            api_version="v1", kind=kind, namespace=namespace, name=name, uid=f"uid-{namespace}-{name}"
        ),
        policy=PolicyRef(name=policy, digest=said.digest, mode=said.mode, title="No root"),
        outcome=said.outcome,
        change=Change.NEW,
        evaluated_at=at,
        owner=owner,
        message="runs as root" if said.outcome is Outcome.FAIL else "",
        images=tuple(Image(name=image) for image in images),
        explanation=Explanation(line=3, expression="isCompliant", decided=0),
        reason=said.reason,
        image_removed=said.image_removed,
        file=file,
        waiver=waiver(said.waiver) if said.waiver else None,
    )


def waiver(name: str) -> WaiverRef:
    return WaiverRef(name=name, owner="team", reason="why", expires=START + timedelta(days=9), ticket="T-1")


def told(verdict: Verdict, previous: str = "", offset: int = -1) -> Record:
    """The verdict as a record; its id holds the previous one's, as the evaluator's do."""
    key = verdict_key(verdict.cluster, verdict.resource.uid, verdict.policy.name)
    id_ = hashlib.sha256(f"{previous}{key}{verdict}".encode()).hexdigest()[:32]
    event = Event(
        type=VERDICT_TYPES[verdict.outcome],
        source=source_of(verdict.cluster),
        id=id_,
        time=verdict.evaluated_at,
        subject=subject_of(verdict.resource),
        key=key,
        data=verdict,
    )
    return Record(Topic.VERDICTS, key, event, offset=offset)


def history(name: str, says: Sequence[Said], *, cluster: str = CLUSTER, file: str = "") -> list[Record]:
    """What one policy says of one resource, minute by minute."""
    records: list[Record] = []
    for minute, said in enumerate(says):
        event = records[-1].event if records else None
        now = verdict(said, name, at=START + timedelta(minutes=minute), cluster=cluster, file=file)
        records.append(told(now, event.id if event else ""))
    return records


_SAYINGS = st.one_of(
    st.builds(
        Said,
        st.sampled_from([Outcome.PASS, Outcome.WARN, Outcome.FAIL, Outcome.ERROR]),
        st.sampled_from(Mode),
        st.sampled_from(["p1", "p2"]),
    ),
    st.sampled_from(Withdrawal).map(withdrawn),
    st.just(REMOVED),
    st.builds(
        Said, st.just(Outcome.FAIL), st.sampled_from(Mode), waiver=st.sampled_from(["legacy", "pilot"])
    ),
)


@st.composite
def logs(draw: st.DrawFn) -> list[Record]:
    """Histories of a few resources, in one log: each in its order, mixed with the others."""
    stories = [
        history(name, draw(st.lists(_SAYINGS, max_size=6)), file=draw(st.sampled_from(["", "web.yaml"])))
        for name in ("web", "db", "job")
    ]
    turns = draw(st.permutations([number for number, story in enumerate(stories) for _ in story]))
    waiting = [iter(story) for story in stories]
    return [next(waiting[turn]) for turn in turns]
