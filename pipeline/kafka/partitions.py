"""Which partition a key belongs to. Pure.

The hash is Kafka's own (murmur2), but over the first two segments of the key only,
`cluster/uid`: a verdict (`cluster/uid/policy[/image]`) is on the partition of the
same number as its resource, so that whoever has one has the other.
"""

from collections.abc import Sequence
from functools import lru_cache

from aiokafka.partitioner import murmur2

_POSITIVE = 0x7FFFFFFF


@lru_cache(maxsize=65_536)
def _hash(head: bytes) -> int:
    """Remembered: murmur2 in Python costs some 20 µs, and a resource has many verdicts."""
    value: int = murmur2(head)
    return value & _POSITIVE


def partition_of(key: bytes, count: int) -> int:
    """The partition of a key on a topic with this many."""
    hashed: int = _hash(b"/".join(key.split(b"/", 2)[:2]))
    return hashed % count


def partitioner(key: bytes, every: Sequence[int], available: Sequence[int]) -> int:  # noqa: ARG001 - the signature is the client's
    """For a producer: the partition does not depend on what is available now."""
    return partition_of(key, len(every))
