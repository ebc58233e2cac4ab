"""`make bench BENCH=images`: what asking a registry costs a scan, and what the registry is asked.

10,000 Pods of 300 images in a real registry (CNCF distribution, on this machine), and three
policies that ask for image configs; then one with a key, the images being signed. Writes
benchmarks/results/images.md.
"""

import base64
import json
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from os import getloadavg
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from benchmarks.machine import machine
from benchmarks.measure import Measured, measure
from tests.images import Built, config, image, index, push
from tests.registry import RunningRegistry, running_registry
from tests.signing import signature_manifest, simple_signing, tag_of

PODS = 10_000
IMAGES = 300
RESULT = Path(__file__).parent / "results" / "images.md"
_TOCSIN = str(Path(sys.executable).with_name("tocsin"))
_CHECKS = {
    "no-root": 'not any_root\nany_root { input.config[_].config.User == "0" }',
    "has-entrypoint": "input.config[_].config.Entrypoint[0]",
    "is-dated": "input.config[_].created",
}
_SIGNED = "1 with a key, "
_TAGS_FORGOTTEN = "3 that ask, tags grown old"
_MIB = 2**20


def main() -> None:
    """Measure, print, write down."""
    lines: list[str] = []
    with tempfile.TemporaryDirectory() as name, running_registry(Path(name) / "registry") as registry:
        for line in _measure(Path(name), registry):
            print(line, flush=True)
            lines.append(line)
    RESULT.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _measure(folder: Path, registry: RunningRegistry) -> Iterator[str]:
    key = ec.generate_private_key(ec.SECP256R1())
    chains = _fill(registry, key)
    _write_pods(folder / "pods.yaml", registry.host)
    asking = [_write_policy(folder, name, text, fetch=True) for name, text in _CHECKS.items()]
    still = [_write_policy(folder, f"{name}-still", "input.spec", fetch=False) for name in _CHECKS]
    signed = [_write_key_policy(folder, key)]
    yield "# Image configs and signatures"
    yield ""
    yield f"{datetime.now(UTC).date().isoformat()}; {machine()}; the machine is shared: {getloadavg()[0]:.1f}"
    yield f"processes wanted a core when this began. {PODS:,} Pods as YAML, {IMAGES} images (a third of them"
    yield "indexes of two platforms) in CNCF distribution on the same machine, 3 policies with"
    yield "`fetchConfigFile`; each scan once. A chain is what one image needs: its manifest, or its index and"
    yield "the manifests below it, and the configs."
    yield ""
    yield "| `tocsin scan` | wall s | CPU s | peak MiB | requests | twice or more |"
    yield "|---|---:|---:|---:|---:|---:|"
    runs: tuple[tuple[str, list[Path], dict[str, str]], ...] = (
        ("3 policies that ask nothing", still, {}),
        ("3 that ask, nothing in the cache", asking, {}),
        ("3 that ask, everything in the cache", asking, {}),
        ("3 that ask, offline", asking, {"TOCSIN_OFFLINE": "true"}),
        (_TAGS_FORGOTTEN, asking, {}),
        (f"{_SIGNED}nothing of signatures in the cache", signed, {}),
        (f"{_SIGNED}everything in the cache", signed, {}),
    )
    for title, policies, environment in runs:
        if title == _TAGS_FORGOTTEN:
            shutil.rmtree(folder / "cache" / "tags")
        before = len(registry.asked())
        run = _scan(folder, registry, policies, environment)
        asked = Counter(registry.asked()[before:])
        again = sum(1 for times in asked.values() if times > 1)
        row = f"{run.wall:.2f} | {run.cpu:.2f} | {run.peak / _MIB:.0f} | {asked.total():,} | {again}"
        yield f"| {title} | {row} |"
    yield ""
    yield f"All chains together are {chains:,} requests. Every image is signed (P-256, cosign's form): the"
    yield "manifest of its signatures and the signature, and its tag where that has grown old."


def _fill(registry: RunningRegistry, key: ec.EllipticCurvePrivateKey) -> int:
    """Push the images and their signatures; how many requests all their chains need."""
    requests = 0
    for number in range(IMAGES):
        own = {"created": f"2026-10-{number % 28 + 1:02}T00:00:00Z", "author": f"image {number}"}
        built = image(config(**own))
        requests += 2
        if number % 3 == 0:
            arm = image(config(**own, architecture="arm64"))
            built = index(built, arm)
            requests += 3
        _push(registry, number, built)
        payload = simple_signing(built.digest)
        signature = base64.b64encode(key.sign(payload, ec.ECDSA(SHA256()))).decode()
        push(registry.host, f"shop/app{number}", tag_of(built.digest), signature_manifest(payload, signature))
    return requests


def _push(registry: RunningRegistry, number: int, built: Built) -> None:
    push(registry.host, f"shop/app{number}", "1", built)


def _write_pods(path: Path, host: str) -> None:
    with path.open("w", encoding="utf-8") as file:
        for number in range(PODS):
            body: dict[str, Any] = {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": f"p{number}", "namespace": "shop"},
                "spec": {
                    "nodeName": f"node-{number % 100}",
                    "containers": [{"name": "app", "image": f"{host}/shop/app{number % IMAGES}:1"}],
                },
            }
            file.write(f"---\n{json.dumps(body)}\n")


def _write_key_policy(folder: Path, key: ec.EllipticCurvePrivateKey) -> Path:
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    body = {
        "apiVersion": "policy.sigstore.dev/v1beta1",
        "kind": "ClusterImagePolicy",
        "metadata": {"name": "signed"},
        "spec": {"mode": "warn", "images": [{"glob": "**"}], "authorities": [{"key": {"data": pem}}]},
    }
    path = folder / "signed.yaml"
    path.write_text(yaml.safe_dump(body), encoding="utf-8")
    return path


def _write_policy(folder: Path, name: str, check: str, *, fetch: bool) -> Path:
    body = {
        "apiVersion": "policy.sigstore.dev/v1beta1",
        "kind": "ClusterImagePolicy",
        "metadata": {"name": name},
        "spec": {
            "mode": "warn",
            "images": [{"glob": "**"}],
            "authorities": [{"static": {"action": "pass"}}],
            "policy": {
                "type": "rego",
                "includeSpec": True,
                "fetchConfigFile": fetch,
                "data": f"package sigstore\nisCompliant {{ {_rule(check)} }}\n{_more(check)}\n",
            },
        },
    }
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(body), encoding="utf-8")
    return path


def _rule(check: str) -> str:
    return check.partition("\n")[0]


def _more(check: str) -> str:
    return check.partition("\n")[2]


def _scan(
    folder: Path, registry: RunningRegistry, policies: Sequence[Path], environment: dict[str, str]
) -> Measured:
    options = [option for path in policies for option in ("-p", str(path))]
    settings = {
        "TOCSIN_INSECURE_REGISTRIES": json.dumps([registry.host]),
        "TOCSIN_IMAGE_CACHE": str(folder / "cache"),
        "TOCSIN_OFFLINE": "false",
        **environment,
    }
    command = ["env", *(f"{name}={value}" for name, value in settings.items())]
    run = measure([*command, _TOCSIN, "scan", str(folder / "pods.yaml"), *options, "-o", "json"])
    if run.status != os.EX_OK:
        sys.exit(f"tocsin scan ended with exit code {run.status}, expected 0")
    return run


if __name__ == "__main__":
    main()
