"""For every test: no settings of the person who runs it, and no task left behind."""

import asyncio
import os
from collections.abc import AsyncIterator

import pytest
import regopy  # noqa: F401 - frees what is not its own where another libstdc++ is loaded before it
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.kafka.fixtures"]

settings.register_profile("tocsin", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tocsin")


@pytest.fixture(autouse=True)
def _no_settings_of_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("TOCSIN_") and not name.startswith(("TOCSIN_TEST_", "TOCSIN_REQUIRE_")):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
async def _no_leaked_task() -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    yield
    own = {asyncio.current_task()}
    left = [task for task in asyncio.all_tasks() - before - own if not task.done()]
    assert not left, f"tasks left behind: {sorted(task.get_name() for task in left)}"
