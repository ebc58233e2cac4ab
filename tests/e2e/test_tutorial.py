"""The policies of a published tutorial, over real manifests: what is said of them is what they say.

The expectation is written here in Python, from reading the Rego, and shares nothing
with Tocsin. The tutorial and the manifests are not ours to copy: they are looked for
beside the checkout. Not covered: our corrections (`test_guide_policies`).
"""

import functools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.command import Ran, tocsin, write

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
TUTORIAL = SHARED / "policies" / "tutorial"
CORPUS = SHARED / "corpus"
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
LUN_IS_TEXT = "fibre-channel-example-pod"
"""The one object an API server would refuse (`lun: "2"`), and so does Tocsin."""

Key = tuple[str, str, str]
Answer = Callable[[Mapping[str, Any]], bool]

pytestmark = pytest.mark.skipif(
    not TUTORIAL.is_dir() or not CORPUS.is_dir(), reason="the tutorial's policies are not beside the checkout"
)


@pytest.fixture(scope="module", params=["regorus", "regopy"])
def engine(request: pytest.FixtureRequest) -> str:
    if request.param == "regorus":
        pytest.importorskip("regorus", reason="the regorus extra is not installed")
    return str(request.param)


@pytest.fixture(scope="module")
def audit(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """One scan of everything by each engine."""
    folder = tmp_path_factory.mktemp("audit")
    return tocsin(folder, "scan", CORPUS, "-p", TUTORIAL, "-o", "json", "--engine", engine)


@functools.cache
def corpus() -> dict[Key, dict[str, Any]]:
    """The workloads by file, kind and name, less the one that is damaged."""
    return {
        (str(path), body["kind"], body["metadata"]["name"]): body
        for path in sorted(CORPUS.rglob("*"))
        if path.suffix in (".yaml", ".yml", ".json")
        for body in yaml.safe_load_all(path.read_text(encoding="utf-8"))
        if body and body["kind"] in KINDS and body["metadata"]["name"] != LUN_IS_TEXT
    }


def containers(spec: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    """What `input.spec.NAME[_]` iterates over: the top of the spec, not a template."""
    found = spec.get(name)
    yield from found if isinstance(found, list) else ()


def disallowed_registry(spec: Mapping[str, Any]) -> bool:
    """`input.spec.containers.image[_]`: a list has no field `image`."""
    at = spec.get("containers")
    images = at.get("image", ()) if isinstance(at, dict) else ()
    return any("docker.io" not in image for image in images)


def host_namespaces(spec: Mapping[str, Any]) -> bool:
    """Equal to the text "false", and never absent."""
    return all(spec.get(field) == "false" for field in ("hostNetwork", "hostPID", "hostIPC"))


def privilege_escalation(spec: Mapping[str, Any]) -> bool:
    """No container at the top of the spec says `allowPrivilegeEscalation: true`."""
    lists = ("containers", "initContainers", "ephemeralContainers")
    return not any(
        (container.get("securityContext") or {}).get("allowPrivilegeEscalation") is True
        for name in lists
        for container in containers(spec, name)
    )


ANSWERS: dict[str, Answer] = {
    "tutorial-disallowed-registry": disallowed_registry,
    "tutorial-host-namespaces": host_namespaces,
    "tutorial-privilege-escalation": privilege_escalation,
}
SILENT = "tutorial-deprecated-registry"
"""Its glob matches nothing in the corpus."""

OF_IMAGES = "tutorial-maximum-image-age"
"""It asks registries, which the test does not let it."""

BROKEN = {
    "tutorial-template": {
        "regorus": ("error", "spec.policy.data:3:13: expecting }"),
        "regopy": ("error", "spec.policy.data:3:1: "),
    },
    "tutorial-required-labels": {
        "regorus": ("error", "spec.policy.data:5:34: use of undefined variable `by` is unsafe"),
        "regopy": (
            "error",
            "spec.policy.data: no engine can be trusted with it (regopy: line 5: uses a variable",
        ),
    },
}
"""Which do not work, the field of the report that says so, and how it begins: place and mistake."""


def test_the_corpus_is_read_as_a_whole(audit: Ran) -> None:
    assert len(corpus()) > 50
    assert audit.report["summary"]["resources"] == len(corpus())
    refused = [item for item in audit.report["errors"] if "policy" not in item]
    assert [item["resource"]["name"] for item in refused] == [LUN_IS_TEXT]
    assert "lun: expected an integer" in refused[0]["message"]


def test_each_policy_loads_or_is_said_to_be_wrong_and_where(audit: Ran, engine: str) -> None:
    loaded = {item["name"]: item for item in audit.report["policies"]}
    assert loaded.keys() == {*ANSWERS, *BROKEN, SILENT, OF_IMAGES}
    for name in (*ANSWERS, SILENT):
        assert (loaded[name]["error"], loaded[name]["unsupported"]) == (None, None)
    for name, said in BROKEN.items():
        field, message = said[engine]
        assert str(loaded[name][field]).startswith(message), name


@pytest.mark.parametrize("policy", sorted(BROKEN))
def test_what_cannot_be_evaluated_is_an_error_for_every_resource(audit: Ran, policy: str) -> None:
    said = [item for item in audit.report["errors"] if item.get("policy") == policy and "resource" in item]
    assert {key_of(item) for item in said} == set(corpus())
    assert audit.code in (1, 3)


def test_an_image_that_may_not_be_asked_for_is_an_error_that_says_so(audit: Ran) -> None:
    said = [item for item in audit.report["errors"] if item.get("policy") == OF_IMAGES]
    assert {key_of(item) for item in said if "resource" in item} == set(corpus())
    engine = next(item["engine"] for item in audit.report["policies"] if item["name"] == OF_IMAGES)
    if engine is not None:
        reasons = ("the network is off (setting offline)", 'image reference "<image_url>" is not valid')
        assert all(any(reason in item["message"] for reason in reasons) for item in said)
        assert all(item["image"] for item in said)


@pytest.mark.parametrize("policy", sorted(ANSWERS))
def test_verdicts_are_those_that_the_text_gives(audit: Ran, policy: str) -> None:
    engine = next(item["engine"] for item in audit.report["policies"] if item["name"] == policy)
    if engine == "regopy":
        pytest.skip("regopy may not judge all of these documents; what it refuses is an error")
    expected = {key for key, body in corpus().items() if not ANSWERS[policy](body["spec"])}
    violations = [item for item in audit.report["violations"] if item["policy"] == policy]
    assert {key_of(item) for item in violations} == expected
    assert len(violations) == len(expected)
    outcomes = next(item["outcomes"] for item in audit.report["policies"] if item["name"] == policy)
    passes = len(corpus()) - len(expected)
    assert outcomes == {"pass": passes, "warn": 0, "fail": len(expected), "error": 0}


def test_the_registry_that_closed_down_is_a_warning(tmp_path: Path) -> None:
    pods = {
        "old": "k8s.gcr.io/pause:3.5",
        "new": "registry.k8s.io/pause:3.5",
        "beside": "registry.example.com/k8s.gcr.io/pause",
    }
    bodies = [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name},
            "spec": {"containers": [{"name": "c", "image": image}]},
        }
        for name, image in pods.items()
    ]
    write(tmp_path / "pods.yaml", *bodies)
    ran = tocsin(tmp_path, "scan", "pods.yaml", "-p", TUTORIAL / "deprecated-registry.yaml", "-o", "json")
    assert ran.code == 0
    assert [item["resource"]["name"] for item in ran.report["warnings"]] == ["old"]
    assert ran.report["summary"]["evaluations"] == 1


def key_of(item: dict[str, Any]) -> Key:
    return item["file"], item["resource"]["kind"], item["resource"]["name"]
