"""What could not be read or evaluated: files and objects, policies, resources by workload and policy."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from sqlalchemy import Select, case, func, or_, select
from sqlalchemy.engine import Connection, RowMapping

from pipeline.events import Outcome
from sink.queries.model import Failure, FailureKind, Owner
from sink.queries.reader import Reader
from sink.queries.reading import page
from sink.queries.terms import Term, named
from sink.tables import policies, resources, source_errors, verdicts

_V = verdicts.c
_S = source_errors.c
_P = policies.c


@dataclass(frozen=True, slots=True)
class ErrorFilter:
    """Each field narrows: what has no policy, or no namespace, is not of the one that is asked for."""

    clusters: tuple[Term, ...] = ()
    policies: tuple[Term, ...] = ()
    namespaces: tuple[Term, ...] = ()


async def list_errors(reader: Reader, wanted: ErrorFilter) -> list[Failure]:
    """What cannot be read, then policies that do not work, then what they could not be evaluated on.

    Each in the order of its names. Raises StoreError.
    """
    return await reader.run(lambda connection: list(_failures(connection, wanted)))


def _failures(connection: Connection, wanted: ErrorFilter) -> Iterator[Failure]:
    of_sources = not (wanted.policies or wanted.namespaces)
    of_policies = not wanted.namespaces
    yield from chain(
        map(_of_source, page(connection, _sources(wanted)) if of_sources else ()),
        map(_of_policy, page(connection, _policies(wanted)) if of_policies else ()),
        map(_of_workload, page(connection, _workloads(wanted))),
    )


def _sources(wanted: ErrorFilter) -> "Select[tuple[object, ...]]":
    query = select(source_errors).where(*named(_S.cluster, wanted.clusters))
    return query.order_by(_S.cluster, _S.file, _S.document, _S.key)


def _policies(wanted: ErrorFilter) -> "Select[tuple[object, ...]]":
    broken = or_(_P.error != "", _P.unsupported != "")
    query = select(policies).where(_P.deleted_at.is_(None), broken)
    query = query.where(*named(_P.cluster, wanted.clusters), *named(_P.name, wanted.policies))
    return query.order_by(_P.cluster, _P.name)


def _workloads(wanted: ErrorFilter) -> "Select[tuple[object, ...]]":
    owned = func.coalesce(resources.c.owner_name, "") != ""
    heading = (
        _V.cluster,
        _V.namespace,
        case((owned, resources.c.owner_kind), else_=_V.kind).label("workload_kind"),
        case((owned, resources.c.owner_name), else_=_V.name).label("workload_name"),
        _V.policy,
    )
    return (
        select(
            *heading,
            func.count(_V.resource_key.distinct()).label("resources"),
            func.min(_V.message).label("message"),
            func.min(_V.evaluated_at, type_=_V.evaluated_at.type).label("since"),
        )
        .select_from(verdicts.outerjoin(resources, resources.c.key == _V.resource_key))
        .where(
            _V.outcome == Outcome.ERROR.value,
            *named(_V.cluster, wanted.clusters),
            *named(_V.policy, wanted.policies),
            *named(_V.namespace, wanted.namespaces),
        )
        .group_by(*heading)
        .order_by(*heading)
    )


def _of_source(row: RowMapping) -> Failure:
    return Failure(
        kind=FailureKind.SOURCE,
        cluster=row["cluster"],
        file=row["file"] or None,
        document=row["document"] or None,
        message=row["message"],
        since=row["failed_at"],
    )


def _of_policy(row: RowMapping) -> Failure:
    return Failure(
        kind=FailureKind.POLICY,
        cluster=row["cluster"],
        file=row["file"] or None,
        policy=row["name"],
        message=row["error"] or row["unsupported"],
        since=row["applied_at"],
    )


def _of_workload(row: RowMapping) -> Failure:
    return Failure(
        kind=FailureKind.RESOURCE,
        cluster=row["cluster"],
        policy=row["policy"],
        namespace=row["namespace"],
        workload=Owner(kind=row["workload_kind"], name=row["workload_name"]),
        resources=row["resources"],
        message=row["message"],
        since=row["since"],
    )


def name_of(failure: Failure) -> str:
    """What it is about, as one word: a file, a policy, or NAMESPACE/KIND/NAME of a workload."""
    match failure.kind:
        case FailureKind.SOURCE:
            return failure.file or failure.cluster
        case FailureKind.POLICY:
            return failure.policy or ""
        case FailureKind.RESOURCE:
            workload = failure.workload
            parts = (failure.namespace, *((workload.kind, workload.name) if workload else ()))
            return "/".join(filter(None, parts))
