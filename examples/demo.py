"""`make demo`: audit the shop, look at one violation, fix another and watch it go.

Everything shown is the output of the command above it. What it leaves behind is in
`.demo/`: a copy of the shop, and the database.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parent.parent
FOLDER = Path(".demo")
DATABASE = f"sqlite:///{FOLDER}/tocsin.db"
SHOP = FOLDER / "shop"
POLICIES = ("-p", "catalog/baseline", "-p", "examples/policies")
PATIENCE = 60.0
"""Seconds for what takes one or two."""

_TOCSIN = Path(sys.executable).with_name("tocsin")
_ENVIRONMENT = {"TOCSIN_DB": DATABASE, "TOCSIN_EVENTS_SOCKET": f"{FOLDER}/events.sock"}

NEXT = f"""
What to try next ({FOLDER}/ is yours to change; examples/README.md says what is wrong with the shop)
  .venv/bin/tocsin scan YOUR-FOLDER
      your own manifests, against the Pod Security Standards baseline
  .venv/bin/tocsin violations list --db {DATABASE}
      what is left to fix; `show ID` says more
  .venv/bin/tocsin policies list --db {DATABASE}
      which engine judges by which policy
  .venv/bin/tocsin run --manifests {SHOP} {shlex.join(POLICIES)} --db {DATABASE}
      and edit files of the shop while it runs
"""


class DemoError(Exception):
    """Something was not as it should be; the text says what."""


def main() -> int:
    """Run the demo in the checkout. Returns its exit code."""
    os.chdir(ROOT)
    shutil.rmtree(FOLDER, ignore_errors=True)
    shutil.copytree("examples/shop", SHOP)
    try:
        _audit()
        _look()
        _fix()
    except DemoError as error:
        sys.stderr.write(f"error: the demo did not go as it should: {error}\n")
        return 3
    sys.stdout.write(NEXT)
    return 0


def _audit() -> None:
    _say(
        "A web shop of fourteen workloads, audited with the Pod Security baseline and its own four policies."
    )
    _tocsin("scan", str(SHOP), *POLICIES, expected=1)
    _say("Exit code 1: a policy in mode enforce is violated. The rest is told, and stops nobody.")


def _look() -> None:
    _say("The same is in a database now. Everything about the forgotten Pod with the node's disk:")
    listing = ("violations", "list", "--policy", "baseline-privileged-containers")
    _tocsin(*listing)
    found = json.loads(_output(*listing, "-o", "json"))
    violations = found["items"] if isinstance(found, dict) else found
    if len(violations) != 1:
        raise DemoError(f"expected one privileged container, got {len(violations)}")
    _tocsin("violations", "show", violations[0]["id"])


def _fix() -> None:
    _say("Now continuously: one process follows the folder, another one its events.")
    with _running() as events:
        manifest = SHOP / "store" / "checkout.yaml"
        before = manifest.read_text(encoding="utf-8")
        after = before.replace("checkout:latest", "checkout:4.2.0")
        if after == before:
            raise DemoError(f"{manifest} has no image checkout:latest to fix")
        _say(f"Somebody gives the checkout service a version, in {manifest}. The event:")
        manifest.write_text(after, encoding="utf-8")
        event = next(
            event
            for event in events
            if event["subject"] == "store/Deployment/checkout" and event["data"]["change"] == "improved"
        )
        sys.stdout.write(json.dumps(event, indent=2) + "\n")
    _say("And what became of the violation:")
    _tocsin("violations", "list", "--resolved")


@contextmanager
def _running() -> Iterator[Iterator[dict[str, Any]]]:
    """A `tocsin run` over the shop; yields the events that `tocsin events tail` prints."""
    _show("run", "--manifests", str(SHOP), *POLICIES, "&")
    with (
        _started("run", "--manifests", str(SHOP), *POLICIES, stdout=subprocess.DEVNULL) as run,
    ):
        _wait_for(run, "events tail")
        _show("events", "tail")
        with _started("events", "tail", stdout=subprocess.PIPE) as tail:
            _wait_for(tail, "following")
            yield _events(tail)


def _events(tail: "subprocess.Popen[str]") -> Iterator[dict[str, Any]]:
    for line in _lines(tail.stdout):
        yield json.loads(line)
    raise DemoError("the events ended before the one that was expected")


@contextmanager
def _started(*words: str, stdout: int) -> Iterator["subprocess.Popen[str]"]:
    """A command in the background; told to end when the block does."""
    with subprocess.Popen(
        [_TOCSIN, *words], stdout=stdout, stderr=subprocess.PIPE, text=True, env=_environment()
    ) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE)


def _wait_for(process: "subprocess.Popen[str]", sign: str) -> None:
    said = []
    for line in _lines(process.stderr):
        if sign in line:
            return
        said.append(line)
    raise DemoError(f"`{shlex.join(map(str, process.args[1:]))}` ended: {''.join(said).strip()}")  # type: ignore[index]


def _lines(stream: IO[str] | None) -> Iterator[str]:
    while stream is not None and (line := stream.readline()):
        yield line


def _tocsin(*words: str, expected: int = 0) -> None:
    """Show a command, and run it."""
    _show(*words)
    code = subprocess.run([_TOCSIN, *words], check=False, env=_environment(), timeout=PATIENCE).returncode
    if code != expected:
        raise DemoError(f"`tocsin {shlex.join(words)}` gave exit code {code}, expected {expected}")


def _output(*words: str) -> str:
    return subprocess.run(
        [_TOCSIN, *words], check=True, env=_environment(), timeout=PATIENCE, stdout=subprocess.PIPE, text=True
    ).stdout


def _environment() -> Mapping[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")}
    return {**kept, **_ENVIRONMENT}


def _show(*words: str) -> None:
    sys.stdout.write(f"\n$ tocsin {_joined(words)}\n")
    sys.stdout.flush()


def _joined(words: Sequence[str]) -> str:
    return " ".join(word if word == "&" else shlex.quote(word) for word in words)


def _say(text: str) -> None:
    sys.stdout.write(f"\n--- {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
