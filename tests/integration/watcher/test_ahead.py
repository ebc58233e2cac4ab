"""Reading with a second process: the same findings in the same order, whatever happens to that process.

Not here: that it is quicker (benchmarks/scan.py), and what documents mean (tests/unit/watcher).
"""

import json
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path

import psutil
import pytest

from pipeline.errors import TocsinError
from pipeline.settings import SourceSettings
from tests.unit.watcher.workloads import pod
from watcher.ahead.process import ReaderProcess
from watcher.ahead.read import ReadAhead
from watcher.config_maps import ConfigMap
from watcher.contents import Content, Malformed, read_part
from watcher.documents import BrokenDocument, Document, Part, Place, Syntax
from watcher.manifests import find
from watcher.objects import PassedOver, Policy, Problem, Resource
from watcher.reading import EndOfFile, FoundResource, read_files

_DEADLY = """
import os, signal, watcher.ahead.worker as worker
read = worker.read_part
def deadly(part, namespace, *, config_maps):
    if b"deadly" in part.text:
        os.kill(os.getpid(), signal.SIGSEGV)
    return read(part, namespace, config_maps=config_maps)
worker.read_part = deadly
worker.main()
"""
"""A worker with a document that ends it; no document is known that would."""

_POLICY = {
    "apiVersion": "policy.sigstore.dev/v1beta1",
    "kind": "ClusterImagePolicy",
    "metadata": {"name": "p"},
}
_SURROGATE = (
    '{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "s"}, "spec": {"containers": [{"name": "c",'
)
_SURROGATE += ' "image": "i"}]}, "status": {"message": "\\ud800"}}'


def _texts() -> list[str]:
    """One document of every kind of finding, and some that MessagePack cannot hold."""
    owned = pod("owned")
    owned["metadata"]["ownerReferences"] = [
        {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "r", "uid": "u", "controller": True}
    ]
    huge = pod("huge") | {"status": {"startTime": None, "observedGeneration": 2**70}}
    objects = [pod("plain"), owned, pod("wide", activeDeadlineSeconds=3600), _POLICY]
    odd = [{"apiVersion": "v1", "kind": "Service"}, 5, {"apiVersion": "v1", "kind": "Pod"}]
    lists = {"apiVersion": "v1", "kind": "List", "items": [pod("in"), 5, pod("out")]}
    return [*map(json.dumps, [*objects, huge, *odd, lists]), _SURROGATE, "a: [", "", "\x00", "a: &a [*a]"]


def _parts(texts: Iterable[str]) -> list[Part]:
    return [
        Document(Place(number, 10 * number), text.encode(), Syntax.EITHER)
        for number, text in enumerate(texts, start=1)
    ]


def _ahead(
    parts: Iterable[Part], start: Callable[[], ReaderProcess] = ReaderProcess.start
) -> Iterator[tuple[int, list[Content]]]:
    """Read with the process, from the second part on."""
    first = start()
    first.wait()
    started = chain([first], iter(start, None))
    ahead = ReadAhead[int]("default", alone=1, start=lambda: next(started))
    return ahead.read(enumerate(parts))


def _children() -> list[psutil.Process]:
    """Ours: services of other tests may be children of this process, too."""
    found = psutil.Process().children()
    return [
        child for child in found if "watcher.ahead.worker" in child.cmdline() or _DEADLY in child.cmdline()
    ]


def _here(parts: Iterable[Part]) -> list[tuple[int, list[Content]]]:
    return [(number, list(read_part(part, "default"))) for number, part in enumerate(parts)]


def test_every_kind_of_finding_is_the_same_as_without_the_process() -> None:
    parts = _parts(_texts() * 3)
    here = _here(parts)
    assert {type(content) for _, contents in here for content in contents} == {
        Resource, Policy, PassedOver, Problem, Malformed,
    }  # fmt: skip
    assert list(_ahead(parts)) == here


@pytest.mark.parametrize("config_maps", [False, True])
def test_what_a_config_map_holds_is_sent_only_where_it_is_wanted(*, config_maps: bool) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "texts"}, "data": {"key": "text"}}
    start = ReaderProcess.start()
    start.wait()
    ahead = ReadAhead[int]("default", alone=1, start=lambda: start, config_maps=config_maps)
    found = list(ahead.read(enumerate(_parts([json.dumps(pod("first")), json.dumps(body)]))))
    held = ConfigMap("texts", "", {"key": "text"}) if config_maps else None
    assert found[1] == (1, [PassedOver("ConfigMap", held)])


def test_the_order_is_kept_over_many_batches() -> None:
    parts = _parts(json.dumps(pod(f"web-{number}")) for number in range(2_000))
    parts[700:700] = [BrokenDocument(Place(0, 0), "cut short")] * 3
    assert list(_ahead(parts)) == _here(parts)
    assert not _children()


def test_a_few_documents_start_no_process() -> None:
    def start() -> ReaderProcess:
        raise AssertionError("it was started")

    parts = _parts(_texts())
    assert list(ReadAhead[int]("default", start=start).read(enumerate(parts))) == _here(parts)


def test_where_no_process_can_be_had_the_reading_goes_on_without() -> None:
    def start() -> ReaderProcess:
        raise BlockingIOError("too many processes")

    parts = _parts(_texts())
    assert list(ReadAhead[int]("default", alone=1, start=start).read(enumerate(parts))) == _here(parts)


def test_what_was_on_its_way_to_a_process_that_was_killed_is_read_by_the_next() -> None:
    parts = _parts(json.dumps(pod(f"web-{number}")) for number in range(2_000))
    reading = _ahead(parts)
    found = [next(reading) for _ in range(300)]
    (child,) = _children()
    child.kill()
    assert found + list(reading) == _here(parts)


def test_a_document_that_ends_the_process_costs_itself_only() -> None:
    texts = [json.dumps(pod(f"web-{number}")) for number in range(1_200)]
    texts[400], texts[900] = json.dumps(pod("deadly-1")), json.dumps(pod("deadly-2"))
    parts = _parts(texts)
    found = list(_ahead(parts, partial(ReaderProcess.start, ("-c", _DEADLY))))
    here = _here(parts)
    for number in (400, 900):
        message = "ended the process that read it (SIGSEGV): please report this document"
        assert found[number] == (number, [Malformed(10 * (number + 1), message)])
    living = [number for number in range(1_200) if number not in {400, 900}]
    assert [found[number] for number in living] == [here[number] for number in living]


def test_a_process_that_ends_again_and_again_is_one_error() -> None:
    parts = _parts(json.dumps(pod(f"deadly-{number}")) for number in range(100))
    with pytest.raises(TocsinError, match=r"ended 9 times, the last time by SIGSEGV: is there enough memory"):
        list(_ahead(parts, partial(ReaderProcess.start, ("-c", _DEADLY))))
    assert not _children()


def test_a_reading_that_is_given_up_leaves_no_process() -> None:
    reading = _ahead(_parts(json.dumps(pod(f"web-{number}")) for number in range(2_000)))
    next(reading)
    next(reading)
    assert _children()
    reading.close()  # type: ignore[attr-defined]  # it is a generator
    assert not _children()


def test_documents_are_not_taken_far_ahead_of_what_was_read() -> None:
    taken = 0

    def parts() -> Iterator[Part]:
        nonlocal taken
        for part in _parts([json.dumps(pod("web"))] * 5_000):
            taken += 1
            yield part

    for number, _ in enumerate(_ahead(parts()), start=1):
        assert taken - number <= 5 * 256


def test_a_large_file_has_the_same_findings_as_its_parts_and_then_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    objects = [pod(f"web-{number % 5_000}", hostname="x" * 600) for number in range(9_000)]
    Path("a.json").write_text("\n".join(map(json.dumps, objects)))
    Path("b.yaml").write_text(json.dumps(pod("web-1")))
    assert Path("a.json").stat().st_size > 2**22
    settings = SourceSettings(cluster="c", namespace="default", max_document_bytes=2**23)
    found = list(read_files(find(["a.json", "b.yaml"]).files, settings))
    resources = [each for each in found if isinstance(each, FoundResource)]
    names = [each.resource.ref.name for each in resources]
    assert names == [*(f"web-{number % 5_000}" for number in range(9_000)), "web-1"]
    assert len({each.uid for each in resources}) == len(resources)
    assert [each for each in found if isinstance(each, EndOfFile)] == [
        EndOfFile("a.json"),
        EndOfFile("b.yaml"),
    ]
    assert found[9_000] == EndOfFile("a.json")
