"""What a comparison of verdicts says, whatever the verdicts. Not covered: reading and evaluating them."""

from hypothesis import given
from hypothesis import strategies as st

from cli.whatif.comparing import Tally, Workload, counts, effect, errs, refused, violates
from cli.whatif.model import Effect
from pipeline.events import Mode, Outcome
from sink.queries.model import Standing

_OUTCOMES = st.sampled_from([Outcome.PASS, Outcome.WARN, Outcome.FAIL, Outcome.ERROR])


def _standings(mode: Mode) -> st.SearchStrategy[list[Standing]]:
    each = st.builds(
        Standing,
        outcome=_OUTCOMES,
        mode=st.just(mode),
        message=st.text(),
        waiver=st.sampled_from(["", "pilot"]),
    )
    return st.lists(each, max_size=3)


STANDINGS = st.sampled_from(list(Mode)).flatmap(_standings)


@given(STANDINGS)
def test_what_stays_the_same_has_no_effect(standings: list[Standing]) -> None:
    assert effect(standings, standings) is None


@given(STANDINGS, STANDINGS)
def test_a_new_objection_is_never_missed_and_never_invented(
    before: list[Standing], after: list[Standing]
) -> None:
    objects = (counts(after) and not counts(before)) or (refused(after) and not refused(before))
    found = effect(before, after)
    assert (found in (Effect.NEWLY_VIOLATES, Effect.NEWLY_REFUSED)) == objects
    if found is Effect.FIXED:
        assert after
        assert not violates(after)
        assert not errs(after)
        assert violates(before) or errs(before)


@given(STANDINGS, STANDINGS)
def test_only_what_would_newly_violate_only_be_warned_of_and_is_covered_is_newly_waived(
    before: list[Standing], after: list[Standing]
) -> None:
    if effect(before, after) is Effect.NEWLY_WAIVED:
        assert violates(after)
        assert not violates(before)
        assert not counts(after)
        assert not refused(after)


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
