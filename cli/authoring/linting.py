"""`tocsin policies lint`: mistakes in policies, each with its place in the file and its remedy."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from cli.authoring.lint_report import FoundMistake, LintReport, report_of
from cli.authoring.positions import Positions, lines_of
from cli.authoring.sources import PolicySource, read_policies
from cli.invoke import complain, let_go_of_stdout
from cli.render import lint as rendering
from evaluator.lint.checks_object import DUPLICATE
from evaluator.lint.finding import Check, Finding, Severity
from evaluator.lint.linting import CHECKS, lint, text_of
from evaluator.lint.suppression import is_named, names
from evaluator.rego.choice import Choice, choose
from evaluator.rego.pool import WorkerPool
from pipeline.errors import ExitCode, UsageError
from pipeline.settings import load_settings
from pipeline.settings_types import EngineChoice
from watcher.manifests import STDIN, Listing, find
from watcher.policies import choose as choose_names
from watcher.records import Failure


@dataclass(frozen=True, slots=True)
class LintOptions:
    """What the command line says beyond settings. `select` empty: every check."""

    paths: tuple[str, ...]
    select: tuple[str, ...]
    ignore: tuple[str, ...]
    format: str


async def lint_policies(options: LintOptions, *, engine: EngineChoice | None) -> ExitCode:
    """Lint; write the findings to stdout and what there is to say to stderr."""
    select, ignore = _checks_named(options.select), _checks_named(options.ignore)
    settings = load_settings(engine=engine)
    with ExitStack() as stack:
        listing = _with_stdin_on_disk(find(options.paths), stack)
        sources, failures = read_policies(listing.files, settings.source)
        contents = _contents(sources)
    named = {file.name for file in listing.files if file.named}
    unusable = any(problem.named for problem in listing.problems)
    unusable = unusable or any(failure.place is None and failure.file in named for failure in failures)
    if not sources and not failures and not unusable:
        raise UsageError(f"{', '.join(options.paths)}: no ClusterImagePolicy in it")
    repeated = choose_names(source.found for source in sources).repeated
    found: list[FoundMistake] = []
    async with WorkerPool(settings.evaluator) as pool:
        for source in sources:
            findings = [*_repeated(source, repeated), *await _lint(source, pool, settings.evaluator.engine)]
            kept = [each for each in findings if _is_wanted(each.check, select, ignore)]
            found += _placed(source, kept, contents[source.path])
    unreadable = tuple(failure.text for failure in failures) + tuple(
        str(problem) for problem in listing.problems
    )
    report = report_of(len(sources), tuple(found), unreadable)
    try:
        rendering.write(report, options.format, sys.stdout)
    except BrokenPipeError:
        let_go_of_stdout()
    for line in report.unreadable:
        complain(line)
    sys.stderr.write(f"{rendering.summary_line(report)}\n")
    return ExitCode.USAGE if unusable else _exit_code(report)


async def explain_check(name: str) -> ExitCode:
    """Say what a check is about."""
    wanted = names(name)
    found = [check for check in CHECKS if is_named(check, wanted)]
    if not found:
        raise UsageError(_unknown(name))
    sys.stdout.write("\n".join(map(rendering.explanation, found)))
    return ExitCode.OK


def _exit_code(report: LintReport) -> ExitCode:
    """As in a scan: what was found goes before what could not be read. `info` is no mistake."""
    if report.summary.errors or report.summary.warnings:
        return ExitCode.VIOLATIONS
    return ExitCode.FAILED if report.unreadable else ExitCode.OK


def _checks_named(given: Sequence[str]) -> frozenset[str]:
    wanted = frozenset(name for text in given for name in names(text))
    for name in wanted:
        if not any(is_named(check, frozenset({name})) for check in CHECKS):
            raise UsageError(_unknown(name))
    return wanted


def _unknown(name: str) -> str:
    return f"no rule {name}: expected an id such as {CHECKS[0].id}, or a name such as {CHECKS[0].slug}"


def _is_wanted(check: Check, select: frozenset[str], ignore: frozenset[str]) -> bool:
    return (not select or is_named(check, select)) and not is_named(check, ignore)


def _with_stdin_on_disk(listing: Listing, stack: ExitStack) -> Listing:
    """Standard input can be read once only, and is needed twice: for its objects and their places."""
    files = list(listing.files)
    for index, file in enumerate(files):
        if file.path == STDIN:
            copy = Path(stack.enter_context(TemporaryDirectory())) / "stdin"
            copy.write_bytes(sys.stdin.buffer.read())
            files[index] = replace(file, path=str(copy))
    return replace(listing, files=tuple(files))


def _contents(sources: Iterable[PolicySource]) -> dict[str, tuple[str, ...]]:
    """The lines of each file, read once however many policies it holds."""
    paths = dict.fromkeys(source.path for source in sources)
    return {path: lines_of(Path(path).read_text(encoding="utf-8", errors="replace")) for path in paths}


async def _lint(source: PolicySource, pool: WorkerPool, engine: EngineChoice) -> tuple[Finding, ...]:
    applied = source.applied("lint")
    text = text_of(applied)
    choice = await choose(pool, engine, text) if text else Choice()
    return lint(applied, choice)


def _repeated(source: PolicySource, repeated: Iterable[Failure]) -> Iterator[Finding]:
    """The finding of a policy whose name is taken."""
    for failure in repeated:
        if (failure.file, failure.place) == (source.found.file, source.found.place):
            yield DUPLICATE.of("metadata.name", failure.message)


def _placed(
    source: PolicySource, findings: Iterable[Finding], lines: tuple[str, ...]
) -> Iterator[FoundMistake]:
    positions = Positions.find(lines, source.found.place)
    for finding in findings:
        spot = (
            positions.of_text(finding.line, finding.column)
            if finding.line
            else positions.of_field(finding.path)
        )
        yield FoundMistake(
            rule=finding.check.id,
            name=finding.check.slug,
            severity=Severity(finding.check.severity),
            policy=source.found.policy.name,
            file=source.found.file,
            line=spot.line,
            column=spot.column,
            exact=spot.exact,
            path=finding.path,
            text_line=finding.line,
            text_column=finding.column,
            message=finding.message,
            fix=finding.fix,
        )
