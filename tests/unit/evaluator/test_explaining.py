"""When an explanation is given, and what is said where there is none.

The pool is a fake that answers as it is told: real engines cannot be made to
disagree. Not covered: how steps are found (`tests/contract/test_explanations.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from evaluator.evaluation import Finding, conclude, inquire
from evaluator.explaining import Account, explain, relevant
from evaluator.images.port import NoImages
from evaluator.loading import LoadedPolicy
from evaluator.policies.judge import Defined, judge
from evaluator.policies.validation import parse
from evaluator.rego.engine import Because, EngineName, Undefined, Value
from evaluator.rego.explain.steps import State, Step
from evaluator.rego.protocol import Explained
from evaluator.rego.questions import Answer, Failure, Module, Question
from pipeline.events import Explanation, Outcome, PolicyApplied, ResourceApplied, ResourceRef
from pipeline.settings_types import UnmatchedImages
from tests.unit.evaluator.policy_objects import policy_object

STEP = Step(0, "isCompliant", 2, State.FAILED, "input.a", 2)
NOTHING = Undefined()
STEPS = Explained(None, (STEP,))
REGO = {"type": "rego", "includeSpec": True, "data": "package sigstore\nisCompliant { input.a }"}


@dataclass
class FakePool:
    """Gives every question one answer, and every explanation another."""

    answer: Answer
    explained: Explained

    async def evaluate(self, questions: Sequence[Question]) -> list[list[Answer]]:
        return [[self.answer for _ in question.modules] for question in questions]

    async def explain(self, text: str, document: bytes) -> Explained:  # noqa: ARG002 - the port's
        return self.explained


def resource() -> ResourceApplied:
    ref = ResourceRef(api_version="v1", kind="Pod", namespace="shop", name="web")
    body = {"metadata": {"name": "web"}, "spec": {"containers": [{"name": "web", "image": "nginx"}]}}
    return ResourceApplied(cluster="test", resource=ref, digest="", object=body)


async def account(answer: Answer = NOTHING, explained: Explained = STEPS, **spec: Any) -> Account:
    body = policy_object(**{"policy": REGO, **spec})
    policy = parse(PolicyApplied(cluster="test", name="p", digest="", object=body))
    module = Module(1, EngineName.REGOPY, "text") if policy.rego else None
    pool = FakePool(answer, explained)
    (account,) = await explain(LoadedPolicy(policy, module), resource(), pool, NoImages())
    return account


async def test_steps_are_given_where_both_come_to_one_judgement() -> None:
    got = await account()
    assert (got.steps, got.note, got.known) == ((STEP,), "", True)


async def test_an_engine_that_sees_it_otherwise_is_no_explanation() -> None:
    got = await account(explained=Explained(b"true", (STEP,)))
    assert (got.steps, got.known) == ((), False)
    assert got.note.endswith("regorus, which explains, and regopy do not agree on this policy")


async def test_that_nothing_explains_is_said() -> None:
    got = await account(explained=Explained(error="no regorus here"))
    assert (got.steps, got.known) == ((), False)
    assert got.note == "which expression decided is not known: no regorus here"
    assert got.finding is not None


async def test_what_could_not_be_evaluated_was_decided_by_nothing() -> None:
    got = await account(answer=Failure("too slow"))
    assert got.finding is not None
    assert (got.finding.judgement.outcome, got.known) == (Outcome.ERROR, False)


async def test_authorities_decide_before_the_text() -> None:
    got = await account(authorities=[{"static": {"action": "fail", "message": "never"}}])
    assert got.note == "spec.authorities refused it, so that spec.policy was not evaluated"
    got = await account(policy=None)
    assert got.note == "spec.authorities let it pass, and there is no spec.policy"


async def test_why_a_policy_does_not_apply_is_said() -> None:
    got = await account(images=[{"glob": "ghcr.io/**"}])
    assert (got.finding, got.note) == (None, "no glob of spec.images matches nginx")
    got = await account(match=[{"version": "v1", "resource": "jobs"}])
    assert got.note == "no item of spec.match fits pods of v1 with its labels"


def test_of_a_pass_only_what_held_for_the_member_that_decided_matters() -> None:
    passing = Step(0, "isCompliant", 2, State.HELD, gave=('{"result": true}',))
    below = Step(1, "good", 5, State.HELD, gave=("1",))
    other = Step(0, "isCompliant", 3, State.HELD, gave=('{"result": false}',))
    judgement = judge(Defined([{"result": False}, {"result": True}]))
    assert list(relevant((other, below, passing, below, STEP), judgement)) == [passing, below]


def test_of_a_fail_everything_matters() -> None:
    assert list(relevant((STEP,), judge(Defined(value=False)))) == [STEP]


def finding_of(answer: Answer) -> Finding:
    body = policy_object(policy=REGO)
    policy = parse(PolicyApplied(cluster="test", name="p", digest="", object=body))
    loaded = LoadedPolicy(policy, Module(1, EngineName.REGORUS, "text"))
    inquiry = inquire(resource(), [loaded], UnmatchedImages.IGNORE)
    (finding,) = conclude(inquiry, [[answer]])
    return finding


def test_a_failure_without_a_message_carries_the_expression_that_decided() -> None:
    because = Because(2, "input.a")
    expected = Explanation(file="spec.policy.data", line=2, expression="input.a")
    for answer in (Undefined(because), Value(b"false", because)):
        judgement = finding_of(answer).judgement
        assert (judgement.message, judgement.explanation) == ("policy is not compliant", expected)


def test_what_says_itself_why_is_left_as_it_is() -> None:
    because = Because(2, "input.a")
    for answer in (Value(b"true", because), Value(b'"text"', because), Undefined()):
        assert finding_of(answer).judgement.explanation is None
    judgement = finding_of(Value(b'[{"result": false, "error": "bad"}]', because)).judgement
    assert judgement.explanation == Explanation(responses=({"result": False, "error": "bad"},), decided=-1)
