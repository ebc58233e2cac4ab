"""Each policy of the catalog says of its own examples what it must, on every engine alike.

Covers the policies of every set as they are (valid, accepted by the guards of each
engine), their examples, what no example can be (objects without a pod spec, wrong
types in the way to a field), and that OPA and the engines give one answer, also on
damaged objects. Not covered: matching and worker processes, which have their own
tests; `registry/image-maximum-age` on regopy, which is not trusted with time.
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
from evaluator.rego.engine import Module, RefusalError, RegoEngine, Value
from evaluator.rego.regopy import Regopy
from pipeline.events import Mode, Outcome, PolicyApplied
from tests.services import opa

POLICIES = [
    f"{name}/{path.stem}" for name in catalog.SETS for path in sorted(catalog.folder(name).glob("*.yaml"))
]
"""As SET/CONTROL."""

ENGINES = ["regopy", "regorus"]
ON_REGORUS_ONLY = {"registry/image-maximum-age"}
EACH = [
    (policy, engine)
    for policy in POLICIES
    for engine in ENGINES
    if engine == "regorus" or policy not in ON_REGORUS_ONLY
]
"""Policies, each with the engines that may evaluate it."""

WITHOUT_SPEC = {"registry/image-maximum-age", "hygiene/required-labels"}
WITHOUT_CONTAINERS = WITHOUT_SPEC | {
    "baseline/host-namespaces",
    "baseline/host-path-volumes",
    "baseline/sysctls",
    "hygiene/service-account-token",
    "restricted/volume-types",
}
WITH_POD_SETTINGS = {
    "baseline/apparmor",
    "baseline/host-process",
    "baseline/seccomp",
    "baseline/selinux",
    "restricted/run-as-non-root",
    "restricted/run-as-user",
    "restricted/seccomp",
}
SORTS = ("container ", "init container ", "ephemeral container ")
SORTS_OF = {"hygiene/probes": SORTS[:1], "hygiene/resource-limits": SORTS[:2]}
"""Where it is not all of them."""

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
RUN_TO_THEIR_END = {"Job", "CronJob"}
EXPECT = "tocsin.dev/expect"
IMAGE_CONFIG = "tocsin.dev/image-config"
"""Annotation of an example: what the registry says of its image."""

EXAMPLES = catalog.folder("examples")
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


def _object_of(policy: str) -> dict[str, Any]:
    name, control = policy.split("/")
    text = (catalog.folder(name) / f"{control}.yaml").read_text(encoding="utf-8")
    body: dict[str, Any] = yaml.safe_load(text)
    return body


@functools.cache
def policy_of(policy: str) -> tuple[Policy, str]:
    """The policy, parsed and validated, and its Rego."""
    body = _object_of(policy)
    parsed = parse(PolicyApplied(cluster="test", name=body["metadata"]["name"], digest="", object=body))
    assert parsed.rego is not None
    return parsed, parsed.rego.text


@functools.cache
def module_of(policy: str, engine: str) -> Module:
    return _engine(engine).compile(policy_of(policy)[1])


def _engine(name: str) -> RegoEngine:
    if name == "regopy":
        return Regopy()
    pytest.importorskip("regorus", reason="the regorus extra is not installed")
    from evaluator.rego.regorus import Regorus

    return Regorus()


@functools.cache
def examples_of(policy: str) -> tuple[Example, ...]:
    return tuple(
        Example(body, passes=which == "pass")
        for which in ("pass", "fail")
        for body in yaml.safe_load_all((EXAMPLES / policy / f"{which}.yaml").read_text(encoding="utf-8"))
    )


def document(policy: str, body: dict[str, Any]) -> dict[str, Any]:
    """The input document, with the parts of the object that the policy asks for."""
    rego = policy_of(policy)[0].rego
    assert rego is not None
    parts = {"spec": rego.include_spec, "metadata": rego.include_object_meta}
    asked = {name: body[name] for name, wanted in parts.items() if wanted and name in body}
    if rego.fetch_config_file:
        asked["config"] = json.loads(body["metadata"]["annotations"][IMAGE_CONFIG])
    return {"authorityMatches": {"authority-0": {"static": True}}, **asked}


def answer(policy: str, engine: str, body: dict[str, Any]) -> bytes | None:
    value = module_of(policy, engine).evaluate(json.dumps(document(policy, body)).encode())
    return value.json if isinstance(value, Value) else None


def judgement(policy: str, engine: str, body: dict[str, Any]) -> Judgement:
    return judge(read_answer(answer(policy, engine, body)))


def pod(**spec: Any) -> dict[str, Any]:
    return {
        "kind": "Pod",
        "metadata": {"name": "web"},
        "spec": {"containers": [{"name": "web", "image": "nginx"}], **spec},
    }


@pytest.mark.parametrize("policy", POLICIES)
def test_a_policy_is_valid_and_describes_itself(policy: str) -> None:
    name, control = policy.split("/")
    parsed, _ = policy_of(policy)
    assert parsed.rego is not None
    metadata = _object_of(policy)["metadata"]
    annotations = metadata["annotations"]
    assert parsed.ref.name == f"{name}-{control}"
    assert parsed.ref.mode is Mode.WARN
    assert not parsed.unsupported
    assert not parsed.unknown_fields
    assert not parsed.warnings
    assert metadata["labels"] == {"tocsin.dev/profile": name}
    assert parsed.ref.title == annotations["tocsin.dev/title"]
    assert annotations["tocsin.dev/description"]
    assert annotations["tocsin.dev/severity"] in {"high", "medium", "low"}
    assert annotations["tocsin.dev/url"].startswith("https://kubernetes.io/docs/")


def test_each_policy_has_examples_and_a_line_in_the_readme() -> None:
    readme = (catalog.folder("README.md")).read_text(encoding="utf-8")
    examples = [f"{path.parent.name}/{path.name}" for path in EXAMPLES.glob("*/*")]
    assert sorted(examples) == sorted(POLICIES)
    assert [name for name in POLICIES if f"`{name.replace('/', '-')}`" not in readme] == []


def test_what_can_be_set_is_at_the_top() -> None:
    for policy in POLICIES:
        text = policy_of(policy)[1]
        if "# Parameters" in text:
            assert text.startswith("package sigstore\n\nimport rego.v1\n\n# Parameters"), policy


def test_what_the_policies_share_reads_the_same_in_each() -> None:
    shared = (
        "pods[",
        "containers :=",
        "images :=",
        "words :=",
        "owners :=",
        "label(",
        "shown(",
        "stated(",
        "on_windows(",
        "in_user_namespace(",
        "is_reference(",
        "isCompliant contains",
    )
    seen: dict[str, set[str]] = defaultdict(set)
    for policy in POLICIES:
        paragraphs = policy_of(policy)[1].split("\n\n")
        rules = ["\n".join(line for line in text.splitlines() if line[0] != "#") for text in paragraphs]
        for start in shared:
            seen[start].add("\n".join(rule for rule in rules if rule.startswith(start)))
    seen["label("] = {text for text in seen["label("] if text.count("label(item) :=") == 1}
    assert {start: len(texts - {""}) for start, texts in seen.items()} == dict.fromkeys(shared, 1)


@pytest.mark.parametrize("policy", POLICIES)
def test_every_kind_is_among_the_passing_and_among_the_failing_examples(policy: str) -> None:
    examples = examples_of(policy)
    for passes in (True, False):
        names = [example.name for example in examples if example.passes is passes]
        assert len(set(names)) == len(names)
        kinds = {example.body["kind"] for example in examples if example.passes is passes}
        never_fail = RUN_TO_THEIR_END if policy == "hygiene/probes" and not passes else set()
        assert kinds == KINDS - never_fail


@pytest.mark.parametrize("policy", sorted(set(POLICIES) - WITHOUT_CONTAINERS))
def test_every_sort_of_container_is_among_the_expected_messages(policy: str) -> None:
    expected = [example.expected for example in examples_of(policy) if not example.passes]
    for word in SORTS_OF.get(policy, SORTS):
        assert any(text.startswith(word) for text in expected), word
    if policy in WITH_POD_SETTINGS:
        assert any(text.startswith("spec: ") for text in expected)


@pytest.mark.parametrize("policy", sorted(ON_REGORUS_ONLY))
def test_a_policy_that_regopy_cannot_be_trusted_with_is_refused_by_it(policy: str) -> None:
    with pytest.raises(RefusalError):
        module_of(policy, "regopy")


@pytest.mark.parametrize(("policy", "engine"), EACH)
def test_an_example_gets_the_verdict_it_is_there_for(policy: str, engine: str) -> None:
    for example in examples_of(policy):
        got = judgement(policy, engine, example.body)
        if example.passes:
            assert got.outcome is Outcome.PASS, f"{example.name}: {got.message}"
        else:
            assert got.outcome is Outcome.FAIL, example.name
            assert example.expected, f"{example.name} does not say what to expect"
            assert example.expected in got.message, example.name


@pytest.mark.parametrize(("policy", "engine"), [pair for pair in EACH if pair[0] not in WITHOUT_SPEC])
def test_an_object_without_a_pod_spec_fails(policy: str, engine: str) -> None:
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
        got = judgement(policy, engine, {"metadata": {"name": "web"}, "spec": spec})
        assert got.outcome is Outcome.FAIL, spec
        assert "no containers found" in got.message


@pytest.mark.parametrize(("policy", "engine"), [pair for pair in EACH if pair[0] not in WITHOUT_CONTAINERS])
def test_containers_of_a_wrong_type_fail(policy: str, engine: str) -> None:
    cases = {
        "spec.containers is": pod(containers={"web": {"image": "nginx"}}),
        "spec.initContainers is": pod(initContainers="setup"),
        "spec.ephemeralContainers is": pod(ephemeralContainers=True),
        "spec.containers[0] is": pod(containers=["nginx"]),
        "spec.initContainers[0] is": pod(initContainers=[None]),
    }
    for message, body in cases.items():
        got = judgement(policy, engine, body)
        assert got.outcome is Outcome.FAIL
        assert message in got.message


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "policy", [f"hygiene/image-{name}" for name in ("allowed-registries", "digest-pinned", "no-latest-tag")]
)
def test_what_is_no_name_of_an_image_fails(policy: str, engine: str) -> None:
    cases = {
        'container "web": the image is not set': pod(containers=[{"name": "web"}]),
        'container "web": the image is ""': pod(containers=[{"name": "web", "image": ""}]),
        'container "web": the image is 7': pod(containers=[{"name": "web", "image": 7}]),
        'spec: volume "model": the image is not set': pod(volumes=[{"name": "model", "image": {}}]),
        "spec: volumes[0].image is": pod(volumes=[{"name": "model", "image": "models/small"}]),
        "spec: volumes[0] is": pod(volumes=["model"]),
        "spec: volumes is": pod(volumes={"model": {}}),
    }
    for message, body in cases.items():
        got = judgement(policy, engine, body)
        assert got.outcome is Outcome.FAIL
        assert message in got.message


@pytest.mark.parametrize("engine", ENGINES)
def test_a_pod_hidden_beside_a_template_is_judged_too(engine: str) -> None:
    body = pod(template={"spec": {"containers": [{"name": "web"}]}}, hostPID=True)
    got = judgement("baseline/host-namespaces", engine, body)
    assert got.message == "spec: hostPID is true; set it to false or remove it"


@pytest.mark.parametrize("policy", POLICIES)
def test_opa_and_the_engines_give_one_answer(policy: str, tmp_path: Path) -> None:
    binary = opa()
    bodies = [example.body for example in examples_of(policy)]
    bodies += _damaged(policy, bodies, random.Random(policy))  # noqa: S311 - a fixed seed, no secret
    (tmp_path / "policy.rego").write_text(policy_of(policy)[1])
    (tmp_path / "documents.json").write_text(
        json.dumps({"documents": [document(policy, body) for body in bodies]})
    )
    query = "[[x] | d := data.documents[_]; x := data.sigstore.isCompliant with input as d]"
    command = [str(binary), "eval", "--v0-compatible", "-d", ".", "-f", "raw", query]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    expected = [value for [value] in json.loads(run.stdout)]
    assert len(expected) == len(bodies)
    for engine in (engine for of, engine in EACH if of == policy):
        for body, value in zip(bodies, expected, strict=True):
            got = json.loads(answer(policy, engine, body) or b"null")
            assert got == value, f"{engine}: {body}"


def _damaged(policy: str, bodies: list[dict[str, Any]], chance: random.Random) -> Iterator[dict[str, Any]]:
    """Objects with one or two values replaced by something else, anywhere in what the policy sees."""
    for _ in range(DAMAGED):
        body = deepcopy(chance.choice(bodies))
        for _ in range(chance.randint(1, 2)):
            seen = {part: body[part] for part in document(policy, body) if part in body}
            places = [(holder, key) for holder, key in _places(seen) if holder is not seen]
            if places:
                holder, key = chance.choice(places)
                holder[key] = deepcopy(chance.choice(JUNK))
            elif "spec" in seen:
                body["spec"] = deepcopy(chance.choice(JUNK))
        yield body


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place below a value where another could stand."""
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, child in children:
        yield value, key
        yield from _places(child)
