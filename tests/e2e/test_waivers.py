"""Waivers as a user has them: `waivers lint`, and `tocsin run --waivers` while they come, change and go.

Not covered: what a document may say, and what covers what (`tests/unit/watcher`, `tests/unit/evaluator`).
"""

import csv
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.command import NOT_PRIVILEGED, pod, policy, tocsin, waiver, write
from tests.e2e.running import running

DB = "sqlite:///audit.db"
RUN = ("run", "--manifests", "deploy", "-p", "policies", "--waivers", "waivers", "--db", DB)


def pilot(**spec: Any) -> dict[str, Any]:
    return waiver("pilot", **{"policies": ["no-privileged"], "match": {"names": ["bad"]}, **spec})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "deploy" / "bad.yaml", pod("bad", privileged=True))
    write(
        tmp_path / "policies" / "no-privileged.yaml", policy("no-privileged", NOT_PRIVILEGED, mode="enforce")
    )
    (tmp_path / "waivers").mkdir()
    return tmp_path


def listed(folder: Path, *filters: str) -> list[tuple[str, str | None]]:
    """Waiver and resolution of violations, oldest first."""
    words = ("violations", "list", "--db", DB, "--sort", "oldest", "-o", "json")
    found = tocsin(folder, *words, *filters).report
    return [(each["waiver"]["name"] if each["waiver"] else "", each["resolution"]) for each in found]


def test_a_violation_is_waived_and_returns_while_a_run_goes_on(folder: Path) -> None:
    with running(folder, *RUN) as run:
        run.out.expect("fail", "default/Pod/bad")
        write(folder / "waivers" / "pilot.yaml", pilot())
        said = run.out.expect("waived", "default/Pod/bad")
        (folder / "waivers" / "pilot.yaml").unlink()
        run.out.expect("fail", "default/Pod/bad")
        assert run.stop() == 0
    assert said.endswith("no-privileged: pilot (team) until 2099-04-01 00:00 UTC: why")
    assert listed(folder, "--all") == [("pilot", "waived"), ("", None)]
    assert tocsin(folder, "waivers", "list", "--db", DB, "-o", "json").report == []


def test_what_is_waived_from_the_start_never_rings_and_is_not_open(folder: Path) -> None:
    write(folder / "waivers" / "pilot.yaml", pilot())
    with running(folder, *RUN) as run:
        run.err.expect("read ", "resource")
        assert run.stop() == 0
    assert [line for line in run.out.seen if "bad" in line] == []
    assert (listed(folder), listed(folder, "--waived")) == ([], [("pilot", "waived")])
    (known,) = tocsin(folder, "waivers", "list", "--db", DB, "-o", "json").report
    assert (known["name"], known["violations"]) == ("pilot", 1)


def test_a_waiver_that_becomes_wrong_is_told_and_goes_on_as_it_last_was(folder: Path) -> None:
    with running(folder, *RUN) as run:
        run.out.expect("fail", "default/Pod/bad")
        write(folder / "waivers" / "pilot.yaml", pilot())
        run.out.expect("waived", "default/Pod/bad")
        write(folder / "waivers" / "pilot.yaml", pilot(owner=7))
        assert "waivers/pilot.yaml" in run.err.expect("error: ", "spec.owner")
        assert run.stop() == 0
    assert listed(folder) == []


def test_a_scan_does_not_fail_for_what_is_waived(folder: Path) -> None:
    write(
        folder / "waivers" / "pilot.yaml",
        pilot(),
        waiver("typo", policies=["no-priv"], match={"names": ["bad"]}),
    )
    ran = tocsin(folder, "scan", "deploy", "-p", "policies", "--waivers", "waivers", "-o", "json")
    assert (ran.code, ran.report["violations"], len(ran.report["waived"])) == (0, [], 1)
    assert "warning: waiver typo: there is no policy no-priv" in ran.err
    assert [each["unknownPolicies"] for each in ran.report["waivers"]] == [[], ["no-priv"]]
    assert tocsin(folder, "scan", "deploy", "-p", "policies").code == 1


def scanned(folder: Path) -> int:
    return tocsin(
        folder, "scan", "deploy", "-p", "policies", "--waivers", "waivers", "--strict", "--db", DB
    ).code


def test_what_is_fixed_while_it_is_waived_says_so_wherever_it_is_shown(folder: Path) -> None:
    write(folder / "waivers" / "pilot.yaml", pilot())
    assert scanned(folder) == 0
    write(folder / "deploy" / "bad.yaml", pod("bad"))
    assert scanned(folder) == 0
    assert listed(folder, "--waived") == []
    (ended,) = tocsin(folder, "violations", "history", "--db", DB, "-o", "json").report
    assert (ended["resolution"], ended["waiver"]["resolution"]) == ("waived", "fixed")
    for words in (("list", "--resolved"), ("history",)):
        assert "waived, fixed" in tocsin(folder, "violations", *words, "--db", DB).out
    shown = tocsin(folder, "violations", "show", ended["id"], "--db", DB).out
    assert "UTC: fixed, the resource complies now" in shown
    (row,) = csv.DictReader(
        tocsin(folder, "violations", "list", "--all", "--db", DB, "-o", "csv").out.splitlines()
    )
    assert (row["resolution"], row["waiver_resolution"]) == ("waived", "fixed")


def test_a_waiver_that_ends_while_its_policy_is_broken_leaves_the_violation_open(folder: Path) -> None:
    write(folder / "waivers" / "pilot.yaml", pilot())
    assert scanned(folder) == 0
    write(folder / "policies" / "no-privileged.yaml", policy("no-privileged", "isCompliant {"))
    assert scanned(folder) == 3
    assert listed(folder, "--all") == [("pilot", "waived")]
    (folder / "waivers" / "pilot.yaml").unlink()
    assert scanned(folder) == 3
    assert listed(folder, "--all") == [("pilot", "waived"), ("", None)]
    assert listed(folder, "--waived") == []


def test_lint_finds_nothing_in_waivers_that_are_right(folder: Path) -> None:
    write(folder / "waivers" / "pilot.yaml", pilot())
    ran = tocsin(folder, "waivers", "lint", "waivers", "-p", "policies")
    assert (ran.code, ran.out, ran.err) == (0, "", "1 waiver, 0 errors, 0 warnings\n")


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"owner": ""}, "error: waivers/pilot.yaml:1: Waiver pilot: spec.owner"),
        ({"expires": "soon"}, "error: waivers/pilot.yaml:1: Waiver pilot: spec.expires"),
        ({"match": {}}, "error: waivers/pilot.yaml:1: Waiver pilot: spec.match"),
        (
            {"match": {"namespace": "shop"}},
            "error: waivers/pilot.yaml:1: Waiver pilot: spec.match.namespace: no field",
        ),
        (
            {"expires": "2020-01-01"},
            "warning: waivers/pilot.yaml:1: Waiver pilot: expired 2020-01-02 00:00 UTC",
        ),
        (
            {"policies": ["no-priv"]},
            "warning: waivers/pilot.yaml:1: Waiver pilot: there is no policy no-priv",
        ),
    ],
)
def test_lint_says_where_each_mistake_is(folder: Path, spec: dict[str, Any], said: str) -> None:
    write(folder / "waivers" / "pilot.yaml", pilot(**spec))
    ran = tocsin(folder, "waivers", "lint", "waivers", "-p", "policies")
    assert ran.code == 1
    assert ran.out.startswith(said), ran.out


def test_lint_tells_what_it_cannot_read_from_what_is_wrong(folder: Path) -> None:
    ran = tocsin(folder, "waivers", "lint", "nowhere.yaml")
    assert (ran.code, "nowhere.yaml" in ran.out) == (2, True)
    write(folder / "waivers" / "pilot.yaml", pilot())
    write(folder / "waivers" / "twice.yaml", pilot())
    ran = tocsin(folder, "waivers", "lint", "waivers")
    assert (ran.code, "waivers/pilot.yaml" in ran.out, "waivers/twice.yaml" in ran.out) == (1, True, True)
