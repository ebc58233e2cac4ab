"""Checks of a text as a whole: that there is a verdict, and that it can go both ways."""

from collections.abc import Iterator

from evaluator.lint.finding import Check, Finding, Severity
from evaluator.lint.responses import Response, Says, responses
from evaluator.lint.subject import Subject
from evaluator.lint.syntax import Call, Place, Ref, Scalar, ScalarKind, Var
from evaluator.lint.values import Known
from evaluator.rego.engine import PACKAGE, RULE

COMPILE = Check(
    "TOC101", "compile", Severity.ERROR,
    "The text does not compile",
    "A policy that does not compile has no verdict: every one of them is an error.",
)  # fmt: skip
EMPTY_BODY = Check(
    "TOC102", "empty-body", Severity.ERROR,
    "A rule's body is empty",
    "A body needs at least one expression; a comment is none. The text does not parse.",
    bad="isCompliant { # to do }", good="isCompliant { input.spec.hostNetwork != true }",
)  # fmt: skip
WRONG_PACKAGE = Check(
    "TOC103", "wrong-package", Severity.ERROR,
    "The package is not sigstore",
    "The verdict is the value of data.sigstore.isCompliant; in another package nobody finds it.",
    bad="package main", good="package sigstore",
)  # fmt: skip
NO_VERDICT = Check(
    "TOC104", "no-iscompliant", Severity.ERROR,
    "There is no rule isCompliant",
    "The verdict is the value of data.sigstore.isCompliant; without it everything fails.",
    bad="allow { ... }", good="isCompliant { ... }",
)  # fmt: skip
NEVER = Check(
    "TOC105", "never-compliant", Severity.ERROR,
    "isCompliant is never true",
    "Every resource fails, whatever it is.",
    bad="default isCompliant = false, and no other rule", good="isCompliant { CONDITIONS }",
)  # fmt: skip
ALWAYS = Check(
    "TOC106", "always-compliant", Severity.WARNING,
    "isCompliant is never false",
    "Every resource passes, whatever it is, and nothing is ever said: the policy audits nothing.",
    bad="isCompliant { true }", good="isCompliant { CONDITIONS }",
)  # fmt: skip
MISSING_RESULT = Check(
    "TOC107", "missing-result", Severity.ERROR,
    "A response has no result",
    "A response without result counts as result: false.",
    bad='isCompliant[{"warning": "old"}] { ... }',
    good='isCompliant[{"result": true, "warning": "old"}] { ... }',
)  # fmt: skip
UNKNOWN_FIELD = Check(
    "TOC108", "unknown-response-field", Severity.WARNING,
    "A response has a field that nobody reads",
    "A response has result, error and warning; anything else is ignored, its message is never seen.",
    bad='{"result": false, "msg": "no"}', good='{"result": false, "error": "no"}',
)  # fmt: skip
WRONG_SHAPE = Check(
    "TOC109", "wrong-result-shape", Severity.ERROR,
    "isCompliant is neither a boolean nor a set of responses",
    "Anything else fails closed: the resource fails, and the message is about the policy.",
    bad='isCompliant["image is old"] { ... }',
    good='isCompliant[{"result": false, "error": "image is old"}] { ... }',
)  # fmt: skip
SILENT = Check(
    "TOC110", "silent-failure", Severity.INFO,
    "A failing response does not say why",
    "Whoever gets the violation sees only that the policy is not compliant.",
    bad='{"result": false}', good='{"result": false, "error": "container web is privileged"}',
)  # fmt: skip
NO_ENGINE = Check(
    "TOC111", "no-engine", Severity.ERROR,
    "No Rego engine here can be trusted with the text",
    "It may be right, but every verdict is an error: Tocsin refuses rather than guess.",
)  # fmt: skip
NOT_ANALYSED = Check(
    "TOC112", "not-analysed", Severity.INFO,
    "The linter cannot read a part of the text",
    "Mistakes in that part are not found. The engines read more of Rego than the linter does.",
)  # fmt: skip
UNUSED_RULE = Check(
    "TOC113", "unused-rule", Severity.INFO,
    "A rule that nothing uses",
    "It has no influence on the verdict: a condition that was meant to count may be missing.",
)  # fmt: skip
NO_DATA = Check(
    "TOC114", "no-data", Severity.ERROR,
    "Reads data that is not there",
    "There is no data besides the policy's own rules: no parameters, no library, no inventory.",
    bad="data.kubernetes.namespaces", good="write the values into the text, as a set",
)  # fmt: skip
CHECKS = (
    COMPILE, EMPTY_BODY, WRONG_PACKAGE, NO_VERDICT, NEVER, ALWAYS, MISSING_RESULT,
    UNKNOWN_FIELD, WRONG_SHAPE, SILENT, NO_ENGINE, NOT_ANALYSED, UNUSED_RULE, NO_DATA,
)  # fmt: skip

_RESPONSE_FIELDS = frozenset({"result", "error", "warning"})
_LIKE_ERROR = frozenset({"msg", "message", "reason", "errors", "err"})
_ALIKE = ("allow", "deny", "violation", "compliant", "is_compliant", "iscompliant", "IsCompliant")


def find(subject: Subject) -> Iterator[Finding]:
    """All findings of this module's checks but those that an engine has to make."""
    module = subject.analysis.module
    if module.package != (PACKAGE,):
        got = ".".join(module.package) or "nothing"
        yield WRONG_PACKAGE.at(
            module.package_place, f"the package is {got}; it must be {PACKAGE}", "write `package sigstore`"
        )
    yield from _empty_bodies(subject)
    yield from _verdict(subject)
    yield from _unused(subject)
    yield from _data(subject)


def _empty_bodies(subject: Subject) -> Iterator[Finding]:
    for rule in subject.analysis.module.rules:
        for clause in rule.clauses:
            if clause.body is not None and not clause.body.statements:
                yield EMPTY_BODY.at(
                    clause.body.place,
                    f"the body of {rule.name} is empty: the text does not parse",
                    "write the conditions under which it holds, or `true`",
                )


def _verdict(subject: Subject) -> Iterator[Finding]:
    analysis = subject.analysis
    rules = analysis.rules.by_name.get(RULE, [])
    if not rules or all(rule.is_function for rule in rules):
        if not any(problem for problem in analysis.module.problems):
            yield _no_verdict(subject)
        return
    found = list(responses(analysis))
    for response in found:
        yield from _response(response)
    if analysis.module.problems or any(_is_empty(response) for response in found):
        return  # what is missing could have said the contrary
    says = {response.says for response in found}
    if says <= {Says.NO}:
        yield NEVER.at(
            rules[0].place,
            f"no rule makes {RULE} true: every resource fails",
            f"add `{RULE} {{ CONDITIONS }}`, or a response with `result: true`",
        )
    for response in found:
        if response.says is Says.YES and response.unconditional and _is_final(response, found):
            yield ALWAYS.at(
                response.place,
                f"{RULE} is true whatever the resource is: every resource passes",
                "write the conditions under which a resource passes into a body",
            )
            return


def _is_final(response: Response, found: list[Response]) -> bool:
    """Whether nothing else can be said: by no warning, and no other rule where it is a default."""
    if response.warns or (response.rule.partial_set and any(other.warns for other in found)):
        return False
    return not response.rule.default or all(other.says is Says.YES for other in found)


def _is_empty(response: Response) -> bool:
    return response.clause.body is not None and not response.clause.body.statements


def _no_verdict(subject: Subject) -> Finding:
    module = subject.analysis.module
    alike = next((rule for rule in module.rules if rule.name in _ALIKE), None)
    functions = subject.analysis.rules.by_name.get(RULE, [])
    place = functions[0].place if functions else alike.place if alike else module.package_place
    if functions:
        return NO_VERDICT.at(place, f"{RULE} is a function", f"write `{RULE}` without arguments")
    fix = f"rename {alike.name} to {RULE}" if alike else f"add `{RULE} {{ CONDITIONS }}`"
    return NO_VERDICT.at(place, f"there is no rule {RULE}: every resource fails", fix)


def _response(response: Response) -> Iterator[Finding]:
    if response.says is Says.WRONG:
        yield WRONG_SHAPE.at(
            response.place,
            _wrong(response),
            'write `isCompliant[{"result": false, "error": MESSAGE}] { CONDITIONS }`, or a boolean',
        )
    if response.fields is None:
        return
    names = set(response.fields.values)
    if "result" not in names:
        yield MISSING_RESULT.at(
            response.place,
            "the response has no result, which counts as result: false",
            'add `"result": true` or `"result": false`',
        )
    for name in sorted(names - _RESPONSE_FIELDS):
        yield UNKNOWN_FIELD.at(
            response.place,
            f"nobody reads {name}: a response has result, error and warning",
            f'write `"error"` instead of `"{name}"`' if name in _LIKE_ERROR else f"remove {name}",
        )
    error = response.fields.values.get("error")
    said = error is not None and not any(isinstance(each, Known) and each.text == "" for each in error)
    if response.says is Says.NO and "result" in names and not said and not names & _LIKE_ERROR:
        yield SILENT.at(response.place, "the response fails without an error", 'add `"error": MESSAGE`')


def _wrong(response: Response) -> str:
    if response.fields is not None:
        return "result must be a boolean: any other value fails closed"
    if response.rule.key is not None and not response.rule.partial_set:
        return f"{RULE} is an object by key; it must be a boolean or a set of responses"
    if response.rule.key is not None:
        return f"a member of {RULE} must be an object with result, error and warning"
    return f"{RULE} must be a boolean or a set of responses: any other value fails closed"


def _unused(subject: Subject) -> Iterator[Finding]:
    analysis = subject.analysis
    used = {RULE}
    for site in analysis.sites:
        name = _named(site.expr)
        if name and name != site.rule.name:
            used.add(name)
    for name, rules in analysis.rules.by_name.items():
        if name not in used and not analysis.module.problems:
            yield UNUSED_RULE.at(rules[0].place, f"nothing uses {name}", "use it, or remove it")


def _named(expr: object) -> str:
    """The rule that an expression may mean."""
    match expr:
        case Var(_, name) | Call(_, name):
            return name.removeprefix(f"data.{PACKAGE}.")
        case Ref(_, Var(_, "data"), (_, step, *_)) if isinstance(step.key, Scalar):
            return step.key.text
        case Ref(_, Var(_, name), _):
            return name
        case _:
            return ""


def _data(subject: Subject) -> Iterator[Finding]:
    module = subject.analysis.module
    for one in module.imports:
        if one.path[0] == "data" and one.path[1:2] != (PACKAGE,):
            yield _no_data(one.place, ".".join(one.path))
    for site in subject.analysis.sites:
        match site.expr:
            case Ref(_, Var(_, "data"), (step, *_)) if isinstance(step.key, Scalar):
                if step.key.kind is ScalarKind.STRING and step.key.text != PACKAGE:
                    yield _no_data(site.expr.place, subject.source(site.expr))
            case _:
                pass


def _no_data(place: Place, source: str) -> Finding:
    return NO_DATA.at(
        place, f"{source} is never there", "write the values into the text, as a set or an object"
    )
