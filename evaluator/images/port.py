"""What the evaluator needs to know of images, as a port."""

from typing import Protocol

from evaluator.policies.configs import Found, Unavailable, Wanted
from pipeline.events import ResourceApplied


class FindsConfigs(Protocol):
    """What knows the configs of images."""

    async def find(self, wanted: Wanted, applied: ResourceApplied) -> Found:
        """The configs of an image of a resource, or why there are none; in bounded time."""
        ...


class NoConfigs:
    """Where nothing may be asked about images."""

    def __init__(self, reason: str = "nothing is asked about images here") -> None:
        self._reason = reason

    async def find(self, wanted: Wanted, applied: ResourceApplied) -> Found:  # noqa: ARG002 - see FindsConfigs
        """Nothing."""
        return Unavailable(self._reason)
