"""A policy that reads environment values, on resources whose values the watcher replaced.

Not covered: which read sets count (`tests/unit/evaluator/test_redaction.py`), the replacing
itself (`tests/integration/kube`).
"""

from dataclasses import replace

import pytest

from evaluator.evaluation import conclude, inquire
from evaluator.loading import load
from evaluator.rego.memo import Memo
from evaluator.rego.pool import WorkerPool
from pipeline.events import REDACTED, Outcome, ResourceApplied, ResourceRef
from pipeline.settings import load_settings
from pipeline.settings_types import EngineChoice, UnmatchedImages
from tests.unit.evaluator.policy_objects import applied_policy, policy_object

DEBUG = """package sigstore
isCompliant[{"result": true}] { count(bad) == 0 }
isCompliant[{"result": false, "error": "debug is on"}] { count(bad) > 0 }
bad[c.name] { c := input.spec.containers[_]; c.env[_].value == "debug" }
"""
NAMES = DEBUG.replace('value == "debug"', 'name == "DEBUG"')


def pod(value: str) -> ResourceApplied:
    container = {"name": "web", "image": "nginx", "env": [{"name": "LEVEL", "value": value}]}
    ref = ResourceRef(api_version="v1", kind="Pod", namespace="shop", name="web")
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web"},
        "spec": {"containers": [container]},
    }
    return ResourceApplied(cluster="test", resource=ref, digest="", object=body)


@pytest.mark.parametrize(
    ("text", "redacted", "value", "outcome", "rules"),
    [
        (DEBUG, True, REDACTED, Outcome.ERROR, {"TOC013"}),
        (DEBUG, True, "", Outcome.PASS, {"TOC013"}),  # nothing was replaced
        (DEBUG, False, REDACTED, Outcome.PASS, set()),
        (DEBUG, False, "debug", Outcome.FAIL, set()),
        (NAMES, True, REDACTED, Outcome.PASS, set()),
    ],
)
async def test_a_verdict_is_an_error_where_it_would_depend_on_what_was_replaced(
    text: str, redacted: bool, value: str, outcome: Outcome, rules: set[str]
) -> None:
    body = policy_object(policy={"type": "rego", "includeSpec": True, "data": text})
    async with WorkerPool(replace(load_settings().evaluator, workers=1)) as pool:
        loaded, checked = await load(applied_policy(body), pool, EngineChoice.AUTO, redacted=redacted)
        assert loaded is not None
        inquiry = inquire(pod(value), [loaded], UnmatchedImages.IGNORE)
        answers = await Memo(pool).evaluate(inquiry.queries) if inquiry.queries else []
        (finding,) = conclude(inquiry, answers)
    assert finding.judgement.outcome is outcome
    assert {each.rule for each in checked.findings if each.rule.startswith("TOC01")} == rules
    if outcome is Outcome.ERROR:
        assert "TOCSIN_REDACT_ENVIRONMENT=false" in finding.judgement.message
