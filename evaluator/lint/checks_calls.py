"""Checks of the built-ins that a text calls."""

from collections.abc import Iterator

from evaluator.lint.finding import Check, Finding, Severity
from evaluator.lint.subject import Subject
from evaluator.rego.guards import FORBIDDEN_CALLS

FORBIDDEN = Check(
    "TOC601", "forbidden-call", Severity.ERROR,
    "Calls a built-in that no policy may call",
    "A verdict must not depend on the network or on the process that evaluates: on every engine such a "
    "policy is refused.",
    bad='http.send({"url": ...})', good="write what it would answer into the text",
)  # fmt: skip
DEPRECATED = Check(
    "TOC602", "deprecated-builtin", Severity.WARNING,
    "Calls a built-in that OPA has deprecated",
    "It is gone in Rego v1 (`import rego.v1`), and some engines do not have it.",
    bad='re_match("^a", name)', good='regex.match("^a", name)',
)  # fmt: skip
CLOCK = Check(
    "TOC603", "reads-clock", Severity.INFO,
    "The verdict changes with time",
    "Tocsin evaluates such a policy again on a schedule, so that its verdict can change with no event.",
)  # fmt: skip
RANDOM = Check(
    "TOC604", "random", Severity.WARNING,
    "The verdict depends on chance",
    "The same object passes and fails without a change.",
    bad='rand.intn("x", 2)', good="decide by what is in the document",
)  # fmt: skip
CHECKS = (FORBIDDEN, DEPRECATED, CLOCK, RANDOM)

_INSTEAD = {
    "all": "write `every x in xs { x }` (import rego.v1), or count the others",
    "any": "write `true in xs`",
    "cast_array": "write `[x | x := xs[_]]`",
    "cast_boolean": "compare with true or false",
    "cast_null": "compare with null",
    "cast_object": "check with `is_object`",
    "cast_set": "write `{x | x := xs[_]}`",
    "cast_string": 'write `sprintf("%v", [x])`',
    "net.cidr_overlap": "write `net.cidr_contains`",
    "re_match": "write `regex.match`",
    "set_diff": "write `a - b`",
}
_CLOCK = "time.now_ns"
_CHANCE = ("rand.", "uuid.rfc")


def find(subject: Subject) -> Iterator[Finding]:
    """All findings of this module's checks."""
    for _, call in subject.calls():
        name = call.name
        if name in FORBIDDEN_CALLS:
            yield FORBIDDEN.at(
                call.place,
                f"{name} {FORBIDDEN_CALLS[name]}: no engine here runs it",
                "decide by what is in the document",
            )
        elif name in _INSTEAD:
            yield DEPRECATED.at(call.place, f"{name} is deprecated and gone in Rego v1", _INSTEAD[name])
        elif name == _CLOCK:
            yield CLOCK.at(call.place, f"{name}: the verdict changes with time, without any event")
        elif name.startswith(_CHANCE):
            yield RANDOM.at(
                call.place, f"{name}: the verdict depends on chance", "decide by what is in the document"
            )
