"""Checks of what a text reads: that it is in the input document at all, and there for every kind."""

import re
from collections.abc import Iterator
from difflib import get_close_matches

from evaluator.lint.analysis import Read, Site
from evaluator.lint.document import FLAGS, ITEM, ONE, ROOTS, Missing, Path, shown, type_at
from evaluator.lint.finding import Check, Finding, Severity
from evaluator.lint.kinds import fields_of
from evaluator.lint.subject import Subject
from evaluator.lint.syntax import Binary, Module, Ref, Var

MISSING_INCLUDE = Check(
    "TOC201", "missing-include", Severity.ERROR,
    "Reads a part of the document that was not asked for",
    "spec, metadata, typemeta and config are in the input document only where spec.policy asks for them; "
    "otherwise every reference to them is undefined.",
)  # fmt: skip
UNUSED_INCLUDE = Check(
    "TOC202", "unused-include", Severity.INFO,
    "Asks for a part of the document that nothing reads",
    "What is in the document takes time to build, and a verdict is made anew whenever it changes.",
)  # fmt: skip
UNKNOWN_INPUT = Check(
    "TOC203", "unknown-input", Severity.ERROR,
    "Reads what no document has",
    "The input document has authorityMatches, config, spec, metadata and typemeta; it is not the "
    "AdmissionReview that Gatekeeper or OPA's admission policies see.",
    bad="input.review.object.spec.hostNetwork", good="input.spec.hostNetwork",
)  # fmt: skip
HYPHEN = Check(
    "TOC204", "hyphen-subtraction", Severity.ERROR,
    "A name with a hyphen or slash is read as arithmetic",
    "After a dot only letters, digits and _ belong to the name: the rest is a subtraction (or a division) "
    "of a variable that nobody defined.",
    bad='input.metadata.labels.approved-by == "x"', good='input.metadata.labels["approved-by"] == "x"',
)  # fmt: skip
LIST_BY_NAME = Check(
    "TOC205", "list-by-name", Severity.ERROR,
    "A list is read as if it were an object",
    "Lists have numbers, not names: list.name is never defined. Choose an item first.",
    bad="input.spec.containers.image[_]", good="input.spec.containers[_].image",
)  # fmt: skip
UNKNOWN_PATH = Check(
    "TOC206", "unknown-path", Severity.WARNING,
    "Reads a field that no Kubernetes object has there",
    "A reference to a field that does not exist is undefined, and a condition on it never holds.",
    bad="input.spec.hostNetwrok", good="input.spec.hostNetwork",
)  # fmt: skip
PODS_ONLY = Check(
    "TOC207", "pods-only-path", Severity.WARNING,
    "Looks for the pod spec where some of the matched kinds do not have it",
    "A Pod has its containers at input.spec, a Deployment at input.spec.template.spec, a CronJob at "
    "input.spec.jobTemplate.spec.template.spec. Where the path does not exist a condition never holds, "
    "and `count of bad containers is 0` holds for nothing.",
    bad="input.spec.containers[_], without match", good="match: [{group: '', version: v1, resource: pods}]",
)  # fmt: skip
BY_PLATFORM = Check(
    "TOC208", "config-by-platform", Severity.ERROR,
    "Reads an image's config without choosing a platform",
    "input.config is an object by platform such as linux/amd64, also for an image of one platform.",
    bad="input.config.created", good="input.config[_].created",
)  # fmt: skip
CHECKS = (
    MISSING_INCLUDE, UNUSED_INCLUDE, UNKNOWN_INPUT, HYPHEN,
    LIST_BY_NAME, UNKNOWN_PATH, PODS_ONLY, BY_PLATFORM,
)  # fmt: skip

_KEYED = ("labels", "annotations", "matchLabels", "nodeSelector")
_ARITHMETIC = ("-", "/")
_NAME_PARTS = re.compile(r"[\w.\-/]+")
_GATEKEEPER = ("review", "request", "object", "parameters", "attributes")


def find(subject: Subject) -> Iterator[Finding]:
    """All findings of this module's checks."""
    yield from _includes(subject)
    yield from _hyphens(subject)
    for read in subject.analysis.reads:
        if read.exact and read.direct:
            yield from _path(subject, read)
    yield from _pods_only(subject)


def _includes(subject: Subject) -> Iterator[Finding]:
    roots: dict[str, Read] = {}
    for read in subject.analysis.reads:
        roots.setdefault(read.path[0] if read.path else ITEM, read)
    unfinished = subject.analysis.module.problems or has_empty_body(subject.analysis.module)
    for root, flag in FLAGS.items():
        if root in roots and flag not in subject.flags:
            yield MISSING_INCLUDE.at(
                roots[root].place,
                f"input.{root} is never there: spec.policy does not ask for it",
                f"add `{flag}: true` under spec.policy",
            )
        elif flag in subject.flags and root not in roots and ITEM not in roots and not unfinished:
            yield UNUSED_INCLUDE.of(
                f"spec.policy.{flag}",
                f"asks for input.{root}, which the text never reads",
                "remove it, unless it is there for a later version",
            )


def has_empty_body(module: Module) -> bool:
    """Whether a rule is still to be written."""
    bodies = [clause.body for rule in module.rules for clause in rule.clauses]
    return any(body is not None and not body.statements for body in bodies)


def _hyphens(subject: Subject) -> Iterator[Finding]:
    seen: set[int] = set()  # starts of the chains: the outermost comes first
    for site in subject.analysis.sites:
        first = _undefined_operand(site)
        if first is None or first.place.start in seen:
            continue
        seen.add(first.place.start)
        yield HYPHEN.at(first.place, *_hyphen_words(subject, first))


def _undefined_operand(site: Site) -> Ref | None:
    """The reference that a chain such as `a.b-c-d` starts with, where one of the names is not defined."""
    expr = site.expr
    if not isinstance(expr, Binary) or expr.operator not in _ARITHMETIC:
        return None
    undefined = False
    while isinstance(expr, Binary) and expr.operator in _ARITHMETIC:
        tight = expr.left.place.end == expr.at.start and expr.at.end == expr.right.place.start
        name = expr.right.head if isinstance(expr.right, Ref) else expr.right
        if not tight:
            return None
        undefined |= isinstance(name, Var) and not site.scope.declares(name.name)
        expr = expr.left
    dotted = isinstance(expr, Ref) and expr.steps[-1].dotted
    return expr if undefined and dotted and isinstance(expr, Ref) else None


def _hyphen_words(subject: Subject, ref: Ref) -> tuple[str, str]:
    text = subject.analysis.module.text
    names = [text[step.place.start : step.place.end] for step in ref.steps]
    keyed = [index for index, name in enumerate(names) if name in _KEYED and index + 1 < len(names)]
    at = ref.steps[keyed[0] + 1 if keyed else -1].place.start
    match = _NAME_PARTS.match(text, at)
    key = match[0] if match else ""
    before = text[ref.place.start : at].rstrip(".")
    return (
        f"{before}.{key} is arithmetic on undefined variables, not the name {key}",
        f'write `{before}["{key}"]`',
    )


def _path(subject: Subject, read: Read) -> Iterator[Finding]:
    kinds = subject.analysis.kinds
    if len(read.path) > 1 and read.path[0] == "config" and not _is_platform(read.path[1]):
        yield BY_PLATFORM.at(
            read.place,
            f"{shown(read.path)}: input.config is an object by platform, and {read.path[1]} is none",
            f"write `{shown(('config', ITEM, *read.path[1:]))}`, or name a platform: "
            '`input.config["linux/amd64"]`',
        )
        return
    missing = [found for kind in kinds if isinstance(found := type_at(read.path, kind), Missing)]
    if len(missing) < len(kinds) or not missing:
        return
    first = missing[0]
    if first.type == "document":
        yield _unknown_input(read, first)
    elif first.type.startswith("[]"):
        yield _list_by_name(read, first)
    else:
        yield from _unknown_path(read, missing, kinds)


def _is_platform(step: str) -> bool:
    return step in {ITEM, ONE} or "/" in step


def _unknown_input(read: Read, missing: Missing) -> Finding:
    close = get_close_matches(missing.step, ROOTS, 1)
    if missing.step in {"kind", "apiVersion"}:
        fix = f"write `input.typemeta.{missing.step}` and add `includeTypeMeta: true` under spec.policy"
    elif missing.step in {"labels", "annotations", "name", "namespace"}:
        fix = f"write `input.metadata.{missing.step}` and add `includeObjectMeta: true` under spec.policy"
    elif missing.step in _GATEKEEPER:
        fix = "the object's parts are at input.spec, input.metadata and input.typemeta"
    elif close:
        fix = f"write `input.{close[0]}`"
    else:
        fix = f"read one of {', '.join(f'input.{root}' for root in ROOTS)}"
    return UNKNOWN_INPUT.at(read.place, f"input.{missing.step} is never there", fix)


def _list_by_name(read: Read, missing: Missing) -> Finding:
    rest = read.path[len(missing.path) :]
    wanted = (*missing.path, ITEM, *(rest[:-1] if rest[-1] == ITEM else rest))
    return LIST_BY_NAME.at(
        read.place,
        f"{shown(missing.path)} is a list and has no {missing.step}: this is never defined",
        f"write `{shown(wanted)}`",
    )


def _unknown_path(read: Read, missing: list[Missing], kinds: tuple[str, ...]) -> Iterator[Finding]:
    first = max(missing, key=lambda found: len(found.path))
    where = shown(first.path)
    if not fields_of(first.type):
        type_ = first.type.partition("=")[0]
        yield UNKNOWN_PATH.at(
            read.place, f"{where} is a {type_}: there is no {first.step.strip('[]')} in it", f"read `{where}`"
        )
        return
    prefix = pod_prefix(kinds[0])
    if read.path[0] == "spec" and first.path == ("spec",) and first.step in fields_of("Pod"):
        yield PODS_ONLY.at(
            read.place,
            f"{shown((*first.path, first.step))} does not exist for the matched kinds ({', '.join(kinds)})",
            f"write `{shown((*prefix, *read.path[1:]))}`",
        )
        return
    known = sorted({name for found in missing for name in fields_of(found.type)})
    close = get_close_matches(first.step, known, 1, 0.75)
    close = close or [name for name in known if name.lower() == first.step.lower()]
    if close:
        wanted = shown((*first.path, close[0]))
        message = f"{where} has no {first.step}: this is never defined"
        yield UNKNOWN_PATH.at(read.place, message, f"write `{wanted}`")


def pod_prefix(kind: str) -> Path:
    """Where a kind has its pod spec."""
    match kind:
        case "Pod":
            return ("spec",)
        case "CronJob":
            return ("spec", "jobTemplate", "spec", "template", "spec")
        case _:
            return ("spec", "template", "spec")


def _pods_only(subject: Subject) -> Iterator[Finding]:
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
