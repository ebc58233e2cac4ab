"""Where a report goes: standard output, or a file that is either whole or as it was."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from pipeline.errors import UsageError, clip

STDOUT = "-"


@contextmanager
def opened(path: str) -> Iterator[TextIO]:
    """UTF-8 text, line ends as they are written. Raises UsageError where it cannot be written."""
    if path == STDOUT:
        yield sys.stdout
        sys.stdout.flush()
        return
    target = Path(path)
    if target.exists() and not target.is_file():  # a device or a pipe, which cannot be replaced
        try:
            with target.open("w", encoding="utf-8", newline="") as out:
                yield out
        except OSError as error:
            raise _unwritable(path, error) from error
        return
    try:
        handle, part = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        with open(handle, "w", encoding="utf-8", newline="") as out:  # noqa: PTH123 - a handle, not a path
            yield out
        _publish(Path(part), target)
    except BaseException as error:
        Path(part).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _unwritable(path, error) from error
        raise


def _publish(part: Path, target: Path) -> None:
    """As readable as any new file."""
    umask = os.umask(0)
    os.umask(umask)
    part.chmod(0o666 & ~umask)
    part.replace(target)


def _unwritable(path: str, error: OSError) -> UsageError:
    return UsageError(f"{clip(path)}: cannot be written: {error.strerror or error}")
