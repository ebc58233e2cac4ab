"""Guides whose commands are run: what follows a `$ ` line of a console block is what it printed.

`python -m tests.e2e.guide FILE...` writes the outputs anew. Tests nothing itself.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

from tests.e2e.command import TIMEOUT, TOCSIN, environment

ROOT = Path(__file__).resolve().parents[2]
_BLOCK = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.DOTALL | re.MULTILINE)
_PROMPT = "$ "
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?(\+00:00|Z)?")
_AGE = re.compile(r"(?<![\w-])(\d+[smhdy])+(?![\w-])")
_SPACE = re.compile(r"[ ]+")


def run(text: str, folder: Path) -> str:
    """The text of a guide with its outputs as they are today. The example shop is at hand."""
    for name in ("shop", "policies"):
        copytree(ROOT / "examples" / name, folder / name)
    return _BLOCK.sub(lambda block: "".join(_lines(block[0], folder)), text)


def _lines(block: str, folder: Path) -> Iterator[str]:
    for line in block.splitlines(keepends=True):
        if line.startswith(_PROMPT):
            yield line
            command = line.removeprefix(_PROMPT).partition("   #")[0]
            yield from _output(command, folder).splitlines(keepends=True)


def _output(command: str, folder: Path) -> str:
    path = f"{Path(TOCSIN).parent}:{environment(folder)['PATH']}"
    ran = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env={**environment(folder), "PATH": path, "TOCSIN_DB": "sqlite:///audit.db"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=TIMEOUT,
        check=False,
    )
    return ran.stdout.decode().replace("\r\n", "\n")


def comparable(text: str) -> str:
    """Without what differs from run to run: moments, ages and the room they take, the order of one moment."""
    lines = _SPACE.sub(" ", _AGE.sub("AGE", _MOMENT.sub("MOMENT", text))).splitlines()
    return "\n".join(sorted(lines))


def main(files: list[str]) -> None:
    """Write the outputs anew."""
    for name in files:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(name)
            path.write_text(run(path.read_text(encoding="utf-8"), Path(folder)), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
