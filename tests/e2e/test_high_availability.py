"""Two watchers of a cluster with one Lease: the active one is killed, the other goes on.

Nothing is missed and nothing is told twice: two `tocsin run` with one database, and two `tocsin
watch` on Kafka. Not covered: a database that fails over, too.
"""

import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
import yaml

from tests.e2e.command import NOT_PRIVILEGED, TIMEOUT, pod, policy, tocsin
from tests.e2e.running import running as running_tocsin
from tests.kafka.broker import Broker
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


def until_ended(database: Path, name: str) -> None:
    """Wait until the database knows that what a Pod violated is over."""
    deadline = time.monotonic() + TIMEOUT
    while (name, "resource_deleted") not in spans(database):
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


def test_of_two_watchers_on_kafka_the_other_goes_on_and_the_rows_are_those_of_one_process(
    cluster: Cluster, tmp_path: Path, broker: Broker, kafka_prefix: str
) -> None:
    cluster.request("POST", "/api/v1/namespaces", {"metadata": {"name": "kafka"}})
    path = "/api/v1/namespaces/kafka/pods"
    for name in ("stays", "goes"):
        cluster.request("POST", path, pod(name, privileged=True))
    env = {
        "KUBECONFIG": str(cluster.kubeconfig),
        "TOCSIN_DB": f"sqlite:///{tmp_path / 'audit.db'}",
        "TOCSIN_KAFKA_BOOTSTRAP": broker.bootstrap,
        "TOCSIN_KAFKA_PREFIX": kafka_prefix,
        "TOCSIN_KAFKA_PARTITIONS": "3",
        "TOCSIN_KAFKA_SESSION_TIMEOUT": "6",
        "TOCSIN_WORKERS": "1",
    }
    leased = {**env, "TOCSIN_LEASE": "default/kafka-watchers", "TOCSIN_LEASE_DURATION": "3"}
    undisturbed = {**env, "TOCSIN_DB": f"sqlite:///{tmp_path / 'one.db'}"}
    assert tocsin(tmp_path, "topics", "create", env=env).code == 0
    command = ("--context", CONTEXT, "-n", "kafka")
    with ExitStack() as stack:
        started = [
            stack.enter_context(running_tocsin(tmp_path, *arguments, env=settings))
            for arguments, settings in (
                (("evaluate",), env),
                (("sink",), env),
                (("run", *command), undisturbed),
                (("watch", *command), leased),
            )
        ]
        first = started.pop()
        first.err.expect("read 2 resources and 1 policy")
        second = stack.enter_context(running_tocsin(tmp_path, "watch", *command, env=leased))
        second.err.expect("standing by")
        until_written(tmp_path / "audit.db", 2)
        first.stop(signal.SIGKILL)
        cluster.request("DELETE", f"{path}/goes", {"gracePeriodSeconds": 0})
        cluster.request("POST", path, pod("comes", privileged=True))
        second.err.expect("read 2 resources and 1 policy")
        second.err.expect("2 of them are on the log as they are")
        for database in ("audit.db", "one.db"):
            until_ended(tmp_path / database, "goes")
            until_written(tmp_path / database, 3)
        for service in (second, *started):
            assert service.stop() == 0
    assert spans(tmp_path / "audit.db") == [("comes", None), ("goes", "resource_deleted"), ("stays", None)]
    rows_of = "SELECT cluster, namespace, name, policy, outcome, message, event_id FROM verdicts"
    assert rows(tmp_path / "audit.db", rows_of) == rows(tmp_path / "one.db", rows_of)
    assert spans(tmp_path / "one.db") == spans(tmp_path / "audit.db")
