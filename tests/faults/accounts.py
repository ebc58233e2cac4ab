"""What a pipeline that was disturbed must have in common with one that was not; and what is wrong else.

What is the same, and why (`tests.faults.manifest_work` has the populations):

- **calm**: a verdict changes at most once between two moments of rest, and in one way only.
  So its whole history is determined: the events by their ids, each of which holds the one
  before; every violation with its id, its end, and how it ended; every row but for times.
- **storm**: how often a verdict changed depends on who saw what first, so that ids and the
  number of violations are not determined. What is there in the end is: resources, policies,
  verdicts, and which violations are open.
- **all**: the committed verdicts of each key are one unbroken chain of ids, none twice; and
  the violations are the spans of failure in that chain: none doubled, lost, or left open.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from evaluator.policies.change import verdict_id
from pipeline.bus import Record
from pipeline.events import (
    Event,
    Outcome,
    PolicyApplied,
    PolicyChecked,
    ResourceApplied,
    Topic,
    Verdict,
    Withdrawal,
    is_violation,
)
from sink.rows import violation_id
from tests.faults.manifest_work import STORM

Last = Mapping[tuple[Topic, str], Record]
Rows = Mapping[str, dict[str, Any]]

_TIMES = ("evaluated_at", "opened_at", "last_seen_at", "first_seen_at", "applied_at", "written_at")
_STORMY = ("event_id", "resource_digest", "change")
"""Depends on which verdicts there were before."""


def is_calm(policy_or_name: str) -> bool:
    return not policy_or_name.startswith(STORM)


# while it runs


def behind(told: Last, expected: Last) -> list[str]:
    """Keys whose last record does not say yet what the undisturbed run says."""
    return [
        f"{topic} {key}: expected {_said(expected, topic, key)}, got {_said(told, topic, key)}"
        for topic, key in expected.keys() | told.keys()
        if topic is not Topic.DEADLETTERS and _said(told, topic, key) != _said(expected, topic, key)
    ]


def _said(last: Last, topic: Topic, key: str) -> Any:
    record = last.get((topic, key))
    match record.event.data if record and record.event else None:
        case ResourceApplied(digest=digest) | PolicyApplied(digest=digest):
            return digest
        case PolicyChecked() as checked:
            policy = last.get((Topic.POLICIES, key))
            return checked.policy.digest if policy and policy.event else None
        case Verdict(outcome=Outcome.WITHDRAWN):
            return None
        case Verdict() as verdict if is_calm(verdict.policy.name):
            return record.event.id if record and record.event else None
        case Verdict() as verdict:
            return (verdict.outcome, verdict.policy, verdict.message, verdict.warning)
        case _:
            return None


# the log


def log_problems(told: Sequence[Record], expected: Sequence[Record]) -> list[str]:
    """What the log has lost or doubled."""
    problems = broken_chains(told)
    for topic, name, value in (
        (Topic.VERDICTS, _policy_of, _event_id),
        (Topic.RESOURCES, _resource_of, _digest),
        (Topic.POLICIES, _name_in_key, _digest),
    ):
        ours, theirs = (_histories(log, topic, name, value) for log in (told, expected))
        problems += [
            f"history: {topic} {key}: expected {theirs.get(key)}, got {ours.get(key)}"
            for key in ours.keys() | theirs.keys()
            if ours.get(key) != theirs.get(key)
        ]
    return problems


def broken_chains(told: Iterable[Record]) -> list[str]:
    """Verdicts that do not follow from the one before them, or are there twice."""
    problems: list[str] = []
    before: dict[str, str] = {}
    seen: set[str] = set()
    for key, event, verdict in _verdicts(told):
        if event.id in seen:
            problems.append(f"doubled: verdict {key}: event {event.id} was committed twice")
        seen.add(event.id)
        withdrawn = verdict.reason.value if verdict.reason else ""
        follows = verdict_id(
            key=key,
            previous_id=before.get(key, ""),
            resource_version=verdict.resource.resource_version,
            resource_digest=withdrawn or verdict.resource_digest,
            generation=verdict.policy.generation,
            policy_digest=verdict.policy.digest,
            image_config_digest="",
            outcome=verdict.outcome,
        )
        if follows != event.id:
            problems.append(f"broken: verdict {key}: event {event.id} does not follow {before.get(key)}")
        before[key] = event.id
    return problems


def _histories(
    log: Iterable[Record], topic: Topic, name: Callable[[Record], str], value: Callable[[Record], str]
) -> dict[str, list[str]]:
    """Of each calm key; what is published again because nobody knew (at least once) counts once."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    names: dict[str, str] = {}
    for record in log:
        if record.topic is topic and not (record.event and isinstance(record.event.data, PolicyChecked)):
            names.setdefault(record.key, name(record))
            found[record.key].append(value(record))
    once = topic is not Topic.VERDICTS
    return {
        key: [each for each, _ in groupby(values)] if once else values
        for key, values in found.items()
        if names[key] and is_calm(names[key])
    }


def _policy_of(record: Record) -> str:
    return record.event.data.policy.name if record.event and isinstance(record.event.data, Verdict) else ""


def _resource_of(record: Record) -> str:
    is_applied = record.event is not None and isinstance(record.event.data, ResourceApplied)
    return record.event.data.resource.name if is_applied else ""  # type: ignore[union-attr]


def _name_in_key(record: Record) -> str:
    return record.key.partition("/")[2]


def _event_id(record: Record) -> str:
    return record.event.id if record.event else ""


def _digest(record: Record) -> str:
    match record.event.data if record.event else None:
        case ResourceApplied(digest=digest) | PolicyApplied(digest=digest):
            return digest
        case _:
            return "gone"


def _verdicts(log: Iterable[Record]) -> Iterable[tuple[str, Event, Verdict]]:
    for record in log:
        if record.topic is Topic.VERDICTS and record.event and isinstance(record.event.data, Verdict):
            yield record.key, record.event, record.event.data


# violations


@dataclass(slots=True)
class Span:
    """A violation as the log has it. `resolution` None: it is open."""

    key: str
    policy_digest: str
    resolution: str | None = None


def spans(told: Iterable[Record]) -> dict[str, Span]:
    """The violations that a log tells of, by id: not the sink's code, but the same meaning."""
    found: dict[str, Span] = {}
    open_: dict[str, Span] = {}
    for key, event, verdict in _verdicts(told):
        if is_violation(verdict.outcome, verdict.policy.mode):
            if key not in open_:
                open_[key] = found[violation_id(key, event.id)] = Span(key, verdict.policy.digest)
            open_[key].policy_digest = verdict.policy.digest
        elif key in open_ and verdict.outcome is not Outcome.ERROR:
            span = open_.pop(key)
            changed = span.policy_digest != verdict.policy.digest
            fixed = Withdrawal.POLICY_CHANGED.value if changed else "fixed"
            over = verdict.reason if not verdict.image_removed else None
            span.resolution = over.value if over else fixed
    return found


def violation_problems(rows: Rows, told: Iterable[Record]) -> list[str]:
    """Where the violations in the database are not those of the log."""
    ours = {key: (row["verdict_key"], row["resolution"], row["resolved_at"]) for key, row in rows.items()}
    theirs = {
        key: (span.key, span.resolution, span.resolution is not None) for key, span in spans(told).items()
    }
    return _differences("violations", ours, theirs)


# rows


def row_problems(told: Mapping[str, Rows], expected: Mapping[str, Rows]) -> list[str]:
    """Where the tables do not say what the undisturbed run says."""
    problems: list[str] = []
    for table, columns in _NAMED.items():
        of_calm, of_storm = ({}, {}), ({}, {})  # type: tuple[dict[str, Any], ...], tuple[dict[str, Any], ...]
        for side, rows in enumerate((told[table], expected[table])):
            for key, row in rows.items():
                if is_calm(row[columns]):
                    of_calm[side][key] = _timeless(row)
                elif _is_there(table, row):
                    of_storm[side][_identity(table, key, row)] = _settled(table, row)
        problems += _differences(table, *of_calm) + _differences(f"{table} (storm)", *of_storm)
    return problems + _differences("objects", told["objects"], expected["objects"])


_NAMED = {"resources": "name", "policies": "name", "verdicts": "policy", "violations": "policy"}
"""Tables, and the column that says which population a row is of."""


def counted(rows: Mapping[str, Rows]) -> Counter[str]:
    """What there was to get wrong."""
    violations = rows["violations"].values()
    return Counter(
        {
            "violations": len(violations),
            "violations open": sum(row["resolution"] is None for row in violations),
            "resources there": sum(not row["deleted_at"] for row in rows["resources"].values()),
            "verdicts": len(rows["verdicts"]),
        }
    )


def _timeless(row: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in row.items() if name not in _TIMES}
    if "data" in kept:
        kept["data"] = {**json.loads(kept["data"]), "evaluatedAt": ""}
    return kept


def _is_there(table: str, row: Mapping[str, Any]) -> bool:
    match table:
        case "verdicts":
            return bool(row["outcome"] != Outcome.WITHDRAWN.value)
        case "violations":
            return row["resolution"] is None
        case _:
            return not row["deleted_at"]


def _identity(table: str, key: str, row: Mapping[str, Any]) -> str:
    return str(row["verdict_key"]) if table == "violations" else key


def _settled(table: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """Without what depends on which verdicts there were before."""
    kept = {name: value for name, value in _timeless(row).items() if name not in _STORMY}
    if table == "violations":
        kept["id"] = ""
    if "data" in kept:
        kept["data"] = {
            name: value for name, value in kept["data"].items() if name not in ("change", "resourceDigest")
        }
    return kept


def _differences(what: str, told: Mapping[str, Any], expected: Mapping[str, Any]) -> list[str]:
    return [
        *(f"lost: {what} {key}: {expected[key]}" for key in expected.keys() - told.keys()),
        *(f"too many: {what} {key}: {told[key]}" for key in told.keys() - expected.keys()),
        *(
            f"other: {what} {key}: expected {expected[key]}, got {told[key]}"
            for key in expected.keys() & told.keys()
            if expected[key] != told[key]
        ),
    ]
