"""`tocsin errors list`: what could not be read or evaluated, as the database has it."""

import sys
from datetime import UTC, datetime

from cli.database import expect_recorded, reader_of
from cli.invoke import reader_may_leave
from cli.options import ListFormat
from cli.render.errors import layout
from cli.render.items import write_items
from pipeline.errors import ExitCode
from pipeline.settings import load_settings
from sink.queries.errors import ErrorFilter, list_errors
from sink.queries.filters import Filter


async def list_(wanted: ErrorFilter, output: ListFormat, *, exit_code: bool, db: str | None) -> ExitCode:
    """Print a line for each. Raises StoreError."""
    narrowed = Filter(clusters=wanted.clusters, policies=wanted.policies)
    async with reader_of(load_settings(db=db)) as reader:
        await expect_recorded(reader, narrowed)
        found = await list_errors(reader, wanted)
    with reader_may_leave():
        write_items(iter(found), output, layout(datetime.now(UTC)), sys.stdout)
    if not found:
        sys.stderr.write("No errors.\n")
    return ExitCode.VIOLATIONS if found and exit_code else ExitCode.OK
