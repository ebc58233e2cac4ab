"""Tables, ages, plurals and the neutralising of foreign text."""

import io
from datetime import timedelta

import pytest

from cli.render.columns import Column, Live, age, write_columns
from cli.render.text import counted, printable
from tests.unit.cli.terminal import Terminal, without_styles

COLUMNS = (
    Column("NAME"),
    Column("STATE", styles={"fail": "red"}),
    Column("NODE", wide=True),
    Column("MESSAGE", wraps=True),
)
ROWS = [("web", "fail", "n1", "a message of several words " * 6), ("database", "", "n2", "short")]


def test_a_piped_table_is_aligned_and_never_cut() -> None:
    out = io.StringIO()
    write_columns(COLUMNS, ROWS, out)
    header, first, second = out.getvalue().splitlines()
    assert header == "NAME       STATE    MESSAGE"
    assert first == "web        fail     " + ROWS[0][3]
    assert second == "database   <none>   short"


def test_what_a_stream_cannot_encode_is_as_wide_as_its_escape() -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="backslashreplace")
    write_columns(COLUMNS, [("\u65e5\u672c", "fail", "", "m"), ("web", "fail", "", "m")], out)
    out.seek(0)
    header, first, second = out.read().splitlines()
    assert first.startswith("\\u65e5\\u672c   fail")
    assert header.index("STATE") == first.index("fail") == second.index("fail")


def test_a_table_that_grows_leaves_room_for_what_may_come() -> None:
    out = io.StringIO()
    table = Live([Column("CHANGE", least=7), Column("NAME")], [("open", "web")], out, wide=False)
    table.write(("deleted", "db"))
    assert out.getvalue().splitlines() == ["CHANGE    NAME", "open      web", "deleted   db"]


def test_wide_columns_are_shown_when_asked_for() -> None:
    out = io.StringIO()
    write_columns(COLUMNS, ROWS[1:], out, wide=True)
    assert out.getvalue().split() == ["NAME", "STATE", "NODE", "MESSAGE", "database", "<none>", "n2", "short"]


def test_a_table_without_rows_is_nothing() -> None:
    out = io.StringIO()
    write_columns(COLUMNS, [], out)
    assert out.getvalue() == ""


def test_wide_characters_keep_the_columns_aligned() -> None:
    out = io.StringIO()
    write_columns((Column("A"), Column("B")), [("日本", "x"), ("abcd", "y")], out)
    assert out.getvalue() == "A      B\n日本   x\nabcd   y\n"


def test_a_terminal_gets_colours_and_wrapped_messages() -> None:
    out = Terminal()
    write_columns(COLUMNS, ROWS, out)
    assert "\x1b[31mfail" in out.getvalue()
    lines = without_styles(out.getvalue()).splitlines()
    assert len(lines) > 3
    assert max(map(len, lines)) <= 100
    assert " ".join(line[20:].strip() for line in lines[1:-1]) == ROWS[0][3].strip()


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    out = Terminal()
    write_columns(COLUMNS, ROWS, out)
    assert "\x1b[31m" not in out.getvalue()


def test_markup_in_a_cell_is_text() -> None:
    out = Terminal()
    write_columns((Column("NAME"),), [("[red]x[/red] :smile:",), ("[link=http://evil]y[/link]",)], out)
    text = without_styles(out.getvalue())
    assert "[red]x[/red] :smile:" in text
    assert "[link=http://evil]y[/link]" in text


@pytest.mark.parametrize(
    ("foreign", "shown"),
    [
        ("plain é 日本 😀", "plain é 日本 😀"),
        ("two\nlines\tand\u2028more", "two lines and more"),
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("\x9b31m", "\\x9b31m"),
        ("\x07\x7f\x00", "\\x07\\x7f\\x00"),
        ("abc\u202edef", "abc\\u202edef"),
        ("\U000e0041", "\\U000e0041"),
        ("\ud800", "\\ud800"),
    ],
)
def test_nothing_that_a_terminal_obeys_gets_through(foreign: str, shown: str) -> None:
    assert printable(foreign) == shown


@pytest.mark.parametrize(
    ("number", "noun", "text"),
    [
        (0, "error", "0 errors"),
        (1, "policy", "1 policy"),
        (12, "policy", "12 policies"),
        (2, "day", "2 days"),
        (1, "violation", "1 violation"),
    ],
)
def test_numbers_agree_with_their_nouns(number: int, noun: str, text: str) -> None:
    assert counted(number, noun) == text


@pytest.mark.parametrize(
    ("delta", "text"),
    [
        (timedelta(seconds=-5), "<invalid>"),
        (timedelta(seconds=-0.5), "0s"),
        (timedelta(seconds=-1), "0s"),
        (timedelta(), "0s"),
        (timedelta(seconds=45), "45s"),
        (timedelta(seconds=119), "119s"),
        (timedelta(minutes=2), "2m"),
        (timedelta(minutes=3, seconds=12), "3m12s"),
        (timedelta(minutes=10, seconds=59), "10m"),
        (timedelta(minutes=179), "179m"),
        (timedelta(hours=3), "3h"),
        (timedelta(hours=3, minutes=12), "3h12m"),
        (timedelta(hours=8, minutes=59), "8h"),
        (timedelta(hours=47), "47h"),
        (timedelta(hours=48), "2d"),
        (timedelta(days=2, hours=5), "2d5h"),
        (timedelta(days=5), "5d"),
        (timedelta(days=8, hours=23), "8d"),
        (timedelta(days=729), "729d"),
        (timedelta(days=730), "2y"),
        (timedelta(days=800), "2y70d"),
        (timedelta(days=365 * 8 + 100), "8y"),
    ],
)
def test_ages_are_those_of_kubectl(delta: timedelta, text: str) -> None:
    assert age(delta) == text
