"""Guides whose commands are run: what follows a `$ ` line of a console block is what it printed.

Where a text has `<!-- run -->` above a block, only such blocks are run: the others are for readers.
`python -m tests.e2e.guide FILE...` writes the outputs anew. Tests nothing itself.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from shutil import copyfile, copytree
from types import MappingProxyType

from tests.e2e.command import TIMEOUT, TOCSIN, environment

ROOT = Path(__file__).resolve().parents[2]
_BLOCK = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.DOTALL | re.MULTILINE)
_MARK = "<!-- run -->\n"
_MARKED = re.compile(_BLOCK.pattern.replace("```console", f"{_MARK}```console"), _BLOCK.flags)
_PROMPT = "$ "
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?(\+00:00|Z)?")
_READ_OUT = re.compile(r"\d{1,2} \w{3} \d{4}, \d\d:\d\d UTC")
_AGE = re.compile(r"(?<![\w-])(\d+[smhdy])+(?![\w-])|\d+\.\d s\b")
_VERSION = re.compile(r"\d+\.\d+\.\d+")
_ID = re.compile(r"\b[0-9a-f]{32}\b")
_SPACE = re.compile(r"[ ]+")
_NO_SETTINGS: Mapping[str, str] = MappingProxyType({})


def run(text: str, folder: Path, settings: Mapping[str, str] = _NO_SETTINGS) -> str:
    """The text of a guide with its outputs as they are today. The example shop is at hand.

    `settings`: environment variables, besides the database's.
    """
    for name in ("shop", "policies"):
        copytree(ROOT / "examples" / name, folder / name)
    copyfile(ROOT / "examples" / "waivers.yaml", folder / "waivers.yaml")
    blocks = _MARKED if _MARK in text else _BLOCK
    return blocks.sub(lambda block: "".join(_lines(block[0], folder, settings)), text)


def _lines(block: str, folder: Path, settings: Mapping[str, str]) -> Iterator[str]:
    for line in block.splitlines(keepends=True):
        if line.startswith(_PROMPT):
            yield line
            command = line.removeprefix(_PROMPT).partition("   #")[0]
            yield from _output(command, folder, settings).splitlines(keepends=True)


def _output(command: str, folder: Path, settings: Mapping[str, str]) -> str:
    path = f"{Path(TOCSIN).parent}:{environment(folder)['PATH']}"
    ran = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env={**environment(folder), "PATH": path, "TOCSIN_DB": "sqlite:///audit.db", **settings},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=TIMEOUT,
        check=False,
    )
    return ran.stdout.decode().replace("\r\n", "\n").replace(str(folder), "~")


def comparable(text: str) -> str:
    """Without what differs from run to run, or between machines.

    Moments, ages and the room they take, the order of one moment; versions of what is installed, events' ids.
    """
    for differs, word in (
        (_MOMENT, "MOMENT"),
        (_READ_OUT, "MOMENT"),
        (_AGE, "AGE"),
        (_VERSION, "VERSION"),
        (_ID, "ID"),
        (_SPACE, " "),
    ):
        text = differs.sub(word, text)
    return "\n".join(sorted(text.splitlines()))


def main(files: list[str]) -> None:
    """Write the outputs anew."""
    for name in files:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(name)
            path.write_text(run(path.read_text(encoding="utf-8"), Path(folder)), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
