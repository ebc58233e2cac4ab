"""Other people's readers of Tocsin's events, run by Node.js. `package.json` and its lock say which.

`make services` installs them into the services cache. Without Node.js there are none,
and the tests that need one say so and are skipped, also where every service is required.
"""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.services import absent, cache_folder

FOLDER = Path(__file__).parent
_FILES = ("package.json", "package-lock.json", ".npmrc")
_PATIENCE = 120.0


def folder() -> Path:
    """Where the packages are, once installed: by what is pinned."""
    pinned = hashlib.sha256(b"".join((FOLDER / name).read_bytes() for name in _FILES)).hexdigest()
    return cache_folder() / f"consumers-{pinned[:12]}"


def packages() -> Path:
    """The folder of the packages for a test; skips it without Node.js, skips or fails it without them."""
    if shutil.which("node") is None:
        pytest.skip("Node.js is not here: no other implementation of CloudEvents reads the events")
    found = folder() / "node_modules"
    if not found.exists():
        absent("the packages of tests/consumers are not here: run `make services` (needs npm)")
    return found


def command(script: str, *arguments: str) -> tuple[list[str], dict[str, str]]:
    """A script of this folder as a command, and its environment."""
    environment = {
        "PATH": os.environ["PATH"],
        "NODE_PATH": str(packages()),
        "KAFKAJS_NO_PARTITIONER_WARNING": "1",
    }
    return ["node", str(FOLDER / script), *arguments], environment


def run(script: str, *arguments: str, stdin: bytes = b"") -> str:
    """What a script of this folder prints."""
    line, environment = command(script, *arguments)
    ran = subprocess.run(
        line, env=environment, input=stdin, capture_output=True, timeout=_PATIENCE, check=False
    )
    assert ran.returncode == 0, ran.stderr.decode(errors="replace")
    return ran.stdout.decode()


def install() -> None:
    """Install the packages with npm, unless they are there. No script of theirs is run."""
    place = folder()
    if place.exists():
        print("consumers (npm): there")
        return
    npm = shutil.which("npm")
    if npm is None:
        print("consumers (npm): left out, there is no npm on this machine")
        return
    print("consumers (npm): installing ...", flush=True)
    part = place.with_name(f"{place.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    for name in _FILES:
        shutil.copyfile(FOLDER / name, part / name)
    subprocess.run(
        [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"], cwd=part, check=True
    )
    part.rename(place)
