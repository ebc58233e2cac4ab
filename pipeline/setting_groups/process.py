"""What a process tells of itself, and how it ends."""

import os
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, Field

from pipeline.setting_groups.places import state_folder
from pipeline.settings_types import LogFormat, LogLevel


@dataclass(frozen=True, slots=True)
class LogSettings:
    """For the log of a process."""

    format: LogFormat
    level: LogLevel


class ProcessFields(BaseModel):
    """What is set for every long-running command."""

    events_socket: Path = Field(
        default_factory=lambda: state_folder() / "events.sock",
        description="Unix socket where `run` serves its events to `events tail`.",
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

    def log(self, usual: LogFormat) -> LogSettings:
        """The group of the log. `usual`: the format where nobody said which."""
        chosen = self.log_format or usual
        level = LogLevel.INFO if chosen is LogFormat.JSON else LogLevel.WARNING
        return LogSettings(format=chosen, level=self.log_level or level)

    @property
    def traces_url(self) -> str:
        """Where traces go; empty: nowhere. OpenTelemetry's own variables count, as its users expect."""
        if whole := os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", ""):
            return self._traces_of(self.otlp_endpoint) or whole
        return self._traces_of(self.otlp_endpoint or os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", ""))

    @staticmethod
    def _traces_of(endpoint: str) -> str:
        return f"{endpoint.rstrip('/')}/v1/traces" if endpoint else ""
