"""Logs of verdicts folded into rows.

The laws: rows depend neither on how a log is cut into batches, nor on the order of
resources among each other, nor on the last verdict of a key coming twice.
Not covered: offsets, which keep older verdicts from coming again (`tests/contract/test_store`).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from pipeline.bus import Record
from pipeline.events import Event, Outcome, Verdict, Withdrawal, is_violation
from sink.fold import fold
from sink.rows import Row
from tests.unit.sink.histories import ERROR, FAIL, PASS, START, WAIVED, Said, history, logs, withdrawn


@dataclass
class Tables:
    """What the two tables hold, as the store would write them."""

    verdicts: dict[str, Row] = field(default_factory=dict)
    violations: dict[str, Row] = field(default_factory=dict)

    def write(self, records: Iterable[Record]) -> "Tables":
        last = {key: row["event_id"] for key, row in self.verdicts.items()}
        open_ = {row["verdict_key"]: row for row in self.violations.values() if row["resolved_at"] is None}
        waived = {
            row["verdict_key"]: row
            for row in self.violations.values()
            if row["resolution"] == "waived" and row["waiver_ended_at"] is None
        }
        after = fold(map(_event, records), last, open_, waived)
        self.verdicts |= after.verdicts
        self.violations |= after.violations
        for key in after.ended:
            self.verdicts.pop(key, None)
        return self

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


def test_what_is_fixed_under_a_waiver_is_waived_no_more_and_opens_nothing() -> None:
    tables = Tables().write(history("web", [FAIL, WAIVED, PASS, PASS]))
    assert tables.spans() == [(0, 1, 1, "waived")]
    (row,) = tables.violations.values()
    assert row["waiver_ended_at"] == START + timedelta(minutes=2)


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


@given(logs())
def test_of_each_key_at_most_one_violation_is_open_or_waived_and_it_is_what_the_last_verdict_says(
    log: Sequence[Record],
) -> None:
    tables = Tables().write(log)
    open_ = [row["verdict_key"] for row in tables.violations.values() if row["resolved_at"] is None]
    last = {record.key: _event(record)[2] for record in log}
    said = {key: verdict for key, verdict in last.items() if verdict.outcome is not Outcome.ERROR}
    assert len(open_) == len(set(open_))
    violated = {key for key, each in said.items() if is_violation(each.outcome, each.policy.mode)}
    waived = {key for key in violated if said[key].waiver}
    assert {key for key in said if key in open_} == violated - waived
    now = [row for row in tables.violations.values() if row["waiver"] and row["waiver_ended_at"] is None]
    assert len(now) == len({row["verdict_key"] for row in now})
    assert {row["verdict_key"] for row in now if row["verdict_key"] in said} == waived


@given(logs())
def test_a_violation_ends_after_it_began_and_says_how(log: list[Record]) -> None:
    for row in Tables().write(log).violations.values():
        assert row["opened_at"] <= row["last_seen_at"]
        assert (row["resolved_at"] is None) == (row["resolution"] is None)
        if row["resolution"] == "waived":
            assert row["waiver"]
            assert row["waiver_ended_at"] is None or row["resolved_at"] < row["waiver_ended_at"]
        else:
            assert row["waiver"] == ""
            assert row["resolved_at"] is None or row["last_seen_at"] < row["resolved_at"]
