"""Checks of what a text reads: that it is in the input document at all, and there for every kind."""

import re
from collections.abc import Iterator
from difflib import get_close_matches

from evaluator.lint.analysis import Read, Site
from evaluator.lint.document import FLAGS, ITEM, ONE, ROOTS, Missing, shown, type_at
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
BY_PLATFORM = Check(
    "TOC208", "config-by-platform", Severity.ERROR,
    "Reads an image's config without choosing a platform",
    "input.config is an object by platform such as linux/amd64, also for an image of one platform.",
    bad="input.config.created", good="input.config[_].created",
)  # fmt: skip
CHECKS = (
    MISSING_INCLUDE, UNUSED_INCLUDE, UNKNOWN_INPUT, HYPHEN,
    LIST_BY_NAME, UNKNOWN_PATH, BY_PLATFORM,
)  # fmt: skip

_KEYED = ("labels", "annotations", "matchLabels", "nodeSelector")
_ARITHMETIC = ("-", "/")
_NAME_PARTS = re.compile(r"[\w.\-/]+")
_STATEMENT = ("predicate", "predicateType", "subject")
_GATEKEEPER = ("review", "request", "object", "parameters", "attributes")


def find(subject: Subject) -> Iterator[Finding]:
    """All findings of this module's checks."""
    yield from _includes(subject)
    yield from _hyphens(subject)
    for read in subject.analysis.reads:
        if read.exact and read.direct:
            yield from _path(subject, read)


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
        yield from _unknown_path(read, missing)


def _is_platform(step: str) -> bool:
    return step in {ITEM, ONE} or "/" in step


def _unknown_input(read: Read, missing: Missing) -> Finding:
    close = get_close_matches(missing.step, ROOTS, 1)
    if missing.step in {"kind", "apiVersion"}:
        fix = f"write `input.typemeta.{missing.step}` and add `includeTypeMeta: true` under spec.policy"
    elif missing.step in {"labels", "annotations", "name", "namespace"}:
        fix = f"write `input.metadata.{missing.step}` and add `includeObjectMeta: true` under spec.policy"
    elif missing.step in _STATEMENT:
        fix = "only the policy of an attestation sees its statement: put the text there"
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


def _unknown_path(read: Read, missing: list[Missing]) -> Iterator[Finding]:
    first = max(missing, key=lambda found: len(found.path))
    where = shown(first.path)
    if not fields_of(first.type):
        type_ = first.type.partition("=")[0]
        yield UNKNOWN_PATH.at(
            read.place, f"{where} is a {type_}: there is no {first.step.strip('[]')} in it", f"read `{where}`"
        )
        return
    if read.path[0] == "spec" and first.path == ("spec",) and first.step in fields_of("Pod"):
        return  # it is there, on kinds that are not matched: `checks_kinds` says so
    known = sorted({name for found in missing for name in fields_of(found.type)})
    close = get_close_matches(first.step, known, 1, 0.75)
    close = close or [name for name in known if name.lower() == first.step.lower()]
    if close:
        wanted = shown((*first.path, close[0]))
        message = f"{where} has no {first.step}: this is never defined"
        yield UNKNOWN_PATH.at(read.place, message, f"write `{wanted}`")
