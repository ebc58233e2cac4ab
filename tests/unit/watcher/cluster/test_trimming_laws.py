"""Laws of what leaves the watcher: nothing secret, everything else as it was."""

import copy
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pipeline.events import REDACTED
from watcher.cluster.trimming import running_images, trim
from watcher.objects import seen_digest

SECRET = "hunter2-"  # noqa: S105 - of nobody
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_TEXT = st.text("abc/:.", max_size=6)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=6,
)
_ENV = st.one_of(
    st.builds(lambda name, value: {"name": name, "value": SECRET + value}, _TEXT, _TEXT),
    st.builds(lambda name: {"name": name, "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}, _TEXT),
    _JSON,
)
_CONTAINER = st.one_of(
    st.fixed_dictionaries(
        {"name": _TEXT, "image": _TEXT},
        optional={"env": st.lists(_ENV, max_size=3) | _JSON, "args": _JSON, "envFrom": _JSON},
    ),
    _JSON,
)
_POD = st.fixed_dictionaries(
    {},
    optional={
        "containers": st.lists(_CONTAINER, max_size=3) | _JSON,
        "initContainers": st.lists(_CONTAINER, max_size=2),
        "ephemeralContainers": st.lists(_CONTAINER, max_size=2),
        "volumes": _JSON,
    },
)
_METADATA = st.fixed_dictionaries(
    {"name": _TEXT, "uid": _TEXT},
    optional={
        "managedFields": _JSON,
        "labels": _JSON,
        "annotations": st.builds(lambda kept: {**kept, _LAST_APPLIED: SECRET}, st.dictionaries(_TEXT, _TEXT)),
    },
)


@st.composite
def workloads(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["Pod", "Deployment", "CronJob", "Job"]))
    template = {"spec": draw(_POD)}
    specs = {
        "Pod": template["spec"],
        "CronJob": {"schedule": "0 * * * *", "jobTemplate": {"spec": {"template": template}}},
    }
    body: dict[str, Any] = {"apiVersion": "v1", "kind": kind, "metadata": draw(_METADATA)}
    body["spec"] = specs.get(kind, {"replicas": 1, "template": template})
    if draw(st.booleans()):
        body["status"] = draw(_JSON)
    return body


@given(workloads())
def test_no_literal_survives_and_the_object_itself_is_left_alone(body: dict[str, Any]) -> None:
    before = copy.deepcopy(body)
    trimmed = trim({key: value for key, value in body.items() if key != "status"}, redact=True)
    assert SECRET not in json.dumps(trimmed)
    assert body == before


@given(workloads(), st.booleans())
def test_trimming_what_was_trimmed_changes_nothing(body: dict[str, Any], redact: bool) -> None:
    once = trim(body, redact=redact)
    assert trim(once, redact=redact) == once


@given(workloads())
def test_redaction_changes_nothing_but_literals_and_the_copy_of_kubectl(body: dict[str, Any]) -> None:
    expected = _as_redacted(trim(body, redact=False))
    assert trim(body, redact=True) == expected


def _as_redacted(value: Any, key: str = "") -> Any:
    """By another way: every entry of every `env`, wherever it is, for the lists generated here."""
    if isinstance(value, list):
        return [_as_redacted(each, key) for each in value]
    if not isinstance(value, dict):
        return value
    if key == "env" and value.get("value"):
        return {**value, "value": REDACTED}
    return {name: _as_redacted(each, name) for name, each in value.items() if name != _LAST_APPLIED}


@given(workloads(), _JSON, _JSON)
def test_the_digest_does_not_depend_on_status_or_managed_fields(
    body: dict[str, Any], status: Any, fields: Any
) -> None:
    changed = {**body, "status": status, "metadata": {**body["metadata"], "managedFields": fields}}
    assert _digest(body) == _digest(changed)


@given(workloads())
def test_without_redaction_all_but_status_and_managed_fields_is_published(body: dict[str, Any]) -> None:
    kept = trim(body, redact=False)
    assert kept["spec"] == body["spec"]
    metadata = {key: value for key, value in body["metadata"].items() if key != "managedFields"}
    assert kept["metadata"] == metadata


def _digest(body: dict[str, Any]) -> str:
    trimmed = trim(body, redact=True)
    return seen_digest(trimmed, running_images(trimmed))
