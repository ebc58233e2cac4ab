"""Image globs: `**` is any characters, `*` any but `/`, everything else is literal.

Source: policy-controller, `pkg/apis/glob/glob.go`. A glob is tried on the
normalised name and, where it differs, on the name as written. Ours besides: on
the digest that runs, where it is known (admission sees digests only), and on the
written name of an image whose reference is not valid. The colon of a tag is no
separator, and a newline is a character like any other: no name slips past `**`.
"""

import re
from functools import lru_cache

from evaluator.policies.references import InvalidReferenceError, parse_reference

_SHORT_FORMS = {"*": "index.docker.io/library/*", "*/*": "index.docker.io/*/*"}
_LEGAL = re.compile(r"[a-zA-Z0-9\-_:/*.@]+")
_TOKENS = re.compile(r"\*\*|\*|[^*]+")
_CACHED_MATCHES = 16_384


def is_legal(glob: str) -> bool:
    """Whether the glob has at least one character, and legal ones only."""
    return _LEGAL.fullmatch(glob) is not None


@lru_cache(maxsize=1024)
def compile_glob(glob: str) -> re.Pattern[str]:
    """The glob as a regular expression, for `fullmatch`."""
    tokens = _TOKENS.findall(_SHORT_FORMS.get(glob, glob))
    return re.compile("".join(map(_expression, tokens)), re.DOTALL)


@lru_cache(maxsize=_CACHED_MATCHES)
def matches_any(globs: tuple[str, ...], image: str, digest: str = "") -> bool:
    """Whether one of the globs matches the image as written, normalised, or by its running digest.

    Remembered, because ten thousand Pods share a few hundred images.
    """
    names = _names(image, digest)
    return any(compile_glob(glob).fullmatch(name) for glob in globs for name in names)


def _names(image: str, digest: str) -> tuple[str, ...]:
    try:
        reference = parse_reference(image)
    except InvalidReferenceError:
        return (image,)
    running = (reference.with_digest(digest),) if digest else ()
    return (reference.name, image, *running)


def _expression(token: str) -> str:
    match token:
        case "**":
            return ".*"
        case "*":
            return "[^/]*"
        case _:
            return re.escape(token)
