"""The guide about what-if shows what its commands print. Not covered: terminals (`tests/unit/cli`)."""

from pathlib import Path

from tests.e2e import guide

GUIDE = guide.ROOT / "docs" / "guides" / "what-if.md"


def test_the_guide_shows_what_its_commands_print(tmp_path: Path) -> None:
    shown = GUIDE.read_text(encoding="utf-8")
    printed = guide.run(shown, tmp_path)
    assert printed.count("\n$ ") >= 5
    assert guide.comparable(printed) == guide.comparable(shown), (
        "after a change that is meant: python -m tests.e2e.guide docs/guides/what-if.md"
    )
