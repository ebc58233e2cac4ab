"""What a diff and readiness say, beside what a scan with the changed policies then finds; on every database.

Not covered: image configs and signatures that can be had (tests/integration/images), the words of the table
(the guide's test).
"""

import csv
import io
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import delete, update

from pipeline.events import REDACTED
from sink.database import connect, parse_url
from sink.tables import violations, waivers
from tests.e2e.command import NOT_PRIVILEGED, Ran, pod, policy, tocsin, waiver, write

NO_LATEST = """
isCompliant[{"result": count(bad) == 0, "error": "no version"}]
bad[c.image] { c := input.spec.containers[_]; not contains(c.image, ":") }
"""


@pytest.fixture
def audited(database: str, tmp_path: Path) -> str:
    """A database with its tables."""
    assert tocsin(tmp_path, "db", "upgrade", "--db", database).code == 0
    return database


def _folder(folder: Path, database: str, mode: str = "warn") -> None:
    replica = pod("replica-1", privileged=True)
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "replica", "uid": "1", "controller": True}
    replica["metadata"]["ownerReferences"] = [owner]
    twin = {**replica, "metadata": {**replica["metadata"], "name": "replica-2"}}
    objects = [pod("good"), pod("bad", privileged=True), pod("new", image="web:1"), replica, twin]
    write(folder / "deploy.yaml", *objects)
    write(folder / "old.yaml", policy("rule", NOT_PRIVILEGED, mode=mode))
    assert tocsin(folder, "scan", "deploy.yaml", "-p", "old.yaml", "--db", database).code in (0, 1)


def _diff(folder: Path, database: str, *words: str) -> Ran:
    return tocsin(folder, "policies", "diff", "new.yaml", "-o", "json", "--db", database, *words)


def _changes(ran: Ran) -> list[tuple[str, str, int]]:
    return [(each["effect"], each["workload"]["name"], each["resources"]) for each in ran.report["changes"]]


def _violations(folder: Path, database: str) -> set[str]:
    listed = tocsin(folder, "violations", "list", "-o", "json", "--db", database)
    return {each["resource"]["name"] for each in listed.report}


def test_a_policy_that_is_as_it_was_changes_nothing(tmp_path: Path, audited: str) -> None:
    _folder(tmp_path, audited)
    (tmp_path / "new.yaml").write_text((tmp_path / "old.yaml").read_text())
    ran = _diff(tmp_path, audited, "--exit-code")
    assert (ran.code, ran.err, ran.report["changes"], ran.report["resources"]) == (0, "", [], 5)
    (counts,) = ran.report["policies"]
    assert (counts["resources"], counts["violations"], counts["currentMode"]) == (5, 3, "warn")


def test_what_a_diff_says_is_what_a_scan_then_finds(tmp_path: Path, audited: str) -> None:
    _folder(tmp_path, audited)
    before = _violations(tmp_path, audited)
    write(tmp_path / "new.yaml", policy("rule", NO_LATEST))
    ran = _diff(tmp_path, audited, "--exit-code")
    assert (ran.code, _changes(ran)) == (1, [("newly_violates", "good", 1)])
    assert _violations(tmp_path, audited) == before, "nothing is written"
    tocsin(tmp_path, "scan", "deploy.yaml", "-p", "new.yaml", "--db", audited)
    assert _violations(tmp_path, audited) - before == {"good"}
    write(tmp_path / "new.yaml", policy("rule", NOT_PRIVILEGED))
    assert _changes(_diff(tmp_path, audited)) == [("fixed", "good", 1)]


def test_enforcing_refuses_what_only_got_a_warning(tmp_path: Path, audited: str) -> None:
    _folder(tmp_path, audited)
    write(tmp_path / "new.yaml", policy("rule", NOT_PRIVILEGED, mode="enforce"))
    refused = [("newly_refused", "bad", 1), ("newly_refused", "replica", 2)]
    assert _changes(_diff(tmp_path, audited)) == refused
    (ready,) = tocsin(tmp_path, "policies", "readiness", "-o", "json", "--db", audited).report
    counts = ("refused", "errors", "workloads", "resources", "open", "openBefore")
    assert [ready[name] for name in counts] == [3, 0, 2, 5, 3, 0]
    assert (ready["ready"], ready["oldestOpenedAt"] is not None) == (False, True)
    assert tocsin(tmp_path, "policies", "readiness", "--exit-code", "--db", audited).code == 1


def test_what_a_waiver_covers_is_newly_waived_and_admission_would_still_refuse_it(
    tmp_path: Path, audited: str
) -> None:
    _folder(tmp_path, audited)
    write(tmp_path / "waivers.yaml", waiver("rest", policies=["no-*"], match={"names": ["goo*", "replica"]}))
    waived = ("--waivers", "waivers.yaml", "--db", audited)
    assert tocsin(tmp_path, "scan", "deploy.yaml", "-p", "old.yaml", *waived).code == 0
    write(tmp_path / "new.yaml", policy("no-latest", NO_LATEST))
    ran = _diff(tmp_path, audited, "--exit-code")
    covered = [("newly_waived", "good", 1), ("newly_waived", "replica", 2)]
    assert (ran.code, _changes(ran)) == (1, [("newly_violates", "bad", 1), *covered])
    assert [each["waiver"] for each in ran.report["changes"]] == [None, "rest", "rest"]
    (counts,) = ran.report["policies"]
    assert (counts["violations"], counts["newlyViolates"], counts["newlyWaived"]) == (4, 1, 3)
    assert "no version (waiver rest)" in tocsin(tmp_path, "policies", "diff", "new.yaml", "--db", audited).out
    # what the scan then finds
    scanned = tocsin(
        tmp_path, "scan", "deploy.yaml", "-p", "new.yaml", *waived[:2], "--db", audited, "-o", "json"
    )
    assert [each["resource"]["name"] for each in scanned.report["violations"]] == ["bad"]
    assert len(scanned.report["waived"]) == 3
    assert _changes(_diff(tmp_path, audited)) == []
    write(tmp_path / "new.yaml", policy("no-latest", NO_LATEST, mode="enforce"))
    refused = {name for effect, name, _ in _changes(_diff(tmp_path, audited)) if effect == "newly_refused"}
    assert refused == {"bad", "good", "replica"}
    (ready,) = tocsin(tmp_path, "policies", "readiness", "no-latest", "-o", "json", "--db", audited).report
    assert (ready["policy"], ready["refused"], ready["waived"]) == ("no-latest", 4, 3)


async def test_a_waiver_that_is_over_makes_nothing_new_of_an_unchanged_policy(
    tmp_path: Path, audited: str
) -> None:
    _folder(tmp_path, audited)
    write(tmp_path / "waivers.yaml", waiver("rest", policies=["rule"], match={"names": ["*"]}))
    scan = ("scan", "deploy.yaml", "-p", "old.yaml", "--waivers", "waivers.yaml", "--db", audited)
    assert tocsin(tmp_path, *scan).code == 0
    async with connect(parse_url(audited), writes=True) as engine, engine.begin() as connection:
        over = datetime(2026, 1, 1, tzinfo=UTC)  # as if the time had come, and nothing evaluated
        await connection.execute(update(violations).values(waiver_expires_at=over))
        await connection.execute(delete(waivers))
    (tmp_path / "new.yaml").write_text((tmp_path / "old.yaml").read_text())
    ran = _diff(tmp_path, audited, "--exit-code")
    assert (ran.code, ran.err, ran.report["changes"]) == (0, "", [])
    said = tocsin(tmp_path, "violations", "list", "--db", audited).err
    assert "3 violations waived, 3 by waivers that are over, until the next evaluation" in said
    assert (
        "2026-01-01 00:00 (over)" in tocsin(tmp_path, "violations", "list", "--waived", "--db", audited).out
    )
    id_ = tocsin(tmp_path, "violations", "list", "--waived", "-o", "name", "--db", audited).out.split()[0]
    shown = tocsin(tmp_path, "violations", "show", id_, "--db", audited).out
    assert "was over at 2026-01-01 00:00:00 UTC" in shown
    assert "covers it until" not in shown
    assert "change deploy.yaml, then: tocsin scan" in shown


def test_what_cannot_be_evaluated_is_refused_once_it_is_enforced(tmp_path: Path, audited: str) -> None:
    _folder(tmp_path, audited)
    configs = {"type": "rego", "fetchConfigFile": True, "data": "package sigstore\nisCompliant { true }"}
    write(tmp_path / "old.yaml", policy("rule", "", policy=configs))
    assert tocsin(tmp_path, "scan", "deploy.yaml", "-p", "old.yaml", "--db", audited).code == 3
    write(tmp_path / "new.yaml", policy("rule", "", mode="enforce", policy=configs))
    ran = _diff(tmp_path, audited, "--exit-code")
    refused = [
        ("newly_refused", name, n) for name, n in (("bad", 1), ("good", 1), ("new", 1), ("replica", 2))
    ]
    assert (ran.code, _changes(ran)) == (1, refused)
    (counts,) = ran.report["policies"]
    assert (counts["newlyRefused"], counts["newlyErrors"], counts["errors"]) == (5, 0, 5)
    assert all(each["after"] == "error" and each["message"] for each in ran.report["changes"])
    (ready,) = tocsin(tmp_path, "policies", "readiness", "-o", "json", "--db", audited).report
    assert ready["errors"] == counts["newlyRefused"]


def test_a_warning_and_an_error_are_refused_too(tmp_path: Path, audited: str) -> None:
    write(tmp_path / "deploy.yaml", pod("web"))
    warning = 'isCompliant[{"result": true, "warning": "old"}]'
    write(tmp_path / "all.yaml", policy("warns", warning), policy("broken", "isCompliant { nosuch(1) }"))
    write(tmp_path / "ok.yaml", policy("works", "isCompliant { true }"))
    words = ("scan", "deploy.yaml", "-p", "all.yaml", "-p", "ok.yaml", "--db", audited)
    assert tocsin(tmp_path, *words).code == 3
    found = tocsin(tmp_path, "policies", "readiness", "-o", "json", "--db", audited).report
    assert [(each["policy"], each["ready"], each["refused"], each["errors"]) for each in found] == [
        ("broken", False, 0, 1), ("warns", False, 1, 0), ("works", True, 0, 0),
    ]  # fmt: skip
    write(tmp_path / "new.yaml", policy("warns", warning, mode="enforce"))
    assert _changes(_diff(tmp_path, audited)) == [("newly_violates", "web", 1)]
    assert tocsin(tmp_path, "policies", "readiness", "works", "--exit-code", "--db", audited).code == 0
    assert tocsin(tmp_path, "policies", "readiness", "nobody", "--db", audited).code == 2


def test_a_new_waiver_file_says_what_it_would_cover_and_what_it_would_not_any_more(
    tmp_path: Path, audited: str
) -> None:
    _folder(tmp_path, audited)
    (tmp_path / "new.yaml").write_text((tmp_path / "old.yaml").read_text())
    write(tmp_path / "waivers.yaml", waiver("rest", policies=["rule"], match={"names": ["bad"]}))
    given = ("--waivers", "waivers.yaml")
    ran = _diff(tmp_path, audited, *given, "--exit-code")
    assert (ran.code, _changes(ran)) == (0, [("newly_waived", "bad", 1)])
    scan = ("scan", "deploy.yaml", "-p", "old.yaml", *given, "--db", audited)
    tocsin(tmp_path, *scan)
    assert _changes(_diff(tmp_path, audited, *given)) == []
    write(tmp_path / "waivers.yaml", waiver("other", policies=["rule"], match={"names": ["replica"]}))
    ran = _diff(tmp_path, audited, *given, "--exit-code")
    assert (ran.code, _changes(ran)) == (1, [("newly_violates", "bad", 1), ("newly_waived", "replica", 2)])
    before = _violations(tmp_path, audited)
    tocsin(tmp_path, *scan)
    assert (before, _violations(tmp_path, audited)) == ({"replica-1", "replica-2"}, {"bad"})
    write(tmp_path / "waivers.yaml", waiver("other", policies=["rule"], match={}))
    ran = _diff(tmp_path, audited, *given)
    assert (ran.code, len(ran.errors), "spec.match" in ran.err) == (3, 1, True)
    assert _diff(tmp_path, audited, "--waivers", "nowhere.yaml").code == 2


def test_readiness_names_the_workloads_that_enforce_would_refuse_in_every_format(
    tmp_path: Path, audited: str
) -> None:
    _folder(tmp_path, audited)
    write(tmp_path / "warns.yaml", policy("warns", 'isCompliant[{"result": true, "warning": "old"}]'))
    tocsin(tmp_path, "scan", "deploy.yaml", "-p", "old.yaml", "-p", "warns.yaml", "--db", audited)

    def ask(*words: str) -> Ran:
        return tocsin(tmp_path, "policies", "readiness", *words, "--db", audited)

    (rule, warns) = ask("-o", "json").report
    named = [(each["workload"]["name"], each["outcome"], each["resources"]) for each in rule["refusals"]]
    assert named == [("bad", "fail", 1), ("replica", "fail", 2)]
    assert {each["message"] for each in rule["refusals"]} == {"container web is privileged"}
    assert [(each["outcome"], each["message"]) for each in warns["refusals"]] == [("warn", "old")] * 4
    assert sum(each["resources"] for each in warns["refusals"]) == warns["refused"]
    assert ask("rule", "--by", "workload", "-o", "json").report == rule["refusals"]
    assert ask("rule", "--by", "workload", "-o", "name").out.split() == [
        "default/Pod/bad", "default/ReplicaSet/replica",
    ]  # fmt: skip
    records = list(csv.DictReader(io.StringIO(ask("--by", "workload", "-o", "csv").out)))
    assert [(each["policy"], each["name"]) for each in records[:2]] == [("rule", "bad"), ("rule", "replica")]
    assert len(records) == 6
    table = ask("warns").out
    assert table.count("passes with a warning   warns    default") == 4
    assert "old" in table
    assert "NAMESPACE" not in ask().out
    assert ask("-o", "wide").out.count("passes with a warning") == 4


def test_readiness_that_knows_nothing_does_not_say_ready(tmp_path: Path, audited: str) -> None:
    empty = tocsin(tmp_path, "policies", "readiness", "--db", audited)
    assert (empty.code, len(empty.errors)) == (3, 1)
    _folder(tmp_path, audited)
    nowhere = ("policies", "readiness", "--exit-code", "--db", audited, "--cluster")
    ran = tocsin(tmp_path, *nowhere, "nosuch")
    assert (ran.code, ran.out, len(ran.errors)) == (2, "", 1)
    assert "cluster 'nosuch'" in ran.err
    assert tocsin(tmp_path, *nowhere, "m*").code == 1, "a glob, as elsewhere"
    write(tmp_path / "other.yaml", policy("nothing", "isCompliant { true }", images=[{"glob": "none/*"}]))
    tocsin(tmp_path, "scan", "deploy.yaml", "-p", "other.yaml", "--db", audited)
    ran = tocsin(tmp_path, "policies", "readiness", "nothing", "--exit-code", "--db", audited)
    assert (ran.code, "unknown" in ran.out, "no verdict" in ran.out) == (1, True, True)


def test_filters_take_globs_and_what_is_not_wanted_everywhere(tmp_path: Path, audited: str) -> None:
    _folder(tmp_path, audited)
    write(tmp_path / "new.yaml", policy("rule", NO_LATEST))
    for where, code in ((("-n", "def*"), 1), (("-n", "x,default"), 1), (("-n", "!default"), 3)):
        assert _diff(tmp_path, audited, "--exit-code", *where).code == code
    assert _diff(tmp_path, audited, "--cluster", "m*").report["resources"] == 5
    for cluster, found in (("man*", 1), ("a,manifests", 1), ("!m*", 0)):
        words = ("policies", "list", "--cluster", cluster, "-o", "json", "--db", audited)
        assert len(tocsin(tmp_path, *words).report) == found


def test_what_does_not_apply_any_more_is_out_of_scope(tmp_path: Path, audited: str) -> None:
    _folder(tmp_path, audited)
    write(tmp_path / "new.yaml", policy("rule", NOT_PRIVILEGED, images=[{"glob": "**web*"}]))
    left = {name for effect, name, _ in _changes(_diff(tmp_path, audited)) if effect == "out_of_scope"}
    assert left == {"bad", "good", "replica"}


def test_what_cannot_be_evaluated_is_said_and_is_no_answer(tmp_path: Path, audited: str) -> None:
    _folder(tmp_path, audited)
    write(tmp_path / "new.yaml", policy("rule", "isCompliant { nosuch(1) }"), policy("b", NO_LATEST))
    ran = _diff(tmp_path, audited)
    assert (ran.code, len(ran.errors), "nosuch" in ran.err) == (3, 1, True)
    assert _changes(ran) == [
        ("newly_violates", name, n) for name, n in (("bad", 1), ("good", 1), ("replica", 2))
    ]
    assert _diff(tmp_path, audited, "-n", "nowhere").code == 3
    assert tocsin(tmp_path, "policies", "diff", "nope.yaml", "--db", audited).code == 2
    assert tocsin(tmp_path, "policies", "diff", "deploy.yaml", "--db", audited).code == 2


def test_what_a_watcher_redacted_is_not_known_and_passes_nothing(tmp_path: Path, audited: str) -> None:
    secret = pod("secret")
    secret["spec"]["containers"][0]["env"] = [{"name": "LEVEL", "value": REDACTED}]
    write(tmp_path / "deploy.yaml", secret, pod("plain"))
    write(tmp_path / "old.yaml", policy("other", NOT_PRIVILEGED))
    tocsin(tmp_path, "scan", "deploy.yaml", "-p", "old.yaml", "--db", audited)
    no_debug = 'isCompliant { not debug }\ndebug { input.spec.containers[_].env[_].value == "debug" }'
    write(tmp_path / "new.yaml", policy("rule", no_debug))
    ran = _diff(tmp_path, audited, "--exit-code")
    assert (ran.code, _changes(ran)) == (3, [("newly_errors", "secret", 1)])
    (change,) = ran.report["changes"]
    assert "redacted" in change["message"]
    (counts,) = ran.report["policies"]
    assert (counts["resources"], counts["errors"], counts["violations"]) == (2, 1, 0)


def test_signatures_that_nobody_can_fetch_are_not_known_and_pass_nothing(
    tmp_path: Path, audited: str
) -> None:
    _folder(tmp_path, audited)
    key = generate_private_key(SECP256R1()).public_key()
    text = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    signed = policy("signed", "", authorities=[{"name": "ours", "key": {"data": text}}])
    del signed["spec"]["policy"]
    write(tmp_path / "new.yaml", signed)
    ran = _diff(tmp_path, audited, "--exit-code")
    errors = [
        ("newly_errors", name, count) for name, count in (("bad", 1), ("good", 1), ("new", 1), ("replica", 2))
    ]
    assert (ran.code, _changes(ran)) == (3, errors)
    assert {each["after"] for each in ran.report["changes"]} == {"error"}


def test_objects_that_an_older_release_did_not_keep_are_missed(tmp_path: Path) -> None:
    database = "sqlite:///audit.db"
    _folder(tmp_path, database)
    with sqlite3.connect(tmp_path / "audit.db") as connection:
        connection.execute("DELETE FROM objects WHERE key = (SELECT min(key) FROM objects)")
    connection.close()
    write(tmp_path / "new.yaml", policy("rule", NOT_PRIVILEGED))
    ran = _diff(tmp_path, database)
    assert (ran.code, ran.report["resources"], "older release" in ran.err) == (3, 4, True)
