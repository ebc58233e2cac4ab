"""Types of the workload kinds around the Pod spec: k8s.io/api core/v1, apps/v1, batch/v1.

Only the types: which values are allowed is for the API server to say, and for
policies. A wrong type anywhere is an error, as the API server refuses it, and
as no policy is written for it.
"""

from enum import StrEnum
from typing import Any

from watcher.kinds.metadata import LABEL_SELECTOR, METADATA
from watcher.kinds.podspec import POD_SPEC
from watcher.kinds.shapes import Bool, Int, IntOrText, Text, TextMap, many, maybe, struct
from watcher.kinds.volumes import CLAIM_SPEC


class PodSpecPath(StrEnum):
    """Where a kind keeps its Pod spec."""

    POD = "spec"
    TEMPLATE = "spec.template.spec"
    JOB_TEMPLATE = "spec.jobTemplate.spec.template.spec"


def _object(kind: str, spec: Any) -> Any:
    return struct(kind, metadata=maybe(METADATA), spec=maybe(spec))


_TEMPLATE = maybe(_object("PodTemplateSpec", POD_SPEC))
_REPLICATED = {"replicas": Int, "minReadySeconds": Int, "template": _TEMPLATE}
_STRATEGY = struct(
    "UpdateStrategy",
    type=Text,
    rollingUpdate=maybe(struct("RollingUpdate", maxUnavailable=IntOrText, maxSurge=IntOrText, partition=Int)),
)
_JOB_SPEC = struct(
    "JobSpec",
    parallelism=Int,
    completions=Int,
    activeDeadlineSeconds=Int,
    backoffLimit=Int,
    selector=maybe(LABEL_SELECTOR),
    manualSelector=Bool,
    template=_TEMPLATE,
    ttlSecondsAfterFinished=Int,
    completionMode=Text,
    suspend=Bool,
)
_CLAIM = struct("PersistentVolumeClaim", metadata=maybe(METADATA), spec=maybe(CLAIM_SPEC))

WORKLOADS: dict[str, tuple[Any, PodSpecPath]] = {
    "Pod": (_object("Pod", POD_SPEC), PodSpecPath.POD),
    "ReplicationController": (
        _object(
            "ReplicationController",
            struct("ReplicationControllerSpec", selector=TextMap, **_REPLICATED),
        ),
        PodSpecPath.TEMPLATE,
    ),
    "ReplicaSet": (
        _object("ReplicaSet", struct("ReplicaSetSpec", selector=maybe(LABEL_SELECTOR), **_REPLICATED)),
        PodSpecPath.TEMPLATE,
    ),
    "Deployment": (
        _object(
            "Deployment",
            struct(
                "DeploymentSpec",
                selector=maybe(LABEL_SELECTOR),
                strategy=maybe(_STRATEGY),
                paused=Bool,
                revisionHistoryLimit=Int,
                progressDeadlineSeconds=Int,
                **_REPLICATED,
            ),
        ),
        PodSpecPath.TEMPLATE,
    ),
    "StatefulSet": (
        _object(
            "StatefulSet",
            struct(
                "StatefulSetSpec",
                selector=maybe(LABEL_SELECTOR),
                serviceName=Text,
                podManagementPolicy=Text,
                updateStrategy=maybe(_STRATEGY),
                volumeClaimTemplates=many(_CLAIM),
                revisionHistoryLimit=Int,
                **_REPLICATED,
            ),
        ),
        PodSpecPath.TEMPLATE,
    ),
    "DaemonSet": (
        _object(
            "DaemonSet",
            struct(
                "DaemonSetSpec",
                selector=maybe(LABEL_SELECTOR),
                updateStrategy=maybe(_STRATEGY),
                minReadySeconds=Int,
                revisionHistoryLimit=Int,
                template=_TEMPLATE,
            ),
        ),
        PodSpecPath.TEMPLATE,
    ),
    "Job": (_object("Job", _JOB_SPEC), PodSpecPath.TEMPLATE),
    "CronJob": (
        _object(
            "CronJob",
            struct(
                "CronJobSpec",
                schedule=Text,
                timeZone=Text,
                startingDeadlineSeconds=Int,
                concurrencyPolicy=Text,
                suspend=Bool,
                jobTemplate=maybe(_object("JobTemplateSpec", _JOB_SPEC)),
                successfulJobsHistoryLimit=Int,
                failedJobsHistoryLimit=Int,
            ),
        ),
        PodSpecPath.JOB_TEMPLATE,
    ),
}
"""Kind -> its type, and where its Pod spec is."""
