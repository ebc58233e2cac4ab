"""Which namespaces a watcher looks at, and that it leaves the others to other watchers.

Not covered: how a selector is written wrongly (`tests/unit/pipeline/test_settings.py`).
"""

import asyncio
from dataclasses import replace

import pytest

from pipeline.settings import ClusterSettings
from tests.integration.kube.conftest import NAME, PATIENCE, following, pod
from tests.kube.cluster import Cluster
from watcher.cluster.app import KnownObjects

pytestmark = pytest.mark.xdist_group("kube")

NAMESPACES = "/api/v1/namespaces"


def make(cluster: Cluster, name: str, **labels: str) -> None:
    cluster.request("POST", NAMESPACES, {"metadata": {"name": name, "labels": labels}})


def label(cluster: Cluster, name: str, **labels: str | None) -> None:
    patch = {"metadata": {"labels": labels}}
    cluster.request("PATCH", f"{NAMESPACES}/{name}", patch, "application/merge-patch+json")


def run(cluster: Cluster, namespace: str, name: str) -> str:
    """Make a Pod; returns its key on the log."""
    made = cluster.request("POST", f"{NAMESPACES}/{namespace}/pods", pod(name))
    return f"{NAME}/{made['metadata']['uid']}"


async def test_a_namespace_that_gets_or_loses_the_label_brings_or_takes_its_resources(
    cluster: Cluster, settings: ClusterSettings
) -> None:
    make(cluster, "labelled", scope="one")
    make(cluster, "unlabelled")
    run(cluster, "labelled", "a")
    run(cluster, "unlabelled", "b")
    settings = replace(settings, namespace_selector="scope in (one), !off")
    async with following(settings) as downstream:
        await downstream.until(lambda d: set(d.resources) == {"Pod/labelled/a"})
        label(cluster, "unlabelled", scope="one")
        await downstream.until(lambda d: set(d.resources) == {"Pod/labelled/a", "Pod/unlabelled/b"})
        label(cluster, "labelled", off="yes")
        await downstream.until(lambda d: set(d.resources) == {"Pod/unlabelled/b"})
        make(cluster, "later", scope="one")
        run(cluster, "later", "c")
        run(cluster, "labelled", "unseen")
        await downstream.until(lambda d: "Pod/later/c" in d.resources)
        label(cluster, "labelled", off=None)
        await downstream.until(lambda d: "Pod/labelled/unseen" in d.resources)
        assert len(downstream.resources) == 4


async def test_a_namespace_that_is_excluded_by_name_is_out_whatever_its_labels(
    cluster: Cluster, settings: ClusterSettings
) -> None:
    for name in ("in-both", "in-one"):
        make(cluster, name, scope="two")
        run(cluster, name, "a")
    selected = replace(
        settings, namespace_selector="scope=two", excluded_namespaces=frozenset({"in-one", "kube-system"})
    )
    async with following(selected) as downstream:
        await asyncio.wait_for(downstream.listed, PATIENCE)
        await downstream.until(lambda d: bool(d.resources))
    assert set(downstream.resources) == {"Pod/in-both/a"}


@pytest.mark.parametrize("split", ["excluded", "labels", "names"])
async def test_watchers_that_share_a_cluster_leave_each_others_resources_alone(
    cluster: Cluster, settings: ClusterSettings, split: str
) -> None:
    mine, others = f"mine-{split}", f"others-{split}"
    make(cluster, mine, part=split)
    make(cluster, others)
    run(cluster, mine, "a")
    theirs = run(cluster, others, "b")
    known = KnownObjects({theirs: ("Pod", others), f"{NAME}/gone-{split}": ("Pod", mine)})
    settings = {
        "excluded": replace(settings, excluded_namespaces=frozenset({others})),
        "labels": replace(settings, namespace_selector=f"part={split}"),
        "names": replace(settings, namespaces=frozenset({mine})),
    }[split]
    async with following(settings, known) as downstream:
        await asyncio.wait_for(downstream.listed, PATIENCE)
        run(cluster, mine, "last")
        await downstream.until(lambda d: f"Pod/{mine}/last" in d.resources)
    assert f"{NAME}/gone-{split}" in downstream.gone
    assert theirs not in downstream.gone
