"""Limits a worker process puts on itself before it reads a policy.

Memory is limited by address space (RLIMIT_AS), set after an engine is loaded:
regopy's allocator reserves 256 GiB of it at the start. An alarm ends the process
when an evaluation outlives its deadline, also when its owner is gone.
"""

import ctypes
import os
import resource
import signal
import sys

from evaluator.rego import seccomp

_PR_SET_PDEATHSIG = 1
_OPEN_FILES = 64
_FILE_BYTES = 64 * 2**20
"""Of a file written: regopy writes its plan, a few MiB at most."""


def close_doors() -> bool:
    """No core dumps, few and small files, no network; the kernel ends us when the owner ends.

    Returns whether the network is gone: where the platform cannot take it away, that no
    built-in which uses it passes the guards has to do.
    """
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_NOFILE, _OPEN_FILES)
    _lower(resource.RLIMIT_FSIZE, _FILE_BYTES)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the owner's to handle
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    return seccomp.refuse_calls()


def free_memory() -> None:
    """Lift the memory limit, to load an engine."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))


def limit_memory(allowance: int) -> None:
    """Let the process grow by `allowance` bytes from here. Linux only; elsewhere there is no such limit."""
    if sys.platform == "linux":
        with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123 - one read of a kernel file
            pages = int(statm.read().split()[0])
        _lower(resource.RLIMIT_AS, pages * os.sysconf("SC_PAGE_SIZE") + allowance)


def set_alarm(seconds: float) -> None:
    """End this process in `seconds`, unless set again; 0 switches the alarm off."""
    signal.setitimer(signal.ITIMER_REAL, seconds)


def _lower(limit: int, value: int) -> None:
    _, hard = resource.getrlimit(limit)
    resource.setrlimit(limit, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))
