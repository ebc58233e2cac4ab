"""Which files are due for reading, and which are gone.

Not here: how a change is noticed (`tests/integration/watcher`).
"""

import os
from pathlib import Path

import pytest

from watcher.snapshot import Snapshot, is_below


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("d").mkdir()


def _write(name: str, text: str = "") -> None:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _look(snapshot: Snapshot, *known: str) -> tuple[list[str], list[str]]:
    difference = snapshot.look(frozenset(known))
    return [file.name for file in difference.due], list(difference.gone)


def _snapshot(*paths: str) -> Snapshot:
    """One that has looked, and does not mind that all of it was written a moment ago."""
    snapshot = Snapshot(paths, racy=0)
    snapshot.look(frozenset())
    return snapshot


def test_at_first_every_file_is_due() -> None:
    _write("d/a.yaml")
    _write("d/b.yaml")
    assert _look(Snapshot(["d"])) == (["d/a.yaml", "d/b.yaml"], [])


def test_what_was_written_a_moment_ago_is_read_again() -> None:
    """Its times may not show that it was written once more."""
    _write("d/a.yaml")
    snapshot = Snapshot(["d"], racy=3600)
    assert _look(snapshot) == (["d/a.yaml"], [])
    assert _look(snapshot) == (["d/a.yaml"], [])
    assert _look(_snapshot("d")) == ([], [])


def test_only_what_changed_is_due() -> None:
    _write("d/a.yaml")
    _write("d/b.yaml")
    snapshot = _snapshot("d")
    _write("d/b.yaml", "a: 1")
    assert _look(snapshot) == (["d/b.yaml"], [])


def test_a_file_that_another_took_the_place_of_is_due() -> None:
    _write("d/a.yaml")
    _write("new.yaml")
    snapshot = _snapshot("d")
    Path("new.yaml").rename("d/a.yaml")
    assert _look(snapshot) == (["d/a.yaml"], [])


def test_a_file_that_is_not_listed_any_more_is_gone_once() -> None:
    _write("d/a.yaml")
    _write("d/b.yaml")
    snapshot = _snapshot("d")
    Path("d/a.yaml").unlink()
    assert _look(snapshot) == ([], ["d/a.yaml"])
    assert _look(snapshot) == ([], [])


def test_what_an_earlier_run_knew_and_is_not_there_is_gone() -> None:
    _write("d/a.yaml")
    assert _look(Snapshot(["d"]), "d/a.yaml", "d/old.yaml", "elsewhere.yaml")[1] == [
        "d/old.yaml",
        "elsewhere.yaml",
    ]


def test_a_folder_that_is_not_there_is_empty_and_one_that_cannot_be_read_hides_its_files() -> None:
    _write("d/e/a.yaml")
    snapshot = _snapshot("d")
    Path("d/e").rename("f")
    Path("d/e").symlink_to("e")  # a link to itself
    assert _look(snapshot, "d/e/a.yaml") == ([], [])
    Path("d/e").unlink()
    assert _look(snapshot, "d/e/a.yaml") == ([], ["d/e/a.yaml"])


def test_a_stream_is_due_once() -> None:
    snapshot = Snapshot(["-", os.devnull])
    assert _look(snapshot)[0] == ["-", os.devnull]
    assert _look(snapshot)[0] == []


@pytest.mark.parametrize(
    ("name", "path", "below"),
    [
        ("d/a.yaml", "d", True),
        ("d/a.yaml", "d/a.yaml", True),
        ("d/a.yaml", "d/a", False),
        ("dd/a.yaml", "d", False),
        ("/x/a.yaml", "/", True),
        ("a.yaml", ".", True),
        ("d/a.yaml", ".", True),
        ("../a.yaml", ".", False),
        ("/a.yaml", ".", False),
        ("-", ".", False),
        ("-", "-", True),
        ("../a.yaml", "..", True),
    ],
)
def test_what_is_below_a_path(name: str, path: str, below: bool) -> None:
    assert is_below(name, [path]) is below
    assert not is_below(name, [])
