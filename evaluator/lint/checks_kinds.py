"""Check of where pod specs are: every kind has its own path, and a policy may look at one of them only."""

from collections.abc import Iterator

from evaluator.lint.analysis import Read
from evaluator.lint.document import ITEM, Missing, Path, shown, type_at
from evaluator.lint.finding import Check, Finding, Severity
from evaluator.lint.kinds import fields_of
from evaluator.lint.subject import Subject

PODS_ONLY = Check(
    "TOC207", "pods-only-path", Severity.WARNING,
    "Looks for the pod spec where some of the matched kinds do not have it",
    "A Pod has its containers at input.spec, a Deployment at input.spec.template.spec, a CronJob at "
    "input.spec.jobTemplate.spec.template.spec. Where the path does not exist a condition never holds, "
    "and `count of bad containers is 0` holds for nothing.",
    bad="input.spec.containers[_], without match", good="match: [{group: '', version: v1, resource: pods}]",
)  # fmt: skip
CHECKS = (PODS_ONLY,)


def find(subject: Subject) -> Iterator[Finding]:
    """All findings of this module's check."""
    for read in subject.analysis.reads:
        if read.exact and read.direct:
            yield from _elsewhere(subject, read)
    yield from _left_out(subject)


def _elsewhere(subject: Subject, read: Read) -> Iterator[Finding]:
    """A field of a pod spec at a Pod's path, where no Pod is matched."""
    kinds = subject.analysis.kinds
    if read.path[:1] != ("spec",) or len(read.path) == 1 or read.path[1] not in fields_of("Pod"):
        return
    if all(isinstance(type_at(read.path[:2], kind), Missing) for kind in kinds):
        yield PODS_ONLY.at(
            read.place,
            f"{shown(read.path[:2])} does not exist for the matched kinds ({', '.join(kinds)})",
            f"write `{shown((*pod_prefix(kinds[0]), *read.path[1:]))}`",
        )


def pod_prefix(kind: str) -> Path:
    """Where a kind has its pod spec."""
    match kind:
        case "Pod":
            return ("spec",)
        case "CronJob":
            return ("spec", "jobTemplate", "spec", "template", "spec")
        case _:
            return ("spec", "template", "spec")


def _left_out(subject: Subject) -> Iterator[Finding]:
    kinds = subject.analysis.kinds
    covered: dict[str, Read] = {}
    for read in sorted(subject.analysis.reads, key=lambda each: not each.direct):
        if read.path == () or read.path[:2] == ("spec", ITEM):
            return  # something is looked for everywhere
        for kind in kinds:
            if _reaches_pod(read.path, kind):
                covered.setdefault(kind, read)
    left = [kind for kind in kinds if kind not in covered]
    if not covered or not left or _handed_on(subject):
        return
    kind, read = next(iter(covered.items()))
    only = " and ".join(_plural(name) for name in covered) if len(covered) <= 2 else "some kinds"  # noqa: PLR2004
    seen = read.path[: len(pod_prefix(kind)) + 1]
    yield PODS_ONLY.at(
        read.place,
        f"{shown(seen)} is there for {only} only: of {_listed(left)} this policy sees nothing there",
        f"{_match_advice(covered)}, or read `{shown(pod_prefix(left[0]))}` as well",
    )


def _reaches_pod(path: Path, kind: str) -> bool:
    prefix = pod_prefix(kind)
    if path[: len(prefix)] != prefix:
        return False
    if kind == "Pod":
        return len(path) > len(prefix) and path[1] in fields_of("Pod") and path[1] not in _SHARED
    return True


_SHARED = frozenset({"activeDeadlineSeconds"})
"""Fields of a Pod's spec that a Job's has, too."""


def _handed_on(subject: Subject) -> bool:
    """Whether the whole spec goes into a call, such as `walk`, that finds containers wherever they are."""
    for site, call in subject.calls():
        if call.name == "object.get":
            continue
        for argument in call.args:
            value = site.scope.value(argument)
            if any(getattr(each, "path", None) in {(), ("spec",)} for each in value):
                return True
    return False


def _match_advice(covered: dict[str, Read]) -> str:
    if set(covered) == {"Pod"}:
        return "add `match: [{group: '', version: v1, resource: pods}]` under spec"
    return f"limit spec.match to {', '.join(_plural(kind).lower() for kind in covered)}"


def _plural(kind: str) -> str:
    return f"{kind}s"


def _listed(kinds: list[str]) -> str:
    shown_kinds = [_plural(kind) for kind in kinds]
    return f"{', '.join(shown_kinds[:-1])} and {shown_kinds[-1]}" if len(shown_kinds) > 1 else shown_kinds[0]
