"""`tocsin` as a user starts it, and manifests to give it."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

TOCSIN = str(Path(sys.executable).with_name("tocsin"))
TIMEOUT = 60.0


@dataclass(frozen=True)
class Ran:
    """A finished command."""

    code: int
    out: str
    err: str

    @property
    def report(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)

    @property
    def errors(self) -> list[str]:
        """The lines of standard error that complain."""
        return [line for line in self.err.splitlines() if line.startswith("error: ")]


def environment(home: Path) -> dict[str, str]:
    """Nothing of the caller but the path; state goes to the test's own folder. No registry is asked."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "XDG_STATE_HOME": str(home / "state"),
        "XDG_CACHE_HOME": str(home / "cache"),
        "TOCSIN_OFFLINE": "true",
    }


def tocsin(
    folder: Path, *arguments: str | Path, stdin: str | bytes = b"", env: dict[str, str] | None = None
) -> Ran:
    """Run a command in a folder."""
    given = stdin.encode() if isinstance(stdin, str) else stdin
    run = subprocess.run(
        [TOCSIN, *map(str, arguments)],
        cwd=folder,
        env={**environment(folder), **(env or {})},
        input=given,
        capture_output=True,
        timeout=TIMEOUT,
        check=False,
    )
    return Ran(run.returncode, run.stdout.decode(), run.stderr.decode())


_MEASURED = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[2:])
with open(sys.argv[1], "w") as peak:
    peak.write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(code)
"""
"""In a process between: what a process had in memory counts for the one it starts, too."""


def peak_memory(folder: Path, *arguments: str | Path) -> tuple[Ran, int]:
    """Run a command; how many bytes its largest process had in memory, workers among them."""
    run = subprocess.run(
        [sys.executable, "-c", _MEASURED, folder / "peak.txt", TOCSIN, *arguments],
        cwd=folder,
        env=environment(folder),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=TIMEOUT,
        check=False,
    )
    peak = int((folder / "peak.txt").read_text()) * 1024
    return Ran(run.returncode, run.stdout.decode(), run.stderr.decode()), peak


def pod(name: str, *, privileged: bool = False, image: str = "nginx", **spec: Any) -> dict[str, Any]:
    """A Pod."""
    container = {"name": "web", "image": image, "securityContext": {"privileged": privileged}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"containers": [container], **spec},
    }


def policy(name: str, rego: str, mode: str = "warn", **fields: Any) -> dict[str, Any]:
    """A ClusterImagePolicy that reads the spec of everything."""
    return {
        "apiVersion": "policy.sigstore.dev/v1beta1",
        "kind": "ClusterImagePolicy",
        "metadata": {"name": name},
        "spec": {
            "images": [{"glob": "**"}],
            "authorities": [{"static": {"action": "pass"}}],
            "mode": mode,
            "policy": {"type": "rego", "includeSpec": True, "data": f"package sigstore\n{rego}"},
            **fields,
        },
    }


def waiver(name: str, *, expires: str = "2099-03-31", **spec: Any) -> dict[str, Any]:
    """A Waiver that ends long after every test; `policies` and `match` have to be said."""
    return {
        "apiVersion": "tocsin.dev/v1alpha1",
        "kind": "Waiver",
        "metadata": {"name": name},
        "spec": {"owner": "team", "reason": "why", "expires": expires, **spec},
    }


NOT_PRIVILEGED = """
isCompliant[{"result": true}] { count(bad) == 0 }
isCompliant[{"result": false, "error": sprintf("container %s is privileged", [name])}] { bad[name] }
bad[c.name] { c := input.spec.containers[_]; c.securityContext.privileged == true }
"""


def write(path: Path, *documents: Any) -> Path:
    """Write documents as multi-document YAML."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump_all(documents, sort_keys=False), encoding="utf-8")
    return path
