"""Laws of the report and its renderers for any text that a manifest or policy may hold.

Lone surrogates are not generated here: `test_collector` has them.
"""

import io
import json
import unicodedata
from collections import Counter

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.render import json_text, junit, sarif, table, yaml_text
from cli.report.model import ScanReport
from pipeline.bus import Record
from pipeline.events import Mode, Outcome
from tests.unit.cli.builders import applied, checked, policy_ref, ref, report_of, unreadable, verdict
from tests.unit.cli.schemas import checked_junit, checked_sarif
from tests.unit.cli.terminal import Terminal, without_styles

NASTY = st.sampled_from(
    [
        "\x1b[31m",
        "\x9b2J",
        "\r\n",
        "\u2028",
        "\ufeff",
        "]]>",
        "[b]x[/b]",
        "{0}",
        "- a: b",
        "'",
        "\x00",
        "#",
        "no",
    ]
)
TEXT = st.one_of(st.text(max_size=20), NASTY, st.builds("{}{}".format, NASTY, st.text(max_size=8)))
SHORT = st.sampled_from(["a", "b", "\x1b[0m"])  # few values, so that records collide
MODES = st.sampled_from(Mode)
POLICIES = st.builds(policy_ref, name=st.one_of(SHORT, TEXT), mode=MODES, title=TEXT)
RESOURCES = st.builds(
    ref, name=st.one_of(SHORT, TEXT), namespace=st.one_of(SHORT, TEXT), kind=st.one_of(SHORT, TEXT)
)
VERDICTS = st.builds(
    verdict,
    outcome=st.sampled_from(Outcome),
    resource=RESOURCES,
    policy=POLICIES,
    message=TEXT,
    warning=TEXT,
    images=st.lists(TEXT, max_size=2),
    image=TEXT,
    file=st.one_of(SHORT, TEXT),
    owner=st.none() | RESOURCES,
)
CHECKS = st.builds(
    checked,
    name=st.one_of(SHORT, TEXT),
    mode=MODES,
    file=st.one_of(SHORT, TEXT),
    engine=SHORT,
    error=TEXT,
    unsupported=TEXT,
    title=TEXT,
)
FAILURES = st.builds(unreadable, file=TEXT, message=TEXT, document=st.integers(0, 3))
RECORDS = st.lists(st.one_of(VERDICTS, CHECKS, FAILURES, st.builds(applied)), max_size=8)
REPORTS = RECORDS.map(report_of)


def _json(report: ScanReport) -> bytes:
    out = io.BytesIO()
    json_text.write(report, out)
    return out.getvalue()


@settings(max_examples=60, deadline=None)
@given(st.data(), RECORDS)
def test_the_order_of_arrival_does_not_change_the_report(data: st.DataObject, records: list[Record]) -> None:
    shuffled = data.draw(st.permutations(records))
    assert _json(report_of(shuffled)) == _json(report_of(records))


@settings(max_examples=60, deadline=None)
@given(RECORDS)
def test_every_verdict_is_counted_and_every_bad_one_is_listed(records: list[Record]) -> None:
    report = report_of(records)
    outcomes = Counter(getattr(record.event.data, "outcome", None) for record in records if record.event)
    summary = report.summary
    assert summary.passed == outcomes[Outcome.PASS]
    assert summary.errored == outcomes[Outcome.ERROR]
    assert summary.warned == outcomes[Outcome.WARN] == len(report.warnings)
    assert summary.failed == outcomes[Outcome.FAIL]
    assert summary.failed == sum(finding.outcome is Outcome.FAIL for finding in report.violations)
    assert summary.evaluations == summary.passed + summary.warned + summary.failed + summary.errored


@settings(max_examples=60, deadline=None)
@given(REPORTS)
def test_yaml_and_json_hold_the_same_whatever_the_text(report: ScanReport) -> None:
    out = io.BytesIO()
    yaml_text.write(report, out)
    assert yaml.safe_load(out.getvalue()) == json.loads(_json(report))


@settings(max_examples=60, deadline=None)
@given(REPORTS)
def test_sarif_is_valid_whatever_the_text(report: ScanReport) -> None:
    out = io.BytesIO()
    sarif.write(report, out, base="/src")
    (run,) = checked_sarif(out.getvalue())["runs"]
    ids = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(ids) == len(set(ids))
    assert all(ids[result["ruleIndex"]] == result["ruleId"] for result in run["results"])


@settings(max_examples=60, deadline=None)
@given(REPORTS)
def test_junit_is_valid_whatever_the_text(report: ScanReport) -> None:
    out = io.BytesIO()
    junit.write(report, out)
    root = checked_junit(out.getvalue())
    for suite in root:
        names = [case.get("name") for case in suite.iter("testcase")]
        assert len(names) == len(set(names))
        assert suite.get("tests") == str(len(names))
    assert root.get("failures") == str(len(report.violations))
    assert root.get("errors") == str(len(report.errors))


@settings(max_examples=60, deadline=None)
@given(REPORTS, st.booleans())
def test_no_control_character_reaches_a_terminal(report: ScanReport, terminal: bool) -> None:
    out = Terminal() if terminal else io.StringIO()
    table.write(report, out)
    table.write_errors(report, out)
    table.write_summary(report, out)
    text = without_styles(out.getvalue()) if terminal else out.getvalue()
    assert {unicodedata.category(character) for character in text if character != "\n"}.isdisjoint(
        {"Cc", "Cf", "Cs", "Zl", "Zp"}
    )


@settings(max_examples=60, deadline=None)
@given(REPORTS)
def test_a_piped_table_has_one_line_for_each_finding(report: ScanReport) -> None:
    out = io.StringIO()
    table.write(report, out)
    findings = set(report.violations) | set(report.warnings)
    total = len(report.violations) + sum(warning.mode is Mode.WARN for warning in report.warnings)
    assert len(out.getvalue().splitlines()) == (total + 1 if findings else 0)
