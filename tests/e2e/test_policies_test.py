"""`tocsin policies test`: where tests are found, what is said of them, and what the exit code says.

Not covered: how objects are read (`tests/unit/watcher`), what policies mean (`tests/unit/evaluator`).
"""

from pathlib import Path
from typing import Any

import pytest

import catalog
from cli.authoring.cases import EXPECT
from tests.e2e.command import NOT_PRIVILEGED, Ran, pod, policy, tocsin, write
from tests.unit.cli.schemas import checked_junit

WARNING = """
isCompliant[{"result": true, "warning": "hostPID is set"}] { input.spec.hostPID }
isCompliant[{"result": true}] { not input.spec.hostPID }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "policies" / "privileged.yaml", policy("no-privileged", NOT_PRIVILEGED))
    home = tmp_path / "policies" / "privileged.test"
    write(home / "pass.yaml", pod("good"))
    write(home / "fail.yaml", expecting("container web is privileged", pod("bad", privileged=True)))
    return tmp_path


def run(folder: Path, *arguments: str | Path) -> Ran:
    return tocsin(folder, "policies", "test", *arguments)


def expecting(message: str, body: dict[str, Any]) -> dict[str, Any]:
    body["metadata"]["annotations"] = {EXPECT: message}
    return body


def test_tests_beside_a_policy_pass(folder: Path) -> None:
    ran = run(folder, "policies")
    assert ran.code == 0
    assert ran.out == ""
    assert ran.err.startswith("2 passed, 0 failed in ")


def test_the_current_folder_is_the_default(folder: Path) -> None:
    ran = run(folder, "-v")
    assert ran.code == 0
    assert ran.out.splitlines() == [
        (
            "PASSED policies/privileged.test/fail.yaml:1: default/Pod/bad: policy no-privileged: "
            "fail: container web is privileged"
        ),
        "PASSED policies/privileged.test/pass.yaml:1: default/Pod/good: policy no-privileged: pass",
    ]


@pytest.mark.parametrize("engine", ["auto", "regorus", "regopy"])
def test_the_catalog_passes_its_own_tests(engine: str) -> None:
    if engine == "regorus":
        pytest.importorskip("regorus", reason="the regorus extra is not installed")
    home = catalog.baseline().parent
    sets = [name for name in catalog.SETS if name != "registry" or engine != "regopy"]  # below
    ran = run(home.parent, *(f"{home.name}/{name}" for name in sets), "--engine", engine)
    assert ran.code == 0, ran.out + ran.err
    assert "has no tests" not in ran.err


def test_a_policy_that_cannot_be_evaluated_is_no_passed_test() -> None:
    home = catalog.baseline().parent
    ran = run(home.parent, f"{home.name}/registry", "--engine", "regopy")
    assert ran.code == 3
    assert "no engine can be trusted with it (regopy: calls mul" in ran.out
    assert ran.err.startswith("0 passed, 0 failed, ")


def test_tests_of_a_set_are_found_in_its_examples(folder: Path) -> None:
    (folder / "policies" / "privileged.test").rename(folder / "privileged")
    (folder / "examples" / "policies").mkdir(parents=True)
    (folder / "privileged").rename(folder / "examples" / "policies" / "privileged")
    for path in ("policies", ".", "policies/privileged.yaml", "examples", "examples/policies/privileged"):
        assert run(folder, path).err.startswith("2 passed, 0 failed in "), path
    assert run(folder / "policies").err.startswith("2 passed, 0 failed in ")
    ran = run(folder, "examples/policies/privileged/fail.yaml")
    assert ran.err.startswith("1 passed, 0 failed in ")


def test_policies_of_one_file_have_their_tests_by_name(folder: Path) -> None:
    write(
        folder / "policies" / "privileged.yaml",
        policy("no-privileged", NOT_PRIVILEGED),
        policy("no-host-pid", WARNING),
    )
    (folder / "policies" / "privileged.test").rename(folder / "policies" / "no-privileged.test")
    write(folder / "policies" / "no-host-pid.test" / "warn" / "pod.yaml", pod("web", hostPID=True))
    ran = run(folder, "policies")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err.startswith("3 passed, 0 failed in ")


def test_a_test_that_fails_is_one_line_with_its_place(folder: Path) -> None:
    home = folder / "policies" / "privileged.test"
    write(home / "fail.yaml", pod("bad", privileged=True), pod("not-bad"))
    write(home / "pass.yaml", pod("not-good", privileged=True))
    write(home / "warn.yaml", expecting("x", pod("silent")))
    ran = run(folder, "policies")
    assert ran.code == 1
    lines = dict(line.split(": ", 1) for line in ran.out.splitlines())
    assert lines == {
        "FAILED policies/privileged.test/fail.yaml:12": (
            "default/Pod/not-bad: policy no-privileged: expected fail, got pass"
        ),
        "FAILED policies/privileged.test/pass.yaml:1": (
            "default/Pod/not-good: policy no-privileged: expected pass, got fail: container web is privileged"
        ),
        "FAILED policies/privileged.test/warn.yaml:1": (
            "default/Pod/silent: policy no-privileged: expected warn, got pass"
        ),
    }
    assert ran.err.startswith("1 passed, 3 failed in ")


def test_another_message_than_expected_fails(folder: Path) -> None:
    body = expecting("container db", pod("bad", privileged=True))
    write(folder / "policies" / "privileged.test" / "fail.yaml", body)
    ran = run(folder)
    assert ran.code == 1
    assert ran.out.rstrip().endswith(
        'expected fail with "container db", got fail with "container web is privileged"'
    )


def test_an_object_that_the_policy_does_not_match_fails_unless_it_is_to_be_skipped(folder: Path) -> None:
    only = [{"version": "*", "resource": "deployments"}]
    write(folder / "policies" / "privileged.yaml", policy("no-privileged", NOT_PRIVILEGED, match=only))
    home = folder / "policies" / "privileged.test"
    ran = run(folder, "policies")
    assert ran.code == 1
    assert ran.out.count("the object does not match the policy") == 2
    (home / "fail.yaml").unlink()
    (home / "pass.yaml").rename(home / "skip.yaml")
    assert run(folder, "policies").code == 0
    write(folder / "policies" / "privileged.yaml", policy("no-privileged", NOT_PRIVILEGED))
    ran = run(folder, "policies")
    assert ran.code == 1
    assert ran.out.rstrip().endswith("expected no match, got pass")


def test_a_policy_that_does_not_compile_is_said_once_and_can_be_expected(folder: Path) -> None:
    write(folder / "policies" / "privileged.yaml", policy("no-privileged", "isCompliant {"))
    ran = run(folder, "policies")
    assert ran.code == 3
    (line,) = ran.out.splitlines()
    assert line.startswith("ERROR policies/privileged.yaml:1: policy no-privileged: spec.policy.data:")
    assert line.endswith("(2 tests not run)")
    home = folder / "policies" / "privileged.test"
    (home / "fail.yaml").unlink()
    write(home / "error.yaml", expecting("spec.policy.data", pod("web")))
    (home / "pass.yaml").unlink()
    assert run(folder, "policies").code == 0


def test_an_invalid_policy_fails_every_test_with_its_reason(folder: Path) -> None:
    write(folder / "policies" / "privileged.yaml", policy("no-privileged", NOT_PRIVILEGED, images=[]))
    ran = run(folder, "policies")
    assert ran.code == 3
    assert "spec.images: expected at least one glob, got none (2 tests not run)" in ran.out


def test_an_object_that_kubernetes_refuses_is_judged_all_the_same(folder: Path) -> None:
    body = pod("text")
    body["spec"]["containers"][0]["securityContext"] = {"privileged": "true"}
    write(folder / "policies" / "privileged.test" / "fail.yaml", body)
    ran = run(folder, "policies")
    assert ran.code == 1
    assert ran.out.rstrip().endswith("default/Pod/text: policy no-privileged: expected fail, got pass")


def test_a_policy_without_tests_is_told(folder: Path) -> None:
    write(folder / "policies" / "other.yaml", policy("other", NOT_PRIVILEGED))
    ran = run(folder, "policies")
    assert ran.code == 0
    (line,) = (line for line in ran.err.splitlines() if line.startswith("info: "))
    assert line.startswith("info: policies/other.yaml:1: policy other has no tests")


def test_only_tests_with_the_keyword_run(folder: Path) -> None:
    assert run(folder, "-k", "BAD").err.startswith("1 passed, 0 failed in ")
    ran = run(folder, "-k", "nowhere")
    assert (ran.code, ran.errors) == (
        2,
        ["error: no test has 'nowhere' in its policy, file or object"],
    )


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("fail.yaml", "kind: [Pod\n", "fail.yaml:2"),
        ("fail.yaml", "# nothing\n", "fail.yaml: there is no object in this file"),
        (
            "fail.yaml",
            "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n",
            "fail.yaml:1: Service is no workload",
        ),
        ("fails.yaml", "{}\n", "fails.yaml: its name does not say what to expect"),
        ("fail.yaml", "apiVersion: v1\nkind: Pod\n", "fail.yaml:1: Pod: no metadata"),
        ("fail.yaml", "- 1\n", "fail.yaml:1: expected an object with apiVersion and kind"),
    ],
)
def test_tests_that_cannot_be_read_are_errors_and_the_others_run(
    folder: Path, name: str, text: str, said: str
) -> None:
    (folder / "policies" / "privileged.test" / "fail.yaml").unlink()
    (folder / "policies" / "privileged.test" / name).write_text(text)
    ran = run(folder, "policies")
    assert ran.code == 3
    (line,) = ran.errors
    assert f"policies/privileged.test/{said}" in line
    assert "1 passed, 0 failed, 1 error in " in ran.err


def test_tests_without_their_policy_are_an_error(folder: Path) -> None:
    (folder / "policies" / "privileged.yaml").unlink()
    ran = run(folder, "policies")
    assert ran.code == 3
    assert ran.errors == [
        "error: policies/privileged.test: tests of no policy: expected one in policies/privileged.yaml"
    ]


def test_a_path_without_policies_and_tests_is_wrong_usage(folder: Path) -> None:
    write(folder / "deploy" / "web.yaml", pod("web"))
    for path, said in {
        "deploy": "deploy: neither policies nor tests of policies",
        "deploy/web.yaml": "deploy/web.yaml: neither policies nor tests of policies",
        "nowhere": "nowhere: no such file or folder",
    }.items():
        ran = run(folder, path)
        assert (ran.code, ran.out, ran.errors) == (2, "", [f"error: {said}"])


def test_json_has_every_case(folder: Path) -> None:
    report = run(folder, "-o", "json").report
    assert (report["passed"], report["failed"], report["errored"]) == (2, 0, 0)
    (item,) = report["policies"]
    assert item["name"] == "no-privileged"
    assert [(case["resource"], case["expected"], case["got"]) for case in item["cases"]] == [
        ("default/Pod/bad", "fail", "fail"),
        ("default/Pod/good", "pass", "pass"),
    ]


def test_junit_has_a_suite_for_each_policy(folder: Path) -> None:
    write(folder / "policies" / "privileged.test" / "fail.yaml", pod("not-bad"))
    (folder / "policies" / "privileged.test" / "oops.yaml").write_text("{}")
    ran = run(folder, "-o", "junit")
    assert ran.code == 1
    root = checked_junit(ran.out.encode())
    assert [root.get(name) for name in ("tests", "failures", "errors")] == ["3", "1", "1"]
    assert [suite.get("name") for suite in root] == ["no-privileged", "sources"]


def test_a_policy_that_never_ends_costs_its_own_tests_only(folder: Path) -> None:
    bomb = "isCompliant { x := numbers.range(1, 3000); y := x[_]; z := x[_]; w := x[_]; y + z + w == -1 }"
    write(folder / "policies" / "bomb.yaml", policy("bomb", bomb))
    write(folder / "policies" / "bomb.test" / "pass.yaml", pod("web"))
    ran = tocsin(folder, "policies", "test", env={"TOCSIN_EVALUATION_DEADLINE": "0.5"})
    assert ran.code == 3
    (line,) = ran.out.splitlines()
    assert "expected pass, got error: could not be evaluated by" in line
    assert "2 passed, 0 failed, 1 error in " in ran.err
