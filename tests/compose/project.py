"""A compose file as `docker compose` reads it: variables put in, services in their order."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).parents[2] / "compose.yaml"
_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


@dataclass(frozen=True)
class Project:
    """Services by name."""

    services: Mapping[str, dict[str, Any]]
    document: Mapping[str, Any]

    @property
    def jobs(self) -> set[str]:
        """Those that others wait for until they have ended well."""
        return {
            name
            for service in self.services.values()
            for name, wait in service.get("depends_on", {}).items()
            if wait["condition"] == "service_completed_successfully"
        }

    @property
    def order(self) -> list[str]:
        """Each service after those it depends on."""
        graph = {name: service.get("depends_on", {}) for name, service in self.services.items()}
        return list(TopologicalSorter(graph).static_order())


def load(environment: Mapping[str, str] | None = None, file: Path = FILE) -> Project:
    """Read the file with `${NAME}` and `${NAME:-default}` from this environment.

    Services of profiles that COMPOSE_PROFILES does not name are left out.
    """
    given = environment or {}

    def value(found: re.Match[str]) -> str:
        return given.get(found[1]) or found[2] or ""

    text = "\n".join(
        _VARIABLE.sub(value, line) if not line.lstrip().startswith("#") else line
        for line in file.read_text(encoding="utf-8").splitlines()
    )
    document = yaml.safe_load(text)
    profiles = set(given.get("COMPOSE_PROFILES", "").split(","))
    services = {
        name: service
        for name, service in document["services"].items()
        if not (wanted := service.get("profiles")) or profiles & set(wanted)
    }
    return Project(services, document)
