"""`tocsin run` as a real process: what happens to manifests and policies ends in the database.

A test that looks at the database stops the run before: it drains, so that nothing is
waited for. Not covered: following files in detail (`tests/integration/watcher`), the
lines it prints (`tests/unit/cli/test_ring`).
"""

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.e2e.command import NOT_PRIVILEGED, TIMEOUT, TOCSIN, pod, policy, tocsin, write
from tests.e2e.running import Running, running

DB = "sqlite:///audit.db"
RUN = ("run", "--manifests", "deploy", "-p", "policies", "--db", DB)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "deploy" / "good.yaml", pod("good"))
    write(tmp_path / "deploy" / "bad.yaml", pod("bad", privileged=True))
    write(tmp_path / "policies" / "no-privileged.yaml", policy("no-privileged", NOT_PRIVILEGED))
    return tmp_path


@contextmanager
def ringing(folder: Path) -> Iterator[Running]:
    """A run that has rung for the Pod `bad`."""
    with running(folder, *RUN) as run:
        run.out.expect("fail", "default/Pod/bad", "no-privileged")
        yield run


def run_once(folder: Path) -> Running:
    """A run that looks at what is there and is stopped."""
    with running(folder, *RUN) as run:
        run.err.expect("read ", "resource")
        assert run.stop() == 0
    return run


def listed(folder: Path, *filters: str) -> list[dict[str, Any]]:
    ran = tocsin(folder, "violations", "list", "--db", DB, "-o", "json", *filters)
    assert ran.code == 0, ran.err
    items: list[dict[str, Any]] = ran.report
    return items


def spans(folder: Path) -> list[tuple[str, str | None]]:
    """Name and resolution of every violation there ever was, oldest first."""
    return [
        (item["resource"]["name"], item["resolution"]) for item in listed(folder, "--all", "--sort", "oldest")
    ]


def test_a_violation_is_in_the_database_while_the_run_goes_on(folder: Path) -> None:
    with ringing(folder) as run:
        attempts = 0
        while not (found := listed(folder)):  # each attempt takes a process
            attempts += 1
            assert attempts < 50
        assert (found[0]["resource"]["name"], found[0]["resolvedAt"]) == ("bad", None)
        assert run.stop() == 0
    assert spans(folder) == [("bad", None)]


def test_what_is_fixed_is_fixed_and_what_breaks_again_is_a_new_violation(folder: Path) -> None:
    with ringing(folder) as run:
        write(folder / "deploy" / "bad.yaml", pod("bad"))
        run.out.expect("pass", "default/Pod/bad")
        write(folder / "deploy" / "bad.yaml", pod("bad", privileged=True))
        run.out.expect("fail", "default/Pod/bad")
        assert run.stop() == 0
    assert spans(folder) == [("bad", "fixed"), ("bad", None)]


def test_a_deleted_manifest_ends_its_violations(folder: Path) -> None:
    with ringing(folder) as run:
        (folder / "deploy" / "bad.yaml").unlink()
        run.out.expect("withdrawn", "default/Pod/bad", "resource deleted")
        assert run.stop() == 0
    assert spans(folder) == [("bad", "resource_deleted")]


def test_a_deleted_policy_ends_its_violations_and_is_listed_no_more(folder: Path) -> None:
    with ringing(folder) as run:
        (folder / "policies" / "no-privileged.yaml").unlink()
        run.out.expect("withdrawn", "default/Pod/bad", "policy deleted")
        assert run.stop() == 0
    assert spans(folder) == [("bad", "policy_deleted")]
    assert tocsin(folder, "policies", "list", "--db", DB, "-o", "json").report == []


def test_a_policy_that_objects_no_more_fixed_nothing(folder: Path) -> None:
    with ringing(folder) as run:
        write(folder / "policies" / "no-privileged.yaml", policy("no-privileged", "isCompliant { true }"))
        run.out.expect("pass", "default/Pod/bad")
        assert run.stop() == 0
    assert spans(folder) == [("bad", "policy_changed")]


def test_a_policy_that_covers_a_resource_no_more_ends_its_violations(folder: Path) -> None:
    with ringing(folder) as run:
        elsewhere = policy("no-privileged", NOT_PRIVILEGED, images=[{"glob": "example.com/**"}])
        write(folder / "policies" / "no-privileged.yaml", elsewhere)
        run.out.expect("withdrawn", "default/Pod/bad", "policy changed")
        assert run.stop() == 0
    assert spans(folder) == [("bad", "policy_changed")]


def test_a_policy_that_was_changed_while_nothing_ran_was_changed(folder: Path) -> None:
    run_once(folder)
    elsewhere = policy("no-privileged", NOT_PRIVILEGED, images=[{"glob": "example.com/**"}])
    write(folder / "policies" / "no-privileged.yaml", elsewhere)
    run_once(folder)
    assert spans(folder) == [("bad", "policy_changed")]


def test_starting_again_doubles_nothing(folder: Path) -> None:
    run_once(folder)
    before = listed(folder, "--all")
    again = run_once(folder)
    assert listed(folder, "--all") == before
    assert again.out.seen == []


def test_starting_again_notices_what_happened_meanwhile(folder: Path) -> None:
    write(folder / "deploy" / "gone.yaml", pod("gone", privileged=True))
    run_once(folder)
    (folder / "deploy" / "gone.yaml").unlink()
    write(folder / "deploy" / "bad.yaml", pod("bad"))
    write(folder / "deploy" / "new.yaml", pod("new", privileged=True))
    run_once(folder)
    assert sorted(spans(folder), key=str) == [("bad", "fixed"), ("gone", "resource_deleted"), ("new", None)]


def test_starting_again_without_a_policy_ends_its_violations(folder: Path) -> None:
    run_once(folder)
    (folder / "policies" / "no-privileged.yaml").unlink()
    write(folder / "policies" / "other.yaml", policy("other", "isCompliant { true }"))
    run_once(folder)
    assert spans(folder) == [("bad", "policy_deleted")]


def test_a_run_that_is_killed_leaves_the_rows_of_one_that_was_not(folder: Path) -> None:
    for number in range(40):
        pods = (pod(f"bad-{number}-{turn}", privileged=True) for turn in range(50))
        write(folder / "deploy" / f"many-{number}.yaml", *pods)
    with running(folder, *RUN) as run:
        run.out.expect("fail")
        workers = psutil.Process(run.process.pid).children(recursive=True)
        assert run.stop(signal.SIGKILL) == -signal.SIGKILL
    _, left = psutil.wait_procs(workers, timeout=TIMEOUT)
    assert left == []
    (folder / "deploy" / "many-0.yaml").unlink()
    run_once(folder)
    open_ = [(item["resource"]["name"], item["policy"]) for item in listed(folder, "--sort", "resource")]
    wanted = {f"bad-{number}-{turn}" for number in range(1, 40) for turn in range(50)} | {"bad"}
    assert open_ == sorted((name, "no-privileged") for name in wanted)
    over = [item["resolution"] for item in listed(folder, "--resolved")]
    assert set(over) <= {"resource_deleted"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_ends_in_order_when_told_to(folder: Path, number: signal.Signals) -> None:
    with ringing(folder) as run:
        assert run.stop(number) == 0
    assert not [line for line in run.err.seen if "error" in line or "Traceback" in line]
    assert not (folder / "state" / "tocsin" / "events.sock").exists()


def test_a_second_run_does_not_take_the_first_ones_socket(folder: Path) -> None:
    with ringing(folder) as run:
        second = tocsin(folder, *RUN)
        assert (second.code, second.out) == (2, "")
        assert "another `tocsin run`" in second.err
        assert "TOCSIN_EVENTS_SOCKET" in second.err
        assert run.stop() == 0


def test_a_broken_policy_is_said_and_listed_and_stops_no_other(folder: Path) -> None:
    write(folder / "policies" / "broken.yaml", policy("broken", "isCompliant { nosuch(1) }"))
    with ringing(folder) as run:
        said = run.err.expect("error: policy broken")
        assert run.stop() == 0
    assert "nosuch" in said
    assert not [line for line in run.out.seen if "broken" in line]
    broken, good = tocsin(folder, "policies", "list", "--db", DB, "-o", "json").report
    assert "nosuch" in broken["error"]
    assert (good["name"], good["error"], good["violations"]) == ("no-privileged", None, 1)


def test_a_password_of_a_database_is_not_printed(folder: Path) -> None:
    url = "postgresql://audit:hunter2@127.0.0.1:1/audit?connect_timeout=1"
    ran = tocsin(folder, "run", "--manifests", "deploy", "--db", url)
    assert ran.code in (2, 3)
    assert ran.errors
    assert "hunter2" not in ran.err


@contextmanager
def tailing(folder: Path, *filters: str) -> Iterator[Running]:
    """An `events tail` that misses nothing from here on."""
    with running(folder, "events", "tail", *filters) as tail:
        tail.err.expect("following")
        yield tail


def test_events_are_followed_from_outside_until_the_run_ends(folder: Path) -> None:
    with ringing(folder) as run, tailing(folder, "--type", "failed", "--policy", "no-privileged") as tail:
        write(folder / "deploy" / "new.yaml", pod("new", privileged=True), pod("fine"))
        event = json.loads(tail.out.expect("dev.tocsin"))
        assert run.stop() == 0
        assert tail.wait() == 0
    assert (event["specversion"], event["type"]) == ("1.0", "dev.tocsin.verdict.failed.v1")
    assert (event["subject"], event["policy"]) == ("default/Pod/new", "no-privileged")
    assert event["data"]["message"] == "container web is privileged"
    assert len(tail.out.seen) == len(tail.err.seen) == 1


def test_following_events_ends_cleanly_by_ctrl_c_and_by_a_run_that_is_killed(folder: Path) -> None:
    with ringing(folder) as run:
        with tailing(folder) as tail:
            assert tail.stop(signal.SIGINT) == 0
            assert len(tail.err.seen) == 1
        with tailing(folder) as tail:
            run.stop(signal.SIGKILL)
            assert tail.wait() == 0
            assert len(tail.err.seen) == 1
    run_once(folder)  # the socket that was left behind is nobody's


def test_a_reader_of_events_that_has_seen_enough_is_no_error(folder: Path) -> None:
    head = ("-o", "pipefail", "-c", f"{TOCSIN} events tail | head -n 1")
    with ringing(folder) as run, running(folder, *head, program="bash") as tail:
        tail.err.expect("following")
        write(folder / "deploy" / "new.yaml", pod("new", privileged=True))
        tail.out.expect("default/Pod/new")
        write(folder / "deploy" / "newer.yaml", pod("newer", privileged=True))
        assert tail.wait() == 0
        assert len(tail.err.seen) == 1
        assert run.stop() == 0
