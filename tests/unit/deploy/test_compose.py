"""compose.yaml against the schema of the compose specification, and what is asked of each service.

Not covered: that the images start (no container engine runs here); the same commands with the same
environment, in the same order, are started as processes by `tests/e2e/test_up`.
"""

import json
import re
from typing import Any

import jsonschema
import pytest

from pipeline.settings import Settings
from tests.compose.project import load
from tests.services import compose_schema

PROJECT = load({"COMPOSE_PROFILES": "deliver"})
JOBS = {"migrate", "topics"}
OURS = {*JOBS, "watch", "evaluate", "sink", "deliver"}
PINNED = re.compile(r":[0-9]+\.[0-9]+(\.[0-9]+)?(-[a-z]+)?$")
NAMES = sorted(PROJECT.services)


@pytest.fixture(params=NAMES)
def service(request: pytest.FixtureRequest) -> dict[str, Any]:
    found: dict[str, Any] = PROJECT.services[request.param]
    return found


def test_it_is_as_the_specification_says() -> None:
    schema = json.loads(compose_schema().read_text(encoding="utf-8"))
    jsonschema.validate(PROJECT.document, schema)


def test_a_mistake_would_be_found() -> None:
    schema = json.loads(compose_schema().read_text(encoding="utf-8"))
    wrong = {**PROJECT.document, "services": {"sink": {**PROJECT.services["sink"], "comand": []}}}
    with pytest.raises(jsonschema.ValidationError, match="comand"):
        jsonschema.validate(wrong, schema)


def test_each_service_is_contained(service: dict[str, Any]) -> None:
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    uid, _, gid = service["user"].partition(":")
    assert int(uid) > 0
    assert int(gid) > 0
    assert "privileged" not in service


def test_foreign_images_are_pinned_by_version(service: dict[str, Any]) -> None:
    assert PINNED.search(service["image"]) or "build" in service


@pytest.mark.parametrize("name", NAMES)
def test_what_goes_on_has_a_health_check_and_comes_back_and_jobs_end(name: str) -> None:
    service = PROJECT.services[name]
    assert ("healthcheck" in service) is (name not in JOBS)
    assert (
        service["restart"].startswith("on-failure:")
        if name in JOBS
        else service["restart"] == "unless-stopped"
    )


@pytest.mark.parametrize("name", NAMES)
def test_each_waits_for_what_it_needs_in_a_way_that_can_come_true(name: str) -> None:
    for other, wait in PROJECT.services[name].get("depends_on", {}).items():
        expected = "service_completed_successfully" if other in JOBS else "service_healthy"
        assert wait["condition"] == expected
        assert other in PROJECT.services


@pytest.mark.parametrize("name", sorted(OURS))
def test_the_environment_is_settings(name: str) -> None:
    ours = {key for key in PROJECT.services[name]["environment"] if not key.startswith("OTEL_")}
    assert {key.removeprefix("TOCSIN_").lower() for key in ours} <= set(Settings.model_fields)


def test_services_write_no_folder_that_is_not_there_for_it() -> None:
    for name in OURS:
        assert any(path.startswith("/tmp") for path in PROJECT.services[name]["tmpfs"])
        assert all(volume.endswith(":ro") for volume in PROJECT.services[name].get("volumes", []))


def test_variables_and_their_defaults_are_put_in() -> None:
    database = PROJECT.services["sink"]["environment"]["TOCSIN_DB"]
    assert database == "postgresql://tocsin:tocsin@postgres:5432/tocsin"
    other = load({"TOCSIN_POSTGRES_PASSWORD": "s3cret"}).services
    assert other["sink"]["environment"]["TOCSIN_DB"] == "postgresql://tocsin:s3cret@postgres:5432/tocsin"
    assert other["postgres"]["environment"]["POSTGRES_PASSWORD"] == "s3cret"  # noqa: S105
