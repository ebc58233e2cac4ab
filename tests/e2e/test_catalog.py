"""The catalog on the command line: listing it, copying from it, naming its sets.

Not covered: what its policies say (tests/contract/test_catalog_on_engines).
"""

import csv
import json
from pathlib import Path

import pytest
import yaml

import catalog
from tests.e2e.command import pod, tocsin, write

NAMES = [
    f"{name}-{path.stem}" for name in catalog.SETS for path in sorted(catalog.folder(name).glob("*.yaml"))
]


def test_every_policy_is_listed_with_its_set_severity_and_title(tmp_path: Path) -> None:
    ran = tocsin(tmp_path, "policies", "catalog", "-o", "json")
    assert ran.code == 0
    assert [item["name"] for item in ran.report] == NAMES
    assert all(item["name"].startswith(f"{item['set']}-") and item["title"] for item in ran.report)
    table = tocsin(tmp_path, "policies", "catalog").out.splitlines()
    assert table[0].split() == ["NAME", "SET", "SEVERITY", "TITLE"]
    assert len(table) == len(NAMES) + 1


@pytest.mark.parametrize("name", catalog.SETS)
def test_a_set_is_listed_by_its_name(tmp_path: Path, name: str) -> None:
    ran = tocsin(tmp_path, "policies", "catalog", name, "-o", "name")
    assert ran.out.splitlines() == [policy for policy in NAMES if policy.startswith(f"{name}-")]
    rows = list(csv.DictReader(tocsin(tmp_path, "policies", "catalog", name, "-o", "csv").out.splitlines()))
    assert {row["set"] for row in rows} == {name}


def test_a_policy_is_printed_as_it_is_and_can_be_used(tmp_path: Path) -> None:
    ran = tocsin(tmp_path, "policies", "catalog", "hygiene-required-labels")
    assert ran.out == (catalog.folder("hygiene") / "required-labels.yaml").read_text()
    (tmp_path / "mine.yaml").write_text(ran.out.replace("mode: warn", "mode: enforce"))
    write(tmp_path / "pod.yaml", pod("web"))
    assert tocsin(tmp_path, "scan", "pod.yaml", "-p", "mine.yaml").code == 1


@pytest.mark.parametrize(
    "name", ["nothing", "baseline-nothing", "../baseline", "examples", "nothing-at-all", "-"]
)
def test_what_is_not_there_is_one_line_and_exit_2(tmp_path: Path, name: str) -> None:
    ran = tocsin(tmp_path, "policies", "catalog", "--", name)
    assert (ran.code, ran.out) == (2, "")
    assert len(ran.err.splitlines()) == 1
    assert ran.err.startswith("error: the catalog has no policy or set")


def test_a_name_nearly_right_is_answered_with_the_right_one(tmp_path: Path) -> None:
    ran = tocsin(tmp_path, "policies", "catalog", "baseline-priviledged-containers")
    assert "did you mean baseline-privileged-containers?" in ran.err


def test_sets_are_named_where_policies_are(tmp_path: Path) -> None:
    write(tmp_path / "pod.yaml", pod("web", privileged=True))
    chosen = ("-p", "catalog:restricted", "-p", "catalog:baseline")
    ran = tocsin(tmp_path, "scan", "pod.yaml", *chosen, "-o", "json")
    loaded = {item["name"] for item in ran.report["policies"]}
    assert loaded == {name for name in NAMES if name.startswith(("baseline-", "restricted-"))}
    assert {"baseline-privileged-containers", "restricted-seccomp"} <= {
        item["policy"] for item in ran.report["violations"]
    }


@pytest.mark.parametrize("command", [("scan", "."), ("run", "--manifests", ".")])
@pytest.mark.parametrize("name", ["catalog:nothing", "catalog:", "catalog:../examples"])
def test_an_unknown_set_is_one_line_and_exit_2(tmp_path: Path, command: tuple[str, ...], name: str) -> None:
    ran = tocsin(tmp_path, *command, "-p", name)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.splitlines() == [
        f"error: {name}: the catalog has the sets baseline, restricted, hygiene, registry"
    ]


def test_yaml_lists_what_json_lists(tmp_path: Path) -> None:
    as_json = json.loads(tocsin(tmp_path, "policies", "catalog", "-o", "json").out)
    assert yaml.safe_load(tocsin(tmp_path, "policies", "catalog", "-o", "yaml").out) == as_json
