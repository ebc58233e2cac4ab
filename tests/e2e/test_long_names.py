"""Names of any length, as files may have them, on the databases that services share.

Not covered: rows that are refused for other reasons (`tests/contract/test_refused`).
"""

import random
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import databases
from tests.e2e.command import NOT_PRIVILEGED, pod, policy, tocsin, write

LONG = "".join(random.Random(3).choices(string.ascii_lowercase + string.digits, k=3000))  # noqa: S311


@pytest.fixture(params=databases.KINDS)
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with databases.ready(request.param, tmp_path) as url:
        yield url


def test_a_long_image_and_a_long_name_stop_nobody_and_can_be_asked_for(tmp_path: Path, db: str) -> None:
    asks_registries = {
        "type": "rego",
        "fetchConfigFile": True,
        "data": "package sigstore\nisCompliant { true }",
    }
    write(tmp_path / "deploy" / "image.yaml", pod("long-image", image=LONG), pod("bad", privileged=True))
    write(tmp_path / "deploy" / "name.yaml", pod(LONG), pod("good"))
    write(
        tmp_path / "policies.yaml",
        policy("configs", "", policy=asks_registries),
        policy("no-privileged", NOT_PRIVILEGED, mode="enforce"),
    )
    for _ in range(2):
        ran = tocsin(tmp_path, "scan", "deploy", "-p", "policies.yaml", "--db", db, "-o", "json")
        assert "full" not in ran.err
        assert ran.code in {1, 2, 3}
        (too_long,) = [line for line in ran.errors if "name.yaml" in line]
        assert "metadata.name: 3000 characters, Kubernetes takes 253" in too_long
        assert "deploy/name.yaml:1" in too_long
    (found,) = tocsin(tmp_path, "violations", "list", "-o", "json", "--db", db).report
    assert found["resource"]["name"] == "bad"
    said = tocsin(tmp_path, "errors", "list", "-o", "json", "--db", db).report
    assert {(each["kind"], each.get("policy")) for each in said} == {
        ("source", None),
        ("resource", "configs"),
    }
