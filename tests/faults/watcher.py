"""`make faults SUITE=watcher SEED=n`: nothing a cluster, a network or a kill does loses or doubles anything.

A real API server; `tocsin run` as a process of its own, behind a network that is cut,
swallows and truncates; SIGKILL for both; etcd forgets its past. In the end the database
says what the cluster says: the same resources with the same digests and owners, the same
policies, everything else withdrawn, and of each violation one.
"""

import argparse
import random
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.faults.cluster_work import POLICIES, Work
from tests.faults.downstream import DENYING, Downstream, Expected
from tests.faults.proxy import Proxy, proxying
from tests.kube.cluster import CONTEXT, Cluster, free_port, running
from tests.services import kube

OPERATIONS = 2000
FAULTS = ("kill", "restart", "gap", "cut", "swallow", "truncate", "compact", "refuse")
_PATIENCE = 120.0
_ROOT = Path(__file__).parents[2]
_CRD = _ROOT / "deploy" / "clusterimagepolicy-crd.yaml"
_TOCSIN = str(Path(sys.executable).with_name("tocsin"))
_SETTINGS = {
    "TOCSIN_READ_TIMEOUT": "4",
    "TOCSIN_ANSWER_TIMEOUT": "4",
    "TOCSIN_BACKOFF_FIRST": "0.05",
    "TOCSIN_BACKOFF_MOST": "0.5",
    "TOCSIN_DENIED_RETRY": "0.5",
    "TOCSIN_PAGE_SIZE": "20",
    "TOCSIN_WORKERS": "1",
}
_COUNTED = re.compile(r"^tocsin_watch_(lists|expired)_total\{.*\} (\d+)", re.MULTILINE)
_DENY = {"mode": "warn", "images": [{"glob": "**"}], "authorities": [{"static": {"action": "fail"}}]}


@dataclass
class Tocsin:
    """`tocsin run`, which is killed and started again."""

    folder: Path
    command: tuple[str, ...] = (_TOCSIN,)
    process: "subprocess.Popen[bytes] | None" = None
    port: int = field(default_factory=free_port)
    """Of its metrics."""

    @property
    def database(self) -> Path:
        return self.folder / "tocsin.db"

    def start(self) -> None:
        environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.folder),
            "XDG_STATE_HOME": str(self.folder),
            "KUBECONFIG": str(self.folder / "through-proxy"),
            "TOCSIN_LISTEN": f"127.0.0.1:{self.port}",
            **_SETTINGS,
        }
        with (self.folder / "tocsin.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self.command, "run", "--context", CONTEXT, "--db", f"sqlite:///{self.database}"],
                stdout=subprocess.DEVNULL,
                stderr=log,
                cwd=_ROOT,
                env=environment,
            )

    def counted(self) -> Counter[str]:
        """How often this process was told 410, and how often it listed a kind again."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as answer:
                found = _COUNTED.findall(answer.read().decode())
        except OSError:  # it has only just been started
            return Counter()
        counts: Counter[str] = Counter()
        for name, value in found:
            many = float(value)
            counts["answers 410" if name == "expired" else "relists"] += int(
                many if name == "expired" else many - 1
            )
        return counts

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@dataclass
class Suite:
    """One run, by its seed."""

    cluster: Cluster
    proxy: Proxy
    tocsin: Tocsin
    work: Work
    chance: random.Random
    say: Callable[[str], None]
    counts: Counter[str] = field(default_factory=Counter)
    _planned: list[str] = field(default_factory=list)

    def run(self, operations: int, between: int = 30) -> list[str]:
        """Work and faults, then peace; returns what is wrong in the end.

        `between`: operations from one fault to the next, more or less.
        """
        self.begin()
        self._work(4 * between)
        if problems := self._in_step():
            return problems
        while self.work.done < operations:
            self._work(self.chance.randint(1, 2 * between))
            self._fault()
            if not self._planned and (problems := self._in_step()):
                return problems
        self.cluster.request("POST", POLICIES, _policy("last"))
        problems = self._in_step()
        self.counts += self.tocsin.counted()
        return problems or [*self.told.doubled(), *self._idle()]

    def begin(self) -> None:
        self.work.begin()
        self.cluster.request("POST", POLICIES, _policy(DENYING))
        self.tocsin.start()

    def _work(self, steps: int) -> None:
        for _ in range(steps):
            self.work.step()

    def _fault(self) -> None:
        if not self._planned:  # each once before any comes again
            self._planned = [*FAULTS]
            self.chance.shuffle(self._planned)
        name = self._planned.pop()
        self.counts[name] += 1
        self.say(f"after {self.work.done} operations: {name}")
        getattr(self, f"_{name}")()

    def _kill(self) -> None:
        self.counts += self.tocsin.counted()
        self.tocsin.kill()
        self._work(self.chance.randint(0, 20))
        self.tocsin.start()

    def _restart(self) -> None:
        self.cluster.kill("kube-apiserver")
        self.cluster.start_server()

    def _gap(self) -> None:
        """Things happen unseen, and are forgotten: 410."""
        self.proxy.refuse(refusing=True)
        self._work(20)
        self._restart()
        self.cluster.compact()
        self._work(5)
        self.proxy.refuse(refusing=False)

    def _compact(self) -> None:
        self.cluster.compact()
        self.proxy.cut()

    def _cut(self) -> None:
        self.proxy.cut()

    def _refuse(self) -> None:
        self.proxy.refuse(refusing=True)
        self._work(10)
        self.proxy.refuse(refusing=False)

    def _swallow(self) -> None:
        self.proxy.swallow()

    def _truncate(self) -> None:
        self.proxy.truncate(self.chance.randint(1, 5000))

    @property
    def told(self) -> Downstream:
        return Downstream(self.tocsin.database)

    def _in_step(self) -> list[str]:
        """Peace, so that what is deleted after it was known downstream."""
        self.counts["rounds"] += 1
        return self.settled()

    def settled(self, patience: float = _PATIENCE) -> list[str]:
        """Wait for the database to say what the cluster says; returns where it does not."""
        if self.tocsin.process is None or self.tocsin.process.poll() is not None:
            return ["tocsin ended by itself"]
        expected = Expected.of(self.cluster)
        deadline = time.monotonic() + patience
        while problems := self.told.problems(expected):
            if time.monotonic() > deadline:
                return problems
            time.sleep(0.2)  # the database has no other sign
        return []

    def _idle(self) -> list[str]:
        """What did not happen, so that nothing was shown of it."""
        self.counts += self.told.counts()
        wanted = {"resources withdrawn", "violations closed"} | set(FAULTS)
        return [f"idle: {name} never happened" for name in sorted(wanted - set(+self.counts))]


def _policy(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "policy.sigstore.dev/v1beta1",
        "kind": "ClusterImagePolicy",
        "metadata": {"name": name},
        "spec": _DENY,
    }


@contextmanager
def suite(binaries: Path, folder: Path, seed: int, say: Callable[[str], None]) -> Iterator[Suite]:
    """A cluster, a network, and a Tocsin that is not running yet."""
    chance = random.Random(seed)  # noqa: S311 - the same history for the same seed
    (folder / "cluster").mkdir()
    with running(binaries, folder / "cluster") as cluster, proxying(cluster.port) as proxy:
        crd = yaml.safe_load(_CRD.read_text(encoding="utf-8"))
        cluster.request("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", crd)
        cluster.until_served(POLICIES)
        config = cluster.config("tests-only", proxy.port)
        (folder / "through-proxy").write_text(yaml.safe_dump(config), encoding="utf-8")
        tocsin = Tocsin(folder)
        try:
            yield Suite(cluster, proxy, tocsin, Work(cluster, chance), chance, say)
        finally:
            tocsin.kill()


def main() -> int:
    """Run one seed; exits 0 only when nothing was lost or doubled."""
    parser = argparse.ArgumentParser(prog="make faults SUITE=watcher")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--operations", type=int, default=OPERATIONS)
    options = parser.parse_args()
    seed = random.SystemRandom().randrange(2**32) if options.seed is None else options.seed
    print(f"seed {seed}", flush=True)
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory() as folder,
        suite(kube(), Path(folder), seed, lambda line: print(line, flush=True)) as run,
    ):
        problems = run.run(options.operations)
        print(f"{run.work.done} operations, {time.monotonic() - began:.0f} s; {_counted(run.counts)}")
        if problems:
            print("\n".join(problems[:50]))
            print((Path(folder) / "tocsin.log").read_text(errors="replace")[-4000:])
    print(
        f"seed {seed}: {len(problems)} problems"
        if problems
        else f"seed {seed}: nothing lost, nothing doubled"
    )
    return 1 if problems else 0


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))


if __name__ == "__main__":
    sys.exit(main())
