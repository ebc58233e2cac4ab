"""Which waiver covers a violation: globs, owners, labels, images, and the second at which it ends."""

import fnmatch
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.policies.change import change, cover
from evaluator.waivers import Subject, Waivers, covers
from pipeline.events import Change, Image, Outcome, ResourceApplied, ResourceRef
from pipeline.waivers import LabelRequirement, LabelSelector, WaiverApplied, WaiverMatch, waiver_key

NOW = datetime(2027, 1, 1, tzinfo=UTC)
ALPHABET = "ab-*?.[]!"


def _subject(*, labels: dict[str, Any] | None = None, images: tuple[str, ...] = ("nginx",)) -> Subject:
    ref = ResourceRef(api_version="v1", kind="Pod", namespace="shop", name="web-7f9c-x2", uid="u")
    owner = ResourceRef(api_version="apps/v1", kind="Deployment", namespace="shop", name="web")
    body = {"metadata": {"name": ref.name, "labels": labels}}
    applied = ResourceApplied(cluster="prod", resource=ref, digest="d", object=body, owner=owner)
    return Subject(applied, "no-latest-tag", tuple(Image(name=name) for name in images))


def _waiver(name: str = "w", *, ends: timedelta = timedelta(days=1), **fields: Any) -> WaiverApplied:
    said = {"policies": ("no-latest-tag",), "match": WaiverMatch(namespaces=("shop",)), **fields}
    return WaiverApplied(
        cluster="prod", name=name, digest="d", owner="team", reason="why", expires=NOW + ends, **said
    )


def _all(*waivers: WaiverApplied) -> Waivers:
    known = Waivers()
    for waiver in waivers:
        known.put(waiver_key("prod", waiver.name), waiver)
    return known


def _covering(*waivers: WaiverApplied, at: datetime = NOW) -> str | None:
    found = _all(*waivers).covering(_subject(), at)
    return found.name if found else None


@pytest.mark.parametrize(
    ("match", "covered"),
    [
        (WaiverMatch(namespaces=("shop",)), True),
        (WaiverMatch(namespaces=("team-*", "sh?p")), True),
        (WaiverMatch(namespaces=("team-*",)), False),
        (WaiverMatch(kinds=("Pod",)), True),
        (WaiverMatch(kinds=("Deployment",), names=("web",)), True),
        (WaiverMatch(kinds=("Pod",), names=("web",)), False),
        (WaiverMatch(kinds=("Deployment",), names=("web-7f9c-x2",)), False),
        (WaiverMatch(names=("web-*",)), True),
        (WaiverMatch(clusters=("prod",), namespaces=("shop",)), True),
        (WaiverMatch(clusters=("test",), namespaces=("shop",)), False),
        (WaiverMatch(label_selector=LabelSelector(match_labels={"app": "web"})), True),
        (WaiverMatch(label_selector=LabelSelector(match_labels={"app": "api"})), False),
        (
            WaiverMatch(
                label_selector=LabelSelector(
                    match_expressions=(LabelRequirement(key="tier", operator="DoesNotExist"),)
                )
            ),
            True,
        ),
        (WaiverMatch(images=("*",)), True),
        (WaiverMatch(images=("ghcr.io/**",)), False),
    ],
)
def test_every_field_narrows(match: WaiverMatch, covered: bool) -> None:
    assert covers(match, _subject(labels={"app": "web"})) is covered


def test_every_image_of_the_verdict_has_to_match_and_there_has_to_be_one() -> None:
    match = WaiverMatch(images=("ghcr.io/**",))
    assert covers(match, _subject(images=("ghcr.io/a/b", "ghcr.io/c")))
    assert not covers(match, _subject(images=("ghcr.io/a/b", "nginx")))
    assert not covers(match, _subject(images=()))


def test_a_waiver_ends_at_its_second_and_not_before() -> None:
    waiver = _waiver(ends=timedelta(0))
    assert _covering(waiver, at=NOW - timedelta(microseconds=1)) == "w"
    assert _covering(waiver, at=NOW) is None


def test_of_several_the_one_that_lasts_longest_counts_and_then_the_name() -> None:
    short, long = _waiver("a"), _waiver("b", ends=timedelta(days=2))
    assert _covering(short, long) == "b"
    assert _covering(_waiver("d"), _waiver("c")) == "c"


def test_it_covers_its_policies_only() -> None:
    assert _covering(_waiver(policies=("no-*", "x"))) == "w"
    assert _covering(_waiver(policies=("x",))) is None


def test_an_end_is_noticed_once_and_again_for_a_waiver_that_was_changed() -> None:
    known, key = _all(_waiver()), waiver_key("prod", "w")
    later = NOW + timedelta(days=1)
    assert list(known.ended(later - timedelta(microseconds=1))) == []
    assert list(known.ended(later)) == [key]
    assert list(known.ended(later)) == []
    known.put(key, _waiver(ends=timedelta(days=2)))
    assert list(known.ended(later)) == []
    assert list(known.ended(NOW + timedelta(days=2))) == [key]


@given(glob=st.text(ALPHABET, min_size=1, max_size=6), name=st.text(ALPHABET, max_size=8))
def test_a_glob_is_stars_question_marks_and_text(glob: str, name: str) -> None:
    expected = fnmatch.fnmatchcase(name, glob.replace("[", "[[]"))
    subject = _subject()
    ref = ResourceRef(api_version="v1", kind="Pod", namespace=name, name="x")
    applied = ResourceApplied(cluster="prod", resource=ref, digest="d", object={})
    assert covers(WaiverMatch(namespaces=(glob,)), Subject(applied, subject.policy, ())) is expected


@given(
    waivers=st.lists(
        st.builds(
            _waiver,
            name=st.sampled_from("abcd"),
            ends=st.integers(-3, 3).map(lambda days: timedelta(days=days)),
            policies=st.sampled_from([("*",), ("no-latest-tag",), ("x",)]),
            match=st.sampled_from([WaiverMatch(namespaces=("shop",)), WaiverMatch(namespaces=("ops",))]),
        ),
        max_size=6,
    ),
    days=st.integers(-4, 4),
)
def test_what_covers_does_not_depend_on_the_order_in_which_waivers_came(
    waivers: list[WaiverApplied], days: int
) -> None:
    at = NOW + timedelta(days=days)
    last = {waiver.name: waiver for waiver in waivers}
    forwards, backwards = _all(*waivers), _all(*reversed(last.values()))
    found = forwards.covering(_subject(), at)
    assert found == backwards.covering(_subject(), at)
    if found is not None:
        assert found.expires > at


@pytest.mark.parametrize(
    ("before", "now", "outcome", "expected"),
    [
        (None, True, Outcome.FAIL, Change.WAIVED),
        (False, True, Outcome.FAIL, Change.WAIVED),
        (True, True, Outcome.FAIL, Change.NONE),
        (True, False, Outcome.FAIL, Change.RETURNED),
        (True, False, Outcome.PASS, Change.IMPROVED),
        (True, False, Outcome.ERROR, Change.UPDATED),
    ],
)
def test_both_edges_of_a_waiver_are_changes_of_their_own(
    before: bool | None, now: bool, outcome: Outcome, expected: Change
) -> None:
    covered = cover(before=bool(before), now=now, violated=outcome is Outcome.FAIL)
    previous = None if before is None else Outcome.FAIL
    assert change(previous, outcome, same=True, cover=covered) is expected
