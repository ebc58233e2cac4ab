"""Each policy of the catalog says of its own examples what it must, on every engine alike.

Covers the baseline's policies as they are (valid, accepted by the guards of each
engine), their examples, what no example can be (objects without a pod spec, wrong
types in the way to a field), and that OPA and the engines give one answer, also on
damaged objects. Not covered: matching and worker processes, which have their own tests.
"""

import functools
import json
import random
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

import catalog
from evaluator.policies.judge import Judgement, judge, read_answer
from evaluator.policies.model import Policy
from evaluator.policies.validation import parse
from evaluator.rego.engine import Module, RegoEngine, Value
from evaluator.rego.regopy import Regopy
from pipeline.events import Mode, Outcome, PolicyApplied
from tests.services import opa

EXAMPLES = catalog.baseline().parent / "examples" / catalog.baseline().name
CONTROLS = sorted(path.stem for path in catalog.baseline().glob("*.yaml"))
ENGINES = ["regopy", "regorus"]
WITHOUT_CONTAINERS = {"host-namespaces", "host-path-volumes", "sysctls"}
WITH_POD_SETTINGS = {"apparmor", "host-process", "seccomp", "selinux"}
KINDS = {
    "Pod",
    "Deployment",
    "ReplicaSet",
    "StatefulSet",
    "DaemonSet",
    "Job",
    "CronJob",
    "ReplicationController",
}
EXPECT = "tocsin.dev/expect"
JUNK = [None, True, False, 0, 8080, 1.5, "", "true", "Unconfined", [], {}, ["x"], {"x": 1}]
DAMAGED = 60
"""Damaged objects for each policy; each differs from an example in one or two places."""


@dataclass(frozen=True, slots=True)
class Example:
    """One object of an example file."""

    body: dict[str, Any]
    passes: bool

    @property
    def name(self) -> str:
        return str(self.body["metadata"]["name"])

    @property
    def expected(self) -> str:
        return str(self.body["metadata"].get("annotations", {}).get(EXPECT, ""))


@functools.cache
def policy_of(control: str) -> tuple[Policy, str]:
    """The policy, parsed and validated, and its Rego."""
    body = yaml.safe_load((catalog.baseline() / f"{control}.yaml").read_text(encoding="utf-8"))
    policy = parse(PolicyApplied(cluster="test", name=body["metadata"]["name"], digest="", object=body))
    assert policy.rego is not None
    return policy, policy.rego.text


@functools.cache
def module_of(control: str, engine: str) -> Module:
    return _engine(engine).compile(policy_of(control)[1])


def _engine(name: str) -> RegoEngine:
    if name == "regopy":
        return Regopy()
    pytest.importorskip("regorus", reason="the regorus extra is not installed")
    from evaluator.rego.regorus import Regorus

    return Regorus()


@functools.cache
def examples_of(control: str) -> tuple[Example, ...]:
    return tuple(
        Example(body, passes=which == "pass")
        for which in ("pass", "fail")
        for body in yaml.safe_load_all((EXAMPLES / control / f"{which}.yaml").read_text(encoding="utf-8"))
    )


def document(control: str, body: dict[str, Any]) -> dict[str, Any]:
    """The input document, with the parts of the object that the policy asks for."""
    rego = policy_of(control)[0].rego
    assert rego is not None
    parts = {"spec": rego.include_spec, "metadata": rego.include_object_meta}
    asked = {name: body[name] for name, wanted in parts.items() if wanted and name in body}
    return {"authorityMatches": {"authority-0": {"static": True}}, **asked}


def answer(control: str, engine: str, body: dict[str, Any]) -> bytes | None:
    value = module_of(control, engine).evaluate(json.dumps(document(control, body)).encode())
    return value.json if isinstance(value, Value) else None


def judgement(control: str, engine: str, body: dict[str, Any]) -> Judgement:
    return judge(read_answer(answer(control, engine, body)))


def pod(**spec: Any) -> dict[str, Any]:
    return {
        "kind": "Pod",
        "metadata": {"name": "web"},
        "spec": {"containers": [{"name": "web", "image": "nginx"}], **spec},
    }


@pytest.mark.parametrize("control", CONTROLS)
def test_a_policy_is_valid_and_describes_itself(control: str) -> None:
    policy, _ = policy_of(control)
    body = yaml.safe_load((catalog.baseline() / f"{control}.yaml").read_text(encoding="utf-8"))
    annotations = body["metadata"]["annotations"]
    assert policy.ref.name == f"baseline-{control}"
    assert policy.ref.mode is Mode.WARN
    assert not policy.unsupported
    assert not policy.unknown_fields
    assert not policy.warnings
    assert body["metadata"]["labels"] == {"tocsin.dev/profile": "baseline"}
    assert policy.ref.title == annotations["tocsin.dev/title"]
    assert annotations["tocsin.dev/description"]
    assert annotations["tocsin.dev/severity"] in {"high", "medium", "low"}
    assert annotations["tocsin.dev/url"].startswith("https://kubernetes.io/docs/")


def test_each_policy_has_examples_and_a_line_in_the_readme() -> None:
    readme = (catalog.baseline().parent / "README.md").read_text(encoding="utf-8")
    assert sorted(path.name for path in EXAMPLES.iterdir()) == CONTROLS
    assert [control for control in CONTROLS if f"`baseline-{control}`" not in readme] == []


def test_what_the_policies_share_reads_the_same_in_each() -> None:
    shared = ("pods[", "containers :=", "words :=", "owners :=", "label(", "shown(", "isCompliant contains")
    seen: dict[str, set[str]] = defaultdict(set)
    for control in CONTROLS:
        paragraphs = policy_of(control)[1].split("\n\n")
        rules = ["\n".join(line for line in text.splitlines() if line[0] != "#") for text in paragraphs]
        for start in shared:
            seen[start].add("\n".join(rule for rule in rules if rule.startswith(start)))
    seen["label("] = {text for text in seen["label("] if text.count("label(item) :=") == 1}
    assert {start: len(texts - {""}) for start, texts in seen.items()} == dict.fromkeys(shared, 1)


@pytest.mark.parametrize("control", CONTROLS)
def test_every_kind_is_among_the_passing_and_among_the_failing_examples(control: str) -> None:
    examples = examples_of(control)
    for passes in (True, False):
        names = [example.name for example in examples if example.passes is passes]
        assert len(set(names)) == len(names)
        assert {example.body["kind"] for example in examples if example.passes is passes} == KINDS


@pytest.mark.parametrize("control", sorted(set(CONTROLS) - WITHOUT_CONTAINERS))
def test_every_sort_of_container_is_among_the_expected_messages(control: str) -> None:
    expected = [example.expected for example in examples_of(control) if not example.passes]
    for word in ("container ", "init container ", "ephemeral container "):
        assert any(text.startswith(word) for text in expected), word
    if control in WITH_POD_SETTINGS:
        assert any(text.startswith("spec: ") for text in expected)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("control", CONTROLS)
def test_an_example_gets_the_verdict_it_is_there_for(control: str, engine: str) -> None:
    for example in examples_of(control):
        got = judgement(control, engine, example.body)
        if example.passes:
            assert got.outcome is Outcome.PASS, f"{example.name}: {got.message}"
        else:
            assert got.outcome is Outcome.FAIL, example.name
            assert example.expected, f"{example.name} does not say what to expect"
            assert example.expected in got.message, example.name


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("control", CONTROLS)
def test_an_object_without_a_pod_spec_fails(control: str, engine: str) -> None:
    specs: list[Any] = [
        {},
        "text",
        [],
        None,
        {"containers": None},
        {"containers": []},
        {"template": {"spec": {}}},
        {"template": {"spec": {"containers": []}}},
        {"jobTemplate": {"spec": {"template": {}}}},
    ]
    for spec in specs:
        got = judgement(control, engine, {"metadata": {"name": "web"}, "spec": spec})
        assert got.outcome is Outcome.FAIL, spec
        assert "no containers found" in got.message


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("control", sorted(set(CONTROLS) - WITHOUT_CONTAINERS))
def test_containers_of_a_wrong_type_fail(control: str, engine: str) -> None:
    cases = {
        "spec.containers is": pod(containers={"web": {"image": "nginx"}}),
        "spec.initContainers is": pod(initContainers="setup"),
        "spec.ephemeralContainers is": pod(ephemeralContainers=True),
        "spec.containers[0] is": pod(containers=["nginx"]),
        "spec.initContainers[0] is": pod(initContainers=[None]),
    }
    for message, body in cases.items():
        got = judgement(control, engine, body)
        assert got.outcome is Outcome.FAIL
        assert message in got.message


@pytest.mark.parametrize("engine", ENGINES)
def test_a_pod_hidden_beside_a_template_is_judged_too(engine: str) -> None:
    body = pod(template={"spec": {"containers": [{"name": "web"}]}}, hostPID=True)
    got = judgement("host-namespaces", engine, body)
    assert got.message == "spec: hostPID is true; set it to false or remove it"


@pytest.mark.parametrize("control", CONTROLS)
def test_opa_and_the_engines_give_one_answer(control: str, tmp_path: Path) -> None:
    binary = opa()
    bodies = [example.body for example in examples_of(control)]
    bodies += _damaged(bodies, random.Random(control))  # noqa: S311 - a fixed seed, no secret
    (tmp_path / "policy.rego").write_text(policy_of(control)[1])
    (tmp_path / "documents.json").write_text(
        json.dumps({"documents": [document(control, body) for body in bodies]})
    )
    query = "[[x] | d := data.documents[_]; x := data.sigstore.isCompliant with input as d]"
    command = [str(binary), "eval", "--v0-compatible", "-d", ".", "-f", "raw", query]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    expected = [value for [value] in json.loads(run.stdout)]
    assert len(expected) == len(bodies)
    for engine in ENGINES:
        for body, value in zip(bodies, expected, strict=True):
            got = json.loads(answer(control, engine, body) or b"null")
            assert got == value, f"{engine}: {body}"


def _damaged(bodies: list[dict[str, Any]], chance: random.Random) -> Iterator[dict[str, Any]]:
    """Objects with one or two values replaced by something else, anywhere below the spec."""
    for _ in range(DAMAGED):
        body = deepcopy(chance.choice(bodies))
        for _ in range(chance.randint(1, 2)):
            holder, key = chance.choice(list(_places(body["spec"])) or [(body, "spec")])
            holder[key] = deepcopy(chance.choice(JUNK))
        yield body


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place below a value where another could stand."""
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, child in children:
        yield value, key
        yield from _places(child)
