"""What OPA says of a policy: a real OPA server on a unix socket, in Rego v0 unless `rego.v1` is imported."""

import http.client
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.conformance.answers import FAILED, REFUSED, UNDEFINED, Answer, Valued

_START_SECONDS = 30


class Reference:
    """One OPA server; every policy replaces the one before."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self._connection = connection

    def answers(self, policy: str, documents: list[bytes]) -> list[Answer]:
        """What OPA answers on each document; a policy that OPA does not compile is REFUSED for all."""
        status, _ = self._ask("PUT", "/v1/policies/case", policy.encode())
        if status != http.client.OK:
            return [REFUSED] * len(documents)
        return [self._answer(document) for document in documents]

    def _answer(self, document: bytes) -> Answer:
        body = b'{"input": ' + document + b"}"
        status, reply = self._ask("POST", "/v1/data/sigstore/isCompliant", body)
        if status != http.client.OK:
            return FAILED
        return Valued.of(reply["result"]) if "result" in reply else UNDEFINED

    def _ask(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        self._connection.request(method, path, body)
        response = self._connection.getresponse()
        return response.status, Valued.read(response.read() or b"null")


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("opa")
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(self._path)


@contextmanager
def running(opa: Path, folder: Path) -> Iterator[Reference]:
    """Run an OPA server for as long as the context lasts; its socket is in `folder`."""
    address = folder / "opa.sock"
    command = [str(opa), "run", "--server", "--v0-compatible", "--log-level=error", "--skip-version-check"]
    with subprocess.Popen(
        [*command, f"--addr=unix://{address}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            connection = _UnixConnection(address)
            _wait(connection, process)
            yield Reference(connection)
            connection.close()
        finally:
            process.terminate()


def _wait(connection: http.client.HTTPConnection, process: subprocess.Popen[bytes]) -> None:
    """Until the server answers: it says nothing when it is ready."""
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            connection.request("GET", "/health")
            connection.getresponse().read()
        except OSError:
            connection.close()
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return
