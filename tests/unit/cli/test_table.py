"""The report for people: findings, errors, summary. Layout itself: `test_columns`."""

import io

from cli.render import table
from pipeline.events import Mode, Outcome
from tests.unit.cli.builders import (
    WARN_POLICY,
    checked,
    policy_ref,
    ref,
    report_of,
    shop_records,
    unreadable,
    verdict,
    waiver,
)
from tests.unit.cli.terminal import Terminal, without_styles


def _lines() -> list[str]:
    out = io.StringIO()
    table.write(report_of(shop_records()), out)
    return out.getvalue().splitlines()


def test_the_table_has_violations_first_and_each_finding_once() -> None:
    header, *rows = _lines()
    assert header.split() == ["NAMESPACE", "KIND", "NAME", "POLICY", "MODE", "OUTCOME", "MESSAGE"]
    assert [tuple(row.split()[2:6]) for row in rows] == [
        ("db", "no-root", "enforce", "warn"),
        ("web", "image-age", "warn", "fail"),
        ("web", "no-root", "enforce", "fail"),
        ("web", "image-age", "warn", "warn"),
    ]


def test_a_message_of_one_image_names_it() -> None:
    assert [line for line in _lines() if line.endswith("nginx: older than 30 days")]


def test_a_clean_report_has_no_table() -> None:
    out = io.StringIO()
    table.write(report_of([verdict(Outcome.PASS)]), out)
    assert out.getvalue() == ""


def test_errors_of_one_policy_and_message_are_one_line() -> None:
    assert table.error_lines(report_of(shop_records()).errors) == [
        "policies/broken.yaml: policy broken: spec.images: must not be empty",
        "shop/broken.yaml, document 3: not YAML",
        "policy cue: cue is not evaluated yet (2 resources)",
    ]


def test_a_single_error_says_where_it_is() -> None:
    assert table.error_lines(report_of([verdict(Outcome.ERROR, message="took too long")]).errors) == [
        "shop/web.yaml: shop/Deployment/web: policy no-root: took too long"
    ]


def test_errors_of_several_images_of_one_resource_are_one_line() -> None:
    records = [verdict(Outcome.ERROR, message="no answer", image=image) for image in ("a", "b")]
    assert table.error_lines(report_of(records).errors) == [
        "shop/web.yaml: shop/Deployment/web: policy no-root: no answer (2 images)"
    ]


def test_the_same_message_about_two_files_is_two_lines() -> None:
    assert len(table.error_lines(report_of([unreadable("a"), unreadable("b")]).errors)) == 2


def test_errors_and_summary_go_where_they_are_sent() -> None:
    out = io.StringIO()
    report = report_of([unreadable("a.yaml", "not YAML\x1b[2J")])
    table.write_errors(report, out)
    table.write_summary(report, out)
    assert out.getvalue().splitlines() == [
        "error: a.yaml: not YAML\\x1b[2J",
        "0 resources, 0 policies: 0 violations, 0 warnings, 1 error",
    ]


def test_the_summary_counts_in_good_english() -> None:
    assert table.summary_line(report_of(shop_records())) == (
        "2 resources, 4 policies: 3 violations (2 enforce, 1 warn), 1 warning, 4 errors"
    )
    one = report_of([verdict()])
    assert table.summary_line(one) == (
        "0 resources, 0 policies: 1 violation (1 enforce, 0 warn), 0 warnings, 0 errors"
    )


def test_a_terminal_shows_long_errors_unbroken_and_names_as_written() -> None:
    out = Terminal()
    message = "[bold]word[/bold] " * 20
    table.write_errors(report_of([unreadable("a.yaml", message)]), out)
    assert without_styles(out.getvalue()) == f"error: a.yaml: {message}\n"
    assert out.getvalue() != without_styles(out.getvalue())


def test_a_long_namespace_does_not_push_the_message_off_the_terminal() -> None:
    out = Terminal()
    record = verdict(resource=ref("n" * 200, "s" * 200), policy=policy_ref("p" * 200), message="word " * 30)
    table.write(report_of([record]), out)
    lines = without_styles(out.getvalue()).splitlines()
    assert max(map(len, lines)) <= 100
    assert sum(line.count("word") for line in lines) == 30


def test_the_message_of_a_warning_is_the_warning() -> None:
    out = io.StringIO()
    warned = verdict(Outcome.WARN, policy=WARN_POLICY, message="compliant", warning="soon too old")
    failed = verdict(policy=policy_ref(mode=Mode.WARN), message="too old", warning="and large")
    table.write(report_of([warned, failed]), out)
    _, first, second = out.getvalue().splitlines()
    assert first.endswith("too old")
    assert second.endswith("soon too old")


def test_a_waiver_says_what_it_covers_and_which_of_its_policies_there_are_not() -> None:
    out = io.StringIO()
    records = [
        checked(),
        waiver("pilot", "no-root", "no-*", "no-rot"),
        waiver("idle"),
        verdict(waiver="pilot"),
    ]
    table.write_waivers(report_of(records), out)
    idle, pilot, warning = out.getvalue().splitlines()
    assert idle.startswith("waiver idle: covers nothing, expires 2")
    assert pilot.startswith("waiver pilot: 1 violation until 2")
    assert pilot.endswith("(team-shop: moves in March)")
    assert warning == "warning: waiver pilot: there is no policy no-rot"
