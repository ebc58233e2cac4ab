"""Which waiver covers a violation, and until when. Pure: the time is an argument.

A waiver covers the resource that it names and what that workload owns: a waiver of a Deployment
is one of its Pods. Names are globs: `*` is any characters, `?` is one. Images are matched as policies
match them, and all that a verdict is about must match: one that is not waived may be why it failed.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from evaluator.policies.globs import matches_any
from evaluator.policies.selectors import Operator, Requirement, Selector
from pipeline.events import Image, ResourceApplied, policy_key
from pipeline.waivers import LabelSelector, WaiverApplied, WaiverMatch, WaiverRef


@dataclass(frozen=True, slots=True)
class Subject:
    """What is in violation. `images`: that the verdict is about."""

    applied: ResourceApplied
    policy: str
    images: tuple[Image, ...]


class Waivers:
    """All that there are, by their keys on the log."""

    def __init__(self) -> None:
        self._all: dict[str, WaiverApplied] = {}
        self._of_policy: dict[str, list[WaiverApplied]] = {}
        self._ended: set[str] = set()
        """Keys of those whose end was noticed."""

    def get(self, key: str) -> WaiverApplied | None:
        """The one of a key."""
        return self._all.get(key)

    def put(self, key: str, waiver: WaiverApplied) -> None:
        """It is there, new or changed."""
        self._all[key] = waiver
        self._ended.discard(key)
        self._of_policy.clear()

    def drop(self, key: str) -> None:
        """It is gone."""
        self._all.pop(key, None)
        self._ended.discard(key)
        self._of_policy.clear()

    def covering(self, subject: Subject, now: datetime) -> WaiverRef | None:
        """The one that covers a violation for longest; the name decides among equals."""
        found = [
            waiver
            for waiver in self._for(subject.applied.cluster, subject.policy)
            if now < waiver.expires and covers(waiver.match, subject)
        ]
        return min(found, key=_longest).ref if found else None

    def ended(self, now: datetime) -> Iterator[str]:
        """Keys of those that have expired since this was asked last."""
        for key, waiver in self._all.items():
            if waiver.expires <= now and key not in self._ended:
                self._ended.add(key)
                yield key

    def _for(self, cluster: str, policy: str) -> list[WaiverApplied]:
        key = policy_key(cluster, policy)
        found = self._of_policy.get(key)
        if found is None:
            found = [each for each in self._all.values() if each.cluster == cluster and names(each, policy)]
            self._of_policy[key] = found
        return found


def names(waiver: WaiverApplied, policy: str) -> bool:
    """Whether it is about a policy."""
    return _any(waiver.policies, policy)


def is_for(waiver: WaiverApplied) -> bool:
    """Whether it is about the cluster that it was given to."""
    return _any(waiver.match.clusters, waiver.cluster)


def covers(match: WaiverMatch, subject: Subject) -> bool:
    """Whether it selects what is in violation."""
    ref, owner = subject.applied.resource, subject.applied.owner
    candidates = [ref, owner] if owner else [ref]
    return (
        _any(match.clusters, subject.applied.cluster)
        and _any(match.namespaces, ref.namespace)
        and any(
            (not match.kinds or each.kind in match.kinds) and _any(match.names, each.name)
            for each in candidates
        )
        and (match.label_selector is None or _selects(match.label_selector, subject.applied.object))
        and (not match.images or _all_match(match.images, subject.images))
    )


def _all_match(globs: tuple[str, ...], images: tuple[Image, ...]) -> bool:
    return bool(images) and all(matches_any(globs, image.name, image.digest) for image in images)


def _longest(waiver: WaiverApplied) -> tuple[float, str]:
    return -waiver.expires.timestamp(), waiver.name


def _any(globs: tuple[str, ...], text: str) -> bool:
    """Whether one of them matches; none at all is no condition."""
    return not globs or any(_glob(glob).fullmatch(text) for glob in globs)


@lru_cache(maxsize=1024)
def _glob(glob: str) -> re.Pattern[str]:
    parts = {"*": ".*", "?": "."}
    return re.compile("".join(parts.get(char) or re.escape(char) for char in glob), re.DOTALL)


def _selects(selector: LabelSelector, body: Mapping[str, Any]) -> bool:
    metadata = body.get("metadata")
    labels = metadata.get("labels") if isinstance(metadata, Mapping) else None
    known = labels if isinstance(labels, Mapping) else {}
    return _selector(selector).selects({key: str(value or "") for key, value in known.items()})


def _selector(selector: LabelSelector) -> Selector:
    equals = (
        Requirement(key, Operator.IN, frozenset({value})) for key, value in selector.match_labels.items()
    )
    others = (
        Requirement(each.key, Operator(each.operator), frozenset(each.values))
        for each in selector.match_expressions
    )
    return Selector((*equals, *others))
