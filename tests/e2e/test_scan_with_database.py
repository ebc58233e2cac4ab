"""What `tocsin scan --db` leaves in a database (docs/decisions/0006), over several scans of one folder.

Not covered: the tables as such (the sink's tests), `tocsin run`, which owns its database.
"""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.command import NOT_PRIVILEGED, Ran, pod, policy, tocsin, waiver, write

DATABASE = "sqlite:///audit.db"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "deploy" / "bad.yaml", pod("bad", privileged=True))
    write(tmp_path / "deploy" / "good.yaml", pod("good"))
    write(tmp_path / "policies" / "policy.yaml", policy("no-privileged", NOT_PRIVILEGED))
    return tmp_path


def _scan(folder: Path, *paths: str, policies: str = "policies", stdin: str = "") -> Ran:
    arguments = [*(paths or ("deploy",)), "-p", policies, "-o", "json", "--db", DATABASE]
    return tocsin(folder, "scan", *arguments, stdin=stdin)


def _rows(folder: Path, query: str) -> list[Any]:
    connection = sqlite3.connect(folder / "audit.db")
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def _spans(folder: Path) -> list[tuple[str, str, str | None]]:
    """Name, policy and resolution of every violation."""
    return _rows(folder, "SELECT name, policy, resolution FROM violations ORDER BY opened_at, name, policy")


def _verdicts_and_violations(folder: Path) -> tuple[list[Any], list[Any]]:
    """Every column of both tables."""
    return (
        _rows(folder, "SELECT * FROM verdicts ORDER BY key"),
        _rows(folder, "SELECT * FROM violations ORDER BY id"),
    )


def _live_resources(folder: Path) -> list[str]:
    query = "SELECT name FROM resources WHERE deleted_at IS NULL ORDER BY name"
    return [name for (name,) in _rows(folder, query)]


def test_a_second_scan_of_the_same_folder_reports_the_same_and_changes_no_row(folder: Path) -> None:
    first = _scan(folder)
    before = _verdicts_and_violations(folder)
    second = _scan(folder)
    assert [len(rows) for rows in before] == [2, 1]
    assert _verdicts_and_violations(folder) == before
    assert (second.out, second.code) == (first.out, first.code)


def test_a_report_does_not_depend_on_what_a_database_remembers(folder: Path) -> None:
    _scan(folder)
    without = tocsin(folder, "scan", "deploy", "-p", "policies", "-o", "json")
    assert _scan(folder).report == without.report


def test_a_deleted_manifest_resolves_its_violation(folder: Path) -> None:
    _scan(folder)
    (folder / "deploy" / "bad.yaml").unlink()
    assert _scan(folder).report["violations"] == []
    assert _spans(folder) == [("bad", "no-privileged", "resource_deleted")]
    assert _live_resources(folder) == ["good"]


def test_the_last_manifest_of_a_folder_resolves_its_violation_too(folder: Path) -> None:
    (folder / "deploy" / "good.yaml").unlink()
    _scan(folder)
    (folder / "deploy" / "bad.yaml").unlink()
    assert _scan(folder).code == 2
    assert _spans(folder) == [("bad", "no-privileged", "resource_deleted")]


def test_a_deleted_document_resolves_its_violation(folder: Path) -> None:
    write(folder / "deploy" / "bad.yaml", pod("bad", privileged=True), pod("worse", privileged=True))
    _scan(folder)
    write(folder / "deploy" / "bad.yaml", pod("bad", privileged=True))
    _scan(folder)
    assert _spans(folder) == [
        ("bad", "no-privileged", None),
        ("worse", "no-privileged", "resource_deleted"),
    ]


def test_a_mended_manifest_is_fixed_and_a_relapse_is_another_violation(folder: Path) -> None:
    for privileged in (True, False, True):
        write(folder / "deploy" / "bad.yaml", pod("bad", privileged=privileged))
        _scan(folder)
    assert sorted(_spans(folder), key=str) == [
        ("bad", "no-privileged", "fixed"),
        ("bad", "no-privileged", None),
    ]


def test_what_came_from_other_paths_stays(folder: Path) -> None:
    write(folder / "other" / "also.yaml", pod("also", privileged=True))
    _scan(folder, "deploy", "other")
    (folder / "deploy" / "bad.yaml").unlink()
    (folder / "other" / "also.yaml").unlink()
    _scan(folder, "deploy")
    assert _spans(folder) == [("also", "no-privileged", None), ("bad", "no-privileged", "resource_deleted")]
    _scan(folder, "other")
    assert ("also", "no-privileged", "resource_deleted") in _spans(folder)


@pytest.mark.parametrize("again", [".", "./deploy/", "deploy//bad.yaml"])
def test_a_path_is_the_same_however_it_is_written(folder: Path, again: str) -> None:
    _scan(folder)
    (folder / "deploy" / "bad.yaml").unlink()
    _scan(folder, again)
    assert _spans(folder) == [("bad", "no-privileged", "resource_deleted")]


def test_a_file_that_does_not_parse_any_more_keeps_its_violations(folder: Path) -> None:
    _scan(folder)
    (folder / "deploy" / "bad.yaml").write_text("kind: [Pod\n")
    ran = _scan(folder)
    assert ran.code == 3
    assert _spans(folder) == [("bad", "no-privileged", None)]
    assert [file for (file,) in _rows(folder, "SELECT file FROM source_errors")] == ["deploy/bad.yaml"]


def test_a_mended_file_leaves_no_error_behind(folder: Path) -> None:
    (folder / "deploy" / "broken.yaml").write_text("kind: [Pod\n")
    (folder / "policies" / "broken.yaml").write_text("kind: [Pod\n")
    _scan(folder)
    assert len(_rows(folder, "SELECT * FROM source_errors")) == 2
    (folder / "deploy" / "broken.yaml").unlink()
    write(folder / "policies" / "broken.yaml", policy("mended", "isCompliant { true }"))
    _scan(folder)
    assert _rows(folder, "SELECT * FROM source_errors") == []


def test_what_is_below_a_folder_that_cannot_be_read_stays(folder: Path) -> None:
    write(folder / "deploy" / "team" / "also.yaml", pod("also", privileged=True))
    _scan(folder)
    (folder / "deploy" / "team").rename(folder / "elsewhere")
    (folder / "deploy" / "team").symlink_to("team")  # a link to itself: unreadable for root, too
    assert _scan(folder).code == 3
    assert ("also", "no-privileged", None) in _spans(folder)


def test_a_deleted_policy_takes_its_verdicts_with_it(folder: Path) -> None:
    write(folder / "policies" / "more.yaml", policy("never", "isCompliant { false }"))
    _scan(folder)
    (folder / "policies" / "more.yaml").unlink()
    _scan(folder)
    ended = [(name, resolution) for name, of, resolution in _spans(folder) if of == "never"]
    assert ended == [("bad", "policy_deleted"), ("good", "policy_deleted")]
    assert _rows(folder, "SELECT name FROM policies WHERE deleted_at IS NULL") == [("no-privileged",)]


def test_a_scan_says_nothing_of_policies_that_it_did_not_load(folder: Path) -> None:
    write(folder / "others" / "never.yaml", policy("never", "isCompliant { false }"))
    write(folder / "other" / "also.yaml", pod("also"))
    _scan(folder, "deploy", "other", policies="others")
    ran = _scan(folder, "deploy")
    assert [each["policy"] for each in ran.report["violations"]] == ["no-privileged"]
    assert "1 other policy of the database not loaded: its verdicts stay as they are" in ran.err
    ended = {(name, resolution) for name, of, resolution in _spans(folder) if of == "never"}
    assert ended == {("also", None), ("bad", None), ("good", None)}
    assert len(_rows(folder, "SELECT name FROM policies WHERE deleted_at IS NULL")) == 2


def test_the_command_that_a_violation_hints_at_changes_nothing_of_other_policies(folder: Path) -> None:
    write(folder / "policies" / "never.yaml", policy("never", "isCompliant { false }"))
    _scan(folder)
    show = tocsin(folder, "violations", "list", "--policy", "no-privileged", "-o", "name", "--db", DATABASE)
    hints = tocsin(folder, "violations", "show", show.out.split()[0], "--db", DATABASE).out
    hinted = hints.partition("then: tocsin ")[2].splitlines()[0].split()
    assert hinted[:4] == ["scan", "deploy/bad.yaml", "-p", "policies/policy.yaml"]
    write(folder / "deploy" / "bad.yaml", pod("bad"))
    assert tocsin(folder, *hinted, env={"TOCSIN_DB": DATABASE}).code == 0
    assert sorted(_spans(folder), key=str) == [
        ("bad", "never", None),
        ("bad", "no-privileged", "fixed"),
        ("good", "never", None),
    ]


def test_other_policies_are_taken_back_where_the_scan_says_that_there_are_none(folder: Path) -> None:
    write(folder / "others" / "never.yaml", policy("never", "isCompliant { false }"))
    _scan(folder, policies="others")
    ran = tocsin(folder, "scan", "deploy", "-p", "policies", "--no-other-policies", "--db", DATABASE)
    assert "not loaded" not in ran.err
    ended = {(name, resolution) for name, of, resolution in _spans(folder) if of == "never"}
    assert ended == {("bad", "policy_deleted"), ("good", "policy_deleted")}
    assert _rows(folder, "SELECT name FROM policies WHERE deleted_at IS NULL") == [("no-privileged",)]


@pytest.mark.parametrize("policies", ["deploy", "empty.yaml"])
def test_where_no_policy_is_nothing_is_judged_and_no_violation_ends(folder: Path, policies: str) -> None:
    (folder / "empty.yaml").write_text("")
    _scan(folder)
    ran = _scan(folder, policies=policies)
    assert (ran.code, ran.errors) == (2, [f"error: {policies}: no ClusterImagePolicy in it"])
    assert _spans(folder) == [("bad", "no-privileged", None)]
    assert _rows(folder, "SELECT * FROM source_errors") == []


@pytest.mark.parametrize(("paths", "policies"), [(["deplyo"], "policies"), (["deploy"], "polices")])
def test_a_misspelt_path_leaves_no_error_behind(folder: Path, paths: list[str], policies: str) -> None:
    ran = _scan(folder, *paths, policies=policies)
    assert (ran.code, len(ran.errors), len(ran.report["errors"])) == (2, 1, 1)
    assert _rows(folder, "SELECT * FROM source_errors") == []


def test_a_scan_is_judged_by_the_waivers_of_its_database_and_takes_none_back(folder: Path) -> None:
    match = {"names": ["bad"]}
    write(folder / "waivers" / "pilot.yaml", waiver("pilot", policies=["no-privileged"], match=match))
    write(folder / "more" / "other.yaml", waiver("other", policies=["never"], match=match))
    tocsin(folder, "scan", "deploy", "-p", "policies", "--waivers", "waivers", "--db", DATABASE)
    ran = _scan(folder)
    assert (ran.report["violations"], [each["name"] for each in ran.report["waivers"]]) == ([], ["pilot"])
    tocsin(folder, "scan", "deploy", "-p", "policies", "--waivers", "more", "--db", DATABASE)
    assert _spans(folder) == [("bad", "no-privileged", "waived")]
    names = "SELECT name FROM waivers WHERE deleted_at IS NULL ORDER BY name"
    assert _rows(folder, names) == [("other",), ("pilot",)]
    (folder / "waivers" / "pilot.yaml").unlink()
    write(folder / "waivers" / "other.yaml", waiver("other", policies=["never"], match=match))
    tocsin(folder, "scan", "deploy", "-p", "policies", "--waivers", "waivers", "--db", DATABASE)
    assert ("bad", "no-privileged", None) in _spans(folder)


def test_a_policy_file_that_does_not_parse_any_more_ends_no_violation(folder: Path) -> None:
    write(folder / "policies" / "other.yaml", policy("other", "isCompliant { true }"))
    _scan(folder)
    (folder / "policies" / "policy.yaml").write_text("kind: [ClusterImagePolicy\n")
    assert _scan(folder).code == 3
    assert _spans(folder) == [("bad", "no-privileged", None)]


def test_policies_that_are_not_there_end_no_violation(folder: Path) -> None:
    _scan(folder)
    assert _scan(folder, policies="polcies").code == 2
    assert _spans(folder) == [("bad", "no-privileged", None)]


def test_what_standard_input_held_before_is_gone(folder: Path) -> None:
    _scan(folder, "-", stdin=yaml.safe_dump_all([pod("a", privileged=True), pod("b", privileged=True)]))
    _scan(folder, "-", stdin=yaml.safe_dump(pod("b", privileged=True)))
    assert _spans(folder) == [("a", "no-privileged", "resource_deleted"), ("b", "no-privileged", None)]
