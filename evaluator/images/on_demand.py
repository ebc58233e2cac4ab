"""What asks registries, opened when a policy first wants to know something of an image.

Most policies never do: neither an HTTP client nor credentials are loaded for them.
"""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Self

from evaluator.images.port import JudgesStatements
from evaluator.policies.configs import Found, Wanted
from evaluator.policies.model_authorities import Signer
from evaluator.policies.signatures import Verification
from pipeline.events import ResourceApplied
from pipeline.settings import ImageSettings

if TYPE_CHECKING:
    from evaluator.images.opening import Images
    from evaluator.images.pull_secrets import ReadsObjects


class ImagesOnDemand:
    """See `evaluator.images.port.KnowsImages`; an async context manager.

    `objects`: opens what reads a cluster's pull secrets.
    """

    def __init__(
        self,
        settings: ImageSettings,
        objects: Callable[[], AbstractAsyncContextManager["ReadsObjects"]] | None = None,
    ) -> None:
        self._settings = settings
        self._objects = objects
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

                enter = self._stack.enter_async_context
                objects = await enter(self._objects()) if self._objects else None
                self._images = await enter(Images.start(self._settings, objects=objects))
            return self._images

    async def find(self, wanted: Wanted, applied: ResourceApplied) -> Found:
        """The configs of an image of a resource, or why there are none."""
        return await (self._images or await self.opened()).find(wanted, applied)

    async def verify(
        self, wanted: Wanted, authority: Signer, applied: ResourceApplied, judge: JudgesStatements
    ) -> Verification:
        """Whether an image of a resource is signed as an authority wants it."""
        return await (self._images or await self.opened()).verify(wanted, authority, applied, judge)
