"""The short version of `make faults SUITE=watcher`: each fault once; and that its checks can fail.

Not covered: other seeds; Kafka in between (`make faults SUITE=pipeline`).
"""

import sys
from pathlib import Path

import pytest

from tests.faults.watcher import FAULTS, suite
from tests.services import kube

pytestmark = pytest.mark.xdist_group("kube")
_SOON = 4.0
"""Seconds in which a Tocsin that loses nothing has said everything."""


def test_nothing_is_lost_or_doubled_whatever_breaks(tmp_path: Path) -> None:
    with suite(kube(), tmp_path, 20, lambda _: None) as run:
        assert run.run(200, between=10) == []
    assert set(FAULTS) <= set(run.counts)


def test_a_tocsin_that_loses_something_is_found_out(tmp_path: Path) -> None:
    with suite(kube(), tmp_path, 20, lambda _: None) as run:
        run.tocsin.command = (sys.executable, "-m", "tests.faults.lossy", "deletion")
        run.begin()
        made = [run.work.make("Deployment", "east", f"web-{number}") for number in range(3)]
        assert run.settled() == []
        run.work.remove(made[0])
        problems = run.settled(_SOON)
        assert any(line.startswith("not withdrawn: resource") for line in problems)
        assert all(made[0].uid in line for line in problems)
        for loses, said in (("tombstone", "not withdrawn: resource"), ("event", "lost: resource")):
            run.tocsin.kill()
            run.tocsin.command = (sys.executable, "-m", "tests.faults.lossy", loses)
            run.tocsin.start()
            if loses == "event":
                run.settled(_SOON)  # the list is heard
                made.append(run.work.make("Deployment", "east", "last"))
            assert [line for line in run.settled(_SOON) if line.startswith(said)]
