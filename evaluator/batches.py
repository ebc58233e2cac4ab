"""Resources on their way through an evaluator: what is asked about them, and the answers to come."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from evaluator.evaluation import Finding, Inquiry
from pipeline.bus import Delivery
from pipeline.events import ResourceApplied


@dataclass(frozen=True, slots=True)
class Item:
    """A resource event with what there is to conclude from it. `applied` None: it is gone."""

    key: str
    applied: ResourceApplied | None
    inquiry: Inquiry | None = None
    handed_on: Mapping[str, str] = field(default_factory=dict)
    """Extension attributes of the event that asks for this, for those it causes."""
    body: bytes | None = None
    """Of a sweep: how the resource was remembered when it was asked about."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Items with their answers to come. `swept`: the policy's key, or ALL, where a sweep asks."""

    items: Sequence[Item]
    findings: "asyncio.Task[list[list[Finding]]]"
    delivery: Delivery | None = None
    swept: str | None = None
