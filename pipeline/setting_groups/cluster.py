"""The API server of a cluster that is watched."""

from dataclasses import dataclass

from pydantic import Field

from pipeline.setting_groups.texts import TextFields, TextSettings
from pipeline.setting_groups.waivers import WaiverFields
from pipeline.settings_types import LABEL_SELECTOR, WorkloadKind


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """For the watcher of a cluster."""

    context: str
    kubeconfig: str
    namespaces: frozenset[str]
    excluded_namespaces: frozenset[str]
    namespace_selector: str
    kinds: frozenset[str]
    redact_environment: bool
    page_size: int
    connect_timeout: float
    answer_timeout: float
    read_timeout: float
    backoff_first: float
    backoff_most: float
    denied_retry: float
    lease: str
    lease_duration: float
    texts: TextSettings
    waiver_namespace: str = ""
    waiver_days: int = 0


class ClusterFields(TextFields, WaiverFields):
    """What is set for the watcher of a cluster."""

    context: str = Field(
        default="", description="Context of the kubeconfig; empty: the current one, or the Pod's own cluster."
    )
    kubeconfig: str = Field(
        default="",
        description="Path of the kubeconfig; empty: KUBECONFIG or ~/.kube/config, as kubectl has it.",
    )
    namespaces: frozenset[str] = Field(
        default=frozenset(), description="Namespaces to watch; empty: all. As a JSON list in the environment."
    )
    excluded_namespaces: frozenset[str] = Field(
        default=frozenset(), description="Namespaces to leave out, such as kube-system."
    )
    namespace_selector: str = Field(
        default="",
        max_length=4096,
        pattern=LABEL_SELECTOR,
        description="Labels of the namespaces to watch, as in `kubectl get ns -l`; empty: any.",
    )
    kinds: frozenset[WorkloadKind] = Field(
        default=frozenset(WorkloadKind), description="Kinds to watch; default: all eight."
    )
    redact_environment: bool = Field(
        default=True,
        description="Replace literal environment values before anything is published: passwords live there.",
    )
    page_size: int = Field(
        default=500, ge=1, description="Objects a page of a list; kubectl's and client-go's figure."
    )
    connect_timeout: float = Field(default=10.0, gt=0, description="Seconds to connect to an API server.")
    answer_timeout: float = Field(
        default=60.0, gt=0, description="Seconds without a byte in an answer; API servers give up after 60."
    )
    read_timeout: float = Field(
        default=150.0,
        gt=0,
        description="Seconds without a byte in a watch; bookmarks come about once a minute.",
    )
    backoff_first: float = Field(default=0.5, gt=0, description="Seconds before the first retry.")
    backoff_most: float = Field(default=30.0, gt=0, description="Seconds between retries, at most.")
    lease: str = Field(
        default="",
        pattern=r"^$|^[a-z0-9.-]+/[a-z0-9.-]+$",
        description="NAMESPACE/NAME of a Lease: of the watchers that share it, one is active.",
    )
    lease_duration: float = Field(
        default=15.0,
        ge=1,
        description="Seconds until a silent holder loses the Lease, as in client-go.",
    )
    denied_retry: float = Field(
        default=60.0, gt=0, description="Seconds until a kind is asked for again that was denied or missing."
    )

    @property
    def api_server(self) -> ClusterSettings:
        """The group of a cluster's watcher."""
        return ClusterSettings(
            context=self.context,
            kubeconfig=self.kubeconfig,
            namespaces=self.namespaces,
            excluded_namespaces=self.excluded_namespaces,
            namespace_selector=self.namespace_selector,
            kinds=frozenset(kind.value for kind in self.kinds),
            redact_environment=self.redact_environment,
            page_size=self.page_size,
            connect_timeout=self.connect_timeout,
            answer_timeout=self.answer_timeout,
            read_timeout=self.read_timeout,
            backoff_first=self.backoff_first,
            backoff_most=self.backoff_most,
            denied_retry=self.denied_retry,
            lease=self.lease,
            lease_duration=self.lease_duration,
            texts=self.texts,
            waiver_namespace=self.waiver_namespace,
            waiver_days=self.waiver_max_days,
        )
