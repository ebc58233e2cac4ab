"""A registry that is real, one that follows scripts, and what asks them."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evaluator.images.opening import Images
from pipeline.settings import ImageSettings, load_settings
from tests.fakes.registry import FakeRegistry
from tests.registry import RunningRegistry, running_registry

Opens = Callable[..., AbstractAsyncContextManager[Images]]


@pytest.fixture(scope="session")
def _shared_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRegistry]:
    with running_registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture
def registry(_shared_registry: RunningRegistry) -> RunningRegistry:
    """A real one, shared by tests: each has repositories of its own."""
    return _shared_registry


@pytest.fixture
async def fake() -> AsyncIterator[FakeRegistry]:
    async with FakeRegistry().running() as running:
        yield running


def image_settings(folder: Path, *hosts: str, **changes: Any) -> ImageSettings:
    """Settings that allow these hosts, without TLS."""
    return replace(
        load_settings().images,
        **{
            "cache": folder / "cache",
            "docker_config": folder / "config.json",
            "insecure_registries": frozenset(hosts),
            **changes,
        },
    )
