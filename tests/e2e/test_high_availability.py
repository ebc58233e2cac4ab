"""Two `tocsin run` with one Lease and one database: the active one is killed, the other goes on.

Nothing is missed and nothing is told twice. Not covered: a database that fails over, too.
"""

import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
import yaml

from tests.e2e.command import NOT_PRIVILEGED, TIMEOUT, pod, policy
from tests.e2e.running import running as running_tocsin
from tests.kube.cluster import CONTEXT, Cluster, running
from tests.services import kube

pytestmark = pytest.mark.xdist_group("kube")

CRD = Path(__file__).parents[2] / "deploy" / "clusterimagepolicy-crd.yaml"
PODS = "/api/v1/namespaces/default/pods"
POLICIES = "/apis/policy.sigstore.dev/v1beta1/clusterimagepolicies"
LEASE = "/apis/coordination.k8s.io/v1/namespaces/default/leases/watchers"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running(kube(), tmp_path_factory.mktemp("cluster")) as cluster:
        crd = yaml.safe_load(CRD.read_text(encoding="utf-8"))
        cluster.request("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", crd)
        cluster.until_served(POLICIES)
        cluster.request("POST", POLICIES, policy("own", NOT_PRIVILEGED, "enforce"))
        for name in ("stays", "goes"):
            cluster.request("POST", PODS, pod(name, privileged=True))
        yield cluster


def rows(database: Path, query: str) -> list[tuple[str, str | None]]:
    with closing(sqlite3.connect(database)) as connection:
        return sorted(connection.execute(query), key=str)


def spans(database: Path) -> list[tuple[str, str | None]]:
    """Every violation there ever was: its Pod, and how it ended."""
    return rows(database, "SELECT name, resolution FROM violations")


def event_ids(database: Path) -> dict[str, str | None]:
    """Of the last verdict about each Pod."""
    return dict(rows(database, "SELECT name, event_id FROM verdicts WHERE policy = 'own'"))


def until_written(database: Path, count: int) -> None:
    """Wait until the database knows so many violations: what is printed may not be written yet."""
    deadline = time.monotonic() + TIMEOUT
    while len(spans(database)) < count:
        assert time.monotonic() < deadline
        time.sleep(0.05)  # a database has no other sign


def test_a_killed_watcher_is_followed_by_the_other_without_a_gap_or_an_echo(
    cluster: Cluster, tmp_path: Path
) -> None:
    database = tmp_path / "audit.db"
    env = {
        "KUBECONFIG": str(cluster.kubeconfig),
        "TOCSIN_LEASE": "default/watchers",
        "TOCSIN_LEASE_DURATION": "3",
        "TOCSIN_DB": f"sqlite:///{database}",
    }
    homes = [tmp_path / name for name in ("first", "second")]
    for home in homes:
        home.mkdir()
    command = ("run", "--context", CONTEXT)
    with (
        running_tocsin(homes[0], *command, env=env) as first,
        ExitStack() as stack,
    ):
        for _ in range(2):
            first.out.expect("fail  default/Pod/", "own:")
        second = stack.enter_context(running_tocsin(homes[1], *command, env=env))
        second.err.expect("standing by")
        holder = cluster.request("GET", LEASE)["spec"]["holderIdentity"]
        until_written(database, 2)
        before = event_ids(database)
        first.stop(signal.SIGKILL)
        cluster.request("DELETE", f"{PODS}/goes", {"gracePeriodSeconds": 0})
        cluster.request("POST", PODS, pod("comes", privileged=True))
        rung = {second.out.expect("default/Pod/").split("  ")[1] for _ in range(2)}
        lease = cluster.request("GET", LEASE)["spec"]
        assert second.stop() == 0
    assert rung == {"default/Pod/goes", "default/Pod/comes"}
    assert not any("default/Pod/stays" in line for line in second.out.seen)
    assert (lease["leaseTransitions"], lease["holderIdentity"] != holder) == (2, True)
    assert spans(database) == [("comes", None), ("goes", "resource_deleted"), ("stays", None)]
    after = event_ids(database)
    assert after.keys() == {"comes", "stays"}  # a verdict that is withdrawn has no row
    assert after["stays"] == before["stays"]
