"""`tocsin report`: one look at the database, written in as many forms as were asked for."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cli.database import expect_recorded, reader_of
from cli.invoke import reader_may_leave
from cli.narrowing import Said, filter_of
from cli.options import PolicyReportApi
from cli.reporting import markdown, page
from cli.reporting.destination import STDOUT, opened
from cli.reporting.page import Asked
from cli.reporting.policy_reports import write_policy_reports
from cli.reporting.spreadsheet import write_spreadsheet
from cli.since import parse_time
from pipeline.errors import ExitCode, UsageError, clip
from pipeline.settings import load_settings
from sink.queries.filters import Filter
from sink.queries.reader import Reader
from sink.queries.report import report as ask


@dataclass(frozen=True, slots=True)
class Outputs:
    """A path each, or `-`; None for a form that nobody wants."""

    html: str | None
    markdown: str | None
    csv: str | None
    policy_report: str | None
    api: PolicyReportApi


async def report(outputs: Outputs, said: Said, since: str, *, db: str | None) -> ExitCode:
    """Write each of them. Raises UsageError for what cannot be written, StoreError without a database."""
    _check(outputs)
    now = datetime.now(UTC)
    begin = parse_time(since, now, "--since")
    if begin >= now or (now - begin) > (begin - datetime.min.replace(tzinfo=UTC)):
        raise UsageError(f"--since {clip(since)!r}: expected a time in the past, such as 30d or a date")
    asked = Asked(begin, now, _scope(said))
    wanted = filter_of(said, now)
    async with reader_of(load_settings(db=db)) as reader:
        await expect_recorded(reader, wanted)
        with reader_may_leave():
            await _write(outputs, reader, wanted, asked)
    return ExitCode.OK


async def _write(outputs: Outputs, reader: Reader, wanted: Filter, asked: Asked) -> None:
    if outputs.html is not None or outputs.markdown is not None:
        found = await ask(reader, wanted, asked.since, asked.now, page.ROWS)
        if outputs.html is not None:
            with opened(outputs.html) as out:
                out.write(page.render(found, asked))
        if outputs.markdown is not None:
            with opened(outputs.markdown) as out:
                out.writelines(markdown.lines(found, asked))
    if outputs.csv is not None:
        with opened(outputs.csv) as out:
            await write_spreadsheet(reader, wanted, asked.since, asked.now, out)
    if outputs.policy_report is not None:
        with opened(outputs.policy_report) as out:
            await write_policy_reports(reader, wanted, asked.now, outputs.api, out)


def _check(outputs: Outputs) -> None:
    given = [outputs.html, outputs.markdown, outputs.csv, outputs.policy_report]
    paths = [path for path in given if path is not None]
    if not paths:
        raise UsageError("nothing to write: name a file with --html, --markdown, --csv or --policy-report")
    if "" in paths:
        raise UsageError("expected the path of a file, or -, got an empty one")
    targets = Counter(STDOUT if path == STDOUT else str(Path(path).absolute()) for path in paths)
    for target, count in targets.items():
        if count > 1:
            raise UsageError(
                f"{clip(target)}: expected a file for each form of the report, got one for {count}"
            )


def _scope(said: Said) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name, ", ".join(terms))
        for name, terms in (
            ("cluster", said.cluster),
            ("namespace", said.namespace),
            ("policy", said.policy),
            ("severity", said.severity),
            ("mode", tuple(mode.value for mode in said.mode)),
        )
        if terms
    )
