"""The report in short, as GitHub-flavoured Markdown for a wiki, an issue or a job's summary. Pure.

Foreign text stands in code spans: there nothing is markup, and no @name is called.
"""

from collections.abc import Iterator, Sequence

from cli.render.text import printable
from cli.reporting import words
from cli.reporting.page import ROWS, Asked
from pipeline.errors import clip
from sink.queries.model import Owner
from sink.queries.report_model import Report, Share

Row = Sequence[str]
_SAID = 160
"""Characters of a message."""


def lines(report: Report, asked: Asked) -> Iterator[str]:
    """Each with its line end."""
    for line in _lines(report, asked):
        yield f"{line}\n"


def _lines(report: Report, asked: Asked) -> Iterator[str]:
    standing = words.standing(report, asked.since, asked.now, narrowed=bool(asked.scope))
    yield f"# {standing.headline}"
    yield ""
    if words.is_empty(report):
        if not asked.scope:
            yield words.HOW_TO_BEGIN
        return
    said = [f"{standing.trend[:1].upper()}{standing.trend[1:]}." if standing.trend else "", standing.enforced]
    yield " ".join(filter(None, said)) or f"Recorded since {words.day(report.recorded_since or asked.now)}."
    yield ""
    scope = "".join(f", {name} {_code(text)}" for name, text in asked.scope)
    period = report.summary.period
    yield f"{words.minute(period.since)} to {words.minute(period.until)}{scope}."
    yield ""
    compares = words.compares(report, asked.since)
    yield from _table(("", "Period", "Before") if compares else ("", "Period"), _numbers(report, compares))
    change = ("Change",) if compares else ()
    for heading, found in (
        ("Policy", words.still_open(report.policies)),
        ("Namespace", words.still_open(report.namespaces)),
        ("Severity", words.by_severity(words.still_open(report.severities))),
    ):  # fmt: skip
        yield from _table((heading, "Open", "Enforce", *change, "Mean time to fix"), _shares(found, compares))
    yield from _table(("Workload that violates most policies", "Policies", "Open for"), _worst(report, asked))
    yield from _table(("Newest", "Policy", "Message", "Opened"), _newest(report, asked))
    yield from _table(("Not judged", "Reason", "Resources"), _unjudged(report))


def _table(header: Row, rows: Iterator[Row]) -> Iterator[str]:
    found = list(rows)
    if not found:
        return
    yield f"| {' | '.join(header)} |"
    yield f"|{'---|' * len(header)}"
    for row in found:
        yield f"| {' | '.join(row)} |"
    yield ""


def _numbers(report: Report, compares: bool) -> Iterator[Row]:
    now, before = report.summary.period, report.summary.before
    for name, of_now, of_before in (
        ("Opened", words.number(now.opened), words.number(before.opened)),
        ("Resolved", words.number(now.resolved), words.number(before.resolved)),
        ("Mean time to fix", *(words.lasting(each.mean_seconds_to_fix) for each in (now, before))),
    ):
        yield (name, of_now, of_before) if compares else (name, of_now)
    if report.summary.waived:
        row = ("Waived now", words.number(report.summary.waived), "")
        yield row if compares else row[:2]
    if report.resources:
        clean = max(report.resources - report.violating, 0)
        share = words.percent(clean, report.resources)
        of_all = f"{share} ({clean:,} of {report.resources:,})"
        yield (
            ("Resources without violation", of_all, "")
            if compares
            else (
                "Resources without violation",
                of_all,
            )
        )


def _shares(found: Sequence[Share], compares: bool) -> Iterator[Row]:
    for each in found[:ROWS]:
        change = (words.change(each),) if compares else ()
        name = _code(each.name) if each.name else "(cluster-scoped)"
        fix = words.lasting(each.mean_seconds_to_fix)
        yield (name, words.number(each.open), words.number(each.enforce), *change, fix)
    if len(found) > ROWS:
        rest = found[ROWS:]
        sums = (sum(each.open for each in rest), sum(each.enforce for each in rest))
        yield (f"{len(rest)} more", *map(words.number, sums), *(("",) if compares else ()), "")


def _worst(report: Report, asked: Asked) -> Iterator[Row]:
    for each in report.worst:
        age = words.ago(each.oldest_opened_at, asked.now)
        yield _workload(each.cluster, each.namespace, each.workload), words.number(each.policies), age


def _newest(report: Report, asked: Asked) -> Iterator[Row]:
    for each in report.newest:
        workload = each.workload or Owner(kind="", name="")
        name = _workload(each.cluster, each.namespace or "", workload)
        yield (
            name,
            _code(each.policy or ""),
            _code(each.message),
            f"{words.ago(each.newest_opened_at, asked.now)} ago",
        )


def _workload(cluster: str, namespace: str, workload: Owner) -> str:
    return _code("/".join(filter(None, (cluster, namespace, workload.kind, workload.name))))


def _unjudged(report: Report) -> Iterator[Row]:
    for each in report.unjudged[:ROWS]:
        failed = f"failed on {words.counted(each.resources, 'resource')}"
        yield _code(each.policy), _code(each.error) if each.error else failed, words.number(each.resources)


def _code(text: str) -> str:
    """A code span of one line; a table's cell ends at a bar even there (GFM, example 200)."""
    said = clip(printable(text), _SAID)
    fence = "`" * (1 + max((len(run) for run in _runs(said)), default=0))
    pad = " " if said.startswith("`") or said.endswith("`") else ""
    return f"{fence}{pad}{said}{pad}{fence}".replace("|", "\\|") if said else ""


def _runs(text: str) -> Iterator[str]:
    run = ""
    for character in f"{text} ":
        if character == "`":
            run += character
        elif run:
            yield run
            run = ""
