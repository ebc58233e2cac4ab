"""`tocsin scan` with an OPA server: what only OPA can evaluate, everything, and a server that is away.

Not covered: OPA itself (`tests/contract`), restarts (`tests/faults/test_opa_server.py`).
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.command import NOT_PRIVILEGED, pod, policy, tocsin, write
from tests.opa_server import running_opa

ONLY_OPA = """
isCompliant[{"result": true}] { graphql.is_valid("{a}", "type Query { a: Int }"); input.spec.hostNetwork }
isCompliant[{"result": false, "error": "no host network"}] { not input.spec.hostNetwork }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "deploy" / "all.yaml", pod("good"), pod("bad", privileged=True))
    write(tmp_path / "policies" / "ours.yaml", policy("no-privileged", NOT_PRIVILEGED))
    write(tmp_path / "policies" / "opas.yaml", policy("only-opa", ONLY_OPA))
    return tmp_path


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"unix://{tmp_path}/opa.sock"


@pytest.fixture
def server(url: str) -> Iterator[None]:
    with running_opa(url):
        yield


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("engine", ["auto", "opa"])
def test_a_scan_says_the_same_wherever_its_policies_are_evaluated(
    folder: Path, url: str, engine: str
) -> None:
    arguments = ("scan", "deploy", "-p", "policies", "--engine", engine, "-o", "json")
    ran = tocsin(folder, *arguments, env={"TOCSIN_OPA_URL": url})
    assert ran.code == 0, ran.err
    found = sorted((row["resource"]["name"], row["policy"]) for row in ran.report["violations"])
    assert found == [("bad", "no-privileged"), ("bad", "only-opa"), ("good", "only-opa")]


def test_a_server_that_is_away_costs_the_verdicts_that_need_it(folder: Path, url: str) -> None:
    ran = tocsin(folder, "scan", "deploy", "-p", "policies", "-o", "json", env={"TOCSIN_OPA_URL": url})
    assert ran.code in (1, 3)
    assert [row["policy"] for row in ran.report["violations"]] == ["no-privileged"]
    reasons = {row["message"] for row in ran.report["errors"]}
    assert all("cannot be reached" in reason for reason in reasons)
    assert reasons
