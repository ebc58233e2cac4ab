"""Who controls a controller, asked of a scripted server that is away, busy or refuses.

Not here: what is made of the answer (`tests/unit/watcher/cluster/test_owner_laws.py`).
"""

from pathlib import Path
from typing import Any

import pytest

from pipeline.events import ResourceRef
from pipeline.settings import load_settings
from tests.fakes.api_server import Answer, FakeApiServer, page, refused, stream
from watcher.backoff import Backoff
from watcher.cluster.api import ApiServer
from watcher.cluster.lookup import OwnerLookup

OF_POD = ResourceRef(api_version="apps/v1", kind="ReplicaSet", namespace="shop", name="web-1", uid="rs")
DEPLOYMENT = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "dep", "controller": True}
REPLICA_SET: dict[str, Any] = {
    "metadata": {"name": "web-1", "namespace": "shop", "uid": "rs", "ownerReferences": [DEPLOYMENT]}
}


async def asked(folder: Path, *answers: Answer) -> tuple[ResourceRef | None, int]:
    async with FakeApiServer(folder).running() as server:
        server.scripts["list"] = list(answers)
        settings = load_settings(kubeconfig=str(server.kubeconfig)).api_server
        async with ApiServer.connect(settings) as api:
            owner = await OwnerLookup(api, Backoff(0.001, 0.01)).owner_of(OF_POD)
        return owner, server.count("list")


@pytest.mark.parametrize("trouble", [refused(429), refused(503), stream(b"{", broken=True)])
async def test_an_owner_is_asked_for_until_the_server_answers(tmp_path: Path, trouble: Answer) -> None:
    owner, asked_for = await asked(tmp_path, trouble, trouble, page([REPLICA_SET]))
    assert owner is not None
    assert (owner.kind, owner.name) == ("Deployment", "web")
    assert asked_for == 3


async def test_a_server_that_refuses_is_asked_once(tmp_path: Path) -> None:
    assert await asked(tmp_path, refused(403)) == (None, 1)


async def test_a_server_that_stays_busy_is_given_up(tmp_path: Path) -> None:
    owner, asked_for = await asked(tmp_path, refused(429))
    assert owner is None
    assert asked_for == 10
