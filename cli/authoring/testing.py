"""`tocsin policies test`: the tests of policies, run and reported as pytest does."""

import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cli.authoring.cases import Case, read_cases
from cli.authoring.discovery import Discovery, Suite, discover, untested
from cli.authoring.report import CaseReport, PolicyReport, Status, TestReport, report_of
from cli.authoring.running import run_suite
from cli.invoke import complain, let_go_of_stdout
from cli.render import policy_tests
from cli.render.text import printable
from evaluator.rego.engines import Engines
from pipeline.errors import ExitCode, UsageError
from pipeline.settings import Settings, load_settings
from pipeline.settings_types import EngineChoice
from watcher.records import Failure

_DOTS = {Status.PASSED: ".", Status.FAILED: "F", Status.ERROR: "E"}

_Ready = tuple[Suite, list[Case]]


@dataclass(frozen=True, slots=True)
class TestOptions:
    """What the command line says beyond settings. `keyword`: of the tests to run; empty for all."""

    __test__ = False  # not for pytest to collect

    paths: tuple[str, ...]
    keyword: str
    verbose: bool
    format: str


async def run_policy_tests(options: TestOptions, *, engine: EngineChoice | None) -> ExitCode:
    """Run the tests; write the report to stdout and what there is to say to stderr."""
    settings = load_settings(engine=engine)
    start = time.monotonic()
    found = discover(options.paths or (".",), settings.source)
    for problem in found.problems:
        complain(str(problem))
    if not found.suites and not found.failures:
        if found.problems:
            return ExitCode.USAGE
        raise UsageError(f"{', '.join(options.paths or ('.',))}: neither policies nor tests of policies")
    ready, errors = _prepare(found, options.keyword, settings)
    if options.keyword and not any(cases for _, cases in ready):
        raise UsageError(f"no test has {options.keyword!r} in its policy, file or object")
    policies = await _run(ready, settings)
    report = report_of(tuple(policies), tuple(errors))
    try:
        policy_tests.write(report, options.format, sys.stdout, verbose=options.verbose)
    except BrokenPipeError:
        let_go_of_stdout()
    _say(report, found, options, time.monotonic() - start)
    return ExitCode.USAGE if found.problems else _exit_code(report)


def _prepare(found: Discovery, keyword: str, settings: Settings) -> tuple[list[_Ready], list[str]]:
    """The cases of each suite, and a line for each thing that could not be read."""
    errors = [failure.text for failure in found.failures]
    ready: list[_Ready] = []
    for suite in found.suites:
        cases: list[Case] = []
        for case in read_cases(suite.files, settings.source):
            if not _is_meant(case, suite, keyword):
                continue
            if isinstance(case, Failure):
                errors.append(case.text)
            else:
                cases.append(case)
        ready.append((suite, cases))
    return ready, errors


def _is_meant(case: Case | Failure, suite: Suite, keyword: str) -> bool:
    wanted = keyword.casefold()
    names = (suite.source.found.policy.name, case.file, case.resource if isinstance(case, Case) else "")
    return any(wanted in name.casefold() for name in names)


async def _run(ready: Sequence[_Ready], settings: Settings) -> list[PolicyReport]:
    """Every suite, several at once; a dot for each test as it ends, on a terminal only."""
    tick = _dots() if sys.stderr.isatty() else None

    async def run(suite: Suite, cases: Sequence[Case]) -> PolicyReport:
        report = await run_suite(suite, cases, pool, settings)
        if tick is not None:
            tick(report.cases)
        return report

    async with Engines.start(settings.evaluator) as pool, asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(run(suite, cases), name=f"tests of {suite.source.found.policy.name}")
            for suite, cases in ready
            if cases
        ]
    if tick is not None:
        sys.stderr.write("\n")
    return [task.result() for task in tasks]


def _dots() -> Callable[[Sequence[CaseReport]], None]:
    def tick(cases: Sequence[CaseReport]) -> None:
        sys.stderr.write("".join(_DOTS[case.status] for case in cases))
        sys.stderr.flush()

    return tick


def _say(report: TestReport, found: Discovery, options: TestOptions, seconds: float) -> None:
    """To stderr: what could not be read, policies without tests, and the counts."""
    for error in report.errors:
        complain(error)
    if not options.keyword:
        for line in untested(found.suites):
            sys.stderr.write(f"info: {printable(line)}\n")
    sys.stderr.write(f"{policy_tests.summary_line(report)} in {seconds:.1f} s\n")


def _exit_code(report: TestReport) -> ExitCode:
    """A test that failed goes before what could not be run, as in a scan."""
    if report.failed:
        return ExitCode.VIOLATIONS
    return ExitCode.FAILED if report.errored else ExitCode.OK
