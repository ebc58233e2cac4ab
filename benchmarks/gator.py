"""Gatekeeper's `gator test` on the same Pods and policies, where its binary is in the cache of services.

`go install github.com/open-policy-agent/gatekeeper/v3/cmd/gator@VERSION` puts it there
(`GOBIN` being the folder). The catalog's rules, findings and all, become constraint
templates: only where the object is found in the input, and how a violation is told, differ.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.services import cache_folder

VERSION = "v3.23.1"

_KINDS = [
    {"apiGroups": [""], "kinds": ["Pod"]},
    {"apiGroups": ["apps"], "kinds": ["Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"]},
]


def binary() -> Path:
    """Where gator is, once built."""
    return cache_folder() / f"gator-{VERSION}" / "gator"


def write_templates(policies: Sequence[Path], folder: Path) -> None:
    """A constraint template and a constraint for each policy."""
    folder.mkdir(exist_ok=True)
    for path in policies:
        kind = "Tocsin" + path.stem.replace("-", " ").title().replace(" ", "")
        text = str(yaml.safe_load(path.read_text(encoding="utf-8"))["spec"]["policy"]["data"])
        documents = [_template(kind, _rego(kind, text)), _constraint(kind)]
        (folder / f"{path.stem}.yaml").write_text(yaml.safe_dump_all(documents), encoding="utf-8")


def command(manifest: Path, folder: Path) -> list[str]:
    """One audit; it ends with 1 where there are violations."""
    return [str(binary()), "test", "-f", str(manifest), "-f", str(folder), "-o", "json"]


def violations(manifest: Path, folder: Path) -> int:
    """Pairs of a resource and a policy that it violates."""
    run = subprocess.run(command(manifest, folder), capture_output=True, check=False)
    if run.stderr:
        sys.exit(f"gator: {run.stderr.decode()[:200]}")
    results = json.loads(run.stdout or b"[]") or []
    return len({(_name(result["violatingObject"]), result["constraint"]["kind"]) for result in results})


def _name(body: dict[str, Any]) -> str:
    return f"{body['metadata'].get('namespace')}/{body['metadata']['name']}"


def _rego(kind: str, text: str) -> str:
    text = text.replace("package sigstore", f"package {kind.lower()}").replace("import rego.v1\n", "")
    text = text.replace("input.spec", "input.review.object.spec")
    text = text.replace("input.metadata", "input.review.object.metadata")
    return text + '\nviolation contains {"msg": finding} if some finding in findings\n'


def _template(kind: str, rego: str) -> dict[str, Any]:
    code = [{"engine": "Rego", "source": {"version": "v1", "rego": rego}}]
    return {
        "apiVersion": "templates.gatekeeper.sh/v1",
        "kind": "ConstraintTemplate",
        "metadata": {"name": kind.lower()},
        "spec": {
            "crd": {"spec": {"names": {"kind": kind}}},
            "targets": [{"target": "admission.k8s.gatekeeper.sh", "code": code}],
        },
    }


def _constraint(kind: str) -> dict[str, Any]:
    return {
        "apiVersion": "constraints.gatekeeper.sh/v1beta1",
        "kind": kind,
        "metadata": {"name": kind.lower()},
        "spec": {"match": {"kinds": _KINDS}},
    }
