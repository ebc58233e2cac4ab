"""Files to findings: identities, policies of one name, failures with their place, unreadable files.

Not here: splitting, YAML and objects as such (their own tests).
"""

import os
from pathlib import Path

import pytest
import yaml

from pipeline.settings import SourceSettings
from tests.unit.watcher.workloads import pod
from watcher.manifests import ManifestFile, Trouble, find
from watcher.objects import PassedOver
from watcher.policies import choose
from watcher.reading import EndOfFile, Found, FoundPolicy, FoundResource, read_files
from watcher.records import Failure

SETTINGS = SourceSettings(cluster="c", namespace="default", max_document_bytes=1000)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _write(name: str, *documents: object) -> None:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump_all(documents))


def _policy(name: str, mode: str = "warn") -> dict[str, object]:
    head = {"apiVersion": "policy.sigstore.dev/v1beta1", "kind": "ClusterImagePolicy"}
    return {**head, "metadata": {"name": name}, "spec": {"mode": mode}}


def _read(*paths: str) -> list[Found]:
    return list(read_files(find(paths).files, SETTINGS))


def _uids(*paths: str) -> list[str]:
    return [found.uid for found in _read(*paths) if isinstance(found, FoundResource)]


def _failures(*paths: str) -> list[Failure]:
    return [found for found in _read(*paths) if isinstance(found, Failure)]


def test_everything_in_a_file_is_found_and_then_its_end() -> None:
    _write("a.yaml", pod("a"), {"apiVersion": "v1", "kind": "Service"}, _policy("p"), 5)
    assert [type(found) for found in _read("a.yaml")] == [
        FoundResource, PassedOver, FoundPolicy, Failure, EndOfFile,
    ]  # fmt: skip


def test_two_manifests_of_one_name_are_two_resources() -> None:
    _write("a.yaml", pod("web"), pod("web"))
    _write("b.yaml", pod("web"))
    uids = _uids("a.yaml", "b.yaml")
    assert len(set(uids)) == 3
    assert _uids("a.yaml", "b.yaml") == uids
    assert all(len(uid) == 32 for uid in uids)


def test_a_resource_stays_itself_when_it_changes_or_moves_inside_its_file() -> None:
    _write("a.yaml", pod("web"), pod("other"))
    before = _uids("a.yaml")
    _write("a.yaml", {"apiVersion": "v1", "kind": "Service"}, pod("other"), pod("web", hostNetwork=True))
    assert _uids("a.yaml") == before[::-1]


def test_the_namespace_is_part_of_the_identity() -> None:
    shop = pod("web")
    shop["metadata"]["namespace"] = "shop"
    _write("a.yaml", pod("web"), shop)
    assert len(set(_uids("a.yaml"))) == 2


def test_the_first_policy_of_a_name_counts_and_the_others_name_both_files() -> None:
    _write("a.yaml", 5, _policy("p"))
    _write("b.yaml", _policy("q"), _policy("p", "enforce"), _policy("p"))
    choice = choose(found for found in _read("a.yaml", "b.yaml") if isinstance(found, FoundPolicy))
    assert {name: found.file for name, found in choice.used.items()} == {"p": "a.yaml", "q": "b.yaml"}
    assert [failure.text.split(": ", 1)[0] for failure in choice.repeated] == ["b.yaml:8", "b.yaml:15"]
    assert "is already in a.yaml:3, which is used" in choice.repeated[0].message
    assert len({failure.key("c") for failure in choice.repeated}) == 2


def test_a_failure_has_the_line_of_the_file_and_a_key_of_its_own() -> None:
    Path("a.yaml").write_text("a: 1\n---\nb: [\n---\napiVersion: v1\nitems:\n- x\n- y\nkind: List\n")
    first, second, third, fourth = _failures("a.yaml")
    assert first.text == "a.yaml:1: no apiVersion: every Kubernetes object has one"
    assert second.text.startswith("a.yaml:4: ")
    assert third.text == "a.yaml:7: items[0]: expected an object with apiVersion and kind, got a string"
    assert [failure.key("c") for failure in (first, second, third, fourth)] == [
        "c/a.yaml#1", "c/a.yaml#2", "c/a.yaml#3[0]", "c/a.yaml#3[1]",
    ]  # fmt: skip


def test_a_bad_item_is_named_alike_whether_its_list_was_cut_or_read_whole() -> None:
    Path("cut.yaml").write_text("items:\n- x\nkind: List\napiVersion: v1\n")
    Path("whole.yaml").write_text("{items: [x], kind: List, apiVersion: v1}\n")
    cut, whole = _failures("cut.yaml", "whole.yaml")
    assert cut.message == whole.message
    assert (cut.key("c"), whole.key("c")) == ("c/cut.yaml#1[0]", "c/whole.yaml#1[0]")


def test_a_file_that_vanished_since_it_was_listed_is_a_problem_only_where_it_was_named() -> None:
    for named in (True, False):
        (end,) = read_files([ManifestFile("gone.yaml", "gone.yaml", named=named)], SETTINGS)
        assert isinstance(end, EndOfFile)
        assert (end.problem.trouble if end.problem else None) == (Trouble.MISSING if named else None)


def test_a_file_that_became_a_folder_is_unreadable() -> None:
    Path("d.yaml").mkdir()
    (end,) = read_files([ManifestFile("d.yaml", "d.yaml", named=False)], SETTINGS)
    assert isinstance(end, EndOfFile)
    assert end.problem is not None
    assert str(end.problem) == "d.yaml: cannot be read: it became a folder"


def test_a_pipe_that_nobody_writes_to_is_empty_and_does_not_block() -> None:
    os.mkfifo("p.yaml")
    (end,) = read_files([ManifestFile("p.yaml", "p.yaml", named=True)], SETTINGS)
    assert end == EndOfFile("p.yaml")
