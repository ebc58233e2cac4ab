"""The container image as far as it can be proven without a container engine: its rules, and its wheel.

Not covered: that the base image exists and starts.
"""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LINES = [
    line
    for line in re.sub(
        r"\\\n", " ", (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
    ).splitlines()
    if line and not line.startswith("#")
]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def instructions(name: str) -> list[str]:
    return [line.partition(" ")[2].strip() for line in LINES if line.startswith(f"{name} ")]


def test_base_images_are_pinned_by_version() -> None:
    assert [re.fullmatch(r"python:\d+\.\d+\.\d+-slim-\w+( AS build)?", each) for each in instructions("FROM")]
    assert all(re.match(r"python:\d+\.\d+\.\d+-slim-", each) for each in instructions("FROM"))
    assert len({each.partition(" ")[0] for each in instructions("FROM")}) == 1


def test_every_package_is_checked_by_its_hash() -> None:
    installs = [part for run in instructions("RUN") for part in run.split("&&") if "pip install" in part]
    assert len(installs) == 3
    assert all("--require-hashes" in part or "--no-index" in part for part in installs)


def test_it_ends_as_somebody_with_no_rights_and_the_program() -> None:
    assert instructions("USER") == ["65532:65532"]
    assert LINES[-1] == 'ENTRYPOINT ["tocsin"]'
    assert instructions("HEALTHCHECK") == ["NONE"]


def test_the_build_lock_has_what_builds_us() -> None:
    lock = (ROOT / "requirements" / "build.txt").read_text(encoding="utf-8")
    for requirement in PYPROJECT["build-system"]["requires"]:
        assert f"\n{re.match('[a-z]+', requirement)[0]}==" in f"\n{lock}"  # type: ignore[index]


def test_what_the_context_holds_is_enough_for_a_whole_wheel(tmp_path: Path) -> None:
    pytest.importorskip("hatchling")
    context = tmp_path / "context"
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        if not line.startswith("!"):
            continue
        source, target = ROOT / line[1:], context / line[1:]
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copyfile)(source, target)
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        tmp_path,
        context,
    ]
    subprocess.run(list(map(str, build)), check=True, capture_output=True)
    (wheel,) = tmp_path.glob("tocsin-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    packages = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == set(packages)
    assert any(name.endswith("signatures.json") for name in names)
    assert any(name.startswith("migrations/versions/") for name in names)
    assert any(name.startswith("catalog/") and name.endswith(".yaml") for name in names)
