"""Settings: the one module that reads the environment and `tocsin.toml`.

Precedence: command-line flag, environment (`TOCSIN_` + NAME), `tocsin.toml` in
the working directory, default. Each stage takes its own frozen group: `setting_groups`
has a file for each, with the fields that it is made of.
"""

import tomllib
from typing import Any

from pydantic import ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from pipeline.errors import UsageError, clip
from pipeline.setting_groups.cluster import ClusterFields, ClusterSettings
from pipeline.setting_groups.database import DatabaseFields, DatabaseLimits
from pipeline.setting_groups.delivery import DeliveryFields, DeliverySettings
from pipeline.setting_groups.evaluator import EvaluatorFields, EvaluatorSettings
from pipeline.setting_groups.images import ImageFields, ImageSettings
from pipeline.setting_groups.kafka import KafkaFields, KafkaSettings
from pipeline.setting_groups.process import LogSettings, ProcessFields
from pipeline.setting_groups.source import SourceFields, SourceSettings
from pipeline.setting_groups.texts import TextSettings

__all__ = [
    "TOML_FILE",
    "ClusterSettings",
    "DatabaseLimits",
    "DeliverySettings",
    "EvaluatorSettings",
    "ImageSettings",
    "KafkaSettings",
    "LogSettings",
    "Settings",
    "SourceSettings",
    "TextSettings",
    "load_settings",
]

TOML_FILE = "tocsin.toml"


class Settings(
    EvaluatorFields,
    ImageFields,
    ClusterFields,
    SourceFields,
    DatabaseFields,
    KafkaFields,
    DeliveryFields,
    ProcessFields,
    BaseSettings,
):
    """All settings, each with its default, unit and reason."""

    model_config = SettingsConfigDict(
        env_prefix="TOCSIN_", toml_file=TOML_FILE, extra="forbid", frozen=True, env_ignore_empty=True
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
