"""Settings: the one module that reads the environment and `tocsin.toml`.

Precedence: command-line flag, environment (`TOCSIN_` + NAME), `tocsin.toml` in
the working directory, default. Each stage takes its own frozen group.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import platformdirs
from pydantic import Field, IPvAnyNetwork, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from pipeline.errors import UsageError, clip
from pipeline.settings_types import (
    LABEL_SELECTOR,
    EngineChoice,
    KafkaSecurity,
    LogFormat,
    LogLevel,
    SaslMechanism,
    UnmatchedImages,
    WorkloadKind,
)

TOML_FILE = "tocsin.toml"


@dataclass(frozen=True, slots=True)
class TextSettings:
    """For the texts of policies that are elsewhere: in ConfigMaps and behind URLs."""

    namespace: str = "cosign-system"
    networks: frozenset[str] = frozenset()
    limit: int = 2**20
    timeout: float = 10.0
    retry_first: float = 5.0
    retry_most: float = 300.0


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """For the watcher."""

    cluster: str
    namespace: str
    max_document_bytes: int
    texts: TextSettings = TextSettings()
    waiver_days: int = 0
    """How far ahead a waiver may end; 0: as far as it likes."""


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


@dataclass(frozen=True, slots=True)
class EvaluatorSettings:
    """For the evaluator and its worker processes."""

    engine: EngineChoice
    opa_url: str
    workers: int
    evaluation_deadline: float
    compile_deadline: float
    memory_limit: int
    answer_limit: int
    quarantine_after: int
    quarantine_cool_down: float
    unmatched_images: UnmatchedImages
    redacted: bool
    recheck: float
    retry_first: float
    retry_most: float


@dataclass(frozen=True, slots=True)
class ImageSettings:
    """For what the evaluator asks registries. Sizes in bytes, times in seconds."""

    offline: bool
    cache: Path
    cache_bytes: int
    tag_ttl: float
    failure_ttl: float
    deadline: float
    connect_timeout: float
    attempts: int
    connections: int
    registry_connections: int
    manifest_bytes: int
    config_bytes: int
    attestation_bytes: int
    platforms: int
    docker_config: Path
    helper_timeout: float
    ca_file: str
    allowed_registries: frozenset[str]
    denied_registries: frozenset[str]
    private_registries: frozenset[str]
    insecure_registries: frozenset[str]
    registry_mirrors: Mapping[str, tuple[str, ...]]
    trusted_root: str


def _docker_config() -> Path:
    return Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker") / "config.json"


@dataclass(frozen=True, slots=True)
class DatabaseLimits:
    """For whoever writes to or reads from the database, in seconds."""

    lock_timeout: float
    statement_timeout: float


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """For deliveries to subscribers. Times in seconds."""

    file: str
    poll: float
    events: int
    size: int
    retention: float


@dataclass(frozen=True, slots=True)
class LogSettings:
    """For the log of a process."""

    format: LogFormat
    level: LogLevel


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """For every service on Kafka."""

    bootstrap: str
    security: KafkaSecurity
    mechanism: SaslMechanism
    user: str
    password: str = field(repr=False)
    ca_file: str
    certificate_file: str
    key_file: str
    prefix: str
    partitions: int
    replicas: int
    retention: float
    message_bytes: int
    session_timeout: float
    deadletter_share: float


def _state_dir() -> Path:
    return platformdirs.user_state_path("tocsin")


class Settings(BaseSettings):
    """All settings, each with its default, unit and reason."""

    model_config = SettingsConfigDict(
        env_prefix="TOCSIN_", toml_file=TOML_FILE, extra="forbid", frozen=True, env_ignore_empty=True
    )

    db: str = Field(
        default_factory=lambda: f"sqlite:///{_state_dir() / 'tocsin.db'}",
        description="Database URL. One machine needs no server, so SQLite in the user's state directory.",
    )
    db_lock_timeout: float = Field(
        default=10.0,
        gt=0,
        description="Seconds to wait for a lock in the database before giving up or retrying.",
    )
    db_statement_timeout: float = Field(
        default=60.0,
        gt=0,
        description="Seconds one statement may take on PostgreSQL; ordinary ones take milliseconds.",
    )
    prune_batch: int = Field(
        default=2000, ge=1, le=10_000, description="Rows `db prune` deletes in one transaction: some 50 ms."
    )
    poll_interval: float = Field(
        default=2.0, gt=0, description="Seconds between two looks of `violations list --watch`."
    )
    cluster: str = Field(
        default="manifests",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        description="Name of the cluster in every key and event.",
    )
    namespace: str = Field(
        default="default",
        min_length=1,
        description="Namespace of manifests that name none, as kubectl has it.",
    )
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
    policy_namespace: str = Field(
        default="cosign-system",
        pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$",
        description="Namespace of the ConfigMaps that configMapRef names: the one of policy-controller.",
    )
    waivers: str = Field(
        default="", description="File or folder of waivers, for `scan`, `run` and `watch`; empty: none."
    )
    waiver_namespace: str = Field(
        default="",
        pattern=r"^$|^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$",
        description="Namespace of ConfigMaps that hold waivers (label tocsin.dev/waivers=true); empty: none.",
    )
    waiver_max_days: int = Field(
        default=0,
        ge=0,
        le=36_500,
        description="Days from now in which a waiver has to end, or it is refused; 0: any end will do.",
    )
    policy_text_limit_kib: int = Field(
        default=1024,
        ge=1,
        description="KiB of a policy's text in a ConfigMap or behind a URL; a ConfigMap holds 1024.",
    )
    remote_networks: frozenset[IPvAnyNetwork] = Field(
        default=frozenset(),
        description="Networks that are not public and may be asked for policies' texts. As a JSON list.",
    )
    remote_timeout: float = Field(
        default=10.0, gt=0, description="Seconds that fetching one policy's text may take, all in all."
    )
    remote_retry_first: float = Field(
        default=5.0, gt=0, description="Seconds until a text that could not be fetched is asked for again."
    )
    remote_retry_most: float = Field(
        default=300.0, gt=0, description="The same, at most: it doubles each time."
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
    engine: EngineChoice = Field(
        default=EngineChoice.AUTO, description="Rego engine: auto, regorus, regopy or opa."
    )
    opa_url: str = Field(
        default="",
        pattern=r"^(https?://[^/\s?#]+(/[^\s?#]*)?|unix:///[^\s]+)?$",
        description="OPA server for what the other engines refuse: http(s)://host:port or unix:///path.",
    )
    workers: int = Field(
        default=0, ge=0, le=256, description="Evaluation processes; 0 means one for each core."
    )
    evaluation_deadline: float = Field(
        default=2.0, gt=0, description="Seconds one evaluation may take; ordinary ones take microseconds."
    )
    compile_deadline: float = Field(
        default=10.0,
        gt=0,
        description="Seconds compiling one policy may take; ordinary ones take milliseconds.",
    )
    memory_limit_mib: int = Field(
        default=256, ge=64, description="MiB a worker may use beyond what its engine needs at the start."
    )
    quarantine_after: int = Field(
        default=3, ge=1, description="Crashes or hangs after which a policy is set aside until it changes."
    )
    quarantine_cool_down: float = Field(
        default=600.0,
        gt=0,
        description="Seconds until a policy set aside is tried again: a machine may have been overloaded.",
    )
    answer_limit_kib: int = Field(
        default=1024,
        ge=1,
        description="KiB one policy may answer about one document; usual are hundreds of bytes.",
    )
    unmatched_images: UnmatchedImages = Field(
        default=UnmatchedImages.IGNORE,
        description="What to say of an image that no policy matches: ignore or warn.",
    )
    recheck: float = Field(
        default=3600.0,
        gt=0,
        description="Seconds after which `run` judges again what changes without an event: the time, tags.",
    )
    offline: bool = Field(
        default=False, description="Ask no registry: what is not in the cache is an error that says so."
    )
    image_cache: Path = Field(
        default_factory=lambda: platformdirs.user_cache_path("tocsin") / "images",
        description="Folder of what registries said of images; the processes of one machine share it.",
    )
    image_cache_mib: int = Field(
        default=512, ge=1, description="MiB of that folder; a config has about 10 KiB, so tens of thousands."
    )
    tag_ttl: float = Field(
        default=900.0, ge=0, description="Seconds until it is asked again where a tag points."
    )
    registry_retry_first: float = Field(
        default=30.0, ge=1, description="Seconds until an image is asked for again that could not be had."
    )
    registry_retry_most: float = Field(
        default=3600.0, ge=1, description="Seconds between such questions, at most; each waits twice as long."
    )
    registry_deadline: float = Field(
        default=20.0, gt=0, description="Seconds for all that is asked of registries about one image."
    )
    registry_connect_timeout: float = Field(
        default=5.0, gt=0, description="Seconds to connect to a registry; usual are milliseconds."
    )
    registry_attempts: int = Field(
        default=3, ge=1, description="Times to ask a registry that is busy (429, 5xx) before it is an error."
    )
    registry_connections: int = Field(default=32, ge=1, description="Connections to registries, in all.")
    registry_connections_each: int = Field(
        default=8, ge=1, description="Connections to one registry: an audit is a guest there."
    )
    manifest_limit_kib: int = Field(
        default=4096, ge=1, description="KiB of a manifest; registries must take 4 MiB."
    )
    image_config_limit_kib: int = Field(
        default=4096, ge=1, description="KiB of the configs of one image; usual are 10 for each platform."
    )
    attestation_limit_kib: int = Field(
        default=16_384, ge=1, description="KiB of the attestations of one image; an SBOM has some 1,000."
    )
    platform_limit: int = Field(
        default=64, ge=1, description="Images in an index; the largest official images have about 20."
    )
    docker_config: Path = Field(
        default_factory=_docker_config,
        description="Credentials for registries, as `docker login` writes them.",
    )
    credential_helper_timeout: float = Field(
        default=10.0, gt=0, description="Seconds a docker credential helper may take."
    )
    image_pull_secrets: bool = Field(
        default=False,
        description="Use imagePullSecrets of workloads: needs `get` on Secrets and ServiceAccounts.",
    )
    registry_ca_file: str = Field(
        default="", description="PEM file of authorities to trust for registries, besides the system's."
    )
    allowed_registries: frozenset[str] = Field(
        default=frozenset(), description="Ask these registries only (`*.example.com`); empty: any."
    )
    denied_registries: frozenset[str] = Field(default=frozenset(), description="Never ask these registries.")
    private_registries: frozenset[str] = Field(
        default=frozenset(),
        description="HOST or HOST:PORT that may have a private address; others are refused: names are input.",
    )
    insecure_registries: frozenset[str] = Field(
        default=frozenset(),
        description="HOST or HOST:PORT to ask by HTTP without TLS; it may have a private address, too.",
    )
    registry_mirrors: dict[str, tuple[str, ...]] = Field(
        default={}, description="By registry, URLs to ask first, such as an air gap's own registry."
    )
    trusted_root: str = Field(
        default="",
        description="trusted_root.json for policies without trustRootRef; `embedded`: sigstore-python's own.",
    )
    max_document_mib: int = Field(
        default=8, ge=1, description="MiB of one manifest document; an API server accepts 3."
    )
    events_socket: Path = Field(
        default_factory=lambda: _state_dir() / "events.sock",
        description="Unix socket where `run` serves its events to `events tail`.",
    )
    kafka_bootstrap: str = Field(
        default="localhost:9092",
        min_length=1,
        description="Kafka brokers to begin with, host:port, separated by commas.",
    )
    kafka_security: KafkaSecurity = Field(
        default=KafkaSecurity.PLAINTEXT, description="plaintext, ssl, sasl_plaintext or sasl_ssl."
    )
    kafka_sasl_mechanism: SaslMechanism = Field(
        default=SaslMechanism.SCRAM_SHA_512, description="PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512."
    )
    kafka_user: str = Field(default="", description="User for SASL.")
    kafka_password: SecretStr = Field(default=SecretStr(""), description="Password for SASL.")
    kafka_password_file: str = Field(
        default="", description="File with the password for SASL, such as a mounted Secret."
    )
    kafka_ca_file: str = Field(
        default="", description="PEM file of who may sign the brokers' certificates; empty: the system's."
    )
    kafka_certificate_file: str = Field(default="", description="PEM file of the client's certificate.")
    kafka_key_file: str = Field(default="", description="PEM file of the client's key.")
    kafka_prefix: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9._-]*$",
        description="Put before the names of topics, groups and transactions, where a Kafka is shared.",
    )
    kafka_partitions: int = Field(
        default=12,
        ge=1,
        le=1000,
        description="Partitions of the resources and of the verdicts: as many evaluators can share the work.",
    )
    kafka_replicas: int = Field(
        default=0, ge=0, description="Copies of each topic; 0: three, or as many as there are brokers."
    )
    kafka_retention_hours: float = Field(
        default=168.0,
        gt=0,
        description="Hours a reader may be away without missing what was deleted meanwhile.",
    )
    kafka_message_kib: int = Field(
        default=4096,
        ge=64,
        description="KiB of one event; an API server accepts objects of 3 MiB, and JSON is larger than that.",
    )
    kafka_session_timeout: float = Field(
        default=10.0,
        ge=1,
        description="Seconds until the partitions of a silent process go to others.",
    )
    subscribers: str = Field(
        default="", description="File of subscribers that events are delivered to; empty: none."
    )
    subscriber_poll: float = Field(
        default=2.0, gt=0, description="Seconds between looks at whether a subscriber was paused or resumed."
    )
    delivery_events: int = Field(
        default=1000,
        ge=1,
        description="Events in memory for each subscriber; what it has not got waits on the log.",
    )
    delivery_size_mib: int = Field(
        default=16, ge=1, description="MiB of events in memory for each subscriber; one event has 1 or 2 KiB."
    )
    outbox_hours: float = Field(
        default=168.0, gt=0, description="Hours that `run --subscribers` keeps events for a replay."
    )
    deadletter_share: float = Field(
        default=0.1,
        gt=0,
        le=1,
        description="Share of the last 1,000 records that may be unreadable before a service gives up.",
    )
    grace: float = Field(
        default=20.0, gt=0, description="Seconds to drain after SIGTERM; Kubernetes gives 30 before SIGKILL."
    )

    listen: str = Field(
        default="",
        pattern=r"^$|^(\[[0-9A-Fa-f:.]+\]|[^:\s\[\]]+):[0-9]{1,5}$",
        description="HOST:PORT of /healthz, /readyz and /metrics; empty: none. Container images set it.",
    )
    log_format: LogFormat | None = Field(
        default=None,
        description="text or json. Default: json for the services on Kafka, text for commands on a terminal.",
    )
    log_level: LogLevel | None = Field(
        default=None,
        description="debug, info, warning or error. Default: info in JSON, warning in text.",
    )
    otlp_endpoint: str = Field(
        default="",
        pattern=r"^(https?://[^\s]+)?$",
        description="OTLP collector (HTTP) for traces; empty: OTEL_EXPORTER_OTLP_ENDPOINT, or no traces.",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is the library's
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags before environment before tocsin.toml."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @property
    def db_given(self) -> bool:
        """Whether somebody said which database: a scan writes to none otherwise."""
        return "db" in self.model_fields_set

    @property
    def cluster_given(self) -> bool:
        """Whether somebody said what the cluster is called."""
        return "cluster" in self.model_fields_set

    def log(self, usual: LogFormat) -> LogSettings:
        """The group of the log. `usual`: the format where nobody said which."""
        chosen = self.log_format or usual
        level = LogLevel.INFO if chosen is LogFormat.JSON else LogLevel.WARNING
        return LogSettings(format=chosen, level=self.log_level or level)

    @property
    def database_limits(self) -> DatabaseLimits:
        """The database's group."""
        return DatabaseLimits(self.db_lock_timeout, self.db_statement_timeout)

    @property
    def delivery(self) -> DeliverySettings:
        """The group of deliveries."""
        return DeliverySettings(
            file=self.subscribers,
            poll=self.subscriber_poll,
            events=self.delivery_events,
            size=self.delivery_size_mib * 2**20,
            retention=self.outbox_hours * 3600,
        )

    @property
    def traces_url(self) -> str:
        """Where traces go; empty: nowhere. OpenTelemetry's own variables count, as its users expect."""
        if whole := os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", ""):
            return self._traces_of(self.otlp_endpoint) or whole
        return self._traces_of(self.otlp_endpoint or os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", ""))

    @staticmethod
    def _traces_of(endpoint: str) -> str:
        return f"{endpoint.rstrip('/')}/v1/traces" if endpoint else ""

    @property
    def source(self) -> SourceSettings:
        """The watcher's group."""
        return SourceSettings(
            cluster=self.cluster,
            namespace=self.namespace,
            max_document_bytes=self.max_document_mib * 2**20,
            texts=self.texts,
            waiver_days=self.waiver_max_days,
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

    @property
    def texts(self) -> TextSettings:
        """The group of what fetches policies' texts."""
        return TextSettings(
            namespace=self.policy_namespace,
            networks=frozenset(map(str, self.remote_networks)),
            limit=self.policy_text_limit_kib * 2**10,
            timeout=self.remote_timeout,
            retry_first=self.remote_retry_first,
            retry_most=self.remote_retry_most,
        )

    @property
    def kafka(self) -> KafkaSettings:
        """The group of every service on Kafka. Raises UsageError for a password file that cannot be read."""
        return KafkaSettings(
            bootstrap=self.kafka_bootstrap,
            security=self.kafka_security,
            mechanism=self.kafka_sasl_mechanism,
            user=self.kafka_user,
            password=self._kafka_password(),
            ca_file=self.kafka_ca_file,
            certificate_file=self.kafka_certificate_file,
            key_file=self.kafka_key_file,
            prefix=self.kafka_prefix,
            partitions=self.kafka_partitions,
            replicas=self.kafka_replicas,
            retention=self.kafka_retention_hours * 3600,
            message_bytes=self.kafka_message_kib * 2**10,
            session_timeout=self.kafka_session_timeout,
            deadletter_share=self.deadletter_share,
        )

    def _kafka_password(self) -> str:
        if not self.kafka_password_file:
            return self.kafka_password.get_secret_value()
        try:
            return Path(self.kafka_password_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"kafka_password_file {self.kafka_password_file}: cannot be read") from error

    @property
    def evaluator(self) -> EvaluatorSettings:
        """The evaluator's group."""
        return EvaluatorSettings(
            engine=self.engine,
            opa_url=self.opa_url,
            workers=self.workers or os.cpu_count() or 1,
            evaluation_deadline=self.evaluation_deadline,
            compile_deadline=self.compile_deadline,
            memory_limit=self.memory_limit_mib * 2**20,
            answer_limit=self.answer_limit_kib * 2**10,
            quarantine_after=self.quarantine_after,
            quarantine_cool_down=self.quarantine_cool_down,
            unmatched_images=self.unmatched_images,
            redacted=self.redact_environment,
            recheck=self.recheck,
            retry_first=self.registry_retry_first,
            retry_most=self.registry_retry_most,
        )

    @property
    def images(self) -> ImageSettings:
        """The group of what registries are asked."""
        return ImageSettings(
            offline=self.offline,
            cache=self.image_cache,
            cache_bytes=self.image_cache_mib * 2**20,
            tag_ttl=self.tag_ttl,
            failure_ttl=self.registry_retry_first / 2,
            deadline=self.registry_deadline,
            connect_timeout=self.registry_connect_timeout,
            attempts=self.registry_attempts,
            connections=self.registry_connections,
            registry_connections=self.registry_connections_each,
            manifest_bytes=self.manifest_limit_kib * 2**10,
            config_bytes=self.image_config_limit_kib * 2**10,
            attestation_bytes=self.attestation_limit_kib * 2**10,
            platforms=self.platform_limit,
            docker_config=self.docker_config,
            helper_timeout=self.credential_helper_timeout,
            ca_file=self.registry_ca_file,
            allowed_registries=self.allowed_registries,
            denied_registries=self.denied_registries,
            private_registries=self.private_registries,
            insecure_registries=self.insecure_registries,
            registry_mirrors=self.registry_mirrors,
            trusted_root=self.trusted_root,
        )


def load_settings(**flags: Any) -> Settings:
    """Settings with the given flags on top; flags that are None were not given.

    Raises UsageError that names each wrong setting and where it may be set.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors()
        )
        raise UsageError(f"settings (flags, TOCSIN_* environment, {TOML_FILE}): {clip(problems)}") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{TOML_FILE}: {clip(str(error))}") from error
