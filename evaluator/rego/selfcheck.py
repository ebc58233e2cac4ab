"""What containment holds on this platform, tried in a process of its own.

`python -m evaluator.rego.selfcheck` prints JSON, `{"memory": ..., "network": ...}`. For `tocsin doctor`.
"""

import json
import socket
import sys
from contextlib import suppress

from evaluator.rego import containment

_ALLOWANCE = 64 * 2**20


def main() -> None:
    """Put the limits of a worker on this process and run against them."""
    containment.close_doors()
    network = _holds_network()
    containment.limit_memory(_ALLOWANCE)
    sys.stdout.write(json.dumps({"memory": _holds_memory(), "network": network}))


def _holds_network() -> bool:
    with suppress(OSError), socket.socket():
        return False
    return True


def _holds_memory() -> bool:
    with suppress(MemoryError):
        return not bytearray(4 * _ALLOWANCE)
    return True


if __name__ == "__main__":
    main()
