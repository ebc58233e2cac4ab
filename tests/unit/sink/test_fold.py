"""Logs of verdicts folded into rows.

The laws: rows depend neither on how a log is cut into batches, nor on the order of
resources among each other, nor on the last verdict of a key coming twice.
Not covered: offsets, which keep older verdicts from coming again (`tests/contract/test_store`).
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.bus import Record
from pipeline.events import Change, Event, Outcome, Verdict, Withdrawal
from sink.fold import Fold, fold
from sink.rows import Row
from sink.spans import Resolution
from tests.unit.sink.histories import (
    ERROR,
    FAIL,
    PASS,
    REMOVED,
    RETURNED,
    START,
    STILL_WAIVED,
    WAIVED,
    Said,
    as_told,
    history,
    logs,
    standing,
    withdrawn,
)


@dataclass
class Tables:
    """What the two tables hold, as the store would write them."""

    verdicts: dict[str, Row] = field(default_factory=dict)
    violations: dict[str, Row] = field(default_factory=dict)

    def write(self, records: Iterable[Record]) -> "Tables":
        last = {key: row["event_id"] for key, row in self.verdicts.items()}
        open_ = {row["verdict_key"]: row for row in self.violations.values() if row["resolved_at"] is None}
        waived = {row["verdict_key"]: row for row in self.violations.values() if _is_waived(row)}
        after = fold(map(_event, records), last, open_, waived)
        self._take(after)
        return self

    def write_by_an_older_release(self, records: Iterable[Record]) -> "Tables":
        """As a sink that knows no waivers does: a waived violation is one, and a waived span is over."""
        last = {key: row["event_id"] for key, row in self.verdicts.items()}
        open_ = {row["verdict_key"]: row for row in self.violations.values() if row["resolved_at"] is None}
        known = [(key, event, _without_waiver(each)) for key, event, each in map(_event, records)]
        self._take(fold(known, last, open_, {}))
        return self

    def _take(self, after: Fold) -> None:
        self.verdicts |= after.verdicts
        for id_, row in after.violations.items():  # one by one, as the database's unique indexes see them
            self.violations[id_] = row
            of_key = [each for each in self.violations.values() if each["verdict_key"] == row["verdict_key"]]
            assert sum(each["resolved_at"] is None for each in of_key) <= 1
            assert sum(map(_is_waived, of_key)) <= 1
        for key in after.ended:
            self.verdicts.pop(key, None)

    def spans(self) -> list[tuple[object, ...]]:
        """When each violation opened, was last seen and ended, in minutes, and how."""
        return sorted(
            (
                *((row[name] - START) // timedelta(minutes=1) for name in ("opened_at", "last_seen_at")),
                row["resolved_at"] and (row["resolved_at"] - START) // timedelta(minutes=1),
                row["resolution"],
            )
            for row in self.violations.values()
        )


def _is_waived(row: Row) -> bool:
    return bool(row["resolution"] == "waived" and row["waiver_ended_at"] is None)


def _is_open(row: Row) -> bool:
    return row["resolved_at"] is None


def _without_waiver(verdict: Verdict) -> Verdict:
    return msgspec.structs.replace(verdict, waiver=None, waived_before=None, change=Change.NEW)


def _event(record: Record) -> tuple[str, Event, Verdict]:
    assert record.event is not None
    assert isinstance(record.event.data, Verdict)
    return record.key, record.event, record.event.data


def spans(*says: Said) -> list[tuple[object, ...]]:
    return Tables().write(history("web", says)).spans()


def test_a_violation_is_open_from_its_first_verdict_and_seen_until_its_last() -> None:
    assert spans(PASS, FAIL, FAIL) == [(1, 2, None, None)]


def test_each_time_it_comes_back_is_a_new_violation() -> None:
    assert spans(FAIL, PASS, FAIL, PASS) == [(0, 0, 1, "fixed"), (2, 2, 3, "fixed")]


def test_an_error_between_two_failures_is_no_end() -> None:
    assert spans(FAIL, ERROR, FAIL) == [(0, 2, None, None)]


def test_a_policy_that_changes_and_still_objects_goes_on_and_a_later_fix_is_a_fix() -> None:
    changed = Said(Outcome.FAIL, digest="p2")
    assert spans(FAIL, changed, Said(Outcome.PASS, digest="p2")) == [(0, 1, 2, "fixed")]
    assert spans(FAIL, Said(Outcome.PASS, digest="p2")) == [(0, 0, 1, "policy_changed")]


def test_a_waiver_ends_a_violation_and_its_end_opens_another() -> None:
    assert spans(FAIL, WAIVED, FAIL) == [(0, 1, 1, "waived"), (2, 2, None, None)]


def test_a_violation_that_is_born_waived_is_over_at_once_and_seen_while_it_is_there() -> None:
    other = Said(Outcome.FAIL, waiver="pilot")
    tables = Tables().write(history("web", [WAIVED, ERROR, other]))
    assert tables.spans() == [(0, 2, 0, "waived")]
    (row,) = tables.violations.values()
    assert (row["waiver"], row["waiver_owner"], row["waiver_ended_at"]) == ("pilot", "team", None)


@pytest.mark.parametrize(
    ("said", "how"),
    [
        (PASS, "fixed"),
        (REMOVED, "fixed"),
        (Said(Outcome.PASS, digest="p2"), "policy_changed"),
        *((withdrawn(reason), reason.value) for reason in Withdrawal),
    ],
)
def test_what_ends_under_a_waiver_opens_nothing_and_says_how_it_ended(said: Said, how: str) -> None:
    tables = Tables().write(history("web", [FAIL, WAIVED, said, PASS]))
    assert tables.spans() == [(0, 1, 1, "waived")]
    (row,) = tables.violations.values()
    assert (row["waiver_ended_at"], row["waiver_resolution"]) == (START + timedelta(minutes=2), how)


def test_what_comes_back_when_its_waiver_ends_did_not_end() -> None:
    ended, again = Tables().write(history("web", [WAIVED, FAIL])).violations.values()
    assert (ended["waiver_ended_at"], ended["waiver_resolution"]) == (again["opened_at"], None)


def test_a_waiver_that_ends_while_nothing_can_be_evaluated_leaves_the_violation_open() -> None:
    tables = Tables().write(history("web", as_told([WAIVED, STILL_WAIVED, ERROR, ERROR])))
    assert tables.spans() == [(0, 0, 0, "waived"), (2, 2, None, None)]
    waived, again = tables.violations.values()
    assert (waived["waiver_ended_at"], waived["waiver_resolution"]) == (again["opened_at"], None)
    assert (again["outcome"], again["message"], again["waiver"]) == ("fail", "runs as root", "")


def test_an_error_under_another_waiver_says_which_one_it_is() -> None:
    other = Said(Outcome.ERROR, waiver="pilot")
    (row,) = Tables().write(history("web", [WAIVED, other])).violations.values()
    assert (row["waiver"], row["outcome"], row["last_seen_at"]) == ("pilot", "fail", START)


def test_an_error_of_an_older_evaluator_says_nothing_of_a_waiver() -> None:
    (row,) = Tables().write(history("web", [WAIVED, ERROR])).violations.values()
    assert _is_waived(row)


@pytest.mark.parametrize("last", [PASS, FAIL, WAIVED, RETURNED, STILL_WAIVED])
def test_what_an_older_release_opened_although_it_was_waived_is_told_apart(last: Said) -> None:
    first, second, third, fourth = history("web", [WAIVED, WAIVED, last, PASS])
    tables = Tables().write([first]).write_by_an_older_release([second]).write([third])
    waived, open_ = (
        [row for row in tables.violations.values() if is_so(row)] for is_so in (_is_waived, _is_open)
    )
    assert (len(waived), len(open_)) == (last.waiver != "", not last.waiver and last is not PASS)
    tables.write([fourth])
    assert not any(_is_waived(row) or _is_open(row) for row in tables.violations.values())


def test_only_the_beginning_of_a_waiver_is_news_for_whoever_follows() -> None:
    first, second = history("web", [WAIVED, Said(Outcome.FAIL, waiver="pilot")])
    begun = fold([_event(first)], {}, {}, {})
    assert begun.news == set(begun.violations)
    gone_on = fold([_event(second)], begun.last, {}, begun.waived)
    assert gone_on.violations
    assert gone_on.news == set()


def test_a_manifest_that_comes_back_opens_a_new_violation() -> None:
    gone = withdrawn(Withdrawal.RESOURCE_DELETED)
    tables = Tables().write(history("web", [FAIL, gone, FAIL], file="web.yaml"))
    assert tables.spans() == [(0, 0, 1, "resource_deleted"), (2, 2, None, None)]
    assert [row["outcome"] for row in tables.verdicts.values()] == ["fail"]


def test_of_an_object_that_an_api_server_deleted_no_verdict_is_kept() -> None:
    gone = withdrawn(Withdrawal.RESOURCE_DELETED)
    assert Tables().write(history("web", [FAIL, gone])).verdicts == {}


@given(logs(), st.data())
def test_rows_do_not_depend_on_how_a_log_is_cut_into_batches(log: list[Record], data: st.DataObject) -> None:
    whole, cut, rest = Tables().write(log), Tables(), log
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        cut.write(rest[:size])
        rest = rest[size:]
    assert cut == whole


@given(logs())
def test_rows_do_not_depend_on_the_order_of_resources_among_each_other(log: list[Record]) -> None:
    stories: defaultdict[str, list[Record]] = defaultdict(list)
    for record in log:
        stories[record.key].append(record)
    apart = Tables()
    for key in sorted(stories):
        apart.write(stories[key])
    assert apart == Tables().write(log)


@given(logs(), st.data())
def test_a_verdict_that_comes_twice_changes_nothing(log: list[Record], data: st.DataObject) -> None:
    twice = [each for record in log for each in [record] * data.draw(st.integers(1, 2))]
    assert Tables().write(twice) == Tables().write(log)


@given(logs(), st.data())
def test_a_log_that_comes_again_from_its_beginning_leaves_the_same_rows(
    log: list[Record], data: st.DataObject
) -> None:
    seen = data.draw(st.integers(0, len(log)))
    assert Tables().write(log[:seen]).write(log) == Tables().write(log)


def _stand(tables: Tables) -> dict[str, str]:
    """Likewise, as the rows have it. A key is never both."""
    found: dict[str, str] = {}
    for row in tables.violations.values():
        if _is_open(row) or _is_waived(row):
            assert row["verdict_key"] not in found
            found[row["verdict_key"]] = "open" if _is_open(row) else "waived"
    return found


@given(logs())
def test_of_each_key_at_most_one_violation_is_open_or_waived_and_it_is_what_was_said(
    log: list[Record],
) -> None:
    assert _stand(Tables().write(log)) == standing(log)


@given(
    st.lists(st.tuples(st.sampled_from([WAIVED, WAIVED, FAIL, PASS, ERROR]), st.booleans()), max_size=8),
    st.sampled_from([WAIVED, FAIL, PASS]),
)
def test_two_releases_that_take_turns_leave_nothing_open_and_waived(
    turns: list[tuple[Said, bool]], last: Said
) -> None:
    """Whatever an older one made of it, the next word of the newer one is what counts."""
    log = history("web", as_told([*(said for said, _ in turns), replace(last, digest="p3")]))
    tables = Tables()
    for record, is_older in zip(log, [*(is_older for _, is_older in turns), False], strict=True):
        write = tables.write_by_an_older_release if is_older else tables.write
        write([record])
    assert list(_stand(tables).values()) == ([] if last is PASS else ["waived" if last.waiver else "open"])


@given(logs())
def test_a_violation_ends_after_it_began_and_says_how(log: list[Record]) -> None:
    tables = Tables().write(log)
    begins = {(row["verdict_key"], row["opened_at"]) for row in tables.violations.values()}
    for row in tables.violations.values():
        assert row["opened_at"] <= row["last_seen_at"]
        assert (row["resolved_at"] is None) == (row["resolution"] is None)
        if row["resolution"] != "waived":
            assert row["resolution"] is None or Resolution(row["resolution"])
            assert (row["waiver"], row["waiver_ended_at"], row["waiver_resolution"]) == ("", None, None)
            assert row["resolved_at"] is None or row["last_seen_at"] < row["resolved_at"]
            continue
        assert row["waiver"]
        if row["waiver_ended_at"] is None:
            assert row["waiver_resolution"] is None
            continue
        assert row["resolved_at"] < row["waiver_ended_at"]
        came_back = (row["verdict_key"], row["waiver_ended_at"]) in begins
        assert came_back == (row["waiver_resolution"] is None)
        assert came_back or Resolution(row["waiver_resolution"]) is not Resolution.WAIVED
