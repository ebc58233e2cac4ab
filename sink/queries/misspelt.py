"""Names that nothing recorded has: an answer about them would be empty, and look like good news."""

from collections.abc import Iterable, Iterator

from sqlalchemy import Column, func, select
from sqlalchemy.engine import Connection

from sink.queries.filters import Filter
from sink.queries.reader import Reader
from sink.queries.reading import page
from sink.queries.terms import Term
from sink.tables import policies, resources, source_errors, violations


async def misspelt(reader: Reader, wanted: Filter) -> list[str]:
    """`policy 'no-latset-tag'`, for each cluster, policy and severity that is named and not recorded.

    A glob, what is not wanted, and a namespace or a resource may well match nothing.
    """
    return await reader.run(lambda connection: list(_misspelt(connection, wanted)))


def _misspelt(connection: Connection, wanted: Filter) -> Iterator[str]:
    clusters = [table.c.cluster for table in (violations, resources, policies, source_errors)]
    for name in _names(wanted.clusters):
        if not any(_is_there(connection, column, name) for column in clusters):
            yield f"cluster {name!r}"
    for name in _names(wanted.policies):
        if not any(_is_there(connection, column, name) for column in (policies.c.name, violations.c.policy)):
            yield f"policy {name!r}"
    severities = {name.lower() for name in _names(wanted.severities)}
    if severities:
        known = {row["severity"] for row in page(connection, _SEVERITIES)}
        yield from (f"severity {name!r}" for name in sorted(severities - known))


_SEVERITIES = select(func.lower(policies.c.severity).label("severity")).distinct()


def _names(wanted: Iterable[Term]) -> Iterator[str]:
    return (term.text for term in wanted if not (term.negated or term.wild))


def _is_there(connection: Connection, column: Column[str], name: str) -> bool:
    return bool(page(connection, select(column).where(column == name).limit(1)))
