"""The types of the Kubernetes API: a value of the wrong type anywhere is named by its path.

Not here: what an object is (`test_objects`). Types are checked against the
manifest's own values, not against the API server: that is another test's work.
"""

import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.unit.watcher.workloads import FULL_POD, KINDS, workload
from watcher.objects import Problem, Resource, read

_Path = tuple[str | int, ...]
_POD_SPEC: dict[str, _Path] = {
    "Pod": ("spec",),
    "CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
}


def _paths(value: Any, at: _Path = ()) -> list[_Path]:
    """The path of every value inside a value."""
    entries = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    return [path for key, inner in entries for path in ((*at, key), *_paths(inner, (*at, key)))]


def _get(value: Any, path: _Path) -> Any:
    for step in path:
        value = value[step]
    return value


def _with(value: Any, path: _Path, new: Any) -> Any:
    value = json.loads(json.dumps(value))  # a copy in which nothing is shared
    _get(value, path[:-1])[path[-1]] = new
    return value


def _text(path: _Path) -> str:
    """`spec.containers[0].image`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


_PATHS = [path for path in _paths(FULL_POD) if path not in {("apiVersion",), ("kind",)}]
_WRONG = st.sampled_from(
    ["text", "", 5, -1, 1.5, True, [], ["a"], [1], [None], {}, {"a": "b"}, {"a": 1}, {"a": None}]
)


def _read(value: Any) -> Any:
    (found,) = read(value, "default")
    return found


def test_a_pod_that_says_everything_is_valid() -> None:
    assert isinstance(_read(FULL_POD), Resource)


@given(st.sampled_from(_PATHS), _WRONG | st.none())
def test_a_wrong_value_anywhere_is_let_through_or_named_by_its_path(path: _Path, wrong: Any) -> None:
    found = _read(_with(FULL_POD, path, wrong))
    assert isinstance(found, Resource | Problem)
    if isinstance(found, Problem):
        named = found.message.removeprefix("Pod full: ").removeprefix("Pod: ").removeprefix("no ")
        place = _text(path)
        inside = named.startswith((f"{place}:", f"{place}[", f"{place}."))
        in_map = named.startswith(f"{_text(path[:-1])}[{path[-1]!r}]:")
        lacking = place in {"metadata", "metadata.name", "spec", "spec.containers"}
        assert inside or in_map or lacking, found.message


@given(st.sampled_from(_PATHS))
def test_a_value_of_another_shape_is_always_refused(path: _Path) -> None:
    """A list for an object, an object for anything else: no field of a Pod takes both."""
    value = _get(FULL_POD, path)
    found = _read(_with(FULL_POD, path, ["a"] if isinstance(value, dict) else {"a": "b"}))
    assert isinstance(found, Problem)
    assert "expected" in found.message


@given(st.sampled_from(_PATHS))
def test_null_is_as_if_it_were_not_there(path: _Path) -> None:
    assume(not isinstance(path[-1], int))
    assume(path not in {("metadata",), ("metadata", "name"), ("spec",), ("spec", "containers")})
    assert isinstance(_read(_with(FULL_POD, path, None)), Resource)


@pytest.mark.parametrize(("api_version", "kind"), KINDS)
def test_a_wrong_field_is_found_in_the_pod_spec_of_every_kind(api_version: str, kind: str) -> None:
    body = workload(api_version, kind, hostNetwork="yes")
    path = _text((*_POD_SPEC.get(kind, ("spec", "template", "spec")), "hostNetwork"))
    assert _read(body).message == f"{kind} web: {path}: expected a boolean, got a string"


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (
            ("spec", "containers", 0, "image"),
            5,
            "spec.containers[0].image: expected a string, got an integer; quote it",
        ),
        (
            ("spec", "containers", 0, "ports", 0, "containerPort"),
            "80",
            "containerPort: expected an integer, got a string",
        ),
        (("spec", "containers", 0), None, "spec.containers[0]: expected an object, got null"),
        (("spec", "containers"), {}, "spec.containers: expected a list, got an object"),
        (
            ("metadata", "labels", "app"),
            True,
            "metadata.labels['app']: expected a string, got a boolean; quote it",
        ),
        (("metadata", "labels"), ["a"], "metadata.labels: expected an object, got a list"),
        (
            ("spec", "nodeSelector", "disk"),
            1,
            "spec.nodeSelector['disk']: expected a string, got an integer; quote it",
        ),
        (
            ("spec", "containers", 0, "resources", "limits", "cpu"),
            ["1"],
            "limits['cpu']: expected an integer or a number or a string, got a list",
        ),
        (("spec", "securityContext", "runAsUser"), 1.5, "runAsUser: expected an integer, got a number"),
        (
            ("spec", "securityContext", "supplementalGroups", 1),
            "x",
            "supplementalGroups[1]: expected an integer",
        ),
    ],
)
def test_the_message_says_where_what_was_expected_and_what_is_there(
    path: _Path, value: Any, said: str
) -> None:
    assert said in _read(_with(FULL_POD, path, value)).message


def test_a_field_that_nobody_knows_is_let_through() -> None:
    body = _with(FULL_POD, ("spec", "containers", 0, "newField"), {"x": [1]})
    assert isinstance(_read(body), Resource)
