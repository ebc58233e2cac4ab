"""What the read side answers with. JSON of these is what the commands print: keys may be added."""

from datetime import datetime
from typing import Any

import msgspec


class Item(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Base: immutable, camelCase in JSON; a text with nothing to say is "", what does not exist is null."""


class Resource(Item, frozen=True):
    """Names an object. `namespace` is empty for cluster-scoped objects."""

    api_version: str
    kind: str
    namespace: str
    name: str


class Owner(Item, frozen=True):
    """The root controller of a resource, in the resource's namespace."""

    kind: str
    name: str


class Violation(Item, frozen=True):
    """A span in which a resource (or one image of it) violated a policy. Open while `resolved_at` is null."""

    id: str
    cluster: str
    resource: Resource
    owner: Owner | None
    policy: str
    policy_title: str
    mode: str
    outcome: str
    message: str
    warning: str
    images: tuple[str, ...]
    image: str | None
    """Set where the violation is of this one image and not of the resource."""
    file: str | None
    """Where the manifest was read; null for an object of a cluster."""
    explanation: dict[str, Any] | None
    opened_at: datetime
    last_seen_at: datetime
    """When a verdict last said so; a verdict that stays as it is is not told again."""
    resolved_at: datetime | None
    resolution: str | None


class Policy(Item, frozen=True):
    """A policy that is loaded, valid or not."""

    name: str
    cluster: str
    mode: str
    """Empty while no evaluator has looked at the policy."""
    title: str
    file: str | None
    digest: str
    engine: str | None
    error: str | None
    """Invalid: field path and reason."""
    unsupported: str | None
    """Valid, but it uses what Tocsin does not evaluate yet."""
    refusals: dict[str, str]
    """Engine -> why it was not chosen."""
    findings: tuple[dict[str, Any], ...]
    """What the linter says."""
    reads: tuple[str, ...]
    """Paths of the input document that the verdict depends on."""
    memo: str
    """Why verdicts of this policy are not remembered; empty where they are."""
    violations: int
    """Open ones."""
    errors: int
    """Resources that it could not be evaluated on."""
    applied_at: datetime
