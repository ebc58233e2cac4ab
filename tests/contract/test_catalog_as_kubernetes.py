"""The two profiles of the catalog against the fixtures that Kubernetes tests its own admission with.

`k8s.io/pod-security-admission` has Pods that its plugin must admit and refuse under
each profile. Here each is judged as a Pod and inside a Deployment and a CronJob. Not
covered: messages, and what no fixture has (`test_catalog_on_engines`).
"""

import functools
import json
from typing import Any

import pytest
import yaml

import catalog
from evaluator.policies.judge import judge, read_answer
from evaluator.rego.engine import Module, Value
from evaluator.rego.regopy import Regopy
from pipeline.events import Outcome
from tests.services import pod_security

SETS = {"baseline": ("baseline",), "restricted": ("baseline", "restricted")}
"""The sets of the catalog that make up a profile."""


@functools.cache
def modules(profile: str) -> dict[str, Module]:
    """On the engine that is always there; what the other says is the same (`test_catalog_on_engines`)."""
    return {
        f"{name}-{path.stem}": Regopy().compile(yaml.safe_load(path.read_text())["spec"]["policy"]["data"])
        for name in SETS[profile]
        for path in sorted(catalog.folder(name).glob("*.yaml"))
    }


def violated(profile: str, body: dict[str, Any]) -> list[str]:
    """The policies of a profile that an object violates."""
    document = json.dumps(body).encode()
    answers = {name: module.evaluate(document) for name, module in modules(profile).items()}
    return [
        name
        for name, answer in answers.items()
        if judge(read_answer(answer.json if isinstance(answer, Value) else None)).outcome is not Outcome.PASS
    ]


def shapes(pod: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The Pod, and what makes such Pods."""
    template = {"metadata": pod["metadata"], "spec": pod["spec"]}
    metadata = {"name": "web"}
    return {
        "Pod": {"metadata": pod["metadata"], "spec": pod["spec"]},
        "Deployment": {"metadata": metadata, "spec": {"template": template}},
        "CronJob": {"metadata": metadata, "spec": {"jobTemplate": {"spec": {"template": template}}}},
    }


@pytest.mark.parametrize("profile", sorted(SETS))
@pytest.mark.parametrize("which", ["pass", "fail"])
def test_a_fixture_is_judged_as_admission_judges_it(profile: str, which: str) -> None:
    fixtures = sorted((pod_security() / profile / which).glob("*.yaml"))
    assert len(fixtures) > 10
    for path in fixtures:
        for kind, body in shapes(yaml.safe_load(path.read_text())).items():
            found = violated(profile, body)
            assert (found == []) == (which == "pass"), f"{path.name} as {kind}: {found}"
