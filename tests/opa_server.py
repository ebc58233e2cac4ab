"""A real OPA server for tests, and its engine as the synchronous port that the engine suite speaks."""

import asyncio
import socket
import subprocess
import threading
import urllib.request
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic, sleep
from typing import Any, TypeVar

import pytest

from evaluator.rego.engine import EngineError, EngineName, Undefined, Value
from evaluator.rego.opa import OpaServer
from evaluator.rego.questions import Failure, Module, Question
from pipeline.settings import EvaluatorSettings, load_settings
from tests.services import opa

_T = TypeVar("_T")

_START_SECONDS = 30.0
_QUIET = ("--skip-version-check",)
_LOOK_AGAIN = 0.02


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def opa_settings(url: str, **changes: Any) -> EvaluatorSettings:
    """Settings of an evaluator that knows a server."""
    return replace(load_settings().evaluator, opa_url=url, **changes)


@contextmanager
def running_opa(url: str, *, v0: bool = True) -> Iterator[subprocess.Popen[bytes]]:
    """An OPA server at a URL for as long as the block runs."""
    address = url if url.startswith("unix:") else url.removeprefix("http://")
    command = [str(opa()), "run", "--server", "--addr", address, "--log-level", "error", *_QUIET]
    command += ["--v0-compatible"] if v0 else []
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_for(address, process)
            yield process
        finally:
            process.kill()
    if url.startswith("unix:"):
        Path(url.removeprefix("unix://")).unlink(missing_ok=True)


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    """Until it accepts connections: OPA does so once it is ready."""
    give_up = monotonic() + _START_SECONDS
    while not _accepts(address):
        if process.poll() is not None or monotonic() > give_up:
            pytest.fail(f"OPA did not start at {address}")
        sleep(_LOOK_AGAIN)


def _accepts(address: str) -> bool:
    if address.startswith("unix:"):
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(address.removeprefix("unix://")) == 0
    try:
        with urllib.request.urlopen(f"http://{address}/health"):
            return True
    except OSError:
        return False


class BlockingOpa:
    """See `evaluator.rego.engine.RegoEngine`: an OpaServer on an event loop in a thread of its own."""

    def __init__(self, settings: EvaluatorSettings) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="opa-engine")
        self._thread.start()
        self._server = self.run(self._open(settings))

    def compile(self, text: str) -> "_Compiled":
        """See the port."""
        return _Compiled(self, self.run(self._server.compile(EngineName.OPA, text)))

    def ask(self, module: Module, document: bytes) -> Value | Undefined:
        """One evaluation."""
        ((answer,),) = self.run(self._server.evaluate([Question(document, (module,))]))
        if isinstance(answer, Failure):
            raise EngineError(answer.reason)
        return answer

    def close(self) -> None:
        """Close connections and end the thread."""
        self.run(self._server.__aexit__(None, None, None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Run a coroutine on the loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _open(self, settings: EvaluatorSettings) -> OpaServer:
        return await OpaServer(settings).__aenter__()


@dataclass(frozen=True)
class _Compiled:
    engine: BlockingOpa
    module: Module

    @property
    def pure(self) -> bool:
        return self.module.pure

    def evaluate(self, document: bytes) -> Value | Undefined:
        return self.engine.ask(self.module, document)
