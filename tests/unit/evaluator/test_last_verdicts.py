"""The last verdicts of resources: what is remembered in little memory is what a plain table remembers."""

import hashlib
import tracemalloc
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from evaluator.evaluation import NO_MATCHING_POLICY
from evaluator.last_verdicts import LastVerdict, LastVerdicts
from evaluator.state import State, fingerprint
from pipeline.events import (
    Change,
    Image,
    Mode,
    Outcome,
    PolicyRef,
    ResourceRef,
    Verdict,
    policy_key,
    verdict_key,
)
from pipeline.waivers import WaiverRef

OUTCOMES = [outcome for outcome in Outcome if outcome is not Outcome.WITHDRAWN]
CLUSTERS, UIDS = ("east", "west"), ("u1", "u2", "u3")
POLICIES = ("p", "q", NO_MATCHING_POLICY.name)
NEVER = datetime(2099, 1, 1, tzinfo=UTC)
IMAGES = (None, Image(name="nginx"), Image(name="nginx", digest="sha256:1"))


def a_verdict(
    cluster: str = "east",
    uid: str = "u1",
    policy: str = "p",
    image: Image | None = None,
    outcome: Outcome = Outcome.PASS,
    version: str = "1",
    owner: str = "",
    generation: int = 1,
    waiver: str = "",
) -> Verdict:
    ref = ResourceRef(
        api_version="v1", kind="Pod", namespace="shop", name=f"pod-{uid}", uid=uid, resource_version=version
    )
    return Verdict(
        cluster=cluster,
        resource=ref,
        owner=ResourceRef(api_version="apps/v1", kind="Deployment", namespace="shop", name=owner)
        if owner
        else None,
        policy=PolicyRef(name=policy, digest="d", mode=Mode.WARN, generation=generation),
        image=image,
        outcome=outcome,
        waiver=WaiverRef(name=waiver, owner="o", reason="r", expires=NEVER) if waiver else None,
        change=Change.NEW,
        evaluated_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


verdicts = st.builds(
    a_verdict,
    cluster=st.sampled_from(CLUSTERS),
    uid=st.sampled_from(UIDS),
    policy=st.sampled_from(POLICIES),
    image=st.sampled_from(IMAGES),
    outcome=st.sampled_from(OUTCOMES),
    version=st.sampled_from(["1", "2"]),
    owner=st.sampled_from(["", "web"]),
    generation=st.integers(1, 2),
    waiver=st.sampled_from(["", "w"]),
)


def an_id(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def as_remembered(event_id: str, verdict: Verdict) -> LastVerdict:
    return LastVerdict(
        event_id=event_id,
        outcome=verdict.outcome,
        fingerprint=fingerprint(verdict),
        cluster=verdict.cluster,
        resource=verdict.resource,
        owner=verdict.owner,
        policy=verdict.policy,
        image=verdict.image,
        file=verdict.file,
        waiver=verdict.waiver.name if verdict.waiver else "",
    )


def tail_of(verdict: Verdict) -> str:
    image = f"{verdict.image.name}@{verdict.image.digest}" if verdict.image else ""
    key = verdict_key(verdict.cluster, verdict.resource.uid, verdict.policy.name, image)
    return key.removeprefix(f"{verdict.cluster}/{verdict.resource.uid}/")


@given(st.lists(st.tuples(st.booleans(), verdicts), max_size=40))
def test_they_are_those_of_a_plain_table(history: list[tuple[bool, Verdict]]) -> None:
    table: dict[str, dict[str, LastVerdict]] = {}
    last = LastVerdicts()
    for number, (stays, verdict) in enumerate(history):
        key, tail = f"{verdict.cluster}/{verdict.resource.uid}", tail_of(verdict)
        if stays:
            event_id = an_id(f"{number}")
            last.put(key, tail, event_id, fingerprint(verdict), verdict)
            table.setdefault(key, {})[tail] = as_remembered(event_id, verdict)
        else:
            last.drop(key, tail)
            table.get(key, {}).pop(tail, None)
    for key in [f"{cluster}/{uid}" for cluster in CLUSTERS for uid in UIDS]:
        assert dict(last.of(key)) == table.get(key, {})
        for tail in map(tail_of, (verdict for _, verdict in history)):
            assert last.get(key, tail) == table.get(key, {}).get(tail)
    found = [(key, each) for key, entries in table.items() for each in entries.values()]
    judging = {policy_key(each.cluster, each.policy.name) for _, each in found}
    assert last.judging() == {key for key in judging if not key.endswith(f"/{NO_MATCHING_POLICY.name}")}
    waived = list(last.where(lambda cluster, said: cluster == "east" and said.waiver == "w"))
    east = [(key, each) for key, each in found if each.cluster == "east" and each.waiver]
    assert sorted(waived) == sorted((key, each.cluster, each.policy.name) for key, each in east)
    for policy in judging:
        under = {key for key, each in found if policy_key(each.cluster, each.policy.name) == policy}
        assert sorted(last.resources_under(policy)) == sorted(under)


def test_resources_that_are_alike_share_what_is_said_of_them() -> None:
    """Ten verdicts of a Pod took 7 KB, when each had an object of its own."""
    count = 1000
    state = State(remember=True)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(count):
            for policy in range(10):
                verdict = a_verdict(uid=f"{number:036}", policy=f"policy-{policy}", owner="web")
                key = verdict_key(verdict.cluster, verdict.resource.uid, verdict.policy.name)
                state.restore(key, an_id(key), verdict)
        used = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert used / count < 1200


def test_a_verdict_that_somebody_else_wrote_is_passed_over() -> None:
    state = State(remember=True)
    verdict = a_verdict()
    state.restore("east/u1/p", "not one of our ids", verdict)
    assert state.last("east/u1", "east/u1/p") is None
