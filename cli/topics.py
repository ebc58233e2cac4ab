"""`tocsin topics`: make them, or say how they differ from what they have to be."""

import sys

from cli.render.columns import Column, write_columns
from cli.render.text import counted
from pipeline.errors import ExitCode
from pipeline.kafka import topics
from pipeline.settings import load_settings

_COLUMNS = (
    Column("TOPIC"),
    Column("SETTING"),
    Column("EXPECTED"),
    Column("FOUND"),
    Column("SERIOUS", {"yes": "red"}),
)


async def create(*, kafka: str | None) -> ExitCode:
    """Make what is missing. Raises LogError."""
    settings = load_settings(kafka_bootstrap=kafka).kafka
    made = await topics.create(settings)
    sys.stderr.write(f"made {', '.join(made)}\n" if made else "the topics are there already\n")
    return ExitCode.OK


async def check(*, kafka: str | None) -> ExitCode:
    """Print what differs; VIOLATIONS where something does. Raises LogError."""
    settings = load_settings(kafka_bootstrap=kafka).kafka
    found = await topics.differences(settings)
    rows = [(d.topic, d.what, d.expected, d.found, "yes" if d.breaks else "no") for d in found]
    write_columns(_COLUMNS, rows, sys.stdout)
    sys.stderr.write(f"{counted(len(found), 'difference')}\n")
    return ExitCode.VIOLATIONS if found else ExitCode.OK
