"""How far a worker is, in memory that its owner shares: readable when the worker is dead.

Answers go over the pipe in lots, because a wake-up for each costs more than most
evaluations. Which policy ended the worker is therefore not seen from the answers that
came, but from the number of steps it had begun.
"""

import mmap
import os
import struct
import sys
import tempfile

_COUNT = struct.Struct("=Q")


class Progress:
    """A count in shared memory. The owner makes it; the worker attaches to it by its handle."""

    def __init__(self, handle: int) -> None:
        self._memory = mmap.mmap(handle, _COUNT.size)

    @property
    def begun(self) -> int:
        """Steps begun since the worker started."""
        count: int = _COUNT.unpack_from(self._memory)[0]
        return count

    @begun.setter
    def begun(self, count: int) -> None:
        _COUNT.pack_into(self._memory, 0, count)

    def close(self) -> None:
        """Give the memory back."""
        self._memory.close()


def new_handle() -> int:
    """A file handle for a count of 0, to be inherited by the worker and closed by the owner."""
    if sys.platform == "linux":
        handle = os.memfd_create("tocsin-progress")
    else:
        with tempfile.TemporaryFile(prefix="tocsin-progress-") as file:
            handle = os.dup(file.fileno())
    os.ftruncate(handle, _COUNT.size)
    return handle
