"""What the mirror keeps of what is gone: nothing. What it publishes: integration tests."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.bus_memory import MemoryBus
from pipeline.settings import ClusterSettings, load_settings
from tests.fakes.api_server import FakeApiServer, event, page
from watcher.cluster.api import ApiServer
from watcher.cluster.batch import Batch
from watcher.cluster.kinds import REPLICA_SETS
from watcher.cluster.lookup import OwnerLookup
from watcher.cluster.mirror import Mirror
from watcher.cluster.policies import Policies
from watcher.cluster.reflector import Reflector
from watcher.cluster.scope import Scope


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[FakeApiServer]:
    async with FakeApiServer(tmp_path).running() as server:
        yield server


def _old(number: int) -> dict[str, Any]:
    """A ReplicaSet kept for a rollback."""
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "web", "controller": True}
    metadata = {
        "name": f"web-{number}",
        "namespace": "shop",
        "uid": f"uid-{number}",
        "ownerReferences": [owner],
    }
    return {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": metadata, "spec": {"replicas": 0}}


def _mirror(api: ApiServer, settings: ClusterSettings) -> Mirror:
    bus = MemoryBus()
    policies = Policies("test", bus, _now)
    return Mirror("test", bus, settings, Scope(settings), OwnerLookup(api), _now, policies)


def _now() -> datetime:
    return datetime.now(UTC)


async def test_owners_do_not_grow_with_old_replica_sets_that_are_deleted(server: FakeApiServer) -> None:
    settings = load_settings(kubeconfig=str(server.kubeconfig)).api_server
    async with ApiServer.connect(settings) as api:
        mirror = _mirror(api, settings)
        reflector = Reflector(api, REPLICA_SETS, "", mirror, settings, lambda: None)
        batch = Batch("replicasets", "")
        for number in range(3):
            await reflector._take(batch, event("ADDED", _old(number)))
        await reflector._flush(batch)
        assert len(mirror._owners) == 3
        await reflector._take(batch, event("DELETED", _old(1)))
        assert [uid for uid in ("uid-0", "uid-1", "uid-2") if uid in mirror._owners] == ["uid-0", "uid-2"]
    assert mirror.events == 0


async def test_owners_do_not_grow_with_old_replica_sets_that_were_deleted_unseen(
    server: FakeApiServer,
) -> None:
    server.scripts["list"] = [page([_old(0), _old(1)], "10"), page([_old(1)], "11")]
    settings = load_settings(kubeconfig=str(server.kubeconfig)).api_server
    async with ApiServer.connect(settings) as api:
        mirror = _mirror(api, settings)
        reflector = Reflector(api, REPLICA_SETS, "", mirror, settings, lambda: None)
        await reflector.once()
        assert len(mirror._owners) == 2
        await reflector.once()
        assert "uid-1" in mirror._owners
        assert len(mirror._owners) == 1
    assert mirror.events == 0
