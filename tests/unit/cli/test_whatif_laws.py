"""What a comparison of verdicts says, whatever the verdicts. Not covered: reading and evaluating them."""

from hypothesis import given
from hypothesis import strategies as st

from cli.whatif.comparing import Tally, Workload, counts, errs, refused, told, violates
from cli.whatif.model import Effect
from pipeline.events import Mode, Outcome
from sink.queries.model import Standing

_OUTCOMES = st.sampled_from([Outcome.PASS, Outcome.WARN, Outcome.FAIL, Outcome.ERROR])


def _standings(mode: Mode) -> st.SearchStrategy[list[Standing]]:
    """Of the resource as a whole, or of some of its images."""

    def of(image: str) -> st.SearchStrategy[Standing]:
        waiver = st.sampled_from(["", "pilot"])
        return st.builds(
            Standing,
            outcome=_OUTCOMES,
            mode=st.just(mode),
            message=st.text(),
            waiver=waiver,
            image=st.just(image),
        )

    images = st.sets(st.sampled_from("abc")).map(sorted) | st.just([""])
    return images.flatmap(lambda names: st.tuples(*map(of, names)).map(list))


STANDINGS = st.sampled_from(list(Mode)).flatmap(_standings)


def effect(before: list[Standing], after: list[Standing]) -> Effect | None:
    found = told(before, after)
    return found.effect if found else None


def pairs(before: list[Standing], after: list[Standing]) -> list[tuple[list[Standing], list[Standing]]]:
    """What is to be compared: image by image, where both sides tell them apart."""
    if any(not each.image for each in before + after):
        return [(before, after)]

    def of(side: list[Standing], image: str) -> list[Standing]:
        return [each for each in side if each.image == image]

    return [(of(before, image), of(after, image)) for image in "abc"]


@given(STANDINGS)
def test_what_stays_the_same_has_no_effect(standings: list[Standing]) -> None:
    assert effect(standings, standings) is None


@given(STANDINGS, STANDINGS)
def test_a_new_objection_is_never_missed_and_never_invented(
    before: list[Standing], after: list[Standing]
) -> None:
    objects = any(
        (counts(new) and not counts(old)) or (refused(new) and not refused(old))
        for old, new in pairs(before, after)
    )
    found = effect(before, after)
    assert (found in (Effect.NEWLY_VIOLATES, Effect.NEWLY_REFUSED)) == objects
    if found is Effect.FIXED:
        assert after
        assert not violates(after)
        assert not errs(after)
        assert violates(before) or errs(before)


def test_an_image_that_newly_violates_is_not_hidden_by_another_that_does_already() -> None:
    def said(**outcomes: Outcome) -> list[Standing]:
        return [
            Standing(outcome=outcome, mode=Mode.WARN, message=image, image=image)
            for image, outcome in outcomes.items()
        ]

    bad, good = Outcome.FAIL, Outcome.PASS
    for before, after in ((said(a=bad, b=good), said(a=good, b=bad)), (said(a=bad), said(a=bad, b=bad))):
        found = told(before, after)
        assert found is not None
        assert (found.effect, found.after and found.after.message) == (Effect.NEWLY_VIOLATES, "b")
    assert effect(said(a=bad, b=bad), said(a=good, b=bad)) is None


@given(STANDINGS)
def test_what_enforce_refuses_is_what_admission_would_errors_among_it(standings: list[Standing]) -> None:
    enforced = [each for each in standings if each.mode is Mode.ENFORCE]
    assert refused(standings) == any(each.outcome is not Outcome.PASS for each in enforced)


@given(STANDINGS, STANDINGS)
def test_only_what_a_waiver_newly_covers_and_admission_newly_refuses_nothing_of_is_newly_waived(
    before: list[Standing], after: list[Standing]
) -> None:
    covered = any(
        violates(new) and not counts(new) and (not violates(old) or counts(old))
        for old, new in pairs(before, after)
    )
    objects = effect(before, after) in (Effect.NEWLY_VIOLATES, Effect.NEWLY_REFUSED)
    assert (effect(before, after) is Effect.NEWLY_WAIVED) == (covered and not objects)


@given(st.lists(st.tuples(st.integers(0, 2), STANDINGS, STANDINGS), max_size=12))
def test_workloads_add_up_to_the_numbers_of_their_policy(
    pairs: list[tuple[int, list[Standing], list[Standing]]],
) -> None:
    tally = Tally({"p": Mode.WARN}, {})
    for number, before, after in pairs:
        tally.looked_at("c")
        tally.add("p", Workload("c", "n", "Pod", str(number)), before, after)
    result = tally.result()
    for each in Effect:
        rolled_up = sum(change.resources for change in result.changes if change.effect is each)
        assert rolled_up == sum(effect(before, after) is each for _, before, after in pairs)
        assert rolled_up == sum(getattr(policy, each.value) for policy in result.policies)
    assert result.resources == len(pairs)
