"""What is on the log from which file: what is new, what is gone, what stays because nobody can say.

Not here: that the log is brought up to it (`tests/integration/watcher`).
"""

from hypothesis import given
from hypothesis import strategies as st

from watcher.documents import Place
from watcher.known import Known, Remainder, Remainders
from watcher.manifests import PathProblem, Trouble
from watcher.records import Failure
from watcher.tracking import FailureTracker, PolicyTracker, PublishedPolicy, ResourceTracker

BROKEN = Failure("d/a.yaml", "broken", Place(2, 7))


def _end(tracker: ResourceTracker, file: str, *, complete: bool = True) -> list[str]:
    return list(tracker.end(file, complete=complete))


def test_a_resource_is_news_when_its_digest_is() -> None:
    tracker = ResourceTracker({})
    for digest, news in (("1", True), ("1", False), ("2", True)):
        assert tracker.found("a", "k", digest) is news
        assert _end(tracker, "a") == []


def test_a_resource_that_is_not_found_again_is_gone_once() -> None:
    tracker = ResourceTracker({})
    tracker.found("a", "k", "1")
    tracker.found("a", "l", "1")
    assert _end(tracker, "a") == []
    tracker.found("a", "l", "1")
    assert _end(tracker, "a") == ["k"]
    assert _end(tracker, "a") == ["l"]
    assert _end(tracker, "a") == []
    assert tracker.files == frozenset()


def test_a_file_that_was_not_read_in_full_keeps_what_it_had() -> None:
    tracker = ResourceTracker({})
    tracker.found("a", "k", "1")
    _end(tracker, "a")
    tracker.found("a", "l", "1")
    assert _end(tracker, "a", complete=False) == []
    assert not tracker.found("a", "k", "1")
    assert _end(tracker, "a") == ["l"]


def test_what_an_earlier_run_published_is_news_again_or_gone() -> None:
    tracker = ResourceTracker({"k": "a", "l": "a", "m": "b"})
    assert tracker.files == {"a", "b"}
    assert tracker.found("a", "k", "1")
    assert _end(tracker, "a") == ["l"]
    assert _end(tracker, "b") == ["m"]


@given(st.lists(st.tuples(st.dictionaries(st.sampled_from("klm"), st.sampled_from("12")), st.booleans())))
def test_the_log_says_what_the_last_full_reading_said(readings: list[tuple[dict[str, str], bool]]) -> None:
    tracker, log, last_good = ResourceTracker({}), dict[str, str](), dict[str, str]()
    for found, complete in readings:
        log |= {key: digest for key, digest in found.items() if tracker.found("a", key, digest)}
        for key in _end(tracker, "a", complete=complete):
            del log[key]
        last_good = found if complete else last_good | found
        assert log == last_good


def test_a_failure_is_told_once_and_mended_once() -> None:
    tracker = FailureTracker("c")
    assert tracker.change([BROKEN]) == ([BROKEN], [])
    assert tracker.published == {"c/d/a.yaml#2"}
    assert tracker.change([BROKEN]) == ([], [])
    other = Failure("d/a.yaml", "broken otherwise", Place(2, 7))
    assert tracker.change([other]) == ([other], [])
    assert tracker.change([]) == ([], ["c/d/a.yaml#2"])
    assert tracker.change([]) == ([], [])


def test_a_policy_is_news_when_its_digest_or_its_file_is() -> None:
    tracker = PolicyTracker({})
    first, moved = PublishedPolicy("a", "1"), PublishedPolicy("b", "1")
    assert tracker.change({"p": first}, frozenset()) == (["p"], [])
    assert tracker.change({"p": first}, frozenset()) == ([], [])
    assert tracker.change({"p": moved}, frozenset()) == (["p"], [])
    assert tracker.files == {"b"}
    assert tracker.change({}, frozenset("b")) == ([], [])
    assert tracker.change({}, frozenset()) == ([], ["p"])
    assert tracker.change({}, frozenset()) == ([], [])


def test_a_policy_of_an_earlier_run_is_told_again_or_gone() -> None:
    tracker = PolicyTracker({"p": "a", "q": "a"})
    assert tracker.change({"p": PublishedPolicy("a", "1")}, frozenset()) == (["p"], ["q"])


def test_what_a_scan_has_not_found_again_below_its_paths_is_gone() -> None:
    left = Remainder({"k": "d/a.yaml", "l": "d/b.yaml", "m": "e/c.yaml"}, ["./d/"])
    left.found("k")
    left.found("never known")
    assert (left.gone, left.kept) == (["l"], [])


def test_what_a_scan_could_not_see_is_kept() -> None:
    left = Remainder({"k": "d/a.yaml", "l": "d/e/b.yaml", "m": "d/c.yaml"}, ["d"])
    left.unsure("d/a.yaml")
    left.unsure("d/e")
    assert (left.gone, left.kept) == (["m"], ["k", "l"])


def test_a_path_that_is_not_there_hides_nothing_and_one_that_cannot_be_read_all_below_it() -> None:
    files = {"c/1": "d/a.yaml", "c/2": "e/b.yaml"}
    failures = {"c/e/b.yaml#1": "e/b.yaml", "c/d#0": "d"}
    left = Remainders("c", Known(files, files, failures), ["d", "e"], ["d", "e"])
    left.listed([PathProblem("d", Trouble.MISSING, "", True), PathProblem("e", Trouble.UNREADABLE, "", True)])
    assert (left.resources.gone, left.resources.kept) == (["c/1"], ["c/2"])
    assert left.policies.gone == ["c/1"]
    assert left.failures.gone == ["c/d#0"]  # whoever named it is told; the other is hidden


def test_a_file_with_a_broken_document_keeps_its_objects_but_not_its_mended_failures() -> None:
    files = {"c/1": "d/a.yaml"}
    left = Remainders(
        "c", Known(files, files, {"c/d/a.yaml#2": "d/a.yaml", "c/d/a.yaml#3": "d/a.yaml"}), ["d"]
    )
    left.failed([BROKEN])
    assert (left.resources.gone, left.failures.gone) == ([], ["c/d/a.yaml#3"])
