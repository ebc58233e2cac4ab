"""What figures were measured on, so that those of two days can be compared."""

import platform
import time
from os import cpu_count

_ADDITIONS = 10_000_000


def machine() -> str:
    """Cores, architecture, Python, and how long a loop of ten million additions takes just now."""
    began, total = time.process_time(), 0
    for number in range(_ADDITIONS):
        total += number
    took = time.process_time() - began
    return (
        f"{cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, "
        f"ten million additions in {took:.1f} s"
    )
