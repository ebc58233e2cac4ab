"""Runs a command's coroutine: errors become one line on stderr and an exit code."""

import asyncio
import atexit
import gc
import logging
import os
import signal
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import Any, NoReturn

import typer

from pipeline.errors import ExitCode, TocsinError, clip

_MESSAGE_PREFIX = "error: "


def finish(command: Coroutine[Any, Any, ExitCode]) -> NoReturn:
    """Run a command to its end and leave with its exit code."""
    gc.enable()
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    atexit.register(gc.freeze)  # else Python looks through everything once more: a quarter of a query's time
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal that is not UTF-8 must not end a report
            stream.reconfigure(errors="backslashreplace")
    try:
        code = asyncio.run(command)
        sys.stdout.flush()
    except UnicodeEncodeError as error:
        code = _refuse(error)
    except TocsinError as error:
        code = _refuse(cause) if isinstance(cause := error.__cause__, UnicodeEncodeError) else _tell(error)
    except BrokenPipeError:
        let_go_of_stdout()
        code = ExitCode.FAILED
    except (KeyboardInterrupt, asyncio.CancelledError):
        complain("interrupted")
        code = ExitCode.INTERRUPTED
    raise typer.Exit(code)


def _tell(error: TocsinError) -> ExitCode:
    complain(str(error))
    return error.exit_code


def _refuse(error: UnicodeEncodeError) -> ExitCode:
    """Of a text that has no bytes: only what a user wrote comes unread to where that is seen."""
    complain(f"{clip(error.object)!r} is not UTF-8: write names and options in UTF-8")
    return ExitCode.USAGE


def complain(message: str) -> None:
    """One line on stderr; without a word where stderr is gone too."""
    from cli.render.text import printable

    try:
        if logging.getLogger().handlers:  # a service, whose errors are lines of its log
            logging.getLogger(__name__).error("%s", printable(message))
        else:
            sys.stderr.write(f"{_MESSAGE_PREFIX}{printable(message)}\n")
    except OSError:
        return


def let_go_of_stdout() -> None:
    """After a broken pipe: say so, and see `silence_stdout`."""
    complain("the reader of the output went away; not everything was written")
    silence_stdout()


@contextmanager
def reader_may_leave() -> Iterator[None]:
    """Write an answer to whoever reads it as long as they want, such as `head`: no reason to complain."""
    try:
        yield
    except BrokenPipeError:
        silence_stdout()


def silence_stdout() -> None:
    """Keep Python from flushing into a broken pipe again at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
