"""`tocsin scan` as a user runs it: reports, formats, exit codes.

Not covered: bad input (`test_bad_input`), what policies mean (`tests/unit/evaluator`).
"""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.command import NOT_PRIVILEGED, pod, policy, tocsin, write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "deploy" / "good.yaml", pod("good"))
    write(
        tmp_path / "deploy" / "team" / "bad.yaml",
        pod("bad", privileged=True),
        {"kind": "Service", "apiVersion": "v1", "metadata": {"name": "s"}},
    )
    write(tmp_path / "policy.yaml", policy("no-privileged", NOT_PRIVILEGED))
    return tmp_path


def test_violations_go_to_stdout_and_the_summary_to_stderr(folder: Path) -> None:
    ran = tocsin(folder, "scan", "deploy", "-p", "policy.yaml")
    header, line = ran.out.splitlines()
    assert header.split() == ["NAMESPACE", "KIND", "NAME", "POLICY", "MODE", "OUTCOME", "MESSAGE"]
    assert line.split(None, 6) == [
        "default", "Pod", "bad", "no-privileged", "warn", "fail", "container web is privileged",
    ]  # fmt: skip
    assert "2 resources, 1 policy: 1 violation (0 enforce, 1 warn)" in ran.err


def test_a_violation_in_mode_warn_is_exit_0_and_with_strict_1(folder: Path) -> None:
    assert tocsin(folder, "scan", "deploy", "-p", "policy.yaml").code == 0
    assert tocsin(folder, "scan", "deploy", "-p", "policy.yaml", "--strict").code == 1


def test_a_violation_in_mode_enforce_is_exit_1(folder: Path) -> None:
    write(folder / "policy.yaml", policy("no-privileged", NOT_PRIVILEGED, mode="enforce"))
    assert tocsin(folder, "scan", "deploy", "-p", "policy.yaml").code == 1


def test_a_passed_evaluation_with_a_warning_is_a_warning_and_in_enforce_a_violation(folder: Path) -> None:
    warns = 'isCompliant[{"result": true, "warning": "deprecated"}] { true }'
    write(folder / "policy.yaml", policy("warns", warns))
    ran = tocsin(folder, "scan", "deploy", "-p", "policy.yaml", "-o", "json")
    assert (ran.code, len(ran.report["violations"]), len(ran.report["warnings"])) == (0, 0, 2)
    write(folder / "policy.yaml", policy("warns", warns, mode="enforce"))
    ran = tocsin(folder, "scan", "deploy", "-p", "policy.yaml", "-o", "json")
    assert (ran.code, len(ran.report["violations"])) == (1, 2)


def test_json_is_the_scan_report_of_the_contract(folder: Path) -> None:
    report = tocsin(folder, "scan", "deploy", "-p", "policy.yaml", "-o", "json").report
    assert (report["apiVersion"], report["kind"]) == ("tocsin.dev/v1", "ScanReport")
    assert report["summary"] == {
        "resources": 2, "policies": 1, "evaluations": 2,
        "pass": 1, "warn": 0, "fail": 1, "error": 0, "waived": 0,
    }  # fmt: skip
    (violation,) = report["violations"]
    wanted: dict[str, Any] = {
        "resource": {"apiVersion": "v1", "kind": "Pod", "namespace": "default", "name": "bad"},
        "owner": None,
        "policy": "no-privileged",
        "mode": "warn",
        "outcome": "fail",
        "message": "container web is privileged",
        "warning": "",
        "images": ["nginx"],
    }
    assert wanted.items() <= violation.items()
    (loaded,) = report["policies"]
    assert (loaded["name"], loaded["mode"], loaded["error"]) == ("no-privileged", "warn", None)
    assert loaded["engine"] in ("regorus", "regopy")


def test_yaml_says_what_json_says(folder: Path) -> None:
    as_json = tocsin(folder, "scan", "deploy", "-p", "policy.yaml", "-o", "json").report
    assert yaml.safe_load(tocsin(folder, "scan", "deploy", "-p", "policy.yaml", "-o", "yaml").out) == as_json


@pytest.mark.parametrize(("output", "sign"), [("sarif", '"version":"2.1.0"'), ("junit", "<testsuites")])
def test_ci_formats_are_written(folder: Path, output: str, sign: str) -> None:
    out = tocsin(folder, "scan", "deploy", "-p", "policy.yaml", "-o", output).out
    assert sign in out.replace(": ", ":").replace('": "', '":"')


def test_two_scans_print_the_same(folder: Path) -> None:
    first, second = (tocsin(folder, "scan", "deploy", "-o", "json") for _ in range(2))
    assert first.out == second.out


def test_manifests_may_come_from_stdin(folder: Path) -> None:
    text = yaml.safe_dump_all([pod("a", privileged=True), pod("b")])
    ran = tocsin(folder, "scan", "-", "-p", "policy.yaml", "-o", "json", stdin=text)
    assert [item["resource"]["name"] for item in ran.report["violations"]] == ["a"]
    assert ran.report["violations"][0]["file"] == "-"


def test_a_namespace_is_for_manifests_that_name_none(folder: Path) -> None:
    write(
        folder / "deploy" / "named.yaml",
        {**pod("named", privileged=True), "metadata": {"name": "named", "namespace": "own"}},
    )
    ran = tocsin(folder, "scan", "deploy", "-p", "policy.yaml", "-n", "shop", "-o", "json")
    assert [item["resource"]["namespace"] for item in ran.report["violations"]] == ["own", "shop"]


def test_without_policies_the_baseline_of_the_catalog_is_used(folder: Path) -> None:
    ran = tocsin(folder, "scan", "deploy", "-o", "json")
    assert ran.code == 0
    assert [item["policy"] for item in ran.report["violations"]] == ["baseline-privileged-containers"]
    assert ran.report["summary"]["policies"] == len(ran.report["policies"]) >= 10


def test_two_manifests_of_one_name_are_two_resources(folder: Path) -> None:
    write(folder / "deploy" / "again.yaml", pod("bad", privileged=True))
    ran = tocsin(folder, "scan", "deploy", "-p", "policy.yaml", "-o", "json")
    files = [item["file"] for item in ran.report["violations"]]
    assert files == ["deploy/again.yaml", "deploy/team/bad.yaml"]


def test_the_environment_and_tocsin_toml_hold_settings(folder: Path) -> None:
    (folder / "tocsin.toml").write_text('namespace = "from-file"\n')
    ran = tocsin(folder, "scan", "deploy", "-p", "policy.yaml", "-o", "json")
    assert ran.report["violations"][0]["resource"]["namespace"] == "from-file"
    ran = tocsin(folder, "scan", "deploy", "-p", "policy.yaml", "-o", "json", env={"TOCSIN_NAMESPACE": "env"})
    assert ran.report["violations"][0]["resource"]["namespace"] == "env"


def test_help_has_examples_and_version_is_the_packages(folder: Path) -> None:
    assert "Examples:" in tocsin(folder, "scan", "--help").out
    assert tocsin(folder, "--version").out.startswith("tocsin 0.")
