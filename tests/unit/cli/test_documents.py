"""The report as JSON and YAML, its schema, and CSV and names of lists."""

import csv
import io
import json
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator

from cli.render import json_text, yaml_text
from cli.render.columns import Column
from cli.render.listing import write_csv, write_names
from cli.report import schema
from tests.unit.cli.builders import NOW, report_of, shop_records, verdict

SCHEMAS = Path(__file__).parents[3] / "docs" / "reference" / "schemas"


def _json() -> bytes:
    out = io.BytesIO()
    json_text.write(report_of(shop_records()), out)
    return out.getvalue()


def test_the_committed_schema_is_the_one_of_the_code(tmp_path: Path) -> None:
    schema.write(tmp_path)
    committed = (SCHEMAS / schema.FILE_NAME).read_text(encoding="utf-8")
    assert committed == (tmp_path / schema.FILE_NAME).read_text(encoding="utf-8")


def test_the_json_report_is_as_its_schema_says() -> None:
    Draft202012Validator.check_schema(schema.schema())
    Draft202012Validator(schema.schema()).validate(json.loads(_json()))


def test_the_json_report_has_the_promised_keys() -> None:
    report = json.loads(_json())
    assert list(report) == [
        "apiVersion",
        "kind",
        "summary",
        "violations",
        "warnings",
        "errors",
        "policies",
        "waived",
        "waivers",
    ]
    assert (report["apiVersion"], report["kind"]) == ("tocsin.dev/v1", "ScanReport")
    assert list(report["summary"]) == [
        "resources",
        "policies",
        "evaluations",
        "pass",
        "warn",
        "fail",
        "error",
        "waived",
    ]
    promised = {"resource", "owner", "policy", "mode", "outcome", "message", "warning", "images"}
    for finding in report["violations"] + report["warnings"]:
        assert promised <= finding.keys()
        assert list(finding["resource"]) == ["apiVersion", "kind", "namespace", "name"]
    for policy in report["policies"]:
        assert {"name", "mode", "engine", "error", "unsupported"} <= policy.keys()


def test_errors_leave_out_what_they_are_not_about() -> None:
    broken, source, evaluation, _ = json.loads(_json())["errors"]
    assert broken.keys() == {"message", "policy", "file"}
    assert source.keys() == {"message", "file", "document"}
    assert evaluation.keys() == {"message", "policy", "resource", "file"}


def test_what_does_not_exist_is_null() -> None:
    report = json.loads(_json())
    assert report["violations"][0]["owner"] is None
    assert report["policies"][0]["engine"] is None
    assert report["policies"][3]["error"] is None


def test_json_is_indented_by_two_all_the_way_down() -> None:
    text = _json()
    assert text == (json.dumps(json.loads(text), indent=2, ensure_ascii=False) + "\n").encode()


def test_a_long_list_is_written_while_it_is_produced() -> None:
    out = io.BytesIO()
    seen = []

    def items() -> object:
        for number in range(3):
            seen.append(out.tell())
            yield {"number": number}

    json_text.stream({"items": items(), "at": NOW}, out)
    assert seen == sorted(set(seen))
    assert json.loads(out.getvalue()) == {
        "items": [{"number": 0}, {"number": 1}, {"number": 2}],
        "at": "2026-01-02T03:04:05Z",
    }


def test_the_yaml_report_says_what_the_json_report_says_in_the_same_order() -> None:
    out = io.BytesIO()
    yaml_text.write(report_of(shop_records()), out)
    loaded = yaml.safe_load(out.getvalue())
    assert json.dumps(loaded) == json.dumps(json.loads(_json()))


def test_yaml_lists_longer_than_a_piece_are_one_list() -> None:
    out = io.BytesIO()
    yaml_text.write(report_of([verdict(message=f"é{number:04}") for number in range(1000)]), out)
    messages = [finding["message"] for finding in yaml.safe_load(out.getvalue())["violations"]]
    assert messages == [f"é{number:04}" for number in range(1000)]
    assert "é0999" in out.getvalue().decode()


def test_an_empty_yaml_list_is_a_list() -> None:
    out = io.BytesIO()
    yaml_text.write_items([], out)
    assert yaml.safe_load(out.getvalue()) == []


def test_csv_has_every_column_and_disarms_formulas() -> None:
    out = io.StringIO(newline="")
    columns = [Column("NAME"), Column("LAST SEEN", wide=True)]
    write_csv(columns, [("web", "=cmd()"), ('a"b', "x,\ny"), ("+3", "-1.5"), ("+3a", "-")], out)
    assert out.getvalue().splitlines()[0] == "name,last_seen"
    rows = list(csv.reader(io.StringIO(out.getvalue(), newline="")))
    assert rows[1:] == [["web", "'=cmd()"], ['a"b', "x,\ny"], ["+3", "-1.5"], ["'+3a", "'-"]]


def test_names_are_one_a_line() -> None:
    out = io.StringIO()
    write_names(["pod/web", "pod/\x1b[31mred\n"], out)
    assert out.getvalue() == "pod/web\npod/\\x1b[31mred \n"
