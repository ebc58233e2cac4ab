"""A service that loses or doubles what it is told to, so that the fault suite is seen to notice.

`python -m tests.faults.lossy_services verdict|double|row ARGUMENTS OF TOCSIN`: an evaluator that
publishes not every verdict, or some twice; a sink that does not write every row.
"""

import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from zlib import crc32

from sqlalchemy.ext.asyncio import AsyncConnection

import sink.store
from cli.main import app
from pipeline.bus import Record
from pipeline.events import Verdict
from pipeline.kafka.claim import Claim

_publish, _write = Claim.publish, sink.store._write_verdicts


def _is_chosen(record: Record) -> bool:
    is_verdict = record.event is not None and isinstance(record.event.data, Verdict)
    return is_verdict and crc32(record.key.encode()) % 10 == 0


async def _lose_verdicts(self: Claim, records: Sequence[Record]) -> None:
    await _publish(self, [record for record in records if not _is_chosen(record)])


async def _double_verdicts(self: Claim, records: Sequence[Record]) -> None:
    await _publish(self, [*records, *(record for record in records if _is_chosen(record))])


async def _lose_rows(connection: AsyncConnection, records: Iterable[Record], now: datetime) -> None:
    await _write(connection, [record for record in records if not _is_chosen(record)], now)


def run(loses: str) -> None:
    """Run the command line, and lose that."""
    store: Any = sink.store
    match loses:
        case "verdict":
            Claim.publish = _lose_verdicts  # type: ignore[method-assign]
        case "double":
            Claim.publish = _double_verdicts  # type: ignore[method-assign]
        case _:
            store._write_verdicts = _lose_rows
    app()


if __name__ == "__main__":
    run(sys.argv.pop(1))
