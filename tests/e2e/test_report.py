"""`tocsin report` as a user starts it: its forms, its filters, and what it says when it cannot.

Not covered: how the page looks and behaves (`tests/integration/report`), what is counted
(`tests/contract/test_report`).
"""

import csv
import io
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from tests.e2e.command import NOT_PRIVILEGED, Ran, pod, policy, tocsin, write
from tests.integration.report.histories import HOSTILE, fill

DB = "sqlite:///audit.db"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "deploy" / "pods.yaml", pod("good"), pod("bad", privileged=True))
    write(tmp_path / "policies.yaml", policy("no-privileged", NOT_PRIVILEGED, "enforce"))
    assert tocsin(tmp_path, "scan", "deploy", "-p", "policies.yaml", "--db", DB).code == 1
    return tmp_path


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with a history, and with names that are attacks."""
    found = tmp_path_factory.mktemp("shop")
    fill(f"sqlite:///{found}/audit.db", datetime.now(UTC), hostile=True)
    return found


def ask(folder: Path, *words: str) -> Ran:
    return tocsin(folder, "report", *words, "--db", DB)


def test_every_form_at_once(folder: Path) -> None:
    files = {"--html": "a.html", "--markdown": "b.md", "--csv": "c.csv", "--policy-report": "d.yaml"}
    ran = ask(folder, *(word for pair in files.items() for word in pair))
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    assert "<h1" in (folder / "a.html").read_text()
    assert (folder / "b.md").read_text().startswith("# 1 open violation\n")
    (row,) = csv.DictReader(io.StringIO((folder / "c.csv").read_text()))
    assert (row["name"], row["policy"], row["mode"], row["resolved_at"]) == (
        "bad",
        "no-privileged",
        "enforce",
        "",
    )
    reports = list(yaml.safe_load_all((folder / "d.yaml").read_text()))
    assert {each["scope"]["name"]: each["summary"] for each in reports} == {
        "bad": {"pass": 0, "fail": 1, "warn": 0, "error": 0, "skip": 0},
        "good": {"pass": 1, "fail": 0, "warn": 0, "error": 0, "skip": 0},
    }


@pytest.mark.parametrize("form", ["--html", "--markdown", "--csv", "--policy-report"])
def test_each_form_goes_to_standard_output(folder: Path, form: str) -> None:
    ran = ask(folder, form, "-")
    assert (ran.code, ran.err) == (0, "")
    assert "no-privileged" in ran.out
    assert sorted(each.name for each in folder.iterdir() if each.name.startswith(".")) == []


def test_a_report_is_of_what_was_asked_for(shop: Path) -> None:
    whole, part = ask(shop, "--markdown", "-").out, ask(shop, "--markdown", "-", "-n", "checkout,mail").out
    assert "`payments`" in whole
    assert "`payments`" not in part
    assert "namespace `checkout,mail`" in part
    nothing = ask(shop, "--markdown", "-", "-n", "nowhere")
    assert (nothing.code, nothing.out) == (0, "# Nothing is recorded of what was asked for\n\n")
    rows = list(csv.DictReader(io.StringIO(ask(shop, "--csv", "-", "--severity", "critical").out)))
    assert {(row["policy"], row["severity"]) for row in rows} == {("privileged-containers", "critical")}
    week = list(csv.DictReader(io.StringIO(ask(shop, "--csv", "-", "--since", "7d").out)))
    month = list(csv.DictReader(io.StringIO(ask(shop, "--csv", "-").out)))
    assert 0 < len(week) < len(month)


def test_markdown_shows_foreign_text_as_code(shop: Path) -> None:
    out = ask(shop, "--markdown", "-").out
    assert "`<script>alert(1)</script>`" in out
    assert "``=HYPERLINK(1) \\| `code` @everyone``" in out
    for line in out.splitlines():
        cells = line.replace("\\|", "").split("|")
        assert not line.startswith("|") or len(cells) in (4, 5, 6, 7)
    outside = out.replace("`code`", "").split("`")[::2]
    assert not [text for text in outside if "script" in text or "\u202e" in text]


def test_a_cell_of_the_spreadsheet_is_no_formula(shop: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(ask(shop, "--csv", "-").out)))
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "@"))]
    assert any(row["name"] == f"'{HOSTILE[-1]}" for row in rows)


def test_the_page_holds_no_markup_of_strangers(shop: Path) -> None:
    out = ask(shop, "--html", "-").out
    assert "<script" not in out
    assert "&lt;script&gt;alert(1)" in out
    assert "<img" not in out
    assert "{{ 7 * 7 }}" in out
    assert len(out) < 150_000


def test_policy_reports_are_of_one_cluster(folder: Path) -> None:
    tocsin(folder, "scan", "deploy", "-p", "policies.yaml", "--db", DB, "--cluster", "other")
    ran = ask(folder, "--policy-report", "reports.yaml")
    assert (ran.code, len(ran.errors)) == (2, 1)
    assert "manifests, other" in ran.err
    assert not (folder / "reports.yaml").exists()
    assert ask(folder, "--policy-report", "reports.yaml", "--cluster", "other").code == 0


def test_an_empty_database_says_how_to_fill_it(tmp_path: Path) -> None:
    assert tocsin(tmp_path, "db", "upgrade", "--db", DB).code == 0
    for form in ("--html", "--markdown"):
        ran = ask(tmp_path, form, "-")
        assert ran.code == 0
        assert "Nothing has been audited yet" in ran.out
        assert "tocsin scan" in ran.out
    assert len(ask(tmp_path, "--csv", "-").out.splitlines()) == 1
    assert ask(tmp_path, "--policy-report", "-").out == ""


def test_a_cluster_without_violations_is_told_so(tmp_path: Path) -> None:
    write(tmp_path / "deploy" / "pods.yaml", pod("good"))
    write(tmp_path / "policies.yaml", policy("no-privileged", NOT_PRIVILEGED))
    assert tocsin(tmp_path, "scan", "deploy", "-p", "policies.yaml", "--db", DB).code == 0
    out = ask(tmp_path, "--markdown", "-").out
    assert out.startswith("# No open violations\n")
    assert "100 % (1 of 1)" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "--html"),
        (("--html", ""), "empty"),
        (("--html", "none/report.html"), "none/report.html"),
        (("--html", "."), "cannot be written"),
        (("--html", "-", "--csv", "-"), "-: expected a file for each form"),
        (("--html", "a", "--csv", "./a"), "expected a file for each form"),
        (("--html", "a", "--since", "soon"), "--since"),
        (("--html", "a", "--since", "2999-01-01"), "--since"),
    ],
)
def test_what_cannot_be_done_is_one_line(folder: Path, words: tuple[str, ...], said: str) -> None:
    ran = ask(folder, *words)
    assert (ran.code, ran.out, len(ran.err.splitlines())) == (2, "", 1)
    assert said in ran.err


def test_without_a_database_an_older_report_stays(tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("old")
    ran = ask(tmp_path, "--html", "report.html")
    assert (ran.code, len(ran.errors)) == (3, 1)
    assert "audit.db" in ran.err
    sqlite3.connect(tmp_path / "audit.db").executescript("CREATE TABLE other (id)").connection.close()
    assert ask(tmp_path, "--html", "report.html").code == 3
    assert (tmp_path / "report.html").read_text() == "old"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["audit.db", "report.html"]
