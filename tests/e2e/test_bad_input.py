"""Bad input gets one clear line and an exit code, and everything else is still done."""

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.command import NOT_PRIVILEGED, TOCSIN, environment, peak_memory, pod, policy, tocsin, write

GOOD_DOCUMENT = (
    "apiVersion: v1\nkind: Pod\nmetadata: {name: %s}\nspec: {containers: [{name: c, image: nginx}]}\n"
)
FIFTY_MB = 50 * 2**20
BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join(f'*{previous}' for _ in range(9))}]\n"
    for previous, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "deploy" / "bad.yaml", pod("bad", privileged=True))
    write(tmp_path / "policy.yaml", policy("no-privileged", NOT_PRIVILEGED))
    return tmp_path


def _scan(folder: Path, *arguments: str) -> Any:
    return tocsin(folder, "scan", *arguments, "-p", "policy.yaml", "-o", "json")


def test_no_path_is_wrong_usage(folder: Path) -> None:
    ran = _scan(folder)
    assert ran.code == 2
    assert ran.errors == [
        "error: nothing to scan: name manifest files or folders, - for stdin, or a cluster with --context"
    ]


def test_a_missing_path_is_named_and_the_others_are_scanned(folder: Path) -> None:
    ran = _scan(folder, "nowhere.yaml", "deploy")
    assert ran.code == 2
    assert "error: nowhere.yaml: no such file or folder" in ran.errors
    assert len(ran.report["violations"]) == 1


def test_an_empty_folder_is_named(folder: Path) -> None:
    (folder / "empty").mkdir()
    ran = _scan(folder, "empty")
    assert ran.code == 2
    assert [line for line in ran.errors if "empty" in line]


@pytest.mark.parametrize(
    ("name", "document", "said"),
    [
        ("broken.yaml", "apiVersion: v1\nkind: [Pod\n", "broken.yaml"),
        ("bomb.yaml", BOMB, "alias"),
        ("twice.yaml", "apiVersion: v1\nkind: Pod\nkind: Pod\nmetadata: {name: a}\n", "kind"),
        ("list.yaml", "- a\n- b\n", "list"),
        ("scalar.yaml", "hello\n", "string"),
        ("nameless.yaml", "apiVersion: v1\nkind: Pod\nspec: {}\n", "metadata"),
        ("image.yaml", GOOD_DOCUMENT.replace("nginx", "5") % "five", "spec.containers[0].image"),
        ("untyped.yaml", "kind: Pod\nmetadata: {name: a}\n", "apiVersion"),
        ("labels.yaml", GOOD_DOCUMENT.replace("%s", "%s, labels: {a: 1}") % "l", "metadata.labels['a']"),
        ("map.yaml", GOOD_DOCUMENT.replace("[{name: c, image: nginx}]", "{a: b}") % "m", "spec.containers"),
        ("items.yaml", "apiVersion: v1\nkind: List\nitems:\n- hello\n", "items[0]"),
        ("deep.yaml", "a: " + "[" * 5000 + "\n", "nest"),
        (
            "cron.yaml",
            "{apiVersion: batch/v1, kind: CronJob, metadata: {name: a}, spec: {jobTemplate: {spec: 5}}}",
            "spec.jobTemplate.spec",
        ),
        (
            "network.yaml",
            GOOD_DOCUMENT.replace("spec: {", "spec: {hostNetwork: 'yes', ") % "net",
            "spec.hostNetwork",
        ),
    ],
)
def test_a_bad_document_costs_one_line_and_its_neighbours_are_scanned(
    folder: Path, name: str, document: str, said: str
) -> None:
    around = [GOOD_DOCUMENT % "before", f"{document}\n", GOOD_DOCUMENT % "after"]
    (folder / "deploy" / name).write_text("---\n".join(around))
    ran = _scan(folder, "deploy")
    assert ran.code == 3
    (error,) = ran.report["errors"]
    assert error["file"] == f"deploy/{name}"
    assert said in error["message"] or said in error["file"]
    assert ran.report["summary"]["resources"] == 3
    assert len(ran.errors) == 1


def test_a_file_that_is_not_utf8_costs_one_line(folder: Path) -> None:
    (folder / "deploy" / "latin.yaml").write_bytes(b"apiVersion: v1\nkind: Pod\nmetadata: {name: caf\xe9}\n")
    ran = _scan(folder, "deploy")
    assert ran.code == 3
    assert "UTF-8" in ran.report["errors"][0]["message"]
    assert len(ran.report["violations"]) == 1


def test_a_file_in_utf16_costs_one_line(folder: Path) -> None:
    (folder / "deploy" / "wide.yaml").write_bytes((GOOD_DOCUMENT % "wide").encode("utf-16"))
    ran = _scan(folder, "deploy")
    assert ran.code == 3
    assert "UTF-16" in ran.report["errors"][0]["message"]
    assert len(ran.report["violations"]) == 1


def test_a_file_whose_name_is_not_utf8_is_scanned_and_can_be_told(folder: Path) -> None:
    name = os.fsdecode(b"caf\xe9.yaml")
    write(folder / "deploy" / name, pod("cafe", privileged=True))
    ran = _scan(folder, "deploy")
    assert ran.code == 0
    assert [item["file"] for item in ran.report["violations"]] == ["deploy/bad.yaml", "deploy/caf\\xe9.yaml"]


def test_a_file_that_cannot_be_read_costs_one_line(folder: Path) -> None:
    (folder / "deploy" / "loop.yaml").symlink_to("loop.yaml")  # unreadable for root, too
    ran = _scan(folder, "deploy")
    assert ran.code == 3
    (error,) = ran.errors
    assert "deploy/loop.yaml" in error
    assert len(ran.report["violations"]) == 1


def test_one_document_of_50_mb_is_one_line_and_costs_no_memory(folder: Path) -> None:
    _, usual = peak_memory(folder, "scan", "deploy", "-p", "policy.yaml")
    huge = "apiVersion: v1\nkind: Pod\nmetadata: {name: huge}\nspec:\n  containers:\n"
    line = "  - {name: c, image: nginx}\n"
    (folder / "deploy" / "huge.yaml").write_text(huge + line * (FIFTY_MB // len(line)))
    ran, peak = peak_memory(folder, "scan", "deploy", "-p", "policy.yaml", "-o", "json")
    assert ran.code == 3
    (error,) = ran.report["errors"]
    assert "deploy/huge.yaml" in error["file"]
    assert len(ran.report["violations"]) == 1
    assert peak - usual < FIFTY_MB


def test_a_list_of_50_mb_is_read_item_by_item(folder: Path) -> None:
    _, usual = peak_memory(folder, "scan", "deploy", "-p", "policy.yaml")
    heap = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": {"x": "y" * 500_000}}
    items = [heap] * (FIFTY_MB // 500_000) + [pod("last", privileged=True)]
    listing = {"apiVersion": "v1", "items": items, "kind": "List"}
    (folder / "deploy" / "list.json").write_text(json.dumps(listing))
    ran, peak = peak_memory(folder, "scan", "deploy", "-p", "policy.yaml", "-o", "json")
    assert ran.code == 0
    assert [item["resource"]["name"] for item in ran.report["violations"]] == ["bad", "last"]
    assert peak - usual < FIFTY_MB


@pytest.mark.parametrize(
    ("rego", "said"),
    [
        ("isCompliant { }", "spec.policy.data:2:"),
        ("isCompliant { nosuch(1) }", "nosuch"),
        ("isCompliant { http.send({}) }", "network"),
    ],
)
def test_a_policy_that_does_not_compile_stops_no_other(folder: Path, rego: str, said: str) -> None:
    write(folder / "policy.yaml", policy("broken", rego), policy("no-privileged", NOT_PRIVILEGED))
    ran = _scan(folder, "deploy")
    assert ran.code == 3
    broken = next(item for item in ran.report["policies"] if item["name"] == "broken")
    assert said in broken["error"]
    assert [item["policy"] for item in ran.report["violations"]] == ["no-privileged"]


@pytest.mark.parametrize(
    "rego",
    [
        "isCompliant { count([1 | numbers.range(1, 100000)[_] + numbers.range(1, 100000)[_] == 3]) == 1 }",
        "isCompliant { count([x | x := numbers.range(1, 100000000)[_]]) == 1 }",
    ],
    ids=["never ends", "eats memory"],
)
def test_a_hostile_policy_costs_its_own_verdicts(folder: Path, rego: str) -> None:
    pytest.importorskip("regorus", reason="the regorus extra is not installed")
    write(folder / "policy.yaml", policy("hostile", rego), policy("no-privileged", NOT_PRIVILEGED))
    ran = tocsin(
        folder, "scan", "deploy", "-p", "policy.yaml", "-o", "json",
        env={"TOCSIN_EVALUATION_DEADLINE": "0.5", "TOCSIN_MEMORY_LIMIT_MIB": "64"},
    )  # fmt: skip
    assert ran.code == 3
    assert [item["policy"] for item in ran.report["errors"]] == ["hostile"]
    assert [item["policy"] for item in ran.report["violations"]] == ["no-privileged"]


def test_a_policy_with_wrong_fields_names_each_of_them(folder: Path) -> None:
    wrong = policy("wrong", "isCompliant { true }", mode="loud", images=[])
    write(folder / "policy.yaml", wrong, policy("no-privileged", NOT_PRIVILEGED))
    ran = _scan(folder, "deploy")
    assert ran.code == 3
    (error,) = ran.report["errors"]
    assert "spec.images" in error["message"]
    assert "spec.mode" in error["message"]


def test_of_two_policies_of_one_name_the_first_counts_and_the_second_is_an_error(folder: Path) -> None:
    write(folder / "policies" / "a.yaml", policy("same", NOT_PRIVILEGED))
    write(folder / "policies" / "b.yaml", policy("same", "isCompliant { true }"))
    ran = tocsin(folder, "scan", "deploy", "-p", "policies", "-o", "json")
    assert ran.code == 3
    (error,) = ran.report["errors"]
    assert "policies/a.yaml" in error["message"]
    assert "policies/b.yaml" in (error["file"], error["message"])
    assert len(ran.report["violations"]) == 1


def test_a_policy_file_that_is_broken_in_the_middle_costs_that_policy_only(folder: Path) -> None:
    write(folder / "policy.yaml", policy("no-privileged", NOT_PRIVILEGED))
    good = (folder / "policy.yaml").read_text()
    (folder / "policy.yaml").write_text(f"kind: ClusterImagePolicy\nspec: [\n---\n{good}")
    ran = _scan(folder, "deploy")
    assert ran.code == 3
    (error,) = ran.errors
    assert "policy.yaml:" in error
    assert [item["policy"] for item in ran.report["violations"]] == ["no-privileged"]


def test_policies_that_are_not_there_are_wrong_usage(folder: Path) -> None:
    ran = tocsin(folder, "scan", "deploy", "-p", "nowhere")
    assert ran.code == 2
    assert "error: nowhere: no such file or folder" in ran.errors


def test_an_error_inside_a_file_names_it_once(folder: Path) -> None:
    (folder / "bad.yaml").write_text("a: 1\n---\nb: [\n")
    ran = tocsin(folder, "scan", "bad.yaml")
    assert ran.code == 3
    assert [line.count("bad.yaml") for line in ran.errors if "bad.yaml" in line] == [1, 1]
    assert "error: bad.yaml:1: no apiVersion: every Kubernetes object has one" in ran.errors


def test_a_reader_that_goes_away_is_no_traceback(folder: Path) -> None:
    write(folder / "deploy" / "many.yaml", *(pod(f"bad-{number}", privileged=True) for number in range(3000)))
    with subprocess.Popen(
        [TOCSIN, "scan", "deploy", "-p", "policy.yaml", "-o", "json"],
        cwd=folder, env=environment(folder), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read().decode()
        assert process.wait(60) == 0
    assert "Traceback" not in said
    assert "went away" in said


@pytest.mark.parametrize(
    "arguments",
    [["-", "-p", "policy.yaml"], ["deploy", "-p", "-"], ["-", "-p", "policy.yaml", "--db", "sqlite:///a.db"]],
    ids=["manifests", "policies", "database"],
)
def test_ctrl_c_in_the_middle_reports_what_was_read(folder: Path, arguments: list[str]) -> None:
    with subprocess.Popen(
        [TOCSIN, "scan", *arguments, "-o", "json"],
        cwd=folder,
        env=environment(folder),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        # more than a pipe holds: once it is written, the command is in the middle of reading it
        process.stdin.write(b"".join(b"---\n" + (GOOD_DOCUMENT % f"p{n}").encode() for n in range(2000)))
        process.stdin.flush()
        process.send_signal(signal.SIGINT)
        # standard input stays open: nobody may wait for its end
        assert process.stdout is not None
        assert process.stderr is not None
        out, said = process.stdout.read(), process.stderr.read()
        assert process.wait(60) == 130
    assert json.loads(out)["kind"] == "ScanReport"
    assert said.decode().splitlines()[-1] == "error: interrupted: the report covers what was read until then"
    assert b"Traceback" not in said
