"""A real API server with its etcd, started by a test in a folder of its own.

No kubelet and no controllers: Pods stay pending unless a test writes their status,
and nobody makes ReplicaSets of Deployments. That is what makes it quick, and exact.
"""

import json
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import yaml

TOKEN = "tests-only"  # noqa: S105 - of a server that lives as long as a test
CONTEXT = "tests"
_PATIENCE = 90.0
_FLAGS = (
    "--authorization-mode=RBAC",
    "--service-account-issuer=https://kubernetes.default.svc",
    "--service-cluster-ip-range=10.0.0.0/24",
    "--disable-admission-plugins=ServiceAccount",
    "--bind-address=127.0.0.1",
    "--event-ttl=1h",
    "--allow-privileged=true",
)


@dataclass
class Cluster:
    """One API server. `binaries`: folder with `etcd` and `kube-apiserver`."""

    binaries: Path
    folder: Path
    etcd_port: int
    port: int
    flags: tuple[str, ...] = ()
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    def start(self) -> None:
        (self.folder / "tokens.csv").write_text(f"{TOKEN},admin,admin,system:masters\n", encoding="utf-8")
        self.kubeconfig.write_text(yaml.safe_dump(self.config(TOKEN, self.port)), encoding="utf-8")
        self.start_etcd()
        self.start_server()

    def start_etcd(self) -> None:
        client, peer = f"http://127.0.0.1:{self.etcd_port}", f"http://127.0.0.1:{free_port()}"
        self._run(
            "etcd",
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            "--unsafe-no-fsync",
            "--log-level=error",
        )

    def start_server(self, *flags: str) -> None:
        """Start the API server and wait until it is ready."""
        certificates = self.folder / "certificates"
        self._run(
            "kube-apiserver",
            f"--etcd-servers=http://127.0.0.1:{self.etcd_port}",
            f"--cert-dir={certificates}",
            f"--secure-port={self.port}",
            f"--token-auth-file={self.folder / 'tokens.csv'}",
            f"--service-account-key-file={certificates / 'apiserver.key'}",
            f"--service-account-signing-key-file={certificates / 'apiserver.key'}",
            *_FLAGS,
            *self.flags,
            *flags,
        )
        self._wait_until_ready()

    def config(self, token: str, port: int) -> dict[str, Any]:
        """A kubeconfig."""
        cluster = {"server": f"https://127.0.0.1:{port}", "insecure-skip-tls-verify": True}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": CONTEXT,
            "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": CONTEXT}}],
            "clusters": [{"name": CONTEXT, "cluster": cluster}],
            "users": [{"name": CONTEXT, "user": {"token": token}}],
        }

    def kubeconfig_for(self, token: str) -> str:
        """Path of a kubeconfig for somebody else."""
        path = self.folder / "kubeconfig-other"
        path.write_text(yaml.safe_dump(self.config(token, self.port)), encoding="utf-8")
        return str(path)

    def kill(self, name: str) -> None:
        """SIGKILL a process of this cluster."""
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def stop(self) -> None:
        for name in list(self.processes):
            self.kill(name)

    def compact(self) -> None:
        """Make etcd forget the past, so that old resource versions are gone."""
        etcd = f"http://127.0.0.1:{self.etcd_port}/v3/kv"
        status = _call("POST", f"{etcd}/range", {"key": "AA=="})
        _call("POST", f"{etcd}/compaction", {"revision": status["header"]["revision"], "physical": True})

    def request(
        self, method: str, path: str, body: Any = None, content_type: str = "application/json"
    ) -> Any:
        """One request as administrator, again where the server is too busy. Raises urllib.error.HTTPError."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                return _call(method, f"{self.url}{path}", body, content_type)
            except urllib.error.HTTPError as error:  # 429: nothing was done, for example while it starts
                if error.code != HTTPStatus.TOO_MANY_REQUESTS or time.monotonic() > deadline:
                    raise
                error.close()
            time.sleep(0.2)

    def until_served(self, path: str) -> None:
        """Wait until the server serves a kind that was defined just now."""
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            try:
                self.request("GET", path)
            except urllib.error.HTTPError:
                time.sleep(0.1)  # the server has no other sign
            else:
                return
        raise RuntimeError(f"{path} is not served")

    def until_missing(self, path: str) -> None:
        """Wait until the server no longer serves a kind whose definition was deleted."""
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            try:
                self.request("GET", path)
            except urllib.error.HTTPError as error:
                error.close()
                if error.code == HTTPStatus.NOT_FOUND:
                    return
            time.sleep(0.1)  # the server has no other sign
        raise RuntimeError(f"{path} is still served")

    def _run(self, name: str, *arguments: str) -> None:
        log = (self.folder / f"{name}.log").open("ab")
        command = [str(self.binaries / name), *arguments]
        self.processes[name] = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)
        log.close()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            process = self.processes["kube-apiserver"]
            if process.poll() is not None:
                break
            try:
                _call("GET", f"{self.url}/readyz", None)
                self.request("GET", "/api/v1/namespaces/default")
            except OSError:
                time.sleep(0.1)  # the server has no other sign
            else:
                return
        log = (self.folder / "kube-apiserver.log").read_text(errors="replace")
        raise RuntimeError(f"the API server did not become ready: {log[-2000:]}")


@contextmanager
def running(binaries: Path, folder: Path, *flags: str) -> Iterator[Cluster]:
    """A cluster for as long as the block runs; `flags`: more of them for its API server."""
    cluster = Cluster(binaries, folder, free_port(), free_port(), flags)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


_TRUSTING = ssl.create_default_context()
_TRUSTING.check_hostname = False
_TRUSTING.verify_mode = ssl.CERT_NONE


def _call(method: str, url: str, body: Any, content_type: str = "application/json") -> Any:
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": content_type}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 - our own server
    context = _TRUSTING if url.startswith("https") else None
    with urllib.request.urlopen(request, timeout=30, context=context) as response:  # noqa: S310
        text = response.read()
    return json.loads(text) if text.startswith(b"{") else text
