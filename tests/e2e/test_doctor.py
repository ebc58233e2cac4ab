"""`tocsin doctor`: says what works, what does not and what to do. Exit 0 or 3.

Not covered: platforms on which the limits of a worker do not hold.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.command import Ran, tocsin
from tests.opa_server import running_opa

pytest.importorskip("regorus", reason="the regorus extra is not installed")


def _doctor(folder: Path, *arguments: str, **env: str) -> Ran:
    return tocsin(folder, "doctor", *arguments, "-o", "json", env=env)


def _checks(ran: Ran) -> dict[str, Any]:
    return {check["name"]: check for check in ran.report["checks"]}


def test_a_fresh_machine_is_in_order(tmp_path: Path) -> None:
    ran = _doctor(tmp_path)
    checks = _checks(ran)
    assert (ran.code, ran.err) == (0, "")
    assert ran.report["ok"]
    assert set(checks) == {
        "settings",
        "state directory",
        "database",
        "engine regorus",
        "engine regopy",
        "engine opa",
        "worker memory",
        "worker network",
    }
    assert checks["engine regopy"]["status"] == "ok"
    assert "regopy 1.5" in checks["engine regopy"]["found"]
    assert checks["engine opa"]["status"] == "skipped"
    assert checks["worker memory"]["status"] == "ok"


def test_the_table_has_a_line_for_each_check(tmp_path: Path) -> None:
    ran = tocsin(tmp_path, "doctor")
    lines = ran.out.splitlines()
    assert ran.code == 0
    assert lines[0].split() == ["CHECK", "STATUS", "FOUND", "WHAT", "TO", "DO"]
    assert len(lines) == 1 + len(_checks(_doctor(tmp_path)))


@pytest.mark.parametrize(
    ("arguments", "env", "failing"),
    [
        ((), {"TOCSIN_WORKERS": "many"}, "settings"),
        (("--db", "oracle://x"), {}, "database"),
        (("--db", "sqlite:////proc/nowhere/tocsin.db"), {}, "database"),
        ((), {"TOCSIN_EVENTS_SOCKET": "/proc/nowhere/events.sock"}, "state directory"),
        (("--engine", "opa"), {}, "engine opa"),
        ((), {"TOCSIN_OPA_URL": "unix:///nowhere/opa.sock"}, "engine opa"),
    ],
)
def test_what_does_not_work_is_named_and_says_what_to_do(
    tmp_path: Path, arguments: tuple[str, ...], env: dict[str, str], failing: str
) -> None:
    ran = _doctor(tmp_path, *arguments, **env)
    assert ran.code == 3
    assert not ran.report["ok"]
    failed = [check for check in ran.report["checks"] if check["status"] == "failed"]
    assert [check["name"] for check in failed] == [failing]
    assert all(check["found"] and check["remedy"] for check in failed)


def test_a_file_that_is_no_database_fails(tmp_path: Path) -> None:
    (tmp_path / "tocsin.db").write_text("not a database, but long enough to be looked at closely" * 10)
    ran = _doctor(tmp_path, "--db", "sqlite:///tocsin.db")
    assert ran.code == 3
    assert "not a SQLite database" in _checks(ran)["database"]["found"]


def test_a_database_without_our_schema_says_how_to_get_it(tmp_path: Path) -> None:
    (tmp_path / "tocsin.db").touch()
    ran = _doctor(tmp_path, "--db", "sqlite:///tocsin.db")
    assert ran.code == 3
    assert "tocsin db upgrade" in _checks(ran)["database"]["found"]
    assert tocsin(tmp_path, "db", "upgrade", "--db", "sqlite:///tocsin.db").code == 0
    assert _doctor(tmp_path, "--db", "sqlite:///tocsin.db").code == 0


def test_a_database_of_another_program_is_said_to_be_that(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "tocsin.db")) as connection:
        connection.execute("CREATE TABLE other (x)")
    ran = _doctor(tmp_path, "--db", "sqlite:///tocsin.db")
    assert ran.code == 3
    assert "is not Tocsin's" in _checks(ran)["database"]["found"]


def test_a_password_is_not_shown(tmp_path: Path) -> None:
    ran = _doctor(tmp_path, "--db", "postgresql://user:secret@127.0.0.1:1/tocsin")
    assert ran.code == 3
    assert "secret" not in ran.out + ran.err


def test_an_opa_server_is_shown_with_its_version(tmp_path: Path) -> None:
    url = f"unix://{tmp_path}/opa.sock"
    with running_opa(url):
        ran = _doctor(tmp_path, TOCSIN_OPA_URL=url)
    assert ran.code == 0
    assert "OPA 1." in _checks(ran)["engine opa"]["found"]


def test_an_opa_server_that_cannot_read_v0_policies_fails(tmp_path: Path) -> None:
    url = f"unix://{tmp_path}/opa.sock"
    with running_opa(url, v0=False):
        ran = _doctor(tmp_path, TOCSIN_OPA_URL=url)
    assert ran.code == 3
    assert "--v0-compatible" in _checks(ran)["engine opa"]["remedy"]
