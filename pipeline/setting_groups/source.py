"""What is watched, as far as manifests and clusters have it in common."""

from dataclasses import dataclass, field

from pydantic import Field

from pipeline.setting_groups.texts import TextFields, TextSettings
from pipeline.setting_groups.waivers import WaiverFields


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """For the watcher."""

    cluster: str
    namespace: str
    max_document_bytes: int
    texts: TextSettings = field(default_factory=TextSettings)
    waiver_days: int = 0
    """How far ahead a waiver may end; 0: as far as it likes."""


class SourceFields(TextFields, WaiverFields):
    """What is set for every watcher."""

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
    max_document_mib: int = Field(
        default=8, ge=1, description="MiB of one manifest document; an API server accepts 3."
    )

    @property
    def cluster_given(self) -> bool:
        """Whether somebody said what the cluster is called."""
        return "cluster" in self.model_fields_set

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
