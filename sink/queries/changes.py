"""What was written since: violations that opened or ended, for whoever follows.

Of those that are over only ends are told, of waived ones only that a waiver covers them now.

Found by the time the sink wrote them. A transaction is seen when it is committed, which may be
after a later one, and clocks of several sinks differ: so each look goes back by an overlap,
and what was told before is known.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.engine import Connection, RowMapping

from sink.queries.filters import Filter, conditions
from sink.queries.model import Violation
from sink.queries.reader import Reader
from sink.queries.reading import page, violation
from sink.queries.words import State
from sink.tables import violations

_OVERLAP = timedelta(minutes=2)
"""More than a statement may take, and than clocks differ."""

_EVER = datetime(1970, 1, 1, tzinfo=UTC)
_BATCH = 500
_C = violations.c


@dataclass(slots=True)
class Changes:
    """Looks at the database again and again. Raises StoreError."""

    reader: Reader
    wanted: Filter
    _latest: datetime = _EVER
    _open: set[str] = field(default_factory=set)
    """Ids of those that were there at the start, or were told since."""
    _ended: dict[str, datetime] = field(default_factory=dict)
    """Ids of those whose end was told, and when that was written; no older than the overlap."""

    async def begin(self) -> None:
        """What is there now will be no change."""
        self._latest, rows = await self.reader.run(self._first)
        for row in rows:
            self._is_new(row)

    def _first(self, connection: Connection) -> tuple[datetime, Sequence[RowMapping]]:
        query = select(func.max(_C.written_at, type_=_C.written_at.type).label("latest"))
        latest: datetime = page(connection, query)[0]["latest"] or _EVER
        lately = _C.written_at >= _since(latest)
        return latest, page(connection, self._narrow(_C.resolved_at.is_(None) | lately))

    def know(self, found: Iterable[Violation]) -> None:
        """These were told elsewhere."""
        for each in found:
            if each.resolved_at is None:
                self._open.add(each.id)
            else:
                self._ended.setdefault(each.id, max(self._latest, datetime.now(UTC)))

    async def next(self) -> list[Violation]:
        """What opened or ended since the last look, in the order of writing; once each."""
        since = _since(self._latest)
        return await self.reader.run(lambda connection: self._next(connection, since))

    def _next(self, connection: Connection, since: datetime) -> list[Violation]:
        rows = page(connection, self._narrow(_C.written_at >= since))
        self._ended = {id_: at for id_, at in self._ended.items() if at >= since}
        new = [row["id"] for row in rows if self._is_new(row)]
        if rows:
            self._latest = max(self._latest, rows[-1]["written_at"])
        found: dict[str, Violation] = {}
        for begin in range(0, len(new), _BATCH):
            query = select(violations).where(_C.id.in_(new[begin : begin + _BATCH]))
            found |= {row["id"]: violation(row) for row in page(connection, query)}
        return [found[id_] for id_ in new if id_ in found]

    def _narrow(self, which: ColumnElement[bool]) -> Select[Any]:
        query = select(_C.id, _C.resolved_at, _C.written_at)
        open_too = self.wanted.state in (State.OPEN, State.ALL)  # whoever asks what is open hears how it ends
        wanted = replace(self.wanted, state=State.ALL) if open_too else self.wanted
        return query.where(which, *conditions(wanted)).order_by(_C.written_at, _C.id)

    def _is_new(self, row: RowMapping) -> bool:
        id_ = row["id"]
        if row["resolved_at"] is None:
            known = id_ in self._open
            self._open.add(id_)
            return not known
        self._open.discard(id_)
        known = id_ in self._ended
        self._ended[id_] = row["written_at"] or _EVER
        return not known


def _since(latest: datetime) -> datetime:
    return max(_EVER, latest - _OVERLAP) if latest > _EVER else _EVER
