"""Services as processes of their own, which are killed, frozen, and started again."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

TOCSIN = str(Path(sys.executable).with_name("tocsin"))
_PATIENCE = 120.0
"""Seconds for an end in good order, and for one that comes by itself."""


@dataclass
class Service:
    """One `tocsin COMMAND`. What it says goes to a log of its own."""

    name: str
    arguments: tuple[str, ...]
    folder: Path
    settings: Mapping[str, str]
    program: tuple[str, ...] = (TOCSIN,)
    process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    @property
    def ended(self) -> bool:
        """Whether it is not there although nobody ended it."""
        return self.process is not None and self.process.poll() is not None

    @property
    def said(self) -> str:
        """What is in its log."""
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""

    def until_said(self, text: str) -> None:
        """Blocks until this is in its log, or it has ended."""
        while text not in self.said and not self.ended:
            time.sleep(0.05)  # a process

    def start(self) -> None:
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), **self.settings}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.program, *self.arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                cwd=self.folder,
                env=environment,
            )

    def kill(self) -> None:
        """SIGKILL."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def freeze(self) -> None:
        """SIGSTOP: it holds its connections and says nothing."""
        if self.process is not None:
            self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT: it goes on as if nothing had been."""
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)

    def stop(self) -> int:
        """SIGTERM, and its end; returns the exit code."""
        if self.process is None:
            return 0
        self.process.terminate()
        try:
            code = self.process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            code = -1
            self.process.kill()
            self.process.wait()
        self.process = None
        return code

    def wait(self) -> int:
        """Its end by itself; returns the exit code."""
        return self.process.wait(_PATIENCE) if self.process is not None else 0
