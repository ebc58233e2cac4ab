"""The evaluator: its engines, its worker processes, and how often it looks again."""

import os
from dataclasses import dataclass

from pydantic import Field

from pipeline.setting_groups.cluster import ClusterFields
from pipeline.setting_groups.images import ImageFields
from pipeline.settings_types import EngineChoice, UnmatchedImages


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


class EvaluatorFields(ImageFields, ClusterFields):
    """What is set for the evaluator."""

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
