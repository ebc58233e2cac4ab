"""Checks of a policy's object: fields, globs, authorities, mode."""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any

from evaluator.lint.document import FLAGS
from evaluator.lint.finding import Check, Finding, Severity
from evaluator.policies.model import Policy
from evaluator.policies.model_authorities import Action, Static
from evaluator.policies.reading import InvalidPolicyError
from pipeline.events import PolicyText

INVALID = Check(
    "TOC001", "invalid-field", Severity.ERROR,
    "A field is not valid",
    "The API server or the policy-controller refuses the object; in Tocsin it matches nothing.",
)  # fmt: skip
UNKNOWN = Check(
    "TOC002", "unknown-field", Severity.WARNING,
    "A field that no ClusterImagePolicy has",
    "Kubernetes drops it without a word: what it was to switch on stays off.",
    bad="fetchconfigFile: true", good="fetchConfigFile: true",
)  # fmt: skip
DOUBTFUL = Check(
    "TOC003", "doubtful-field", Severity.WARNING,
    "A field is valid, but cannot do what was meant",
    "The object is accepted, and this part of it has no effect.",
)  # fmt: skip
NOT_EVALUATED = Check(
    "TOC004", "not-evaluated", Severity.INFO,
    "Uses what Tocsin does not evaluate yet",
    "Nothing is wrong with the policy, but its verdicts are errors here.",
)  # fmt: skip
WRITTEN_GLOB = Check(
    "TOC005", "written-name-glob", Severity.WARNING,
    "A glob that depends on how the image's name is written",
    "Globs see the full name, such as index.docker.io/library/nginx:latest, and the name as it is written. "
    "A glob without a registry, or for docker.io, matches only who writes it that way.",
    bad="glob: docker.io/**", good="glob: index.docker.io/**",
)  # fmt: skip
NARROW_GLOB = Check(
    "TOC006", "narrow-glob", Severity.WARNING,
    "A glob that matches less than it seems to",
    "`*` alone is Docker Hub's official images, `*/*` Docker Hub's others: `**` is every image. A name "
    "without a wildcard and without a tag matches the tag latest only.",
    bad='glob: "*"', good='glob: "**"',
)  # fmt: skip
DEFAULT_MODE = Check(
    "TOC007", "default-mode", Severity.INFO,
    "No mode: admission would enforce",
    "spec.mode is enforce where it is absent, and counts as such in every report.",
    bad="spec without mode", good="mode: warn",
)  # fmt: skip
BYPASSED = Check(
    "TOC008", "authority-bypassed", Severity.WARNING,
    "A static authority makes the others superfluous",
    "One authority that passes is enough: next to `static: {action: pass}` no signature is ever needed.",
    bad="authorities: [{static: {action: pass}}, {keyless: ...}]", good="authorities: [{keyless: ...}]",
)  # fmt: skip
PASSES_ALL = Check(
    "TOC009", "passes-everything", Severity.WARNING,
    "A static pass and no policy text",
    "Every matching image passes, and nothing is ever said.",
)  # fmt: skip
NEVER_READ = Check(
    "TOC010", "text-never-evaluated", Severity.WARNING,
    "The policy's text is never evaluated",
    "Where no authority passes the resource fails, and the text is not asked.",
    bad="authorities: [{static: {action: fail}}]", good="authorities: [{static: {action: pass}}]",
)  # fmt: skip
DUPLICATE = Check(
    "TOC011", "duplicate-name", Severity.ERROR,
    "Two policies have one name",
    "A ClusterImagePolicy is known by its name: only the first is used.",
)  # fmt: skip
NO_TEXT = Check(
    "TOC012", "text-not-found", Severity.INFO,
    "A field that leads to a text leads to none",
    "The text of a policy may be in a ConfigMap or behind a URL. What is not found there is not looked into, "
    "and the verdicts of the policy are errors.",
)  # fmt: skip
CHECKS = (
    INVALID, UNKNOWN, DOUBTFUL, NOT_EVALUATED, WRITTEN_GLOB, NARROW_GLOB,
    DEFAULT_MODE, BYPASSED, PASSES_ALL, NEVER_READ, DUPLICATE, NO_TEXT,
)  # fmt: skip

_FIELDS = (
    *FLAGS.values(), "type", "data", "configMapRef", "remote", "images", "glob", "match", "group", "version",
    "resource", "selector", "authorities", "static", "action", "key", "keyless", "mode", "policy", "name",
    "matchLabels", "matchExpressions",
)  # fmt: skip
_HUB, _FULL_HUB = "docker.io/", "index.docker.io/"


def of_invalid(error: InvalidPolicyError) -> Iterator[Finding]:
    """Findings of an object that is not valid."""
    for problem in error.problems:
        yield INVALID.of(problem.path, problem.reason)


def of_unknown_fields(paths: tuple[str, ...]) -> Iterator[Finding]:
    """Findings of fields that nobody reads."""
    for path in paths:
        name = path.rpartition(".")[2]
        by_case = {field.lower(): field for field in _FIELDS}
        close = [by_case[each] for each in get_close_matches(name.lower(), by_case, 1, 0.8)]
        fix = (
            f"write `{close[0]}`" if close and close[0] != name else "remove it, or move it where it belongs"
        )
        yield UNKNOWN.of(path, f"no ClusterImagePolicy has a field {name} there: it has no effect", fix)


def of_texts(texts: Iterable[PolicyText]) -> Iterator[Finding]:
    """Findings of what is elsewhere."""
    for text in texts:
        if text.problem:
            yield NO_TEXT.of(text.path, text.problem)


def of_valid(policy: Policy, spec: dict[str, Any]) -> Iterator[Finding]:
    """Findings of an object that is valid."""
    yield from of_unknown_fields(policy.unknown_fields)
    for warning in policy.warnings:
        yield DOUBTFUL.of(warning.path, warning.reason)
    for part in filter(None, policy.unsupported.split("; ")):
        path, _, reason = part.partition(": ")
        yield NOT_EVALUATED.of(path, reason)
    for index, glob in enumerate(policy.globs):
        if not any(other.startswith((_FULL_HUB, "**")) for other in policy.globs):
            yield from _written(f"spec.images[{index}].glob", glob)
        yield from _narrow(f"spec.images[{index}].glob", glob)
    if not spec.get("mode"):
        yield DEFAULT_MODE.of(
            "spec", "mode is absent, which means enforce", "write `mode: warn` or `mode: enforce`"
        )
    yield from _authorities(policy)


def _authorities(policy: Policy) -> Iterator[Finding]:
    static = [authority for authority in policy.authorities if isinstance(authority, Static)]
    passing = [authority for authority in static if authority.action is Action.PASS]
    others = len(policy.authorities) - len(static)
    if passing and others and policy.rego is None:
        yield BYPASSED.of(
            "spec.authorities",
            f"{passing[0].name} passes every image: no signature is ever needed",
            "remove the static authority",
        )
    elif passing and policy.rego is None:
        yield PASSES_ALL.of(
            "spec.authorities", "every matching image passes: there is nothing to audit", "add spec.policy"
        )
    elif static and not passing and not others and policy.rego is not None:
        yield NEVER_READ.of(
            "spec.policy",
            "no authority passes, so that every resource fails and the text is never evaluated",
            "write `static: {action: pass}`",
        )


def _written(path: str, glob: str) -> Iterator[Finding]:
    """Of a glob for Docker Hub that only some ways of writing a name match; none where another glob does."""
    first, slash, rest = glob.partition("/")
    if glob.startswith(_HUB):
        yield WRITTEN_GLOB.of(
            path,
            f"the full name of Docker Hub's images starts with index.docker.io, not {first}",
            f"write `{_FULL_HUB}{rest}`",
        )
    elif _is_plain(first) and glob != "*":
        wanted = f"{_FULL_HUB}{glob}" if slash else f"{_FULL_HUB}library/{glob}"
        yield WRITTEN_GLOB.of(
            path,
            f"{glob} names no registry: it matches only images that are written without one",
            f"write `{wanted}`",
        )


def _narrow(path: str, glob: str) -> Iterator[Finding]:
    if glob in {"*", "*/*"}:
        what = "official images" if glob == "*" else "images with an owner"
        yield NARROW_GLOB.of(
            path, f"{glob} means Docker Hub's {what} only", 'write `glob: "**"` for every image'
        )
    elif (
        not _is_plain(glob.partition("/")[0])
        and "*" not in glob
        and "@" not in glob
        and ":" not in glob.rpartition("/")[2]
    ):
        yield NARROW_GLOB.of(
            path,
            f"{glob} has no tag: of the full names it matches none but :latest",
            f"write `{glob}:*` or `{glob}**`",
        )


def _is_plain(first: str) -> bool:
    """Whether what is before the first slash can be no registry."""
    return "*" not in first and "." not in first and ":" not in first and first != "localhost"
