"""Help, version and completion of every command there is.

Not covered: the README's copy of the help (the README's own test).
"""

from pathlib import Path

import pytest
import typer.main
from typer.core import TyperCommand, TyperGroup

from cli.main import app
from tests.e2e.command import TOCSIN, tocsin
from tests.e2e.running import running


def _commands(command: object, *words: str) -> list[tuple[str, ...]]:
    """The words of each command that does something."""
    if isinstance(command, TyperGroup):
        return [each for name, one in command.commands.items() for each in _commands(one, *words, name)]
    assert isinstance(command, TyperCommand)
    return [words]


COMMANDS = _commands(typer.main.get_command(app))


def test_the_commands_that_are_promised_are_there() -> None:
    promised = {
        ("scan",), ("run",),
        ("violations", "list"), ("violations", "show"),
        ("policies", "list"), ("policies", "show"), ("policies", "test"),
        ("events", "tail"), ("db", "upgrade"), ("db", "current"), ("topics", "create"), ("topics", "check"),
    }  # fmt: skip
    assert promised <= set(COMMANDS)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_says_what_a_command_does_and_shows_an_example(words: tuple[str, ...], tmp_path: Path) -> None:
    ran = tocsin(tmp_path, *words, "--help")
    assert (ran.code, ran.err) == (0, "")
    lines = [line.strip() for line in ran.out.splitlines()]
    examples = lines[lines.index("Examples:") + 1 :]
    assert examples[0].removeprefix("helm template shop ./chart | ").startswith(f"tocsin {' '.join(words)}")
    assert "\b" not in ran.out


@pytest.mark.parametrize("words", sorted({words[0] for words in COMMANDS if len(words) > 1}))
def test_a_group_without_a_command_shows_its_commands(words: str, tmp_path: Path) -> None:
    ran = tocsin(tmp_path, words)
    assert ran.code == 2
    assert "Commands:" in ran.out + ran.err


def test_the_version_is_one_line(tmp_path: Path) -> None:
    ran = tocsin(tmp_path, "--version")
    assert (ran.code, len(ran.out.splitlines()), ran.err) == (0, 1, "")
    assert ran.out.startswith("tocsin ")


def test_a_command_that_is_none_and_an_option_that_is_none_are_wrong_usage(tmp_path: Path) -> None:
    for words in (("nosuch",), ("violations", "nosuch"), ("violations", "list", "--nosuch")):
        ran = tocsin(tmp_path, *words)
        assert (ran.code, ran.out) == (2, "")
        assert "nosuch" in ran.err


def test_completion_is_shown_for_the_shell_at_hand(tmp_path: Path) -> None:
    # the colon keeps bash from giving its process to the command: then there would be no shell
    with running(tmp_path, "-c", f"{TOCSIN} --show-completion; :", program="bash") as shell:
        assert shell.wait() == 0
    assert "complete -o" in "\n".join(shell.out.seen)
    assert shell.err.seen == []


def test_completion_completes(tmp_path: Path) -> None:
    asked = {
        "_TOCSIN_COMPLETE": "complete_bash",
        "COMP_WORDS": "tocsin violations li",
        "COMP_CWORD": "2",
    }
    ran = tocsin(tmp_path, env=asked)
    assert ran.out.split() == ["list"]
    assert ran.err == ""
