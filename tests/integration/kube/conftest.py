"""One API server for the tests of this folder, and what they see of it downstream."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.bus import Consumer
from pipeline.bus_memory import MemoryBus
from pipeline.events import Event, ResourceApplied, SourceFailed, Topic
from pipeline.settings import ClusterSettings, load_settings
from tests.kube.cluster import CONTEXT, Cluster, running
from tests.services import kube
from watcher.cluster.api import ApiServer
from watcher.cluster.app import KnownObjects, Listing, follow
from watcher.cluster.counts import Counts

CRD = Path(__file__).parents[3] / "deploy" / "clusterimagepolicy-crd.yaml"
PATIENCE = 60.0
NAME = "test"


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    binaries = kube()
    with running(binaries, tmp_path_factory.mktemp("cluster")) as cluster:
        crd = yaml.safe_load(CRD.read_text(encoding="utf-8"))
        cluster.request("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", crd)
        cluster.until_served("/apis/policy.sigstore.dev/v1beta1/clusterimagepolicies")
        yield cluster


@pytest.fixture
def settings(cluster: Cluster) -> ClusterSettings:
    return load_settings(
        kubeconfig=str(cluster.kubeconfig), context=CONTEXT, backoff_first=0.05, denied_retry=0.2
    ).api_server


@dataclass
class Downstream:
    """What a consumer of the log knows: the last event of each key."""

    consumer: Consumer
    events: dict[tuple[Topic, str], Event] = field(default_factory=dict)
    seen: list[tuple[Topic, str, bool]] = field(default_factory=list)
    listed: "asyncio.Future[Listing]" = field(default_factory=asyncio.Future)

    @property
    def resources(self) -> Mapping[str, ResourceApplied]:
        """By `Kind/namespace/name`."""
        found = [event.data for event in self.events.values() if isinstance(event.data, ResourceApplied)]
        return {f"{d.resource.kind}/{d.resource.namespace}/{d.resource.name}": d for d in found}

    @property
    def failures(self) -> set[str]:
        """What could not be read."""
        return {event.data.file for event in self.events.values() if isinstance(event.data, SourceFailed)}

    @property
    def gone(self) -> set[str]:
        """Keys that a tombstone came for."""
        return {key for _, key, there in self.seen if not there}

    async def until(self, condition: Callable[["Downstream"], bool]) -> None:
        """Take records until something is so."""
        async with asyncio.timeout(PATIENCE):
            while not condition(self):
                delivery = await self.consumer.receive(256)
                for record in delivery.records:
                    self.seen.append((record.topic, record.key, record.event is not None))
                    if record.event is None:
                        self.events.pop((record.topic, record.key), None)
                    else:
                        self.events[record.topic, record.key] = record.event


@asynccontextmanager
async def following(
    settings: ClusterSettings,
    known: KnownObjects | None = None,
    *,
    policies: bool = True,
    counts: Counts | None = None,
) -> AsyncIterator[Downstream]:
    """A watcher of the cluster for as long as the block runs."""
    bus, stop = MemoryBus(), asyncio.Event()
    topics = (Topic.RESOURCES, Topic.POLICIES, Topic.DEADLETTERS)
    async with (
        bus.consume("test", topics) as consumer,
        ApiServer.connect(settings) as api,
        asyncio.TaskGroup() as group,
    ):
        downstream = Downstream(consumer)
        group.create_task(
            follow(
                api,
                NAME,
                bus,
                settings,
                lambda: datetime.now(UTC),
                stop,
                policies=policies,
                known=known,
                listed=downstream.listed.set_result,
                counts=counts,
            )
        )
        try:
            yield downstream
        finally:
            stop.set()


def pod(name: str, image: str = "nginx:1.27", **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, **metadata},
        "spec": {
            "containers": [
                {"name": "web", "image": image, "env": [{"name": "PASSWORD", "value": "hunter2"}]},
            ]
        },
    }
