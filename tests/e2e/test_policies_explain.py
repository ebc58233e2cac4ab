"""`tocsin policies explain`: what a user asks about, what is shown, and the exit codes.

Not covered: which steps there are (`tests/contract/test_explanations.py`).
"""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.command import NOT_PRIVILEGED, Ran, pod, policy, tocsin, write
from tests.opa_server import free_port, running_opa

pytest.importorskip("regorus", reason="the regorus extra is not installed")

NO_HOST_PID = """
isCompliant {
  count(input.spec.containers) > 0
  not input.spec.hostPID
}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    # a block scalar, as people write it
    body = policy("no-host-pid", "")
    text = f"package sigstore\n{NO_HOST_PID}"
    body["spec"]["policy"]["data"] = "TEXT"
    block = "|\n" + "".join(f"      {line}".rstrip() + "\n" for line in text.splitlines())
    written = yaml.safe_dump(body, sort_keys=False).replace("TEXT\n", block)
    (tmp_path / "policy.yaml").write_text(written, encoding="utf-8")
    write(tmp_path / "web.yaml", pod("good"), pod("bad", hostPID=True))
    return tmp_path


def run(folder: Path, *arguments: str, **options: Any) -> Ran:
    return tocsin(folder, "policies", "explain", *arguments, **options)


def line_of(file: Path, text: str) -> int:
    lines = file.read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, start=1) if text in line)


def test_the_expression_that_decided_is_shown_with_its_line_and_what_it_saw(folder: Path) -> None:
    ran = run(folder, "policy.yaml", "web.yaml:pod/bad")
    assert (ran.code, ran.err) == (0, "")
    rule, expression = (line_of(folder / "policy.yaml", text) for text in ("isCompliant {", "not input"))
    assert ran.out.splitlines() == [
        "default/Pod/bad (web.yaml)",
        "  policy   no-host-pid (policy.yaml)",
        "  outcome  fail",
        "  message  policy is not compliant",
        f"  policy.yaml:{rule}: isCompliant does not hold",
        f"      line {expression}: not input.spec.hostPID",
        "      input.spec.hostPID = true",
    ]


def test_json_says_the_same(folder: Path) -> None:
    (item,) = run(folder, "policy.yaml", "web.yaml:default/Pod/bad", "-o", "json").report["explanations"]
    assert (item["policy"], item["resource"], item["outcome"]) == ("no-host-pid", "default/Pod/bad", "fail")
    (step,) = item["steps"]
    assert step["expression"] == "not input.spec.hostPID"
    assert step["expressionLine"] == line_of(folder / "policy.yaml", "not input")
    assert [(seen["expression"], seen["values"]) for seen in step["seen"]] == [
        ("input.spec.hostPID", ["true"])
    ]


def test_every_object_of_a_file_is_explained(folder: Path) -> None:
    ran = run(folder, "policy.yaml", "web.yaml")
    assert ran.code == 0
    assert [line for line in ran.out.splitlines() if "outcome" in line] == [
        "  outcome  pass",
        "  outcome  fail",
    ]


def test_an_object_may_come_from_stdin_and_a_policy_from_the_catalog(folder: Path) -> None:
    text = yaml.safe_dump(pod("bad", hostPID=True))
    ran = run(folder, "baseline-host-namespaces", "-", stdin=text)
    assert ran.code == 0
    assert "hostPID is true" in ran.out
    assert "findings holds, and gives" in ran.out


def test_one_of_several_policies_is_chosen_by_name(folder: Path) -> None:
    write(folder / "two.yaml", policy("first", NOT_PRIVILEGED), policy("second", NO_HOST_PID))
    ran = run(folder, "two.yaml", "web.yaml")
    assert (ran.code, ran.out) == (2, "")
    assert ran.errors == ["error: two.yaml holds several policies (first, second): say two.yaml:NAME"]
    ran = run(folder, "two.yaml:second", "web.yaml:pod/bad")
    assert ran.code == 0
    assert "second (two.yaml)" in ran.out


def test_text_that_is_no_block_has_its_own_lines(folder: Path) -> None:
    body = policy("quoted", NO_HOST_PID)
    (folder / "policy.json").write_text(json.dumps(body))
    ran = run(folder, "policy.json", "web.yaml:pod/bad")
    assert ran.code == 0
    assert "  line 3 of spec.policy.data: isCompliant does not hold" in ran.out.splitlines()


def test_that_a_policy_does_not_apply_is_explained_too(folder: Path) -> None:
    write(folder / "policy.yaml", policy("other", NO_HOST_PID, images=[{"glob": "ghcr.io/**"}]))
    ran = run(folder, "policy.yaml", "web.yaml:pod/bad")
    assert ran.code == 0
    assert ran.out.splitlines()[2:] == [
        "  outcome  does not apply",
        "  because  no glob of spec.images matches nginx",
    ]


def test_an_engine_that_cannot_be_explained_by_itself_is_explained_by_regorus(folder: Path) -> None:
    ran = run(folder, "policy.yaml", "web.yaml:pod/bad", "--engine", "regopy")
    assert ran.code == 0
    assert "input.spec.hostPID = true" in ran.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere.yaml", "web.yaml"), "nowhere.yaml: no such file, and no policy of the catalog"),
        (("baseline-nothing", "web.yaml"), "baseline-nothing: no such file, and no policy of the catalog"),
        (("policy.yaml:other", "web.yaml"), "policy.yaml: no policy other in this file"),
        ((".", "web.yaml"), ".: a folder, expected the file of one policy"),
        (("web.yaml", "web.yaml"), "web.yaml: no policy in this file"),
        (("broken.yaml", "web.yaml"), "broken.yaml:2"),
        (("policy.yaml", "nowhere.yaml"), "nowhere.yaml: no such file or folder"),
        (("policy.yaml", "web.yaml:pod/nobody"), "web.yaml: no workload pod/nobody to judge"),
        (("policy.yaml", "web.yaml:a/b/c/d"), "web.yaml: no workload a/b/c/d to judge"),
        (("policy.yaml", "policy.yaml"), "policy.yaml: no workload to judge"),
    ],
)
def test_what_cannot_be_asked_about_is_one_line(folder: Path, arguments: tuple[str, str], said: str) -> None:
    (folder / "broken.yaml").write_text("kind: [\n")
    ran = run(folder, *arguments)
    assert (ran.code, ran.out) == (2, "")
    (line,) = ran.err.splitlines()
    assert line.startswith(f"error: {said}")


def test_an_invalid_policy_is_one_line(folder: Path) -> None:
    write(folder / "policy.yaml", policy("bad", NO_HOST_PID, images=[]))
    ran = run(folder, "policy.yaml", "web.yaml")
    assert (ran.code, ran.out) == (3, "")
    assert ran.errors == [
        "error: policy.yaml: policy bad: spec.images: expected at least one glob, got none",
    ]


def test_a_policy_that_does_not_compile_explains_nothing(folder: Path) -> None:
    write(folder / "policy.yaml", policy("bad", "isCompliant {"))
    ran = run(folder, "policy.yaml", "web.yaml:pod/bad")
    assert ran.code == 3
    assert "  outcome  error" in ran.out.splitlines()
    assert "because  the policy could not be evaluated" in ran.out


def test_an_object_that_cannot_be_read_is_told_and_the_others_are_explained(folder: Path) -> None:
    with (folder / "web.yaml").open("a") as file:
        file.write("---\nkind: [\n")
    ran = run(folder, "policy.yaml", "web.yaml")
    assert ran.code == 3
    assert len(ran.errors) == 1
    assert ran.out.count("outcome") == 2


def test_an_engine_that_is_not_there_explains_nothing(folder: Path) -> None:
    ran = run(folder, "policy.yaml", "web.yaml:pod/bad", "--engine", "opa")
    assert ran.code == 3
    assert "not configured: TOCSIN_OPA_URL names a server" in ran.out


def test_what_an_opa_server_decided_is_explained_by_regorus(folder: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with running_opa(url):
        env = {"TOCSIN_OPA_URL": url}
        ran = run(folder, "policy.yaml", "web.yaml:pod/bad", "--engine", "opa", "-o", "json", env=env)
    assert ran.code == 0
    (item,) = ran.report["explanations"]
    assert item["engine"] == "opa"
    assert [step["expression"] for step in item["steps"]] == ["not input.spec.hostPID"]
