"""Filters by the dialects of CloudEvents Subscriptions 1.0, section 3.2.4.

exact, prefix, suffix, all, any, not. An attribute that an event does not have matches nothing. Pure.
"""

from collections.abc import Iterable, Mapping, Sequence

from deliverer.subscriber import Attributes, Takes
from pipeline.events import VERDICT_TYPES, Change, Mode

ATTRIBUTES = (
    *("type", "source", "subject", "id", "time", "partitionkey"),
    *("cluster", "namespace", "kind", "policy", "mode", "change", "waiver"),
    *("traceparent", "tracestate", "observedtime"),
)
"""What a verdict's event may have."""

_CLOSED: Mapping[str, Sequence[str]] = {
    "type": [type_.value for type_ in VERDICT_TYPES.values()],
    "mode": list(Mode),
    "change": list(Change),
}
"""Attributes whose every value is known."""


def exact(wanted: Mapping[str, str]) -> Takes:
    """Every attribute has the value."""
    return lambda attributes: all(attributes.get(name) == value for name, value in wanted.items())


def prefix(wanted: Mapping[str, str]) -> Takes:
    """Every attribute begins with the value."""
    return lambda attributes: all(
        name in attributes and attributes[name].startswith(value) for name, value in wanted.items()
    )


def suffix(wanted: Mapping[str, str]) -> Takes:
    """Every attribute ends with the value."""
    return lambda attributes: all(
        name in attributes and attributes[name].endswith(value) for name, value in wanted.items()
    )


def every(filters: Iterable[Takes]) -> Takes:
    """Each of the filters takes it; without any, everything is taken."""
    wanted = tuple(filters)
    return lambda attributes: all(takes(attributes) for takes in wanted)


def some(filters: Iterable[Takes]) -> Takes:
    """One of the filters takes it."""
    wanted = tuple(filters)
    return lambda attributes: any(takes(attributes) for takes in wanted)


def negation(filter_: Takes) -> Takes:
    """The filter does not take it."""
    return lambda attributes: not filter_(attributes)


DIALECTS = {"exact": exact, "prefix": prefix, "suffix": suffix}
"""Those that look at values."""


def problem(dialect: str, name: str, value: str) -> str:
    """Why a comparison makes no sense; empty where it does. A slip would be silence for ever."""
    if name not in ATTRIBUTES:
        return f"no event has an attribute {name!r}; there are {', '.join(ATTRIBUTES)}"
    if not value:
        return f"{name}: expected a text that is not empty"
    known = _CLOSED.get(name)
    if known is not None and not any(_holds(dialect, name, value, {name: each}) for each in known):
        return f"no event has this {name}; there are {', '.join(known)}"
    return ""


def _holds(dialect: str, name: str, value: str, attributes: Attributes) -> bool:
    return DIALECTS[dialect]({name: value})(attributes)
