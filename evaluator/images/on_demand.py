"""What asks registries, opened when a policy first wants to know something of an image.

Most policies never do: neither an HTTP client nor credentials are loaded for them.
"""

import asyncio
from contextlib import AsyncExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Self

from evaluator.policies.configs import Found, Wanted
from pipeline.events import ResourceApplied
from pipeline.settings import ImageSettings

if TYPE_CHECKING:
    from evaluator.images.opening import Images


class ImagesOnDemand:
    """See `evaluator.images.port.FindsConfigs`; an async context manager."""

    def __init__(self, settings: ImageSettings) -> None:
        self._settings = settings
        self._stack = AsyncExitStack()
        self._opening = asyncio.Lock()
        self._images: Images | None = None

    async def __aenter__(self) -> Self:
        """Nothing is opened yet."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close what was opened."""
        await self._stack.aclose()

    async def opened(self) -> "Images":
        """What asks registries. Raises UsageError: a setting names a file that is none."""
        async with self._opening:
            if self._images is None:
                from evaluator.images.opening import Images

                self._images = await self._stack.enter_async_context(Images.start(self._settings))
            return self._images

    async def find(self, wanted: Wanted, applied: ResourceApplied) -> Found:
        """The configs of an image of a resource, or why there are none."""
        return await (self._images or await self.opened()).find(wanted, applied)
