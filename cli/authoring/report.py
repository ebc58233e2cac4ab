"""What came of the tests of policies: what `tocsin policies test -o json` prints.

Every key is always there; a text with nothing to say is "".
"""

from enum import StrEnum

import msgspec

from cli.authoring.layout import Expected


class Status(StrEnum):
    """Of one test. An error is never a pass: the policy could not be evaluated."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"


class _Part(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Immutable, camelCase in JSON."""


class CaseReport(_Part, frozen=True):
    """One object, judged by one policy."""

    policy: str
    file: str
    line: int
    resource: str
    """`namespace/Kind/name`."""
    expected: Expected
    expected_message: str
    got: Expected
    message: str
    """What the policy said: its error, or its warning."""
    status: Status
    reason: str
    """Why the test did not pass, in one line."""


class PolicyReport(_Part, frozen=True):
    """One policy with its tests."""

    name: str
    file: str
    line: int
    engine: str
    problem: str
    """Why the policy cannot be evaluated at all."""
    cases: tuple[CaseReport, ...]


class TestReport(_Part, frozen=True):
    """Everything. `errors`: what could not be read, one line each."""

    __test__ = False  # not for pytest to collect

    passed: int
    failed: int
    errored: int
    """Tests that could not be run, and `errors`."""
    policies: tuple[PolicyReport, ...]
    errors: tuple[str, ...]


def report_of(policies: tuple[PolicyReport, ...], errors: tuple[str, ...]) -> TestReport:
    """Count."""
    states = [case.status for policy in policies for case in policy.cases]
    return TestReport(
        passed=states.count(Status.PASSED),
        failed=states.count(Status.FAILED),
        errored=states.count(Status.ERROR) + len(errors),
        policies=policies,
        errors=errors,
    )
