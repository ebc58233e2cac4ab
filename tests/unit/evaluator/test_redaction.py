"""Which policies look at environment values, and which resources have redacted ones.

Not covered: read sets themselves (`tests/contract/test_reads.py`).
"""

from typing import Any

import msgspec
import pytest

from evaluator.lint.checks_redaction import Look, find, has_redacted, look
from evaluator.policies.validation import parse
from evaluator.rego.reads.paths import WHOLE, Mode, Path
from pipeline.events import REDACTED, ResourceApplied, ResourceRef
from tests.unit.evaluator.policy_objects import applied_policy, policy_object

POD: Path = ("spec", "containers", None)
DEPLOYMENT: Path = ("spec", "template", "spec", "initContainers", None)
CRON_JOB: Path = ("spec", "jobTemplate", "spec", "template", "spec", "ephemeralContainers", None)


def seen(path: Path, mode: Mode, **fields: Any) -> Look:
    text = {"type": "rego", "data": "x", "includeSpec": True, **fields}
    return look(parse(applied_policy(policy_object(policy=text))), ((path, mode),))


@pytest.mark.parametrize("container", [POD, DEPLOYMENT, CRON_JOB])
@pytest.mark.parametrize(
    ("below", "mode", "expected"),
    [
        (("env", None, "value"), Mode.SHAPE, Look.CERTAINLY),
        (("env", None), Mode.KEYS, Look.CERTAINLY),  # keys come with the scalars under them
        (("env", None, None), Mode.SHAPE, Look.CERTAINLY),
        (("env",), Mode.DEEP, Look.CERTAINLY),
        ((), Mode.DEEP, Look.MAYBE),
        (("env", None, "name"), Mode.DEEP, Look.NEVER),
        (("env", None), Mode.SHAPE, Look.NEVER),
        (("env",), Mode.KEYS, Look.NEVER),
        (("image",), Mode.DEEP, Look.NEVER),
        ((), Mode.KEYS, Look.NEVER),
    ],
)
def test_a_read_set_says_whether_a_policy_looks_at_values(
    container: Path, below: Path, mode: Mode, expected: Look
) -> None:
    assert seen((*container, *below), mode) is expected


def test_a_policy_that_reads_everything_may_look_at_them_if_it_sees_the_spec() -> None:
    assert seen(*WHOLE[0]) is Look.MAYBE
    assert seen(*WHOLE[0], includeSpec=False, includeObjectMeta=True) is Look.NEVER


def test_the_finding_says_what_to_do() -> None:
    (certain,), (possible,) = find(Look.CERTAINLY), find(Look.MAYBE)
    assert certain.check.slug == "reads-redacted-environment"
    assert possible.check.slug == "may-read-redacted-environment"
    assert "TOCSIN_REDACT_ENVIRONMENT=false" in certain.fix
    assert not list(find(Look.NEVER))


@pytest.mark.parametrize(
    ("kind", "wrap"),
    [
        ("Pod", lambda pod: pod),
        ("Deployment", lambda pod: {"template": {"spec": pod}}),
        ("CronJob", lambda pod: {"jobTemplate": {"spec": {"template": {"spec": pod}}}}),
    ],
)
@pytest.mark.parametrize("containers", ["initContainers", "containers", "ephemeralContainers"])
def test_a_resource_has_redacted_values_where_a_pod_has_them(kind: str, wrap: Any, containers: str) -> None:
    def resource(*env: Any) -> ResourceApplied:
        body = {"spec": wrap({containers: [{"name": "a"}, {"env": list(env)}]})}
        ref = ResourceRef(api_version="v1", kind=kind, namespace="n", name="r")
        return ResourceApplied(cluster="c", resource=ref, digest="", object=body)

    assert has_redacted(resource({"name": "A", "valueFrom": {}}, {"name": "P", "value": REDACTED}))
    assert not has_redacted(resource({"name": REDACTED, "value": ""}, {"name": "Q", "value": "x"}, 1, None))
    assert not has_redacted(msgspec.structs.replace(resource(), object={"spec": REDACTED}))
