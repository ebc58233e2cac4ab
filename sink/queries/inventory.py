"""The inventory: the objects that are there, as the watcher published them, and what policies say or said.

For whoever evaluates them again. Objects come page by page, in the order of their keys:
between two pages the database is free, and what is new behind the last key is not seen.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.engine import Connection, RowMapping

from pipeline.events import ResourceRef
from sink.database import translated
from sink.objects import unpacked
from sink.queries.reader import Reader
from sink.queries.terms import Term, named
from sink.tables import objects, policies, policy_versions, resources

_PAGE = 500
"""Objects in memory at a time; one is some kB."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A resource that is there, and its object. `digest` covers what policies can see."""

    key: str
    cluster: str
    resource: ResourceRef
    owner_kind: str
    owner_name: str
    digest: str
    file: str
    object: dict[str, Any]


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """A version of a policy. `object` is None where only an older release saw it."""

    key: str
    cluster: str
    name: str
    digest: str
    mode: str
    title: str
    error: str
    object: dict[str, Any] | None
    first_applied_at: datetime
    last_applied_at: datetime


async def inventory(
    reader: Reader, clusters: Sequence[Term] = (), namespaces: Sequence[Term] = (), *, page: int = _PAGE
) -> AsyncIterator[list[Kept]]:
    """Pages of the resources that are there, none of them empty. Raises StoreError."""
    last = ""
    query = select(resources, objects.c.body).join(objects, objects.c.key == resources.c.key)
    query = query.where(resources.c.deleted_at.is_(None)).order_by(resources.c.key).limit(page)
    query = query.where(*named(resources.c.cluster, clusters))
    query = query.where(*named(resources.c.namespace, namespaces))
    while found := await _ask(reader, query.where(resources.c.key > last)):
        yield list(map(_kept, found))
        last = found[-1]["key"]


async def count_without_object(
    reader: Reader, clusters: Sequence[Term] = (), namespaces: Sequence[Term] = ()
) -> int:
    """Resources that are there and that only an older release saw: it kept no objects. Raises StoreError."""
    query = select(func.count().label("count")).select_from(
        resources.outerjoin(objects, objects.c.key == resources.c.key)
    )
    query = query.where(resources.c.deleted_at.is_(None), objects.c.key.is_(None))
    query = query.where(*named(resources.c.cluster, clusters))
    query = query.where(*named(resources.c.namespace, namespaces))
    return int((await _ask(reader, query))[0]["count"])


async def current_policies(reader: Reader, clusters: Sequence[Term] = ()) -> list[PolicyVersion]:
    """The policies that are loaded now, by key. Raises StoreError."""
    now = (policy_versions.c.policy_key == policies.c.key) & (policy_versions.c.digest == policies.c.digest)
    query = select(policy_versions).join(policies, now).where(policies.c.deleted_at.is_(None))
    query = query.where(*named(policy_versions.c.cluster, clusters))
    return list(map(_version, await _ask(reader, query.order_by(policy_versions.c.policy_key))))


async def versions_of(reader: Reader, name: str, clusters: Sequence[Term] = ()) -> list[PolicyVersion]:
    """Every version of a policy that is kept, the latest first. Raises StoreError."""
    query = select(policy_versions).where(policy_versions.c.name == name)
    query = query.where(*named(policy_versions.c.cluster, clusters))
    latest = (
        policy_versions.c.last_applied_at.desc(),
        policy_versions.c.policy_key,
        policy_versions.c.digest,
    )
    return list(map(_version, await _ask(reader, query.order_by(*latest))))


async def _ask(reader: Reader, query: Select[Any]) -> Sequence[RowMapping]:
    def ask(connection: Connection) -> Sequence[RowMapping]:
        with translated(connection.engine.url):
            return connection.execute(query).mappings().all()

    return await reader.run(ask)


def _kept(row: RowMapping) -> Kept:
    return Kept(
        key=row["key"],
        cluster=row["cluster"],
        resource=ResourceRef(
            api_version=row["api_version"],
            kind=row["kind"],
            namespace=row["namespace"],
            name=row["name"],
            uid=row["uid"],
            resource_version=row["resource_version"],
        ),
        owner_kind=row["owner_kind"],
        owner_name=row["owner_name"],
        digest=row["digest"],
        file=row["file"],
        object=unpacked(row["body"]),
    )


def _version(row: RowMapping) -> PolicyVersion:
    return PolicyVersion(
        key=row["policy_key"],
        cluster=row["cluster"],
        name=row["name"],
        digest=row["digest"],
        mode=row["mode"],
        title=row["title"],
        error=row["error"],
        object=None if row["body"] is None else unpacked(row["body"]),
        first_applied_at=row["first_applied_at"],
        last_applied_at=row["last_applied_at"],
    )
