"""Where the API server serves the kinds that Tocsin watches."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServedKind:
    """One kind; `plural` is its resource name, `api_version` what it is asked for as."""

    kind: str
    api_version: str
    plural: str

    @property
    def group(self) -> str:
        """API group; empty for the core group."""
        return self.api_version.rpartition("/")[0]

    def path(self, namespace: str = "") -> str:
        """Path of the collection, of one namespace or of all."""
        base = f"/apis/{self.api_version}" if self.group else f"/api/{self.api_version}"
        return f"{base}/namespaces/{namespace}/{self.plural}" if namespace else f"{base}/{self.plural}"


REPLICA_SETS = ServedKind("ReplicaSet", "apps/v1", "replicasets")
JOBS = ServedKind("Job", "batch/v1", "jobs")
PODS = ServedKind("Pod", "v1", "pods")

WORKLOADS = (
    ServedKind("Deployment", "apps/v1", "deployments"),
    ServedKind("CronJob", "batch/v1", "cronjobs"),
    ServedKind("StatefulSet", "apps/v1", "statefulsets"),
    ServedKind("DaemonSet", "apps/v1", "daemonsets"),
    ServedKind("ReplicationController", "v1", "replicationcontrollers"),
    REPLICA_SETS,
    JOBS,
    PODS,
)
"""Owners before what they own, so that a first list finds owners known."""

POLICIES = ServedKind("ClusterImagePolicy", "policy.sigstore.dev/v1beta1", "clusterimagepolicies")
NAMESPACES = ServedKind("Namespace", "v1", "namespaces")
CONFIG_MAPS = ServedKind("ConfigMap", "v1", "configmaps")
SECRETS = ServedKind("Secret", "v1", "secrets")
