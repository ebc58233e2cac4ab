"""How long to wait after failures: exponential, with full jitter, so that many do not come at once. Pure."""

from deliverer.subscriber import Patience

_MOST_DOUBLINGS = 32


def pause(patience: Patience, failures: int, chance: float) -> float:
    """Seconds before the next attempt. `chance`: from 0 to 1, drawn for this pause."""
    longest = min(patience.most, patience.first * 2.0 ** min(failures - 1, _MOST_DOUBLINGS))
    return longest * chance


def is_over(patience: Patience, attempts: int, age: float) -> bool:
    """Whether an event was tried often or long enough. `age`: seconds since its first attempt."""
    return age >= patience.age or 0 < patience.attempts <= attempts
