"""Repeated timings of a function: the least is what the machine can do, the median what it did."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timed:
    """Seconds for one of what was repeated."""

    least: float
    median: float

    @classmethod
    def of(cls, seconds: list[float], each: int) -> "Timed":
        """From runs that each did `each` of them."""
        return cls(min(seconds) / each, statistics.median(seconds) / each)

    def cells(self, unit: float) -> str:
        """Two cells of a table."""
        return f"{self.least / unit:,.1f} | {self.median / unit:,.1f}"


def timed(work: Callable[[], object], each: int, *, runs: int = 7) -> Timed:
    """Time `work`, which does `each` things, after one run that does not count."""
    work()
    seconds: list[float] = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return Timed.of(seconds, each)
