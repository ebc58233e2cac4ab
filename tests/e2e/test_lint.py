"""`tocsin policies lint` as a user runs it: places, fixes, formats, exit codes, and the pipeline's own copy.

Not here: what each check finds (tests of `evaluator.lint`).
"""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.command import Ran, pod, policy, tocsin, write
from tests.unit.cli.schemas import checked_sarif

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = ROOT.parent / "shared" / "policies" / "tutorial"
HOST_NETWORK = """\
apiVersion: policy.sigstore.dev/v1beta1
kind: ClusterImagePolicy
metadata: {name: net}
spec:
  mode: warn
  images: [{glob: "**"}]
  match: [{group: "", version: v1, resource: pods}]
  authorities: [{static: {action: pass}}]
  policy:
    type: rego
    includeSpec: true
    data: |
      package sigstore

      isCompliant {
        input.spec.hostNetwork == "false"
      }
"""
FINE = HOST_NETWORK.replace('input.spec.hostNetwork == "false"', "not input.spec.hostNetwork")


def _lint(folder: Path, content: str, *arguments: str) -> Ran:
    (folder / "net.yaml").write_text(content, encoding="utf-8")
    return tocsin(folder, "policies", "lint", "net.yaml", *arguments)


def test_a_mistake_has_its_place_its_rule_and_its_remedy(tmp_path: Path) -> None:
    ran = _lint(tmp_path, HOST_NETWORK)
    assert ran.code == 1
    first, fix = ran.out.splitlines()
    assert first.startswith(
        "net.yaml:16:9: error TOC301 boolean-as-string: input.spec.hostNetwork is a boolean"
    )
    assert fix.strip().startswith("fix: write `not input.spec.hostNetwork`")
    assert ran.err.splitlines() == ["1 policy: 1 error, 0 warnings, 0 info"]


def test_nothing_wrong_is_exit_0_and_no_output(tmp_path: Path) -> None:
    ran = _lint(tmp_path, FINE)
    assert (ran.code, ran.out) == (0, "")


def test_an_info_is_shown_and_no_mistake(tmp_path: Path) -> None:
    ran = _lint(tmp_path, FINE.replace("  mode: warn\n", ""))
    assert ran.code == 0
    assert "net.yaml:4:1: info TOC007 default-mode" in ran.out


def test_what_only_an_engine_finds_is_a_finding_too(tmp_path: Path) -> None:
    ran = _lint(tmp_path, FINE.replace("not input.spec.hostNetwork", "input.spec.x == unknown"))
    assert ran.code == 1
    assert "net.yaml:16:" in ran.out
    assert "TOC101 compile" in ran.out


def test_a_mistake_that_does_not_compile_is_said_once(tmp_path: Path) -> None:
    ran = _lint(tmp_path, FINE.replace("not input.spec.hostNetwork", "# to do"))
    assert ran.code == 1
    assert [line.split()[2] for line in ran.out.splitlines() if "error" in line] == ["TOC102"]


def test_json_has_every_finding_with_file_and_text_positions(tmp_path: Path) -> None:
    report = _lint(tmp_path, HOST_NETWORK, "-o", "json").report
    assert (report["apiVersion"], report["kind"]) == ("tocsin.dev/v1", "LintReport")
    assert report["summary"] == {"policies": 1, "errors": 1, "warnings": 0, "infos": 0}
    (finding,) = report["findings"]
    assert (finding["rule"], finding["name"], finding["policy"]) == ("TOC301", "boolean-as-string", "net")
    assert (finding["file"], finding["line"], finding["column"]) == ("net.yaml", 16, 9)
    assert (finding["textLine"], finding["textColumn"], finding["exact"]) == (4, 3, True)


def test_sarif_is_valid_and_points_at_the_line(tmp_path: Path) -> None:
    ran = _lint(tmp_path, HOST_NETWORK, "-o", "sarif")
    assert ran.code == 1
    (run,) = checked_sarif(ran.out.encode())["runs"]
    (result,) = run["results"]
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"] == "TOC301"
    (location,) = result["locations"]
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": "net.yaml", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 16, "startColumn": 9},
    }
    for rule in run["tool"]["driver"]["rules"]:  # GitHub requires each of them, up to 1,024 characters
        for text in ("shortDescription", "fullDescription", "help"):
            assert 0 < len(rule[text]["text"]) <= 1024


def test_standard_input_is_linted(tmp_path: Path) -> None:
    ran = tocsin(tmp_path, "policies", "lint", "-", stdin=HOST_NETWORK)
    assert ran.code == 1
    assert ran.out.startswith("-:16:9: error TOC301")


def test_rules_are_chosen_by_id_or_name(tmp_path: Path) -> None:
    assert _lint(tmp_path, HOST_NETWORK, "--ignore", "boolean-as-string").code == 0
    assert _lint(tmp_path, HOST_NETWORK, "--ignore", "TOC301,TOC302").code == 0
    assert _lint(tmp_path, HOST_NETWORK, "--select", "toc301").code == 1
    assert _lint(tmp_path, HOST_NETWORK, "--select", "some-not-all").code == 0
    ran = _lint(tmp_path, HOST_NETWORK, "--ignore", "no-such-rule")
    assert ran.code == 2
    assert ran.errors == [
        "error: no rule no-such-rule: expected an id such as TOC001, or a name such as invalid-field"
    ]


@pytest.mark.parametrize("comment", ["# tocsin:ignore=TOC301 why", "# tocsin:ignore=boolean-as-string"])
def test_a_comment_lets_a_finding_be(tmp_path: Path, comment: str) -> None:
    line = 'input.spec.hostNetwork == "false"'
    assert _lint(tmp_path, HOST_NETWORK.replace(line, f"{line} {comment}")).code == 0
    assert _lint(tmp_path, HOST_NETWORK.replace(line, f"{comment}\n        {line}")).code == 0


def test_a_rule_is_explained(tmp_path: Path) -> None:
    ran = tocsin(tmp_path, "policies", "lint", "--explain", "some-not-all")
    assert ran.code == 0
    assert ran.out.startswith("TOC401 some-not-all (warning)\n")
    assert tocsin(tmp_path, "policies", "lint", "--explain", "nonsense").code == 2


def test_wrong_fields_are_findings_where_they_stand(tmp_path: Path) -> None:
    ran = _lint(tmp_path, FINE.replace("includeSpec", "includespec").replace("mode: warn", "mode: loud"))
    assert ran.code == 1
    assert "net.yaml:5:3: error TOC001 invalid-field: spec.mode: expected warn or enforce" in ran.out


def test_a_typo_of_a_flag_is_found(tmp_path: Path) -> None:
    ran = _lint(tmp_path, FINE.replace("includeSpec", "includespec"))
    assert "net.yaml:11:5: warning TOC002 unknown-field: spec.policy.includespec" in ran.out
    assert "fix: write `includeSpec`" in ran.out
    assert "TOC201 missing-include" in ran.out


def test_a_name_that_is_taken_is_found_across_files(tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / "policies" / name).write_text(FINE, encoding="utf-8")
    ran = tocsin(tmp_path, "policies", "lint", "policies")
    assert ran.code == 1
    assert ran.out.startswith("policies/b.yaml:3:12: error TOC011 duplicate-name")
    assert "policies/a.yaml" in ran.out


def test_a_file_that_is_not_there_is_wrong_usage_and_the_others_are_linted(tmp_path: Path) -> None:
    ran = _lint(tmp_path, HOST_NETWORK, "nowhere.yaml")
    assert ran.code == 2
    assert "TOC301" in ran.out
    assert any("nowhere.yaml" in line for line in ran.errors)


def test_a_folder_without_policies_is_wrong_usage(tmp_path: Path) -> None:
    write(tmp_path / "deploy" / "pod.yaml", pod("web"))
    ran = tocsin(tmp_path, "policies", "lint", "deploy")
    assert ran.code == 2
    assert ran.errors == ["error: deploy: no ClusterImagePolicy in it"]


def test_a_broken_document_is_exit_3_and_its_neighbour_is_linted(tmp_path: Path) -> None:
    ran = _lint(tmp_path, f"kind: ClusterImagePolicy\na: [\n---\n{FINE}")
    assert ran.code == 3
    assert len(ran.errors) == 1
    assert _lint(tmp_path, f"kind: ClusterImagePolicy\na: [\n---\n{HOST_NETWORK}").out.startswith(
        "net.yaml:19:9"
    )


def test_the_corrected_policies_of_the_guide_are_clean(tmp_path: Path) -> None:
    assert tocsin(tmp_path, "policies", "lint", ROOT / "docs" / "guides" / "policies").code == 0


def test_the_catalog_and_the_examples_are_clean(tmp_path: Path) -> None:
    ran = tocsin(tmp_path, "policies", "lint", ROOT / "catalog", ROOT / "examples" / "policies")
    assert ran.code == 0
    assert ": 0 errors, 0 warnings, " in ran.err


@pytest.mark.skipif(not TUTORIAL.is_dir(), reason="the tutorial's policies are not beside the checkout")
def test_what_is_wrong_in_each_policy_of_the_tutorial_is_found(tmp_path: Path) -> None:
    ran = tocsin(tmp_path, "policies", "lint", TUTORIAL, "-o", "json")
    assert ran.code == 1
    found: dict[str, set[Any]] = {}
    for each in ran.report["findings"]:
        if each["severity"] != "info":
            found.setdefault(Path(each["file"]).stem, set()).add((each["name"], each["line"]))
    assert found == {
        "disallowed-registry": {
            ("list-by-name", 16), ("some-not-all", 16), ("pods-only-path", 16), ("docker-hub-by-name", 17),
        },
        "host-namespaces": {
            ("pods-only-path", 17),
            ("boolean-as-string", 17), ("boolean-as-string", 18), ("boolean-as-string", 19),
        },
        "maximum-image-age": {("some-not-all", 22)},
        "privilege-escalation": {
            ("pods-only-path", 16), ("absent-true", 16), ("absent-true", 17), ("absent-true", 18),
        },
        "required-labels": {("hyphen-subtraction", 18)},
        "template": {("empty-body", 15)},
    }  # fmt: skip


def test_the_pipeline_stores_what_the_linter_says(tmp_path: Path) -> None:
    write(tmp_path / "deploy" / "pod.yaml", pod("web"))
    write(tmp_path / "policy.yaml", policy("net", 'isCompliant { input.spec.hostNetwork == "false" }'))
    ran = tocsin(tmp_path, "scan", "deploy", "-p", "policy.yaml", "--db", "sqlite:///audit.db")
    assert ran.code == 0
    with sqlite3.connect(tmp_path / "audit.db") as connection:
        ((text,),) = connection.execute("select findings from policies").fetchall()
    connection.close()
    assert "TOC301" in [each["rule"] for each in json.loads(text)]
