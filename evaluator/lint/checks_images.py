"""Checks of how image names are compared: who can write a name that slips through."""

import re
from collections.abc import Iterator

from evaluator.lint.analysis import Site
from evaluator.lint.finding import Check, Finding, Severity
from evaluator.lint.subject import Subject
from evaluator.lint.syntax import Call, Expr, Ref, ScalarKind, Var
from evaluator.lint.values import At, Known, Many, Value, members

DOCKER_HUB = Check(
    "TOC501", "docker-hub-by-name", Severity.WARNING,
    "Looks for Docker Hub in the image's name",
    "`nginx` is an image of Docker Hub, and does not say so: a name without a registry means "
    "index.docker.io, one without a slash library/ on it.",
    bad='contains(image, "docker.io")', good='images: [{glob: "index.docker.io/**"}]',
)  # fmt: skip
SUBSTRING = Check(
    "TOC502", "registry-substring", Severity.WARNING,
    "Looks for a registry anywhere in the image's name",
    "evil.example/registry.example.com/app contains it, too. A registry is at the start.",
    bad='contains(image, "registry.example.com")', good='startswith(image, "registry.example.com/")',
)  # fmt: skip
PREFIX = Check(
    "TOC503", "registry-prefix", Severity.WARNING,
    "A registry is compared without the slash that ends it",
    "registry.example.com.evil.example/app starts the same way.",
    bad='startswith(image, "registry.example.com")', good='startswith(image, "registry.example.com/")',
)  # fmt: skip
UNTAGGED = Check(
    "TOC504", "untagged-is-latest", Severity.WARNING,
    "Forgets that an image without a tag is latest",
    "`nginx` is `nginx:latest` and does not end with it.",
    bad='endswith(image, ":latest")', good='endswith(image, ":latest"), or no `:` behind the last slash',
)  # fmt: skip
CHECKS = (DOCKER_HUB, SUBSTRING, PREFIX, UNTAGGED)

_TESTS = frozenset({"contains", "startswith", "endswith", "regex.match", "re_match", "glob.match"})
_HOST = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}(?::[0-9]+)?")
_HUB = "docker.io"
_LATEST = ":latest"


def find(subject: Subject) -> Iterator[Finding]:
    """All findings of this module's checks."""
    calls = subject.calls()
    strings = {id(call): _strings(site, call) for site, call in calls}
    knows_short_names = any(
        call.name in {"split", "contains", "indexof"} and "/" in strings[id(call)] for _, call in calls
    )
    knows_tags = any(":" in text and text != _LATEST for texts in strings.values() for text in texts)
    for site, call in calls:
        texts = strings[id(call)]
        if call.name not in _TESTS:
            continue
        hub = [text for text in texts if _HUB in text.replace("\\", "")]
        if hub and not knows_short_names:
            yield _docker_hub(subject, call, hub[0])
        elif _is_image(subject, site, call):
            yield from _registry(subject, call, texts)
        if _LATEST in texts and call.name in {"endswith", "contains"} and not knows_tags:
            yield UNTAGGED.at(
                call.place,
                f"`{subject.source(call)}` does not hold for `nginx`, which is nginx:latest",
                "look for a `:` or `@` behind the last slash as well, as no tag means latest",
            )


def _docker_hub(subject: Subject, call: Call, text: str) -> Finding:
    return DOCKER_HUB.at(
        call.place,
        f"`{subject.source(call)}` looks for {text}, but `nginx` is an image of Docker Hub, too",
        'leave the choice to spec.images, whose globs see the full name: `glob: "index.docker.io/**"`; '
        "or treat a name without a registry as docker.io",
    )


def _registry(subject: Subject, call: Call, texts: list[str]) -> Iterator[Finding]:
    hosts = [text for text in texts if _HOST.fullmatch(text.partition("/")[0])]
    if call.name == "contains" and hosts:
        yield SUBSTRING.at(
            call.place,
            f"`{subject.source(call)}` holds for evil.example/{hosts[0].strip('/')}/app, too",
            f'write `startswith({subject.source(call.args[0])}, "{hosts[0].rstrip("/")}/")`',
        )
    bare = [text for text in hosts if "/" not in text]
    if call.name == "startswith" and bare:
        yield PREFIX.at(
            call.place,
            f"`{subject.source(call)}` holds for {bare[0]}.evil.example/app, too",
            f'end it with a slash: "{bare[0]}/"',
        )


def _is_image(subject: Subject, site: Site, call: Call) -> bool:
    """Whether the first argument is an image's name, by where it comes from or what it is called."""
    if not call.args:
        return False
    first = call.args[0]
    value = site.scope.value(first)
    if any(isinstance(each, At) and each.path[-1:] in {("image",), ("reference",)} for each in value):
        return True
    return isinstance(first, Var | Ref) and "image" in subject.source(first).rpartition(".")[2].lower()


def _strings(site: Site, call: Call) -> list[str]:
    """The constants among the arguments, and those that they are taken from."""
    return [text for argument in call.args for text in _constants(site, argument)]


def _constants(site: Site, argument: Expr) -> Iterator[str]:
    value: Value = site.scope.value(argument)
    if any(isinstance(each, Many) for each in value):
        value = members(value)
    for each in value:
        if isinstance(each, Known) and each.kind is ScalarKind.STRING and each.text is not None:
            yield each.text
