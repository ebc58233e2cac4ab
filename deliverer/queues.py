"""Events that wait, a queue for each resource: the next follows when the one before is done. Pure."""

from collections import deque
from dataclasses import dataclass, field

from deliverer.requests import Request
from pipeline.events import Event


@dataclass(slots=True, eq=False)
class Waiting:
    """An event on its way. Times are of the loop's clock, in seconds."""

    partition: int
    offset: int
    resource: str
    event: Event
    request: Request
    epoch: int
    """Of the assignment that it was read in."""
    attempts: int = 0
    first_tried: float = 0.0


def resource_of(key: str) -> str:
    """`cluster/uid` of a verdict's key: what order is kept for."""
    return "/".join(key.split("/", 2)[:2])


@dataclass(slots=True)
class Queues:
    """Bounded by whoever fills them: see `number` and `size`."""

    number: int = 0
    """Events, those under way too."""
    size: int = 0
    """Their bytes."""
    _queues: dict[str, deque[Waiting]] = field(default_factory=dict)

    def put(self, event: Waiting) -> bool:
        """Whether it is the first of its resource, so that it may go at once."""
        self.number += 1
        self.size += event.request.size
        queue = self._queues.get(event.resource)
        if queue is None:
            self._queues[event.resource] = deque([event])
            return True
        queue.append(event)
        return False

    def is_first(self, event: Waiting) -> bool:
        """Whether it is the one of its resource that may go; not after `clear`."""
        queue = self._queues.get(event.resource)
        return queue is not None and queue[0] is event

    def done(self, event: Waiting) -> Waiting | None:
        """Take the first event of a resource out; the one that may go next."""
        queue = self._queues[event.resource]
        queue.popleft()
        self.number -= 1
        self.size -= event.request.size
        if queue:
            return queue[0]
        del self._queues[event.resource]
        return None

    def clear(self) -> None:
        """Everything will be read again."""
        self._queues.clear()
        self.number = self.size = 0
