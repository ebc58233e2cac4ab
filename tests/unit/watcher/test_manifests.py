"""Which files are meant by the paths a user names.

Not here: what is in them (`test_reading`), how changes are noticed (`test_snapshot`).
"""

import os
import socket
from pathlib import Path

import pytest

from watcher.manifests import STDIN, ManifestFile, PathProblem, Trouble, find, plain_path


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _touch(*names: str) -> None:
    for name in names:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def _names(*paths: str) -> list[str]:
    return [file.name for file in find(paths).files]


def _problem(*paths: str) -> PathProblem:
    (problem,) = find(paths).problems
    return problem


def test_a_folder_is_searched_to_the_bottom_in_the_order_of_names() -> None:
    _touch("d/b.yaml", "d/a.yml", "d/c/x.json", "d/a/Y.YAML", "d/readme.md", "d/yaml")
    assert _names("d") == ["d/a/Y.YAML", "d/a.yml", "d/b.yaml", "d/c/x.json"]


def test_what_is_hidden_in_a_folder_is_not_looked_at() -> None:
    _touch("d/.git/a.yaml", "d/.#a.yaml", "d/.hidden.yaml", "d/a.yaml")
    assert _names("d") == ["d/a.yaml"]


def test_what_is_hidden_can_be_named() -> None:
    _touch(".d/a.yaml", ".b.yaml")
    assert _names(".d", ".b.yaml") == [".d/a.yaml", ".b.yaml"]


def test_a_named_file_may_have_any_name() -> None:
    _touch("manifest.txt")
    assert find(["manifest.txt"]).files == (ManifestFile("manifest.txt", "manifest.txt", named=True),)


@pytest.mark.parametrize("written", ["d", "./d", "d/", "d//", "./d/."])
def test_a_folder_has_one_name_however_it_is_written(written: str) -> None:
    _touch("d/a.yaml")
    assert _names(written) == ["d/a.yaml"]
    assert plain_path(written) == "d"


def test_files_of_the_working_directory_are_named_without_it() -> None:
    _touch("a.yaml", "d/b.yaml")
    assert _names(".") == ["a.yaml", "d/b.yaml"]


def test_a_file_that_several_paths_lead_to_is_found_once() -> None:
    _touch("d/a.yaml")
    Path("d/b.yaml").symlink_to("a.yaml")
    Path("e").symlink_to("d")
    assert _names("d/a.yaml", "d", "e", str(Path("d").absolute()), "-", "-") == ["d/a.yaml", "-"]


def test_standard_input_is_a_file() -> None:
    assert find(["-"]).files == (ManifestFile(STDIN, STDIN, named=True),)


def test_links_that_go_in_circles_end() -> None:
    _touch("d/inner/a.yaml")
    Path("d/inner/up").symlink_to("..")
    Path("d/self").symlink_to(".")
    assert _names("d") == ["d/inner/a.yaml"]


def test_two_links_to_one_folder_are_both_followed_and_their_file_is_one() -> None:
    _touch("real/a.yaml")
    Path("d").mkdir()
    Path("d/x").symlink_to("../real")
    Path("d/y").symlink_to("../real")
    assert _names("d") == ["d/x/a.yaml"]


@pytest.mark.parametrize("path", ["nowhere", "nowhere/a.yaml", "file.yaml/a"])
def test_a_path_that_is_not_there_is_named(path: str) -> None:
    _touch("file.yaml")
    assert _problem(path) == PathProblem(path, Trouble.MISSING, "no such file or folder", named=True)


def test_a_folder_without_manifests_is_named() -> None:
    _touch("d/readme.md")
    problem = _problem("d")
    assert (problem.trouble, problem.named) == (Trouble.EMPTY, True)
    assert str(problem) == "d: no manifest in this folder: looked for *.yaml, *.yml, *.json"


def test_a_link_to_nothing_is_like_no_file() -> None:
    _touch("d/a.yaml")
    Path("d/gone.yaml").symlink_to("nowhere")
    assert _names("d") == ["d/a.yaml"]
    assert find(["d"]).problems == ()


def test_a_path_that_cannot_be_read_is_named_and_costs_no_other() -> None:
    _touch("d/a.yaml")
    Path("d/loop").symlink_to("loop")
    Path("loop.yaml").symlink_to("loop.yaml")
    listing = find(["d", "loop.yaml"])
    assert [file.name for file in listing.files] == ["d/a.yaml"]
    assert [(problem.path, problem.trouble, problem.named) for problem in listing.problems] == [
        ("d/loop", Trouble.UNREADABLE, False),
        ("loop.yaml", Trouble.UNREADABLE, True),
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_entered_is_named() -> None:
    _touch("d/secret/a.yaml", "d/a.yaml")
    Path("d/secret").chmod(0)
    try:
        listing = find(["d"])
    finally:
        Path("d/secret").chmod(0o700)
    assert [file.name for file in listing.files] == ["d/a.yaml"]
    assert listing.problems == (
        PathProblem("d/secret", Trouble.UNREADABLE, "cannot be read: Permission denied", named=False),
    )


def test_a_device_that_never_ends_is_refused_and_the_null_device_is_empty() -> None:
    assert _problem("/dev/zero").message == "a device, expected a file or a folder"
    assert _names(os.devnull) == [os.devnull]


def test_a_socket_is_refused() -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s.yaml")
        assert _problem("s.yaml").trouble is Trouble.UNREADABLE


def test_a_path_with_a_null_character_is_a_problem_and_no_exception() -> None:
    assert _problem("a\0b").trouble is Trouble.UNREADABLE


def test_a_name_that_is_no_utf_8_can_be_told() -> None:
    path = os.fsdecode(b"caf\xe9.yaml")
    _touch(path)
    (file,) = find(["."]).files
    assert (file.path, file.name) == (path, "caf\\xe9.yaml")


@pytest.mark.parametrize(
    ("name", "is_json"), [("a.json", True), ("a.JSON", True), ("a.yaml", False), ("-", False)]
)
def test_a_files_name_says_whether_it_is_json(name: str, is_json: bool) -> None:
    assert ManifestFile(name, name, named=True).is_json is is_json
