"""What is told of resources over time: verdicts as the evaluator would tell them. Tests nothing itself."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
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
    is_violation,
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
    """Of an error: of the violation before it."""
    image_removed: bool = False
    returned: bool = False


PASS = Said(Outcome.PASS)
FAIL = Said(Outcome.FAIL)
ERROR = Said(Outcome.ERROR)
WAIVED = Said(Outcome.FAIL, waiver="legacy")
STILL_WAIVED = Said(Outcome.ERROR, waiver="legacy")
RETURNED = Said(Outcome.ERROR, returned=True)


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
    covering = waiver(said.waiver) if said.waiver else None
    return Verdict(
        cluster=cluster,
        resource=ResourceRef(
            api_version="v1", kind=kind, namespace=namespace, name=name, uid=f"uid-{namespace}-{name}"
        ),
        policy=PolicyRef(name=policy, digest=said.digest, mode=said.mode, title="No root"),
        outcome=said.outcome,
        change=Change.RETURNED if said.returned else Change.NEW,
        evaluated_at=at,
        owner=owner,
        message="runs as root" if said.outcome is Outcome.FAIL else "",
        images=tuple(Image(name=image) for image in images),
        explanation=Explanation(line=3, expression="isCompliant", decided=0),
        reason=said.reason,
        image_removed=said.image_removed,
        file=file,
        waiver=covering if said.outcome is not Outcome.ERROR else None,
        waived_before=covering if said.outcome is Outcome.ERROR else None,
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


def as_told(moments: Sequence[Said]) -> list[Said]:
    """What an evaluator says at these moments. `waiver` of a moment: the one there is, whatever the outcome.

    An error has a say in it only after what was waived: that it still is, or is no more.
    """
    told: list[Said] = []
    covered = False
    for moment in moments:
        may_be_waived = is_violation(moment.outcome, moment.mode)
        if moment.outcome is Outcome.ERROR:
            may_be_waived = covered
        waiver = moment.waiver if may_be_waived else ""
        returned = moment.outcome is Outcome.ERROR and covered and not waiver
        told.append(replace(moment, waiver=waiver, returned=returned))
        covered = bool(waiver)
    return told


_JUDGED = st.builds(
    Said,
    st.sampled_from([Outcome.PASS, Outcome.WARN, *[Outcome.FAIL] * 4, Outcome.ERROR, Outcome.ERROR]),
    st.sampled_from(Mode),
    st.sampled_from(["p1", "p2"]),
    waiver=st.sampled_from(["", "legacy", "pilot"]),
)
_WITHDRAWN = st.sampled_from([*map(withdrawn, Withdrawal), REMOVED])
_MOMENTS = st.one_of(_JUDGED, _JUDGED, _JUDGED, _JUDGED, _WITHDRAWN)


@st.composite
def logs(draw: st.DrawFn) -> list[Record]:
    """Histories of a few resources, in one log: each in its order, mixed with the others."""
    stories = [
        history(
            name, as_told(draw(st.lists(_MOMENTS, max_size=8))), file=draw(st.sampled_from(["", "w.yaml"]))
        )
        for name in ("web", "db", "job")
    ]
    turns = draw(st.permutations([number for number, story in enumerate(stories) for _ in story]))
    waiting = [iter(story) for story in stories]
    return [next(waiting[turn]) for turn in turns]


def standing(log: Iterable[Record]) -> dict[str, str]:
    """`open` or `waived` for each key that violates after a log, in plain words."""
    stands: dict[str, str] = {}
    for record in log:
        now = record.event.data if record.event else None
        if not isinstance(now, Verdict):
            continue
        before = stands.pop(record.key, "")
        if now.outcome is Outcome.ERROR:
            said = "open" if before == "waived" and now.waived_before is None else before
        elif is_violation(now.outcome, now.policy.mode):
            said = "waived" if now.waiver else "open"
        else:
            said = ""
        if said:
            stands[record.key] = said
    return stands
