"""A real registry for tests: CNCF distribution, empty at first, with a log of what it was asked."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from urllib.error import URLError
from urllib.request import urlopen

import pytest
import yaml

from tests.opa_server import free_port
from tests.services import registry

_START_SECONDS = 30.0
_LOOK_AGAIN = 0.02
_REQUEST = re.compile(r'"(GET|HEAD) (/v2/[^ "]+) HTTP/1\.1" \d')


@dataclass(slots=True)
class RunningRegistry:
    """A registry in a folder; it can be stopped and started again at the same port."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(registry()), "serve", str(self.folder / "config.yml")], stdout=log, stderr=log
            )
        give_up = monotonic() + _START_SECONDS
        while not self._answers():
            if self.process.poll() is not None or monotonic() > give_up:
                pytest.fail(f"the registry did not start: {(self.folder / 'log').read_text()[-500:]}")
            sleep(_LOOK_AGAIN)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def asked(self) -> list[tuple[str, str]]:
        """Method and path of each question for content so far."""
        log = (self.folder / "log").read_text(encoding="utf-8", errors="replace")
        return [(method, path) for method, path in _REQUEST.findall(log)]

    def _answers(self) -> bool:
        try:
            with urlopen(f"http://{self.host}/v2/", timeout=1.0):
                return True
        except (URLError, OSError):
            return False


@contextmanager
def running_registry(folder: Path) -> Iterator[RunningRegistry]:
    """A registry for as long as the block runs."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    config = {
        "version": 0.1,
        "log": {"level": "error", "accesslog": {"disabled": False}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
        "http": {"addr": f"127.0.0.1:{port}"},
        "validation": {"manifests": {"urls": {"allow": [".*"]}, "indexes": {"platforms": "none"}}},
    }
    (folder / "config.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    running = RunningRegistry(folder, port)
    running.start()
    try:
        yield running
    finally:
        running.stop()
