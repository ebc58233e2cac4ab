"""What policies say as PolicyReport objects: one for each resource, in the resource's namespace.

The fields are those that two APIs have in common, by their CRDs: wgpolicyk8s.io/v1alpha2
(kubernetes-sigs/wg-policy-prototypes) and openreports.io/v1alpha1 (openreports/reports-api).
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any, TextIO

from cli.options import PolicyReportApi
from cli.render.text import printable
from pipeline.errors import UsageError, clip
from pipeline.events import Mode, Outcome, ResourceRef
from sink.queries.filters import Filter
from sink.queries.reader import Reader
from sink.queries.verdicts import Judged, Said, list_clusters, list_judged

_KINDS = {
    PolicyReportApi.WG_POLICY: ("PolicyReport", "ClusterPolicyReport"),
    PolicyReportApi.OPEN_REPORTS: ("Report", "ClusterReport"),
}
_SOURCE = "tocsin"
_RESULTS = ("pass", "fail", "warn", "error", "skip")
_SEVERITIES = frozenset({"critical", "high", "medium", "low", "info"})
_DIGITS = 16
_MESSAGE = 1024
"""Characters: a report is an object of the API server, which takes 1.5 MiB at most."""


async def write_policy_reports(
    reader: Reader, wanted: Filter, now: datetime, api: PolicyReportApi, out: TextIO
) -> None:
    """A document each. Raises UsageError where there are several clusters: the objects are of one."""
    clusters = await list_clusters(reader, wanted)
    if len(clusters) > 1:
        named = ", ".join(map(clip, clusters))
        raise UsageError(f"--policy-report: its objects are of one cluster: name it with --cluster: {named}")

    def write(found: Iterator[Judged]) -> None:
        import yaml

        dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
        for each in found:
            out.write("---\n")
            yaml.dump(policy_report(each, api), out, Dumper=dumper, sort_keys=False, allow_unicode=True)

    await list_judged(reader, wanted, now, write)


def policy_report(judged: Judged, api: PolicyReportApi) -> dict[str, Any]:
    """The report of a resource: its name stays the same for as long as the resource is there."""
    resource = judged.resource
    namespaced, cluster_scoped = _KINDS[api]
    results = [_result(each) for each in judged.said]
    counts = Counter(each["result"] for each in results)
    found = {
        "apiVersion": api.value,
        "kind": namespaced if resource.namespace else cluster_scoped,
        "metadata": {
            "name": f"{_SOURCE}-{_digest(resource)}",
            **({"namespace": resource.namespace} if resource.namespace else {}),
            "labels": {"app.kubernetes.io/managed-by": _SOURCE},
        },
        "scope": _reference(resource),
        "summary": {result: counts[result] for result in _RESULTS},
        "results": results,
    }
    return {**found, "source": _SOURCE} if api is PolicyReportApi.OPEN_REPORTS else found


def _digest(resource: ResourceRef) -> str:
    identity = f"{resource.uid}/{resource.kind}/{resource.namespace}/{resource.name}"
    return hashlib.sha256(identity.encode()).hexdigest()[:_DIGITS]


def _reference(resource: ResourceRef) -> dict[str, str]:
    fields = {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "namespace": resource.namespace,
        "name": resource.name,
        "uid": resource.uid,
        "resourceVersion": resource.resource_version,
    }
    return {name: value for name, value in fields.items() if value}


def _result(said: Said) -> dict[str, Any]:
    seconds = int(said.evaluated_at.timestamp())
    found: dict[str, Any] = {
        "source": _SOURCE,
        "policy": said.policy,
        "result": result(said),
        "scored": said.mode == Mode.ENFORCE,
        "timestamp": {"seconds": seconds, "nanos": said.evaluated_at.microsecond * 1000},
        "properties": {"mode": said.mode, "outcome": said.outcome},
    }
    if said.severity in _SEVERITIES:
        found["severity"] = said.severity
    if waiver := said.waiver:
        found["properties"] |= {
            "waiver": waiver.name,
            "waiverOwner": waiver.owner,
            "waiverReason": clip(printable(waiver.reason), _MESSAGE),
            "waiverExpires": waiver.expires.isoformat(),
        }
    if message := said.message or said.title:
        found["message"] = clip(printable(message), _MESSAGE)
    return found


def result(said: Said) -> str:
    """Their word for it: `warn` is of "non-scored policies whose requirements were not met".

    What a waiver covers is `skip`: it counts for nothing, and says that it is there.
    """
    if said.waiver is not None:
        return "skip"
    match said.outcome:
        case Outcome.PASS:
            return "pass"
        case Outcome.ERROR:
            return "error"
        case _:
            return "fail" if said.mode == Mode.ENFORCE else "warn"
