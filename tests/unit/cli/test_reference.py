"""The committed page of commands is what the program says. What commands do is tested elsewhere."""

from pathlib import Path

from cli.reference import page

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "cli.md"


def test_the_page_of_commands_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make schemas` and commit the page"
