"""Questions that are none get one clear line, exit code 2, and nothing is done."""

import signal
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.command import NOT_PRIVILEGED, TOCSIN, environment, pod, policy, tocsin, write

EXAMPLES = "sqlite:///tocsin.db or postgresql://user@host/tocsin"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("questions")
    write(folder / "deploy" / "bad.yaml", pod("bad", privileged=True))
    write(folder / "policy.yaml", policy("no-privileged", NOT_PRIVILEGED))
    assert tocsin(folder, "scan", "deploy", "-p", "policy.yaml", "--db", "sqlite:///audit.db").code == 0
    return folder


def test_globs_namespaces_and_kubectls_words_may_match_nothing(folder: Path) -> None:
    asked = (
        "--policy",
        "nope*,!nope",
        "-n",
        "nope",
        "--kind",
        "deployments.apps,po",
        "--owner",
        "rollout/web",
    )
    ran = tocsin(folder, "violations", "list", *asked, "--db", "sqlite:///audit.db")
    assert (ran.code, ran.out, ran.err) == (0, "", "No open violations.\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("violations", "list", "-n", ""), "--namespace '': expected a name, got an empty one"),
        (("violations", "summary", "--policy", " ,,"), "--policy ',,': expected a name, got an empty one"),
        (("violations", "list", "--image", "!"), "--image '!': expected a name, got an empty one"),
        (
            ("violations", "list", "--since", "2999-01-01"),
            "--since '2999-01-01': expected a time in the past",
        ),
        (
            ("violations", "list", "--exit-code", "--policy", "no-privilegd"),
            "recorded of policy 'no-privilegd';",
        ),
        (("violations", "history", "--cluster", "nope"), "nothing is recorded of cluster 'nope'; is it"),
        (("violations", "summary", "--severity", "hihg"), "nothing is recorded of severity 'hihg'; is it"),
        (
            ("report", "--markdown", "-", "--policy", "nope,no*"),
            "nothing is recorded of policy 'nope'; is it",
        ),
        (("errors", "list", "--cluster", "a,b"), "nothing is recorded of cluster 'a', cluster 'b'; is it"),
        (
            ("violations", "list", "--kind", "dpeloyment"),
            "kind 'dpeloyment': expected one that policies are for: ",
        ),
        (
            ("violations", "history", "store/checkout"),
            "kind 'store': expected one that policies are for: Pod",
        ),
        (
            ("violations", "list", "--owner", "foo/bar/baz"),
            "--owner 'foo/bar/baz': expected NAME or KIND/NAME",
        ),
        (("violations", "list", "--owner", "a/"), "--owner 'a/': expected NAME or KIND/NAME"),
        (("violations", "list", "-l", "app in web"), "label selector 'app in web': expected something like"),
        (("db", "prune", "--resolved-before", "2999-01-01"), "'2999-01-01': expected a time in the past"),
        (("policies", "show", "no-privileged", "--cluster", "nope"), "is loaded in cluster nope"),
    ],
)
def test_what_is_no_question_is_said_in_a_line(folder: Path, arguments: tuple[str, ...], said: str) -> None:
    ran = tocsin(folder, *arguments, "--db", "sqlite:///audit.db")
    assert (ran.code, ran.out) == (2, "")
    (line,) = ran.errors
    assert line.startswith("error: ")
    assert said in line


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite:///:memory:"])
def test_a_database_that_would_be_gone_at_the_end_is_refused(folder: Path, url: str) -> None:
    ran = tocsin(folder, "db", "upgrade", "--db", url)
    assert ran.code == 2
    said = f"error: database '{url}' would be gone at the end: name a file, such as {EXAMPLES}"
    assert ran.errors == [said]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:secret@host:abc/x", "postgresql://u:***@host:abc/x"),
        ("postgresql://u:se:c/r@et@host:abc/x", "postgresql://u:***@host:abc/x"),
        ("postgresql://host:abc/x?password=secret&a=1", "postgresql://host:abc/x?password=***&a=1"),
    ],
)
def test_a_url_with_a_port_that_is_no_number_is_said_without_its_password(
    folder: Path, url: str, shown: str
) -> None:
    ran = tocsin(folder, "violations", "list", "--db", url)
    assert ran.code == 2
    assert ran.errors == [f"error: database '{shown}': expected a URL such as {EXAMPLES}"]


def test_a_password_in_the_query_of_a_url_is_not_shown(folder: Path) -> None:
    ran = tocsin(folder, "violations", "list", "--db", "postgresql://127.0.0.1:1/x?user=u&password=secret")
    assert ran.code == 3
    assert len(ran.errors) == 1
    assert "database postgresql://127.0.0.1:1/x?user=u: " in ran.err
    assert "secret" not in ran.err


def test_a_file_without_waivers_is_no_file_of_waivers(folder: Path) -> None:
    ran = tocsin(folder, "waivers", "lint", "policy.yaml")
    assert ran.code == 2
    assert ran.errors == ["error: policy.yaml: no Waiver in it"]


def test_more_rows_than_a_database_counts_are_wrong_usage(folder: Path) -> None:
    ran = tocsin(folder, "violations", "list", "--limit", "9" * 30, "--db", "sqlite:///audit.db")
    assert ran.code == 2
    assert "Traceback" not in ran.err
    assert "'--limit'" in ran.err


@pytest.mark.parametrize(
    "command", [("violations", "list", "-n"), ("violations", "history"), ("policies", "show")]
)
def test_a_name_that_is_not_utf8_is_said_in_a_line(folder: Path, command: tuple[str, ...]) -> None:
    ran = subprocess.run(
        [TOCSIN.encode(), *(each.encode() for each in command), b"shop\xff", b"--db", b"sqlite:///audit.db"],
        cwd=folder, env=environment(folder), capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert ran.returncode == 2
    assert ran.stderr == b"error: 'shop\\udcff' is not UTF-8: write names and options in UTF-8\n"


def _heed_ctrl_c() -> None:
    """What a background job does not, nor what it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_while_a_command_starts_is_no_traceback(folder: Path) -> None:
    with subprocess.Popen(
        [TOCSIN, "violations", "list", "--db", "sqlite:///audit.db"],
        cwd=folder, env={**environment(folder), "PYTHONVERBOSE": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=_heed_ctrl_c,  # noqa: PLW1509 - one thread
    ) as process:  # fmt: skip
        assert process.stderr is not None
        for line in process.stderr:
            if "import 'pydantic" in line:
                process.send_signal(signal.SIGINT)
                break
        rest = process.stderr.read()
    assert process.returncode == -signal.SIGINT
    assert "Traceback" not in rest


def test_a_file_of_another_program_is_left_alone(folder: Path) -> None:
    other = folder / "other.db"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE bookmarks (url text)")
    before = other.read_bytes()
    said = (
        "error: database sqlite:///other.db is not Tocsin's: it has other tables, such as bookmarks; "
        "name another file"
    )
    for arguments in (("scan", "deploy"), ("db", "upgrade"), ("violations", "list")):
        ran = tocsin(folder, *arguments, "--db", "sqlite:///other.db")
        assert (ran.code, ran.errors) == (3, [said])
    assert other.read_bytes() == before


def test_an_empty_answer_of_a_database_that_nobody_named_says_which(tmp_path: Path) -> None:
    database = tmp_path / "state" / "tocsin" / "tocsin.db"
    assert tocsin(tmp_path, "db", "upgrade").code == 0
    for command, said in (("list", "No open violations"), ("history", "No violations")):
        assert tocsin(tmp_path, "violations", command).err == f"{said} in sqlite:///{database}.\n"
        named = tocsin(tmp_path, "violations", command, "--db", f"sqlite:///{database}")
        assert named.err == f"{said}.\n"
