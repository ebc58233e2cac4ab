"""The CloudEvents attributes of every event, beside those that each CloudEvent has.

What subscribers filter by (a Knative Trigger sees attributes only) is a part of the
contract as the data is: a test compares this table with the events of real runs, and
the AsyncAPI document (`deliverer.asyncapi`) is made of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.events import Change, EventType, Mode, Topic


@dataclass(frozen=True, slots=True)
class Attribute:
    """An extension attribute. `values`: all it can be, where that is a closed set."""

    name: str
    description: str
    required: bool = False
    values: tuple[str, ...] = ()


_CLUSTER = Attribute("cluster", "Name of the cluster.", required=True)
_POLICY = Attribute("policy", "Name of the ClusterImagePolicy.", required=True)

_HANDED_ON = (
    Attribute("observedtime", "When the watcher saw the change that this event came of (RFC 3339)."),
    Attribute("traceparent", "W3C trace context, where traces are on (extension Distributed Tracing)."),
    Attribute("tracestate", "What trace vendors add to it."),
)
_VERDICT = (
    _CLUSTER,
    Attribute("namespace", "Namespace of the resource; absent where it has none."),
    Attribute("kind", "Kind of the resource, as in Pod.", required=True),
    _POLICY,
    Attribute("mode", "Mode of the policy.", required=True, values=tuple(Mode)),
    Attribute(
        "change", "The verdict beside the previous one of its key.", required=True, values=tuple(Change)
    ),
    Attribute("waiver", "Name of the waiver that covers the violation; absent where none does."),
    *_HANDED_ON,
)
_VERDICT_TYPES = tuple(type_ for type_ in EventType if type_.startswith("dev.tocsin.verdict."))

EXTENSIONS: Mapping[EventType, tuple[Attribute, ...]] = {
    EventType.RESOURCE_APPLIED: _HANDED_ON,
    EventType.POLICY_APPLIED: _HANDED_ON,
    EventType.POLICY_CHECKED: (_CLUSTER, _POLICY, *_HANDED_ON),
    EventType.WAIVER_APPLIED: _HANDED_ON,
    EventType.SOURCE_FAILED: _HANDED_ON,
    **dict.fromkeys(_VERDICT_TYPES, _VERDICT),
}
"""Extension attributes of each type, but `partitionkey`, which every event has."""

SUBJECTS: Mapping[EventType, str] = {
    EventType.RESOURCE_APPLIED: "namespace/kind/name of the resource, or kind/name.",
    EventType.POLICY_APPLIED: "ClusterImagePolicy/name.",
    EventType.POLICY_CHECKED: "ClusterImagePolicy/name.",
    EventType.WAIVER_APPLIED: "Waiver/name.",
    EventType.SOURCE_FAILED: "The file or the message that could not be read.",
    **dict.fromkeys(_VERDICT_TYPES, "namespace/kind/name of the resource, or kind/name."),
}
"""What `subject` says, by type."""

TOPIC_OF: Mapping[EventType, Topic] = {
    EventType.RESOURCE_APPLIED: Topic.RESOURCES,
    EventType.POLICY_APPLIED: Topic.POLICIES,
    EventType.POLICY_CHECKED: Topic.VERDICTS,
    EventType.WAIVER_APPLIED: Topic.POLICIES,
    EventType.SOURCE_FAILED: Topic.DEADLETTERS,
    **dict.fromkeys(_VERDICT_TYPES, Topic.VERDICTS),
}
"""The topic of each type."""

KEYS: Mapping[Topic, str] = {
    Topic.RESOURCES: "cluster/uid",
    Topic.POLICIES: "cluster/name of a policy, cluster/waiver/name of a waiver",
    Topic.VERDICTS: "cluster/uid/policy[/image] of a verdict, cluster/policy of a checked policy",
    Topic.DEADLETTERS: "cluster/file#document, or the key of what could not be read",
}
"""What a message's key is, and so the `partitionkey` of its event."""
