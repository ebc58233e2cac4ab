"""Several watchers, one active, by a Lease on a real API server."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import pytest

from pipeline.settings import ClusterSettings
from tests.integration.kube.conftest import PATIENCE
from tests.kube.cluster import Cluster
from watcher.cluster.api import ApiServer
from watcher.cluster.errors import UnreachableError
from watcher.cluster.lease import Candidate, Lease, LeaseLostError

pytestmark = pytest.mark.xdist_group("kube")


def lease(api: ApiServer, name: str, identity: str, duration: float = 15.0) -> Lease:
    return Lease(api, f"default/{name}", Candidate(identity, duration), lambda: datetime.now(UTC))


class Unpluggable(ApiServer):
    """An API server whose cable can be pulled."""

    unplugged = False

    async def get(self, path: str, parameters: Mapping[str, str] | None = None) -> bytes:
        if self.unplugged:
            raise UnreachableError("unplugged")
        return await super().get(path, parameters)


class Work:
    """Work that says when it runs, and runs until told to end."""

    def __init__(self) -> None:
        self.begun, self.end, self.running = asyncio.Event(), asyncio.Event(), False

    async def __call__(self) -> None:
        self.running = True
        self.begun.set()
        try:
            await self.end.wait()
        finally:
            self.running = False


async def soon(what: Callable[[], Awaitable[object]]) -> None:
    await asyncio.wait_for(what(), PATIENCE)


async def test_a_lease_that_is_given_back_is_taken_by_the_one_that_waits(
    cluster: Cluster, settings: ClusterSettings
) -> None:
    first, second, stop = Work(), Work(), asyncio.Event()
    async with ApiServer.connect(settings) as api, asyncio.TaskGroup() as group:
        group.create_task(lease(api, "handed-on", "a", 3).held(first, stop))
        await soon(first.begun.wait)
        group.create_task(lease(api, "handed-on", "b", 3).held(second, stop))
        first.end.set()
        await soon(second.begun.wait)
        assert not first.running
        second.end.set()
    body = cluster.request("GET", "/apis/coordination.k8s.io/v1/namespaces/default/leases/handed-on")
    assert body["spec"]["leaseTransitions"] == 2


async def test_a_silent_holder_loses_it_and_ends_its_work(settings: ClusterSettings) -> None:
    first, second, stop = Work(), Work(), asyncio.Event()
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(ApiServer.connect(settings))
        cut = await stack.enter_async_context(Unpluggable.connect(settings))
        holding = asyncio.create_task(lease(cut, "lost", "a", 1.0).held(first, stop))
        await soon(first.begun.wait)
        waiting = asyncio.create_task(lease(api, "lost", "b", 1.0).held(second, stop))
        cut.unplugged = True
        with pytest.raises(LeaseLostError):
            await asyncio.wait_for(holding, PATIENCE)
        assert not first.running
        await soon(second.begun.wait)
        second.end.set()
        await asyncio.wait_for(waiting, PATIENCE)


async def test_one_that_waits_ends_when_told_to(settings: ClusterSettings) -> None:
    work, never, stop = Work(), Work(), asyncio.Event()
    async with ApiServer.connect(settings) as api, asyncio.TaskGroup() as group:
        group.create_task(lease(api, "busy", "a").held(work, asyncio.Event()))
        await soon(work.begun.wait)
        standby = group.create_task(lease(api, "busy", "b").held(never, stop))
        stop.set()
        await asyncio.wait_for(standby, PATIENCE)
        assert not never.begun.is_set()
        work.end.set()
