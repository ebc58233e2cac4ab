"""JUnit XML: valid by its schema, with counts that agree with its elements."""

import io
from collections import Counter

from lxml import etree

from cli.render import junit
from pipeline.bus import Record
from pipeline.events import Outcome
from tests.unit.cli.builders import checked, ref, report_of, shop_records, unreadable, verdict, waiver
from tests.unit.cli.schemas import checked_junit


def _root(records: list[Record]) -> etree._Element:
    out = io.BytesIO()
    junit.write(report_of(records), out)
    return checked_junit(out.getvalue())


def _suite(root: etree._Element, name: str) -> etree._Element:
    (suite,) = (suite for suite in root if suite.get("name") == name)
    return suite


def test_there_is_a_suite_for_each_policy_and_one_for_sources() -> None:
    names = [suite.get("name") for suite in _root(shop_records())]
    assert names == ["broken", "cue", "image-age", "no-root", "sources"]


def test_counts_in_attributes_are_those_of_the_elements() -> None:
    root = _root(shop_records())
    for element in (root, *root):
        cases = list(element.iter("testcase"))
        tags = Counter(child.tag for case in cases for child in case)
        assert element.get("tests") == str(len(cases))
        assert element.get("failures") == str(tags["failure"])
        assert element.get("errors") == str(tags["error"])
    assert [root.get(name) for name in ("tests", "failures", "errors")] == ["9", "3", "4"]


def test_a_violation_is_a_failure_whose_type_is_the_mode() -> None:
    root = _root(shop_records())
    types = {failure.get("type") for failure in _suite(root, "image-age").iter("failure")}
    assert types == {"warn"}
    failures = list(_suite(root, "no-root").iter("failure"))
    assert {failure.get("type") for failure in failures} == {"enforce"}
    assert failures[1].get("message") == "container app runs as root; set securityContext.runAsNonRoot"
    assert "images: nginx, busybox:1" in (failures[1].text or "")


def test_a_mere_warning_is_a_passed_case_that_says_it() -> None:
    outputs = [output.text or "" for output in _suite(_root(shop_records()), "image-age").iter("system-out")]
    assert len(outputs) == 1
    assert outputs[0].startswith("warning: older than 20 days")


def test_what_passed_is_one_case_and_the_numbers_are_properties() -> None:
    suite = _suite(_root([checked(), *[verdict(Outcome.PASS)] * 3]), "no-root")
    (case,) = suite.iter("testcase")
    assert (case.get("name"), case[0].text) == ("passed evaluations", "3 evaluations passed")
    properties = {item.get("name"): item.get("value") for item in suite.iter("property")}
    assert properties == {
        "mode": "enforce",
        "evaluations": "3",
        "pass": "3",
        "warn": "0",
        "fail": "0",
        "error": "0",
    }


def test_what_could_not_be_read_is_an_error_of_the_sources() -> None:
    (case,) = _suite(_root([unreadable(document=3)]), "sources")
    assert case.get("name") == "shop/broken.yaml, document 3"
    assert case[0].tag == "error"


def test_cases_of_one_object_in_two_files_have_names_of_their_own() -> None:
    root = _root([verdict(file="a.yaml"), verdict(file="b.yaml"), *[verdict(file="", message="x")] * 2])
    names = [case.get("name") for case in root.iter("testcase")]
    assert names == [
        "shop/Deployment/web",
        "shop/Deployment/web #2",
        "shop/Deployment/web in a.yaml",
        "shop/Deployment/web in b.yaml",
    ]


def test_characters_that_xml_cannot_hold_are_replaced() -> None:
    (failure,) = _root([verdict(message="a\x00b\x1bc\ufffed <&\"'> \r\n\t]]>")]).iter("failure")
    assert failure.get("message") == "a\ufffdb\ufffdc\ufffdd <&\"'> \r\n\t]]>"
    assert (failure.text or "").startswith("message: a\ufffdb\ufffdc\ufffdd <&\"'> \r\n\t]]>")


def test_an_empty_report_is_a_valid_document() -> None:
    assert len(_root([])) == 0


def test_what_a_waiver_covers_is_skipped_with_who_accepted_it_and_is_no_failure() -> None:
    root = _root([checked(), waiver(), verdict(waiver="pilot"), verdict(resource=ref("db"))])
    suite = _suite(root, "no-root")
    cases = {case.get("name"): case[0] for case in suite.iter("testcase")}
    assert {name: outcome.tag for name, outcome in cases.items()} == {
        "shop/Deployment/web": "skipped",
        "shop/Deployment/db": "failure",
    }
    said = cases["shop/Deployment/web"].get("message") or ""
    assert said.startswith("waived (pilot) by team-shop until 2")
    assert said.endswith(": moves in March")
    assert [suite.get(name) for name in ("tests", "failures", "skipped")] == ["2", "1", "1"]
