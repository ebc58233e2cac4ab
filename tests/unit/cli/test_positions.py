"""Places in a policy's text and its fields as lines and columns of the YAML file.

Every exact place is proven by looking there. Not here: which places the linter names.
"""

import json
from pathlib import Path

import pytest
import yaml

from cli.authoring.positions import Positions, Spot, lines_of
from watcher.documents import Place

REGO = 'package sigstore\n\nisCompliant {\n  input.spec.x == "é"\n}\n'


def _positions(content: str, line: int = 1, item: int | None = None) -> Positions:
    return Positions.find(lines_of(content), Place(1, line, item))


def _at(content: str, spot: Spot) -> str:
    return content.removeprefix("\ufeff").splitlines()[spot.line - 1][spot.column - 1 :]


def _policy(data: str, before: str = "") -> str:
    return f"{before}kind: ClusterImagePolicy\nspec:\n  policy:\n    type: rego\n    data: {data}\n"


def _block(header: str, indent: int) -> str:
    lines = [f"{' ' * indent}{line}" if line else "" for line in REGO.splitlines()]
    return "\n".join([header, *lines])


@pytest.mark.parametrize("header", ["|", "|-", "|+", "|6", "|  # Rego"])
@pytest.mark.parametrize("before", ["", "# a comment\n\n", "---\na: 1\n---\n", "\ufeff"])
def test_a_line_of_a_block_is_a_line_of_the_file(header: str, before: str) -> None:
    indent = 10 if header == "|6" else 9
    content = _policy(_block(header, indent), before)
    line = (
        content.splitlines().index(
            "kind: ClusterImagePolicy" if before != "\ufeff" else "\ufeffkind: ClusterImagePolicy"
        )
        + 1
    )
    spot = _positions(content, line).of_text(4, 3)
    assert spot.exact
    assert _at(content, spot).startswith('input.spec.x == "é"')


def test_windows_line_ends_change_nothing() -> None:
    content = _policy(_block("|", 6)).replace("\n", "\r\n")
    assert _at(content, _positions(content).of_text(4, 3)).startswith("input.spec.x")


@pytest.mark.parametrize("ascii_only", [True, False])
def test_json_is_one_line_and_its_escapes_count(ascii_only: bool) -> None:
    body = {"kind": "ClusterImagePolicy", "spec": {"policy": {"data": REGO}}}
    content = json.dumps(body, ensure_ascii=ascii_only)
    spot = _positions(content).of_text(4, 3)
    assert spot.exact
    assert _at(content, spot).startswith("input.spec.x == ")
    behind = _positions(content).of_text(5, 1)
    assert _at(content, behind).startswith("}\\n")


def test_single_quotes_are_written_twice() -> None:
    content = _policy("'a := ''x''; input.spec'")
    spot = _positions(content).of_text(1, 11)
    assert _at(content, spot).startswith("input.spec'")


@pytest.mark.parametrize(
    "data", [_block(">", 6), '"package sigstore\\n\n      isCompliant"', "package\n      sigstore"]
)
def test_where_lines_are_folded_it_is_the_field(data: str) -> None:
    content = _policy(data)
    spot = _positions(content).of_text(3, 1)
    assert _at(content, spot).startswith("data:") or (
        spot.exact and _at(content, spot).startswith("isCompliant")
    )


def test_a_text_that_is_an_alias_is_where_it_is_written() -> None:
    content = f"x: &text {_block('|', 4)}\nspec:\n  policy:\n    data: *text\n"
    assert _at(content, _positions(content).of_text(4, 3)).startswith("input.spec.x")


def test_fields_are_found_by_their_path() -> None:
    content = "spec:\n  images:\n  - glob: a\n  - glob: b\n  mode: loud\n"
    positions = _positions(content)
    assert _at(content, positions.of_field("spec.images[1].glob")) == "glob: b"
    assert _at(content, positions.of_field("spec.mode")) == "mode: loud"
    assert _at(content, positions.of_field("spec.policy.type")) == "spec:"
    assert positions.of_field("metadata.name") == Spot(1, 1)


def test_an_item_of_a_list_is_found_in_it() -> None:
    content = "kind: List\nitems:\n- spec: {mode: a}\n- spec:\n    mode: b\n"
    assert _at(content, _positions(content, 4, item=1).of_field("spec.mode")) == "mode: b"


@pytest.mark.parametrize("content", ["", "a: [", "\t", "- 1\n- 2\n", "5"])
def test_what_cannot_be_found_is_where_the_object_starts(content: str) -> None:
    positions = _positions(content, 1)
    assert positions.of_field("spec.mode") == Spot(1, 1)
    assert positions.of_text(1, 1) == Spot(1, 1, exact=False)


def test_every_line_of_the_catalog_is_found() -> None:
    for path in (Path(__file__).resolve().parents[3] / "catalog" / "baseline").glob("*.yaml"):
        content = path.read_text(encoding="utf-8")
        positions = Positions.find(lines_of(content), Place(1, 1))
        for number, line in enumerate(yaml.safe_load(content)["spec"]["policy"]["data"].split("\n")[:-1], 1):
            spot = positions.of_text(number, 1)
            assert spot.exact
            assert _at(content, spot) == line
