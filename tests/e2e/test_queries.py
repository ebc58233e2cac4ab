"""Questions to a database that a scan wrote: `violations`, `policies`, `db`, as a user asks them.

Not covered: every filter and order (`tests/integration/sink`), a run that goes on (`test_run`).
"""

import csv
import io
import shlex
import signal
import sqlite3
from pathlib import Path

import pytest
import yaml

from tests.e2e.command import NOT_PRIVILEGED, TOCSIN, Ran, pod, policy, tocsin, write
from tests.e2e.running import running

DB = "sqlite:///audit.db"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "deploy" / "pods.yaml", pod("good"), pod("bad", privileged=True))
    write(
        tmp_path / "policies.yaml",
        policy("no-privileged", NOT_PRIVILEGED, mode="enforce"),
        policy("broken", "isCompliant { nosuch(1) }"),
    )
    tocsin(tmp_path, "scan", "deploy", "-p", "policies.yaml", "--db", DB)
    return tmp_path


def _ask(folder: Path, *words: str) -> Ran:
    return tocsin(folder, *words, "--db", DB)


def test_violations_are_listed_as_a_table_with_their_ids(folder: Path) -> None:
    ran = _ask(folder, "violations", "list")
    header, line = ran.out.splitlines()
    assert header.split() == ["ID", "NAMESPACE", "KIND", "NAME", "POLICY", "MODE", "COUNT", "AGE", "MESSAGE"]
    cells = line.split(None, 8)
    assert cells[1:7] == ["default", "Pod", "bad", "no-privileged", "enforce", "1"]
    assert cells[8] == "container web is privileged"
    assert (ran.code, ran.err) == (0, "")


def test_json_yaml_csv_and_names_say_the_same(folder: Path) -> None:
    (item,) = _ask(folder, "violations", "list", "-o", "json").report
    assert item["resource"] == {"apiVersion": "v1", "kind": "Pod", "namespace": "default", "name": "bad"}
    assert (item["resolvedAt"], item["file"], item["images"]) == (None, "deploy/pods.yaml", ["nginx"])
    assert yaml.safe_load(_ask(folder, "violations", "list", "-o", "yaml").out) == [item]
    (record,) = csv.DictReader(io.StringIO(_ask(folder, "violations", "list", "-o", "csv").out))
    assert (record["id"], record["message"]) == (item["id"], item["message"])
    assert _ask(folder, "violations", "list", "-o", "name").out == f"{item['id']}\n"


@pytest.mark.parametrize(
    ("output", "empty"), [("table", ""), ("json", "[]\n"), ("yaml", "[]\n"), ("name", "")]
)
def test_nothing_found_is_said_on_stderr_and_is_no_failure(folder: Path, output: str, empty: str) -> None:
    ran = _ask(folder, "violations", "list", "-n", "nowhere", "-o", output)
    assert (ran.code, ran.out, ran.err) == (0, empty, "No open violations.\n")


@pytest.mark.parametrize("by", ["workload", "resource"])
def test_a_limit_that_cut_the_list_is_said_with_where_to_go_on(folder: Path, by: str) -> None:
    listing = ("violations", "list", "--limit", "1", "-o", "name", "--by", by)
    assert _ask(folder, *listing).err == "", "one is all there are"
    write(folder / "deploy" / "more.yaml", pod("worse", privileged=True))
    tocsin(folder, "scan", "deploy", "-p", "policies.yaml", "--db", DB)
    first = _ask(folder, *listing)
    assert "--limit" in first.err
    rest = _ask(folder, *listing, *first.err.split()[-2:])
    assert (rest.err, len({first.out, rest.out, ""})) == ("", 3)
    other = _ask(folder, *listing, *first.err.split()[-2:], "--sort", "policy")
    assert (other.code, "--continue" in other.err) == (2, True)


def test_what_one_workload_violates_is_one_line_however_many_pods_it_has(folder: Path) -> None:
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "1", "controller": True}
    pods = [pod(f"web-{number}", privileged=True) for number in range(12)]
    for each in pods:
        each["metadata"]["ownerReferences"] = [owner]
    write(folder / "deploy" / "pods.yaml", *pods)
    tocsin(folder, "scan", "deploy", "-p", "policies.yaml", "--db", DB)
    (_, line) = _ask(folder, "violations", "list").out.splitlines()
    assert line.split()[2:7] == ["ReplicaSet", "web", "no-privileged", "enforce", "12"]
    (group,) = _ask(folder, "violations", "list", "--by", "workload", "-o", "json").report
    assert (group["workload"], group["violations"]) == ({"kind": "ReplicaSet", "name": "web"}, 12)
    assert len(_ask(folder, "violations", "list", "--owner", "rs/web", "-o", "json").report) == 12
    by_policy = _ask(folder, "violations", "list", "--by", "policy", "-o", "csv").out
    (record,) = csv.DictReader(io.StringIO(by_policy))
    assert (record["policy"], record["violations"], record["workloads"]) == ("no-privileged", "12", "1")
    assert _ask(folder, "violations", "list", "--by", "namespace", "-o", "name").out == "default\n"


def test_a_script_is_told_by_the_exit_code_whether_there_is_anything(folder: Path) -> None:
    assert _ask(folder, "violations", "list", "--exit-code").code == 1
    assert _ask(folder, "violations", "list", "--exit-code", "-n", "nowhere").code == 0


def test_a_history_says_how_often_and_how_it_ended(folder: Path) -> None:
    for privileged in (False, True):
        write(folder / "deploy" / "pods.yaml", pod("good"), pod("bad", privileged=privileged))
        tocsin(folder, "scan", "deploy", "-p", "policies.yaml", "--db", DB)
    header, now, before = _ask(folder, "violations", "history", "default/po/bad").out.splitlines()
    assert header.split()[:3] == ["OPENED", "LASTED", "RESOLUTION"]
    assert ("open" in now, "fixed" in before) == (True, True)
    assert (now.split()[-1], before.split()[-1]) == ("2", "1")
    spans = _ask(folder, "violations", "history", "--policy", "no-*", "-o", "json").report
    assert [(each["occurrence"], each["resolution"]) for each in spans] == [(2, None), (1, "fixed")]
    page = _ask(folder, "violations", "show", spans[0]["id"])
    assert f"{spans[1]['id'][:8]}: opened" in page.out
    assert _ask(folder, "violations", "history", "a/b/c/d").code == 2
    assert _ask(folder, "violations", "history", "nobody").err == "No violations.\n"


def test_a_summary_says_whether_it_gets_better(folder: Path) -> None:
    write(folder / "deploy" / "pods.yaml", pod("good"), pod("bad"), pod("new", privileged=True))
    tocsin(folder, "scan", "deploy", "-p", "policies.yaml", "--db", DB)
    summary = _ask(folder, "violations", "summary", "--since", "1h", "-o", "json").report
    assert (summary["open"], summary["period"]["opened"], summary["period"]["resolved"]) == (1, 2, 1)
    assert summary["period"]["resolutions"] == {"fixed": 1}
    assert summary["policies"] == [{"name": "no-privileged", "violations": 1, "enforce": 1}]
    text = _ask(folder, "violations", "summary").out
    assert "recorded since" in text
    assert "no-privileged   1      1" in text
    assert yaml.safe_load(_ask(folder, "violations", "summary", "-o", "yaml").out)["open"] == 1
    for wrong in ("2999-01-01", "0001-01-01", "soon"):
        assert _ask(folder, "violations", "summary", "--since", wrong).code == 2


@pytest.mark.parametrize("output", ["json", "table"])
def test_a_list_that_goes_on_tells_what_opens_and_ends_until_ctrl_c(folder: Path, output: str) -> None:
    watching = ("violations", "list", "--watch", "-o", output, "--db", DB)
    with running(folder, *watching, env={"TOCSIN_POLL_INTERVAL": "0.1"}) as watch:
        watch.out.expect("bad")
        write(folder / "deploy" / "pods.yaml", pod("good"), pod("bad"), pod("new", privileged=True))
        tocsin(folder, "scan", "deploy", "-p", "policies.yaml", "--db", DB)
        told = [watch.out.expect("no-privileged") for _ in range(2)]
        assert any("bad" in line and "fixed" in line for line in told)
        assert any("new" in line for line in told)
        assert watch.stop(signal.SIGINT) == 0
        assert len(watch.out.seen) == (3 if output == "json" else 4)
        assert watch.err.seen == []


@pytest.mark.parametrize("words", [("-o", "yaml"), ("--by", "policy"), ("--limit", "1"), ("--exit-code",)])
def test_what_a_list_that_goes_on_cannot_do_is_wrong_usage(folder: Path, words: tuple[str, ...]) -> None:
    ran = _ask(folder, "violations", "list", "--watch", *words)
    assert (ran.code, "--watch" in ran.err) == (2, True)


def test_a_violation_is_shown_by_the_first_characters_of_its_id(folder: Path) -> None:
    identity = _ask(folder, "violations", "list", "-o", "name").out.strip()
    ran = _ask(folder, "violations", "show", identity[:4].upper())
    shown = {name: value for name, _, value in (line.partition(":") for line in ran.out.splitlines())}
    assert shown["Violation"].strip() == identity
    assert shown["Policy"].strip() == "no-privileged"
    assert "tocsin scan deploy/pods.yaml -p policies.yaml" in shown["Next"]
    assert shown["Resource"].strip() == "default/Pod/bad (v1)"
    assert _ask(folder, "violations", "show", identity, "-o", "json").report["id"] == identity


def test_an_id_that_is_nobodys_and_one_that_is_several_are_wrong_usage(folder: Path) -> None:
    assert _ask(folder, "violations", "show", "nobody").code == 2
    write(folder / "deploy" / "more.yaml", *(pod(f"bad-{number}", privileged=True) for number in range(20)))
    tocsin(folder, "scan", "deploy", "-p", "policies.yaml", "--db", DB)
    ids = _ask(folder, "violations", "list", "-o", "name").out.split()
    first = next(each[0] for each in ids if sum(other[0] == each[0] for other in ids) > 1)
    ran = _ask(folder, "violations", "show", first)
    assert ran.code == 2
    assert "several violations" in ran.err


def test_policies_are_listed_with_what_is_wrong_with_them(folder: Path) -> None:
    header, broken, good = _ask(folder, "policies", "list").out.splitlines()
    assert header.split()[:4] == ["NAME", "MODE", "STATUS", "ENGINE"]
    assert broken.split()[:3] == ["broken", "warn", "invalid"]
    assert "nosuch" in broken
    assert good.split()[:3] == ["no-privileged", "enforce", "ready"]
    assert _ask(folder, "policies", "list", "-o", "name").out.split() == ["broken", "no-privileged"]


def test_a_policy_is_shown_with_its_engine_or_why_it_has_none(folder: Path) -> None:
    broken = _ask(folder, "policies", "show", "broken", "-o", "json").report
    assert "nosuch" in broken["error"]
    assert (broken["engine"], broken["errors"]) == (None, 2)
    assert broken["refusals"]
    good = yaml.safe_load(_ask(folder, "policies", "show", "no-privileged", "-o", "yaml").out)
    assert (good["error"], good["violations"]) == (None, 1)
    assert "Engine:" in _ask(folder, "policies", "show", "no-privileged").out
    assert _ask(folder, "policies", "show", "nobody").code == 2


@pytest.mark.parametrize(
    "words",
    [("violations", "list"), ("violations", "show", "a"), ("policies", "list"), ("db", "current")],
)
def test_without_a_database_the_commands_that_make_one_are_named(tmp_path: Path, words: list[str]) -> None:
    ran = tocsin(tmp_path, *words, "--db", "sqlite:///none.db")
    assert (ran.code, ran.out, len(ran.errors)) == (3, "", 1)
    assert "none.db" in ran.err
    assert "tocsin run" in ran.err
    assert not (tmp_path / "none.db").exists()


def test_a_file_that_is_no_database_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "audit.db").write_text("not at all\n" * 100)
    ran = _ask(tmp_path, "violations", "list")
    assert (ran.code, len(ran.err.splitlines())) == (3, 1)
    assert "not a SQLite database" in ran.err


def test_a_database_without_tables_says_how_to_make_them(tmp_path: Path) -> None:
    (tmp_path / "audit.db").touch()
    ran = _ask(tmp_path, "violations", "list")
    assert ran.code == 3
    assert "tocsin db upgrade --db sqlite:///audit.db" in ran.err
    assert _ask(tmp_path, "db", "upgrade").code == 0
    assert _ask(tmp_path, "violations", "list").code == 0


def test_a_database_of_a_newer_release_is_left_alone(folder: Path) -> None:
    connection = sqlite3.connect(folder / "audit.db")
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.execute("UPDATE schema_compatibility SET oldest_revision = '9998'")
    connection.commit()
    connection.close()
    for words in (("violations", "list"), ("db", "upgrade"), ("db", "current")):
        ran = _ask(folder, *words)
        assert (ran.code, len(ran.err.splitlines())) == (3, 1)
        assert "newer" in ran.err
        assert "use a release that knows schema 9998" in ran.err
    assert tocsin(folder, "scan", "deploy", "-p", "policies.yaml", "--db", DB).code == 3


def test_a_newer_schema_that_only_adds_is_used_and_not_changed(folder: Path) -> None:
    connection = sqlite3.connect(folder / "audit.db")
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.execute("ALTER TABLE violations ADD COLUMN risk TEXT NOT NULL DEFAULT 'unknown'")
    connection.commit()
    connection.close()
    before = _ask(folder, "violations", "list", "-o", "json")
    assert before.code == 0
    assert tocsin(folder, "scan", "deploy", "-p", "policies.yaml", "--db", DB).code == 1
    assert _ask(folder, "violations", "list", "-o", "json").out == before.out
    for words in (("db", "upgrade"), ("db", "current")):
        ran = _ask(folder, *words)
        assert ran.code == 0
        assert "newer than this tocsin's" in ran.err
    assert _ask(folder, "db", "current").out == "9999\n"
    (checked,) = [line for line in _ask(folder, "doctor").out.splitlines() if line.startswith("database")]
    assert "schema 9999, newer than this tocsin's" in checked


def test_a_locked_database_is_one_line(folder: Path) -> None:
    connection = sqlite3.connect(folder / "audit.db")
    connection.execute("PRAGMA locking_mode=EXCLUSIVE")
    connection.execute("BEGIN EXCLUSIVE")
    ran = _ask(folder, "db", "upgrade")
    connection.close()
    assert (ran.code, len(ran.err.splitlines())) == (3, 1)
    assert "locked" in ran.err


def test_upgrading_twice_is_upgrading_once(tmp_path: Path) -> None:
    first, second = (_ask(tmp_path, "db", "upgrade") for _ in range(2))
    assert (first.code, second.code) == (0, 0)
    assert "none -> " in first.err
    assert "already" in second.err
    assert _ask(tmp_path, "db", "current").out.strip().isalnum()


def test_without_a_run_there_are_no_events_to_follow(tmp_path: Path) -> None:
    ran = tocsin(tmp_path, "events", "tail")
    assert (ran.code, ran.out) == (3, "")
    assert "tocsin run" in ran.err


def test_a_date_that_is_none_is_wrong_usage(folder: Path) -> None:
    ran = _ask(folder, "violations", "list", "--since", "yesterday-ish")
    assert ran.code == 2
    assert "7d" in ran.err


def test_what_a_page_says_to_do_next_can_be_done(folder: Path) -> None:
    identity = _ask(folder, "violations", "list", "-o", "name").out.strip()
    page = _ask(folder, "violations", "show", identity).out
    commands = [shlex.split(line.partition("tocsin ")[2]) for line in page.splitlines() if "tocsin " in line]
    assert [words[:2] for words in commands] == [
        ["scan", "deploy/pods.yaml"], ["policies", "explain"], ["policies", "show"],
    ]  # fmt: skip
    assert [tocsin(folder, *words, env={"TOCSIN_DB": DB}).code for words in commands] == [1, 0, 0]


def test_a_reader_that_has_seen_enough_is_no_error(folder: Path) -> None:
    write(folder / "deploy" / "more.yaml", *(pod(f"bad-{number}", privileged=True) for number in range(2000)))
    tocsin(folder, "scan", "deploy", "-p", "policies.yaml", "--db", DB)
    listing = f"{TOCSIN} violations list -o json --db {DB} | head -n 1"
    with running(folder, "-o", "pipefail", "-c", listing, program="bash") as shell:
        assert shell.wait() == 0
    assert (shell.out.seen, shell.err.seen) == (["["], [])


def test_what_is_over_for_long_can_be_counted_and_forgotten(folder: Path) -> None:
    write(folder / "deploy" / "pods.yaml", pod("good"), pod("bad"))
    tocsin(folder, "scan", "deploy", "-p", "policies.yaml", "--db", DB)
    pruning = ("db", "prune", "--resolved-before")
    assert "resolved violations: 0\n" in _ask(folder, *pruning, "90d").out
    assert "resolved violations: 1 would go\n" in _ask(folder, *pruning, "0s", "--dry-run").out
    assert "resolved violations: 1\n" in _ask(folder, *pruning, "0s").out
    assert _ask(folder, "violations", "list", "--all").err == "No violations.\n"
    assert _ask(folder, *pruning, "long").code == 2


def test_a_history_narrows_by_state_and_ends_with_1_for_whoever_asks(folder: Path) -> None:
    history = ("violations", "history", "--exit-code", "-o", "name")
    ids = _ask(folder, *history).out
    assert _ask(folder, *history, "--open").out == ids
    resolved = _ask(folder, *history, "--resolved")
    assert (resolved.code, resolved.out, resolved.err) == (0, "", "No resolved violations.\n")
    write(folder / "deploy" / "pods.yaml", pod("good"), pod("bad"))
    tocsin(folder, "scan", "deploy", "-p", "policies.yaml", "--db", DB)
    assert _ask(folder, *history, "--open").out == ""
    again = _ask(folder, *history, "--resolved")
    assert (again.code, again.out) == (1, ids)
    assert _ask(folder, *history, "--open", "--resolved").out == ids
    assert _ask(folder, *history, "--waived", "--open").code == 2
