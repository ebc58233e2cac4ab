"""Names of what cannot be read in a cluster. When they are told and mended: integration tests."""

import pytest

from watcher.cluster.failures import is_of_cluster, objects_of, place_of
from watcher.cluster.kinds import PODS, POLICIES

POD, POLICY = place_of(PODS, "shop", "1"), place_of(POLICIES, "", "2")


@pytest.mark.parametrize("place", ["pods", "clusterimagepolicies", POD, POLICY])
def test_kinds_and_objects_are_of_the_cluster(place: str) -> None:
    assert is_of_cluster(place)


@pytest.mark.parametrize(
    "place",
    ["policies/web.yaml", "pods/shop/web.yaml", "pods.yaml", "/etc/policies", "pods/shop", "x/pods/1", ""],
)
def test_files_are_not(place: str) -> None:
    assert not is_of_cluster(place)


def test_objects_are_found_by_kind_and_namespace() -> None:
    places = [POD, POLICY, "pods", "pods/other/3", "pods/shop/web.yaml"]
    assert dict(objects_of(PODS, "shop", places)) == {"1": POD}
    assert dict(objects_of(PODS, "", places)) == {"1": POD, "3": "pods/other/3"}
    assert dict(objects_of(POLICIES, "", places)) == {"2": POLICY}
