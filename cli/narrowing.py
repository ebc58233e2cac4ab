"""What users say to narrow a question about violations, as a filter."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from cli.since import parse_time
from pipeline.errors import UsageError, clip
from pipeline.events import Mode
from pipeline.settings_types import WorkloadKind
from sink.queries.filters import Filter
from sink.queries.labels import selector
from sink.queries.terms import Term, terms
from sink.queries.words import State

_KINDS = {
    "po": "pod",
    "rs": "replicaset",
    "deploy": "deployment",
    "sts": "statefulset",
    "ds": "daemonset",
    "cj": "cronjob",
    "rc": "replicationcontroller",
    "job": "job",
}
"""kubectl's short names; it takes plurals, too."""

_PLURALS = {f"{kind}s": kind for kind in _KINDS.values()}
_JUDGED = frozenset(map(str.lower, WorkloadKind))
_PARTS = 3
"""Of a resource's name: namespace, kind, name."""


@dataclass(frozen=True, slots=True)
class Said:
    """As it was said, flag by flag."""

    state: State = State.OPEN
    resource: str = ""
    cluster: tuple[str, ...] = ()
    policy: tuple[str, ...] = ()
    namespace: tuple[str, ...] = ()
    kind: tuple[str, ...] = ()
    mode: tuple[Mode, ...] = ()
    severity: tuple[str, ...] = ()
    owner: tuple[str, ...] = ()
    image: tuple[str, ...] = ()
    selector: tuple[str, ...] = ()
    since: str | None = None
    until: str | None = None


def filter_of(said: Said, now: datetime) -> Filter:
    """The filter. Raises UsageError for a time, a resource or a name that is none."""
    for flag in ("cluster", "policy", "namespace", "kind", "severity", "owner", "image"):
        _expect_names(f"--{flag}", getattr(said, flag))
    found = Filter(
        state=said.state,
        clusters=terms(said.cluster),
        policies=terms(said.policy),
        namespaces=terms(said.namespace),
        kinds=_kinds(said.kind),
        modes=tuple(mode.value for mode in said.mode),
        severities=terms(said.severity),
        owners=tuple(map(_owner, terms(said.owner))),
        images=terms(said.image),
        labels=selector(said.selector),
        since=parse_time(said.since, now, "--since") if said.since is not None else None,
        until=parse_time(said.until, now, "--until") if said.until is not None else None,
    )
    if found.since and found.since > now:
        raise UsageError(f"--since {clip(said.since or '')!r}: expected a time in the past")
    if found.since and found.until and found.since >= found.until:
        raise UsageError("--since: expected a time before --until")
    return _of_resource(found, said.resource) if said.resource else found


def _expect_names(flag: str, given: Iterable[str]) -> None:
    """An empty name is a variable that is not set: it must not mean everything."""
    for text in given:
        if not terms([text]):
            raise UsageError(f"{flag} {clip(text)!r}: expected a name, got an empty one")


def _of_resource(found: Filter, resource: str) -> Filter:
    parts = resource.split("/")
    if len(parts) > _PARTS or not all(parts):
        raise UsageError(f"{clip(resource)!r}: expected NAME, KIND/NAME or NAMESPACE/KIND/NAME")
    *_, name = parts
    kinds = _kinds(parts[-2:-1]) or found.kinds
    namespaces = (Term(parts[0]),) if len(parts) == _PARTS else found.namespaces
    return replace(found, names=(Term(name),), kinds=kinds, namespaces=namespaces)


def _kinds(given: Iterable[str]) -> tuple[Term, ...]:
    found = tuple(Term(_kind(term.text), term.negated) for term in terms(given))
    for term in found:
        if not term.wild and term.text not in _JUDGED:
            kinds = ", ".join(WorkloadKind)
            raise UsageError(f"kind {clip(term.text)!r}: expected one that policies are for: {kinds}")
    return found


def _kind(text: str) -> str:
    kind = text.lower().partition(".")[0]  # deployments.apps
    return _KINDS.get(kind) or _PLURALS.get(kind) or kind


def _owner(term: Term) -> Term:
    kind, slash, name = term.text.rpartition("/")
    if not name or "/" in kind or (slash and not kind):
        raise UsageError(f"--owner {clip(term.text)!r}: expected NAME or KIND/NAME")
    return Term(f"{_kind(kind)}{slash}{name}", term.negated)
