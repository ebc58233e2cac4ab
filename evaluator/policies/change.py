"""A verdict beside the previous one for the same resource, policy and image; and its id.

The order is pass < warn < fail. An error is beside the order: it says that nothing
is known now. So that nobody misses a loss and nobody celebrates one:

| from | to | change |
|---|---|---|
| pass, warn | error | degraded: what was fine is no longer known to be |
| fail | error | updated: neither better nor worse is known |
| error | pass, warn | improved |
| error | fail | degraded: a violation has come to light |

Waivers are beside all of that: a violation that comes under one is `waived`, whatever it was
before, and one that a waiver covered until now has `returned`. An error ends neither a violation
nor its waiver: the waiver may end while the error lasts, and then the error has `returned`.
"""

import hashlib
from enum import StrEnum

import msgspec

from pipeline.events import Change, Outcome

_HEXADECIMAL = frozenset("0123456789abcdef")
_ID_LENGTH = 32
_RANKS = {Outcome.PASS: 0, Outcome.WARN: 1, Outcome.FAIL: 2}
_BESIDE_THE_ORDER = {
    (Outcome.PASS, Outcome.ERROR): Change.DEGRADED,
    (Outcome.WARN, Outcome.ERROR): Change.DEGRADED,
    (Outcome.FAIL, Outcome.ERROR): Change.UPDATED,
    (Outcome.ERROR, Outcome.PASS): Change.IMPROVED,
    (Outcome.ERROR, Outcome.WARN): Change.IMPROVED,
    (Outcome.ERROR, Outcome.FAIL): Change.DEGRADED,
}


class Cover(StrEnum):
    """Whether waivers cover a violation, beside the verdict before."""

    NONE = "none"
    """Neither does now nor did; or there is no violation any more."""
    BEGINS = "begins"
    GOES_ON = "goes on"
    ENDS = "ends"
    """The violation is still there."""


_COVERED = {Cover.BEGINS: Change.WAIVED, Cover.ENDS: Change.RETURNED}


def cover(*, before: bool, now: bool, violated: bool) -> Cover:
    """`before`, `now`: whether the verdict is waived; `violated`: whether it is one, or may be."""
    if now:
        return Cover.GOES_ON if before else Cover.BEGINS
    return Cover.ENDS if before and violated else Cover.NONE


def change(previous: Outcome | None, now: Outcome, *, same: bool, cover: Cover = Cover.NONE) -> Change:
    """How a verdict differs from the previous one.

    `previous` None or withdrawn: there was none. `same`: nothing else of the verdict
    (message, warning, images, policy) differs. A withdrawal is an update, and so is what was waived
    before an error and is so after it: nothing has come to light.
    """
    if cover in _COVERED:
        return _COVERED[cover]
    if previous is now:
        return Change.NONE if same else Change.UPDATED
    if now is Outcome.WITHDRAWN or (previous is Outcome.ERROR and cover is Cover.GOES_ON):
        return Change.UPDATED
    if previous is None or previous is Outcome.WITHDRAWN:
        return Change.NEW
    if (previous, now) in _BESIDE_THE_ORDER:
        return _BESIDE_THE_ORDER[previous, now]
    return Change.DEGRADED if _RANKS[now] > _RANKS[previous] else Change.IMPROVED


def verdict_id(
    *,
    key: str,
    previous_id: str,
    resource_version: str,
    resource_digest: str,
    generation: int,
    policy_digest: str,
    image_config_digest: str,
    outcome: Outcome,
    waiver: str = "",
) -> str:
    """The CloudEvents id of a verdict: 32 hexadecimal digits.

    The same decision made again has the same id; fail, pass and fail again have
    three, because each id holds the one before. `key` is the verdict's key on the
    log: two resources that are alike in everything else still differ in it. `waiver`: name and
    end of what waives it; empty for most.
    """
    decision = (
        key,
        previous_id,
        resource_version,
        resource_digest,
        generation,
        policy_digest,
        image_config_digest,
        outcome.value,
        *((waiver,) if waiver else ()),
    )
    # JSON quotes every part, so that no two decisions run into the same text.
    return hashlib.sha256(msgspec.json.encode(decision)).hexdigest()[:_ID_LENGTH]


def is_verdict_id(text: str) -> bool:
    """Whether a text has the form of a verdict's id."""
    return len(text) == _ID_LENGTH and not set(text) - _HEXADECIMAL
