"""The end of a client of Kafka: waited for, but not for ever, and deaf to cancellation.

A client that ends cancels its own tasks and takes any cancellation that reaches it
meanwhile for theirs (`suppress(CancelledError)` around an await). Whoever was told to
stop just then would go on as if nothing had been said, so a client ends in a task of
its own, and a cancellation is passed on once it has.
"""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from aiokafka.errors import KafkaError

from pipeline.kafka.errors import reason

_log = logging.getLogger(__name__)

CLOSING = 5.0
"""Seconds that a broker may take to hear of an end; it finds out by itself later."""


async def ended(ending: Coroutine[Any, Any, None], patience: float | None = CLOSING) -> bool:
    """Whether a client has ended in order, in `patience` seconds. Its errors are of no use to anybody."""
    loop = asyncio.get_running_loop()
    task = loop.create_task(ending, name="kafka-client-end")
    deadline = None if patience is None else loop.time() + patience
    cancelled: asyncio.CancelledError | None = None
    while not task.done() and (deadline is None or loop.time() < deadline):
        try:
            await asyncio.wait({task}, timeout=None if deadline is None else deadline - loop.time())
        except asyncio.CancelledError as error:
            cancelled = error
            deadline = deadline or loop.time() + CLOSING
    task.cancel()
    task.add_done_callback(_told)
    if cancelled is not None:
        raise cancelled
    return task.done() and not task.cancelled() and task.exception() is None


def _told(task: "asyncio.Task[None]") -> None:
    error = None if task.cancelled() else task.exception()
    if error is not None:
        _log.log(
            logging.DEBUG if isinstance(error, KafkaError) else logging.WARNING,
            "a client of kafka did not end in order: %s",
            reason(error),
        )
