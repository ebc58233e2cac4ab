"""A policy says the same of a document and of what is left of it: read sets are large enough.

Random changes of Pods under the catalog and the examples, and random documents under
policies written to be hard to follow. Not covered: that read sets are small, but for
some that matter.
"""

import json
import random
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import catalog
from evaluator.policies.document import encode
from evaluator.rego.engine import CompileError, EngineError, Module, RefusalError, Undefined, Value
from evaluator.rego.reads.flow import read_set
from evaluator.rego.reads.paths import WHOLE, describe
from evaluator.rego.reads.projection import Projection
from tests.contract.changes import changed
from tests.contract.read_policies import POLICIES, V1

pytest.importorskip("regorus", reason="the regorus extra is not installed")

from evaluator.rego.regorus import Regorus, syntax_tree

ROOT = Path(__file__).parents[2]
PUBLISHED = sorted(
    [*catalog.baseline().parent.glob("*/*.yaml"), *(ROOT / "examples/policies").glob("*.yaml")]
)
CONTAINER = {
    "name": "web",
    "image": "registry.example.com/shop/web:1.2",
    "securityContext": {"privileged": False, "capabilities": {"add": ["NET_ADMIN"]}, "procMount": "Default"},
    "ports": [{"containerPort": 80, "hostPort": 80}],
    "livenessProbe": {"httpGet": {"path": "/", "host": "example.com"}},
    "lifecycle": {"preStop": {"tcpSocket": {"port": 1}}},
    "volumeMounts": [{"name": "data", "mountPath": "/data"}],
}
POD = {
    "containers": [CONTAINER, {"name": "log", "image": "nginx"}],
    "initContainers": [{"name": "init", "image": "busybox"}],
    "volumes": [
        {"name": "data", "hostPath": {"path": "/var"}},
        {"name": "image", "image": {"reference": "x"}},
    ],
    "securityContext": {"sysctls": [{"name": "kernel.msgmax"}], "seLinuxOptions": {"type": "container_t"}},
    "hostNetwork": True,
    "nodeName": "node-1",
}
METADATA = {"name": "web-1", "labels": {"app": "web"}, "annotations": {"a": "b"}}
OBJECTS = [
    {"authorityMatches": {"a": {"static": True}}, "metadata": METADATA, "spec": spec}
    for spec in (
        POD,
        {"replicas": 2, "template": {"metadata": METADATA, "spec": POD}},
        {"schedule": "@daily", "jobTemplate": {"spec": {"template": {"metadata": METADATA, "spec": POD}}}},
    )
]
SCALARS = st.sampled_from([None, True, False, 0, 1, "", "a", "b", "x"])
KEYS = st.sampled_from(["a", "b", "c", "b c", "x", "y", "name", "list"])
PARTS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=10,
)
ALMOST_ALIKE = st.fixed_dictionaries({"a": st.just(1)}, optional={"x": SCALARS})
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "a": PARTS,
        "b": PARTS,
        "c": PARTS,
        "list": st.lists(PARTS, max_size=3) | st.lists(ALMOST_ALIKE, max_size=3) | PARTS,
        "name": SCALARS,
    },
)


@cache
def compiled(text: str) -> Module | None:
    try:
        return Regorus().compile(text)
    except (CompileError, RefusalError):
        return None


@cache
def projection(text: str) -> Projection:
    return Projection.of(read_set(syntax_tree(text), text))


def text_of(path: Path) -> str:
    return str(yaml.safe_load(path.read_text())["spec"]["policy"]["data"])


def answer(module: Module, document: Any) -> Value | Undefined | None:
    try:
        return module.evaluate(encode(document))
    except EngineError:
        return None


def check(text: str, document: Any) -> None:
    """The same answer for the whole, for what is read of it, and for what is read of that."""
    module = compiled(text)
    if module is None:
        return
    left = projection(text).apply(document)
    assert projection(text).apply(left) == left
    whole = answer(module, document)
    if whole is not None:  # what an engine may not judge for a part that the policy does not read
        assert answer(module, left) == whole


@pytest.mark.parametrize("text", POLICIES.values(), ids=POLICIES)
@given(document=DOCUMENTS)
def test_a_policy_that_is_hard_to_follow_says_the_same_of_what_it_reads(text: str, document: Any) -> None:
    check(text, document)


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: f"{path.parent.name}/{path.stem}")
@given(source=st.randoms(use_true_random=False), whole=st.sampled_from(OBJECTS))
def test_a_published_policy_says_the_same_of_what_it_reads(
    path: Path, source: random.Random, whole: dict[str, Any]
) -> None:
    check(text_of(path), changed(whole, source))


def test_few_of_the_hard_policies_are_refused() -> None:
    refused = {name for name, text in POLICIES.items() if compiled(text) is None}
    assert len(refused) <= len(POLICIES) // 10, refused


@pytest.mark.parametrize("path", sorted(catalog.baseline().glob("*.yaml")), ids=lambda path: path.stem)
def test_no_policy_of_the_baseline_reads_what_differs_between_the_pods_of_a_workload(path: Path) -> None:
    cut = projection(text_of(path))
    ours = json.loads(json.dumps(OBJECTS[0]))
    ours["metadata"]["name"] = "web-2"
    ours["spec"]["nodeName"] = "node-2"
    ours["spec"]["containers"][0]["env"] = [{"name": "POD", "value": "web-2"}]
    ours["spec"]["containers"][0]["volumeMounts"][0]["mountPath"] = "/token-x7k2p"
    assert cut.apply(ours) == cut.apply(OBJECTS[0])


@pytest.mark.parametrize(
    ("body", "reads"),
    [
        ("isCompliant if input.spec.hostNetwork", ("input.spec.hostNetwork",)),
        ("isCompliant := input.spec", ("input.spec (all of it)",)),
        ("isCompliant if count(input.spec.volumes) < 3", ("input.spec.volumes (keys)",)),
        (
            'isCompliant if input.metadata.labels["app.kubernetes.io/name"]',
            ('input.metadata.labels["app.kubernetes.io/name"]',),
        ),
        (
            "isCompliant if every c in input.spec.containers { not c.securityContext.privileged }",
            ("input.spec.containers[_].securityContext.privileged",),
        ),
        ("isCompliant if input.a with input as {}", ("input (all of it)",)),
        ("isCompliant", ("input",)),
    ],
)
def test_a_read_set_names_the_paths(body: str, reads: tuple[str, ...]) -> None:
    text = V1 + (body if " " in body else f"{body} := true")
    assert describe(read_set(syntax_tree(text), text)) == reads


def test_a_kind_of_node_that_is_not_known_reads_the_whole_document() -> None:
    text = V1 + "isCompliant if input.a"
    tree = json.loads(json.dumps(syntax_tree(text)).replace('"RefDot"', '"RefNew"'))
    assert read_set(tree, text) == WHOLE
