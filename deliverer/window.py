"""Which of the events that were read are not done, and up to where everything is. Pure.

Events of different resources are done out of order; a position that is committed may only
follow the first one that is not.
"""

from collections import deque
from dataclasses import dataclass, field


@dataclass(slots=True)
class _Partition:
    """`waiting`: offsets in order, from the first that is not done; `done`: those among them that are."""

    waiting: deque[int] = field(default_factory=deque)
    done: set[int] = field(default_factory=set)
    end: int = 0
    told: int = -1


class Window:
    """Of one subscriber, by partition."""

    def __init__(self) -> None:
        self._partitions: dict[int, _Partition] = {}

    @property
    def span(self) -> int:
        """Offsets that are remembered: what a crash would have delivered again, at most."""
        return sum(len(partition.waiting) for partition in self._partitions.values())

    def read(self, partition: int, offset: int) -> None:
        """An event was read that has to be done; offsets of a partition come in order."""
        place = self._partitions.setdefault(partition, _Partition())
        place.waiting.append(offset)
        place.end = offset + 1

    def read_up_to(self, partition: int, end: int) -> None:
        """Nothing before this offset is still to be read."""
        place = self._partitions.setdefault(partition, _Partition())
        place.end = max(place.end, end)

    def done(self, partition: int, offset: int) -> None:
        """An event is with the subscriber, or given up."""
        place = self._partitions[partition]
        place.done.add(offset)
        while place.waiting and place.waiting[0] in place.done:
            place.done.remove(place.waiting.popleft())

    def news(self) -> dict[int, int]:
        """Positions that were not told yet: partition -> offset of the first event that is not done."""
        found: dict[int, int] = {}
        for number, place in self._partitions.items():
            position = place.waiting[0] if place.waiting else place.end
            if position > place.told:
                found[number] = position
        return found

    def told(self, positions: dict[int, int]) -> None:
        """Positions are durable."""
        for number, position in positions.items():
            if number in self._partitions:
                self._partitions[number].told = position

    def clear(self) -> None:
        """Everything is somebody else's, or will be read again."""
        self._partitions.clear()
