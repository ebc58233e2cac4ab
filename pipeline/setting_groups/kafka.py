"""Kafka, for every service on it."""

from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, Field, SecretStr

from pipeline.errors import UsageError
from pipeline.settings_types import KafkaSecurity, SaslMechanism


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


class KafkaFields(BaseModel):
    """What is set for Kafka."""

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
    deadletter_share: float = Field(
        default=0.1,
        gt=0,
        le=1,
        description="Share of the last 1,000 records that may be unreadable before a service gives up.",
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
