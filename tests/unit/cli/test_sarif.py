"""SARIF: valid by its schema, and with what GitHub code scanning asks for.

Not here: that an upload is accepted; GitHub is not asked.
"""

import io
from typing import Any

import pytest

from cli.render import sarif
from pipeline.bus import Record
from pipeline.events import Mode, Outcome
from pipeline.version import __version__
from tests.unit.cli.builders import (
    checked,
    policy_ref,
    ref,
    report_of,
    shop_records,
    unreadable,
    verdict,
    waiver,
)
from tests.unit.cli.schemas import checked_sarif


def _run(records: list[Record], base: str = "") -> dict[str, Any]:
    out = io.BytesIO()
    sarif.write(report_of(records), out, base=base)
    log = checked_sarif(out.getvalue())
    (run,) = log["runs"]
    assert isinstance(run, dict)
    return run


def _uri(file: str, base: str = "") -> dict[str, Any]:
    (result,) = _run([verdict(file=file)], base)["results"]
    location = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert isinstance(location, dict)
    return location


def test_the_tool_says_who_it_is() -> None:
    driver = _run([])["tool"]["driver"]
    assert (driver["name"], driver["version"]) == ("Tocsin", __version__)
    assert driver["informationUri"].startswith("https://")


def test_each_policy_is_a_rule_with_a_level_by_its_mode() -> None:
    rules = {rule["id"]: rule for rule in _run(shop_records())["tool"]["driver"]["rules"]}
    assert list(rules) == ["broken", "cue", "image-age", "no-root"]
    assert rules["no-root"]["shortDescription"]["text"] == "Containers do not run as root"
    assert rules["no-root"]["defaultConfiguration"]["level"] == "error"
    assert rules["image-age"]["defaultConfiguration"]["level"] == "warning"
    for rule in rules.values():  # GitHub requires each of them, up to 1,024 characters
        for text in ("shortDescription", "fullDescription", "help"):
            assert 0 < len(rule[text]["text"]) <= 1024


def test_two_policies_of_one_name_are_one_rule() -> None:
    run = _run([checked(file="a.yaml", error="name is taken"), checked(file="b.yaml"), verdict()])
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["no-root"]


def test_levels_tell_enforced_violations_other_violations_and_warnings_apart() -> None:
    results = _run(shop_records())["results"]
    assert [(result["ruleId"], result["level"]) for result in results] == [
        ("no-root", "error"),
        ("image-age", "warning"),
        ("no-root", "error"),
        ("image-age", "note"),
    ]


def test_each_result_points_at_its_rule_its_file_and_its_object() -> None:
    run = _run(shop_records())
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        (location,) = result["locations"]
        assert location["physicalLocation"] == {
            "artifactLocation": {"uri": "shop/web.yaml", "uriBaseId": "%SRCROOT%"},
            "region": {"startLine": 1},
        }
        (logical,) = location["logicalLocations"]
        assert logical["fullyQualifiedName"] == f"shop/Deployment/{logical['name']}"
        assert result["message"]["text"].startswith(logical["fullyQualifiedName"])


def test_fingerprints_tell_findings_apart_and_survive_a_new_wording() -> None:
    def prints(message: str) -> list[str]:
        records = [
            verdict(message=message),
            verdict(message=message, image="nginx"),
            verdict(message=message, policy=policy_ref("other")),
            verdict(message=message, resource=ref("db")),
            verdict(message=message, file="other.yaml"),
        ]
        return [r["partialFingerprints"]["primaryLocationLineHash"] for r in _run(records)["results"]]

    assert prints("one wording") == prints("another wording")
    assert len(set(prints("x"))) == 5


@pytest.mark.parametrize(
    ("file", "base", "uri"),
    [
        ("a b/é#1.yaml", "", "a%20b/%C3%A9%231.yaml"),
        ("a:b.yaml", "", "a%3Ab.yaml"),
        ("./shop//web.yaml", "", "shop/web.yaml"),
        ("/src/shop/web.yaml", "/src", "shop/web.yaml"),
    ],
)
def test_files_are_relative_percent_encoded_uris(file: str, base: str, uri: str) -> None:
    assert _uri(file, base) == {"uri": uri, "uriBaseId": "%SRCROOT%"}


def test_a_file_outside_the_base_has_a_file_uri() -> None:
    assert _uri("/elsewhere/a b.yaml", "/src") == {"uri": "file:///elsewhere/a%20b.yaml"}


def test_an_object_of_a_cluster_is_located_by_its_name() -> None:
    assert _uri("") == {"uri": "shop/Deployment/web", "uriBaseId": "%SRCROOT%"}


def test_errors_are_notifications_and_the_run_was_no_success() -> None:
    run = _run(shop_records())
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False
    notifications = invocation["toolExecutionNotifications"]
    assert len(notifications) == 4
    assert notifications[0]["associatedRule"]["id"] == "broken"
    assert "not YAML" in notifications[1]["message"]["text"]


def test_a_run_without_errors_was_a_success() -> None:
    (invocation,) = _run([verdict(Outcome.PASS)])["invocations"]
    assert invocation == {"executionSuccessful": True, "toolExecutionNotifications": []}


def test_foreign_text_makes_no_links_and_no_arguments() -> None:
    assert sarif.message_text("[click](http://evil) {0} {x}") == "[click] (http://evil) {{0}} {x}"


def test_a_very_long_title_is_cut_for_github() -> None:
    title = "{1}](" * 1000
    run = _run([checked(title=title), verdict(policy=policy_ref(mode=Mode.WARN)), unreadable("")])
    assert len(run["tool"]["driver"]["rules"][0]["shortDescription"]["text"]) <= 1024


def test_what_a_waiver_covers_is_suppressed_with_who_accepted_it_and_nothing_else_is() -> None:
    run = _run([checked(), waiver(), verdict(waiver="pilot"), verdict(resource=ref("db"))])
    suppressions = {
        result["locations"][0]["logicalLocations"][0]["name"]: result.get("suppressions")
        for result in run["results"]
    }
    (accepted,) = suppressions.pop("web")
    assert suppressions == {"db": None}
    assert accepted["kind"] == "external"
    assert accepted["justification"].startswith("team-shop: moves in March (waiver pilot, until 2")
