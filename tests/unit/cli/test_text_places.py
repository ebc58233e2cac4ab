"""Lines of a policy's text found in its file."""

import textwrap

from hypothesis import given
from hypothesis import strategies as st

from cli.authoring.places import locate

TEXT = "package sigstore\n\nisCompliant {\n  true\n}\n"


def test_a_block_scalar_has_its_lines_in_the_file() -> None:
    file = "kind: ClusterImagePolicy\nspec:\n  data: |\n" + textwrap.indent(TEXT, "    ")
    place = locate(TEXT, file.splitlines(), 1)
    assert [place.line(number) for number in (1, 3, 5)] == [4, 6, 8]
    assert place.source(4) == "true"


def test_the_first_from_the_start_is_taken() -> None:
    lines = TEXT.splitlines() * 2
    assert locate(TEXT, lines, 1).first == 1
    assert locate(TEXT, lines, 2).first == 6


def test_text_in_quotes_has_no_lines_of_its_own() -> None:
    place = locate(TEXT, ['data: "package sigstore\\n\\nisCompliant {\\n  true\\n}\\n"'], 1)
    assert (place.line(3), place.source(3)) == (0, "isCompliant {")


def test_no_text_is_nowhere() -> None:
    assert locate("", ["a"], 1).line(1) == 0


@given(
    before=st.lists(st.text("abc ", max_size=3), max_size=5),
    lines=st.lists(st.text("xyz ", min_size=1, max_size=3).filter(str.strip), min_size=1, max_size=5),
    indent=st.integers(0, 8),
)
def test_an_indented_text_is_found_wherever_it_stands(
    before: list[str], lines: list[str], indent: int
) -> None:
    file = [*before, *(" " * indent + line for line in lines)]
    place = locate("\n".join(lines), file, 1)
    assert place.first == len(before) + 1
