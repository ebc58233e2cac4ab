"""What an evaluator tells of waivers that come and go, folded into rows: the two agree, whatever happens.

One resource under one policy; waivers are put, taken back, and expire; the evaluator may start again
from its last verdicts at any time. What the rows must say is a few lines of plain Python.
Not covered: which waiver covers what (`tests/unit/evaluator`), the database (`tests/contract`).
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from evaluator.evaluation import Finding
from evaluator.loading import LoadedPolicy
from evaluator.policies.judge import Judgement
from evaluator.policies.validation import parse
from evaluator.state import State
from evaluator.verdicts import tell
from pipeline.events import Event, Outcome, PolicyApplied, ResourceApplied, ResourceRef, Verdict
from pipeline.waivers import WaiverApplied, WaiverMatch, waiver_key
from sink.fold import Fold, fold
from tests.unit.evaluator.policy_objects import pod, policy_object
from tests.unit.sink.histories import START

MINUTE = timedelta(minutes=1)
KEY = "c/u"
REF = ResourceRef(api_version="v1", kind="Pod", namespace="shop", name="web", uid="u")
RESOURCE = ResourceApplied(cluster="c", resource=REF, digest="r1", object=pod("nginx"))


def _policy() -> LoadedPolicy:
    body = policy_object()
    body["metadata"]["name"] = "p"
    return LoadedPolicy(parse(PolicyApplied(cluster="c", name="p", digest="p1", object=body)))


POLICY = _policy()


@dataclass(frozen=True)
class Judged:
    """What the policy says from now on."""

    outcome: Outcome


@dataclass(frozen=True)
class Put:
    """A waiver for some minutes; `minutes` 0: it is taken back. `elsewhere`: it covers something else."""

    name: str
    minutes: int
    elsewhere: bool


@dataclass(frozen=True)
class StartsAgain:
    """The evaluator, with the last verdicts, and the waivers there are."""


Happens = Judged | Put | StartsAgain

HAPPENINGS = st.lists(
    st.one_of(
        st.builds(Judged, st.sampled_from([Outcome.PASS, Outcome.FAIL, Outcome.FAIL, Outcome.ERROR])),
        st.builds(Put, st.sampled_from("ab"), st.sampled_from([0, 2, 9]), st.booleans()),
        st.just(StartsAgain()),
    ),
    max_size=12,
)


@dataclass
class Pipeline:
    """An evaluator's state, and the rows."""

    now: datetime = START
    outcome: Outcome = Outcome.PASS
    waivers: dict[str, WaiverApplied] = field(default_factory=dict)
    told: list[Event] = field(default_factory=list)
    rows: Fold = field(default_factory=lambda: fold([], {}, {}, {}))

    def __post_init__(self) -> None:
        self.state = self.started()

    def started(self) -> State:
        state = State(remember=True)
        state.put_policy("c/p", POLICY)
        for key, waiver in self.waivers.items():
            state.put_waiver(key, waiver)
        for event in self.told[-1:]:
            assert isinstance(event.data, Verdict)
            state.restore(event.key, event.id, event.data)
        return state

    def happens(self, what: Happens) -> None:
        for key in self.state.waivers.ended(self.now):
            self.sweep(key, None)
        match what:
            case Judged(outcome):
                self.outcome = outcome
                self.judge()
            case Put(name, minutes, elsewhere):
                self.put(name, minutes, elsewhere=elsewhere)
            case StartsAgain():
                self.state = self.started()
                self.judge()

    def put(self, name: str, minutes: int, *, elsewhere: bool) -> None:
        key = waiver_key("c", name)
        waiver = WaiverApplied(
            cluster="c",
            name=name,
            digest=str(self.now),
            policies=("p",),
            match=WaiverMatch(names=("db" if elsewhere else "web",)),
            owner="team",
            reason="why",
            expires=self.now + minutes * MINUTE,
        )
        self.waivers.pop(key, None)
        if minutes:
            self.waivers[key] = waiver
        self.state.put_waiver(key, waiver if minutes else None)
        self.sweep(key, waiver if minutes else None)

    def sweep(self, key: str, waiver: WaiverApplied | None) -> None:
        """As the evaluator does: only what the waiver may decide about is judged again."""
        if KEY in self.state.under_waiver(waiver, key).get("c/p", []):
            self.judge()

    def judge(self) -> None:
        finding = Finding(POLICY.policy.ref, (), Judgement(self.outcome))
        for record in tell(self.state, KEY, RESOURCE, [finding], self.now):
            assert record.event is not None
            assert isinstance(record.event.data, Verdict)
            self.told.append(record.event)
            self.rows.add(record.key, record.event, record.event.data)

    def covers(self) -> set[str]:
        return {
            each.name
            for each in self.waivers.values()
            if self.now < each.expires and each.match.names == ("web",)
        }


@given(HAPPENINGS)
def test_what_is_waived_is_what_a_waiver_covers_and_the_rest_is_open(story: list[Happens]) -> None:
    pipeline = Pipeline()
    stands = ""
    for what in story:
        pipeline.now += MINUTE
        if stands == "waived" and not pipeline.covers():
            stands = "open"  # the waiver ended before the next thing happens, such as one in its place
        pipeline.happens(what)
        is_covered = bool(pipeline.covers())
        if pipeline.outcome is Outcome.PASS:
            stands = ""
        elif pipeline.outcome is Outcome.FAIL:
            stands = "waived" if is_covered else "open"
        elif stands == "waived" and not is_covered:
            stands = "open"
        rows = pipeline.rows
        assert ("open" if rows.open else "", "waived" if rows.waived else "") == (
            stands if stands == "open" else "",
            stands if stands == "waived" else "",
        )
        assert {row["waiver"] for row in rows.waived.values()} <= pipeline.covers()
    assert len({event.id for event in pipeline.told}) == len(pipeline.told)
    ended = [row for row in pipeline.rows.violations.values() if row["waiver_ended_at"] is not None]
    begins = [row["opened_at"] for row in pipeline.rows.violations.values()]
    assert all(bool(row["waiver_resolution"]) != (row["waiver_ended_at"] in begins) for row in ended)
