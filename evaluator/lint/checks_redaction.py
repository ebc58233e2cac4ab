"""Policies that read what the watcher of a cluster replaces: literal environment values. Pure.

A read set covers a value when it names it, or when all of something around it is read.
Only where it names `env` is it certain that the policy looks there; a read set that is
wider than the policy (a whole container) is no reason to distrust a verdict.
"""

from collections.abc import Iterator, Mapping
from enum import IntEnum
from itertools import product
from typing import Any

from evaluator.lint.finding import Check, Finding, Severity
from evaluator.policies.model import Policy
from evaluator.policies.resources import POD_SPECS
from evaluator.rego.reads.paths import Mode, Path, ReadSet
from pipeline.events import REDACTED, ResourceApplied

_CONTAINERS = ("initContainers", "containers", "ephemeralContainers")
_ENV: tuple[Path, ...] = tuple(
    (*pod, name, None, "env") for pod, name in product(dict.fromkeys(POD_SPECS.values()), _CONTAINERS)
)
SETTING = "TOCSIN_REDACT_ENVIRONMENT=false"

READS_ENVIRONMENT = Check(
    "TOC013", "reads-redacted-environment", Severity.WARNING,
    "Reads environment values, which are redacted",
    "The watcher of a cluster replaces literal environment values, because passwords are there. A policy "
    "that looks at them cannot judge a resource that has any: its verdict there is an error. Said only of "
    "policies of a cluster, not by `policies lint`.",
    bad='env[_].value == "debug"', good="env[_].valueFrom.secretKeyRef",
)  # fmt: skip
MAY_READ_ENVIRONMENT = Check(
    "TOC014", "may-read-redacted-environment", Severity.INFO,
    "Reads all of something that holds environment values, which are redacted",
    "The watcher of a cluster replaces literal environment values. Whether this policy looks at them cannot "
    "be told from its text; if it does, it sees the replacement. Said only of policies of a cluster.",
)  # fmt: skip
CHECKS = (READS_ENVIRONMENT, MAY_READ_ENVIRONMENT)


class Look(IntEnum):
    """Whether a policy looks at environment values."""

    NEVER = 0
    MAYBE = 1
    CERTAINLY = 2


def look(policy: Policy, reads: ReadSet) -> Look:
    """By its read set; a document without the spec has no environment."""
    if policy.rego is None or not policy.rego.include_spec:
        return Look.NEVER
    return max((_look(*read) for read in reads), default=Look.NEVER)


def find(seen: Look) -> Iterator[Finding]:
    """The finding of a policy that looks there."""
    if seen is Look.CERTAINLY:
        yield READS_ENVIRONMENT.of(
            "spec.policy",
            f"it reads literal environment values, which are {REDACTED} for every policy: a resource that "
            "has any cannot be judged by it",
            f"test env[_].name or env[_].valueFrom; or set {SETTING} for watcher and evaluator",
        )
    elif seen is Look.MAYBE:
        yield MAY_READ_ENVIRONMENT.of(
            "spec.policy",
            f"it reads all of something that holds literal environment values, which are {REDACTED}",
            f"nothing, if it does not look at them; else set {SETTING} for watcher and evaluator",
        )


def has_redacted(applied: ResourceApplied) -> bool:
    """Whether the watcher replaced anything in this resource."""
    pod: Any = applied.object
    for step in POD_SPECS.get(applied.resource.kind, ()):
        pod = pod.get(step) if isinstance(pod, Mapping) else None
    if not isinstance(pod, Mapping):
        return False
    containers = [each for name in _CONTAINERS for each in _items(pod.get(name))]
    return any(entry.get("value") == REDACTED for each in containers for entry in _items(each.get("env")))


def _items(value: Any) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def _look(path: Path, mode: Mode) -> Look:
    found = Look.NEVER
    for env in _ENV:
        value: Path = (*env, None, "value")
        # a scalar is read whole, also where only the shape of what is under its parent is read
        reach = len(value) if mode is Mode.SHAPE else len(value) - 1
        covers = len(path) >= reach or mode is Mode.DEEP
        if covers and len(path) <= len(value) and _along(path, value):
            found = max(found, Look.CERTAINLY if len(path) >= len(env) else Look.MAYBE)
    return found


def _along(path: Path, value: Path) -> bool:
    """Whether a path leads to the value, as far as it goes; `spec` is the document's first key."""
    return all(
        step == wanted or step is None or wanted is None for step, wanted in zip(path, value, strict=False)
    )
