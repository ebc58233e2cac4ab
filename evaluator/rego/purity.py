"""Which policies depend on nothing but their input document. Pure.

Source: OPA's documentation of its built-ins, those marked non-deterministic, and
those that read the clock in passing (token and certificate verification).
"""

from collections.abc import Iterable

_IMPURE = (
    "crypto.x509.",
    "http.",
    "io.jwt.",
    "net.lookup",
    "opa.",
    "providers.",
    "rand.",
    "time.now",
    "uuid.rfc",
)

IMPURE = "calls a built-in that may say something else the next time: clock, random numbers, certificates"
"""Why verdicts of such a policy are not remembered."""


def is_pure(called: Iterable[str]) -> bool:
    """Whether a policy that calls these built-ins always says the same of the same document."""
    return not any(name.startswith(_IMPURE) for name in called)
