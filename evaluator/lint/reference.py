"""The reference of all checks, generated from them.

`python -m evaluator.lint.reference FILE` writes it. A test fails when the committed
file differs.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from evaluator.lint.finding import Check
from evaluator.lint.linting import CHECKS

_HEAD = """\
# Rules of `tocsin policies lint`

Generated from the rules themselves (`make schemas`); do not edit.

A rule has an id that never changes and a name that says the same in words; options and comments
take either.

| severity | means | exit code |
|---|---|---|
| error | the policy cannot do what it says | 1 |
| warning | it does, but hardly what its author meant | 1 |
| info | worth knowing, and may well be meant | 0 |

The linter reads the object and the text by itself, also a text that does not compile; what the Rego
engines say comes on top. It knows the types of the fields of workloads (Kubernetes 1.34), and claims
something of an expression only where it knows all that the expression can be. Line and column are
those of the YAML file wherever a line of the text is a line of the file (`data: |`).

To live with a finding, write `# tocsin:ignore=RULE why` at the end of its line or on a line above it;
for a field of the object, the annotation `tocsin.dev/lint-ignore: RULE`. Several rules are separated
by commas.
"""


def render() -> str:
    """The page as it is committed."""
    parts = [_HEAD, "| id | name | severity | |", "|---|---|---|---|"]
    for check in CHECKS:
        link = f"[{check.slug}](#{check.id.lower()}-{check.slug})"
        parts.append(f"| {check.id} | {link} | {check.severity} | {check.title} |")
    for check in CHECKS:
        parts += ["", *_section(check)]
    return "\n".join(parts) + "\n"


def _section(check: Check) -> Iterator[str]:
    yield f"## {check.id} {check.slug}"
    yield ""
    yield f"{check.title} ({check.severity}). {check.why}"
    if check.bad:
        yield ""
        yield f"- instead of: `{check.bad}`"
        yield f"- write: `{check.good}`"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(render(), encoding="utf-8")
