"""The help of every command as one page: `python -m cli.reference docs/reference/cli.md`.

A test fails when the committed page is not what the program says.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

from cli.main import app

_WIDTH = 100
_TITLE = """# `tocsin`: commands

Written by `make schemas` from the program's own help.
"""


def page() -> str:
    """The page, in Markdown."""
    sections = (
        f"\n## `{path}`\n\n```text\n{text}\n```\n" for path, text in _helps(typer.main.get_command(app))
    )
    return _TITLE + "".join(sections)


def _helps(command: Any, parent: Any = None) -> Iterator[tuple[str, str]]:
    """Path and help of a command and all below it. `Any`: Typer brings a click of its own."""
    context = command.make_context(
        command.name, [], parent=parent, resilient_parsing=True, terminal_width=_WIDTH
    )
    yield context.command_path, "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    for each in getattr(command, "commands", {}).values():
        yield from _helps(each, context)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
