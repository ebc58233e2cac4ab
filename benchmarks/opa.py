"""OPA as others run it: a server over HTTP, and its own benchmark of one prepared query."""

import http.client
import json
import re
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from benchmarks.timing import Timed, timed

_DEADLINE = 20.0
_PACKAGE = re.compile(r"^package sigstore$", re.MULTILINE)


class Opa:
    """A running server with policies 0, 1, ..., each in a package of its own, and one that asks all."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self._connection = connection

    def ask(self, path: str, document: bytes) -> Any:
        """The value under a path of `data`, for a document."""
        self._connection.request("POST", f"/v1/data/{path}", b'{"input": ' + document + b"}")
        response = self._connection.getresponse()
        body = response.read()
        if response.status != http.client.OK:
            raise SystemExit(f"OPA answered {response.status}: {body[:200]!r}")
        return json.loads(body).get("result")


@contextmanager
def server(binary: Path, texts: Sequence[str]) -> Iterator[Opa]:
    """Start OPA on this machine, with these policies."""
    with tempfile.TemporaryDirectory(prefix="tocsin-opa-") as folder:
        for number, text in enumerate(texts):
            Path(folder, f"{number}.rego").write_text(_PACKAGE.sub(f"package policy_{number}", text))
        rules = [f'r["{number}"] := data.policy_{number}.isCompliant' for number in range(len(texts))]
        Path(folder, "all.rego").write_text("\n".join(["package everything", "import rego.v1", *rules]))
        port = _free_port()
        address = f"127.0.0.1:{port}"
        command = [
            str(binary),
            "run",
            "--server",
            "--v0-compatible",
            "--addr",
            address,
            "--log-level",
            "error",
        ]
        with subprocess.Popen([*command, folder], stderr=subprocess.DEVNULL) as process:
            try:
                yield Opa(_connect(port))
            finally:
                process.terminate()


def bench(binary: Path, text: str, document: bytes) -> float:
    """Seconds of one evaluation inside OPA, its input at hand, by `opa bench`."""
    with tempfile.TemporaryDirectory(prefix="tocsin-opa-") as folder:
        policy, given = Path(folder, "policy.rego"), Path(folder, "input.json")
        policy.write_text(text)
        given.write_bytes(document)
        command = [str(binary), "bench", "--v0-compatible", "--format", "json", "--metrics=false"]
        command += ["-d", str(policy), "-i", str(given), "data.sigstore.isCompliant"]
        output = subprocess.run(command, capture_output=True, check=True).stdout
    result = json.loads(output)
    return float(result["T"]) / float(result["N"]) / 1e9


def ask_each(opa: Opa, policies: int, documents: Sequence[bytes]) -> Timed:
    """One request for each policy and document."""

    def work() -> None:
        for document in documents:
            for number in range(policies):
                opa.ask(f"policy_{number}/isCompliant", document)

    return timed(work, policies * len(documents), runs=3)


def ask_together(opa: Opa, policies: int, documents: Sequence[bytes]) -> Timed:
    """One request for each document."""
    return timed(
        lambda: [opa.ask("everything/r", document) for document in documents],
        policies * len(documents),
        runs=3,
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _connect(port: int) -> http.client.HTTPConnection:
    end = time.monotonic() + _DEADLINE
    while time.monotonic() < end:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_DEADLINE)
        with suppress(OSError):
            connection.connect()
            sock: socket.socket = connection.sock
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return connection
        time.sleep(0.05)
    raise SystemExit("OPA did not start")
