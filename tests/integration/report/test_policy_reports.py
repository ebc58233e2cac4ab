"""PolicyReport objects against the schemas of the CRDs that clusters have.

Not covered: what is in them for each verdict in a run (`tests/e2e/test_report`).
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from cli.options import PolicyReportApi
from cli.reporting.policy_reports import policy_report
from pipeline.events import ResourceRef
from sink.queries.verdicts import Judged, Said
from tests.e2e.command import tocsin
from tests.integration.report.histories import fill
from tests.services import api_schemas


def schemas(api: PolicyReportApi) -> dict[str, Any]:
    """Schema by kind, strict: a field that an API does not have would be dropped by a server."""
    found = {}
    for path in api_schemas(api.value).glob("*.yaml"):
        crd = yaml.safe_load(path.read_text(encoding="utf-8"))
        version = next(each for each in crd["spec"]["versions"] if api.value.endswith(f"/{each['name']}"))
        found[crd["spec"]["names"]["kind"]] = _strict(version["schema"]["openAPIV3Schema"])
    return found


def _strict(schema: Any) -> Any:
    if not isinstance(schema, dict):
        return schema
    found = {name: _strict(each) for name, each in schema.items()}
    if "properties" in found and found.get("type") == "object":
        found["additionalProperties"] = False
    return found


def problems(report: dict[str, Any], known: dict[str, Any]) -> list[str]:
    whole = {name: value for name, value in report.items() if name != "metadata"}
    return [each.message for each in Draft202012Validator(known[report["kind"]]).iter_errors(whole)]


@pytest.mark.parametrize("api", PolicyReportApi)
def test_every_object_of_a_history_is_what_its_api_expects(tmp_path: Path, api: PolicyReportApi) -> None:
    known = schemas(api)
    fill(f"sqlite:///{tmp_path}/audit.db", datetime.now(UTC), hostile=True)
    ran = tocsin(
        tmp_path,
        "report",
        "--policy-report",
        "-",
        "--policy-report-api",
        api.value,
        "--db",
        "sqlite:///audit.db",
    )
    reports = list(yaml.load_all(ran.out, getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    assert len(reports) > 20
    assert [said for each in reports for said in problems(each, known)] == []
    assert len({(each["metadata"]["namespace"], each["metadata"]["name"]) for each in reports}) == len(
        reports
    )


@pytest.mark.parametrize("api", PolicyReportApi)
@pytest.mark.parametrize(
    ("outcome", "mode", "result"),
    [
        ("pass", "enforce", "pass"), ("fail", "enforce", "fail"), ("fail", "warn", "warn"),
        ("warn", "enforce", "fail"), ("warn", "warn", "warn"), ("error", "enforce", "error"),
    ],
)  # fmt: skip
def test_their_word_for_each_verdict(api: PolicyReportApi, outcome: str, mode: str, result: str) -> None:
    said = Said("no-root", "No root", "high", mode, outcome, "runs as root", datetime.now(UTC))
    resource = ResourceRef(api_version="v1", kind="Node", namespace="", name="one", uid="u1")
    report = policy_report(Judged(resource, (said,)), api)
    assert report["kind"].startswith("Cluster")
    assert (report["results"][0]["result"], report["summary"][result]) == (result, 1)
    assert problems(report, schemas(api)) == []
