"""Waivers in ConfigMaps of a real API server: found, changed, wrong, deleted, without the label.

Not covered: what a document may say (`tests/unit/watcher/waivers`).
"""

import json
from dataclasses import replace
from typing import Any

import pytest

from pipeline.events import SourceFailed, Topic
from pipeline.settings import ClusterSettings
from pipeline.waivers import WaiverApplied, waiver_key
from tests.integration.kube.conftest import NAME, Downstream, following
from tests.integration.watcher.test_waivers import waiver
from tests.kube.cluster import Cluster
from watcher.cluster.app import KnownObjects

pytestmark = pytest.mark.xdist_group("kube")


@pytest.fixture
def namespace(cluster: Cluster, request: pytest.FixtureRequest) -> str:
    """A namespace of the test's own, where waivers are."""
    name: str = request.node.name.replace("_", "-")[:60].strip("-")
    cluster.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    return name


@pytest.fixture
def settings(settings: ClusterSettings, namespace: str) -> ClusterSettings:
    return replace(settings, waiver_namespace=namespace, namespaces=frozenset({namespace}))


def config_map(*waivers: dict[str, Any], name: str = "exceptions", labelled: bool = True) -> dict[str, Any]:
    labels = {"tocsin.dev/waivers": "true"} if labelled else {}
    text = "\n---\n".join(map(json.dumps, waivers))  # JSON is YAML
    return {"metadata": {"name": name, "labels": labels}, "data": {"shop.yaml": text}}


def path(namespace: str, name: str = "") -> str:
    return f"/api/v1/namespaces/{namespace}/configmaps" + (f"/{name}" if name else "")


def waivers(downstream: Downstream) -> dict[str, str]:
    """Name -> whose it is."""
    data = [event.data for event in downstream.events.values()]
    return {each.name: each.owner for each in data if isinstance(each, WaiverApplied)}


def problems(downstream: Downstream) -> list[str]:
    data = [event.data for event in downstream.events.values()]
    return [each.message for each in data if isinstance(each, SourceFailed)]


async def test_waivers_come_change_and_go_with_their_config_map(
    cluster: Cluster, namespace: str, settings: ClusterSettings
) -> None:
    cluster.request("POST", path(namespace), config_map(waiver("a"), waiver("b")))
    cluster.request("POST", path(namespace), config_map(waiver("c"), name="others", labelled=False))
    async with following(settings, policies=False) as downstream:
        await downstream.until(lambda d: waivers(d) == {"a": "team", "b": "team"})
        cluster.request("PUT", path(namespace, "exceptions"), config_map(waiver("a", owner="shop")))
        await downstream.until(lambda d: waivers(d) == {"a": "shop"})
        wrong = config_map(waiver("a", owner="shop"), waiver("bad", reason=None))
        cluster.request("PUT", path(namespace, "exceptions"), wrong)
        await downstream.until(lambda d: bool(problems(d)))
        (problem,) = problems(downstream)
        assert problem.startswith(f"ConfigMap {namespace}/exceptions[shop.yaml]:")
        assert problem.endswith("Waiver bad: spec.reason: required")
        assert waivers(downstream) == {"a": "shop"}
        cluster.request("PUT", path(namespace, "exceptions"), config_map(waiver("a", owner="shop")))
        await downstream.until(lambda d: not problems(d))
        cluster.request("DELETE", path(namespace, "exceptions"))
        await downstream.until(lambda d: waivers(d) == {})


async def test_what_an_earlier_run_told_and_is_gone_is_withdrawn_before_the_first_resource(
    cluster: Cluster, namespace: str, settings: ClusterSettings
) -> None:
    cluster.request("POST", path(namespace), config_map(waiver("a")))
    spec = {"containers": [{"name": "web", "image": "nginx"}]}
    pods = f"/api/v1/namespaces/{namespace}/pods"
    cluster.request("POST", pods, {"metadata": {"name": "web"}, "spec": spec})
    known = KnownObjects(waivers={waiver_key(NAME, "old"): f"ConfigMap {namespace}/gone"})
    async with following(settings, known, policies=False) as downstream:
        await downstream.until(lambda d: bool(d.resources))
    topics = [topic for topic, _, _ in downstream.seen]
    assert topics.index(Topic.RESOURCES) == 2
    assert waiver_key(NAME, "old") in downstream.gone
    assert waivers(downstream) == {"a": "team"}
