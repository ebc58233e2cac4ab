"""Logs of a process: everything that modules and libraries tell `logging`, as text or as JSON lines.

Modules use `logging` and put fields into `extra`; this is the only module that knows structlog.
Whatever looks like a credential is cut out of every line, also of libraries' messages and of tracebacks.
"""

import logging
import re
from collections.abc import Mapping, MutableMapping
from functools import lru_cache
from typing import Any, TextIO

import structlog
from structlog.stdlib import ProcessorFormatter

from pipeline.settings import LogSettings
from pipeline.settings_types import LogFormat

HIDDEN = "***"

SAID = "cli.talk"
"""Logger of what a command says to whoever started it: heard at any level."""

_OURS = ("cli", "deliverer", "evaluator", "pipeline", "sink", "watcher")
_FIELDS_LIMIT = 1024
"""Characters of one field; a traceback may be longer."""

_SECRETS = (
    # URLs: to the last @ before the path
    (("://",), re.compile(r"(://[^\s:/@]*:)[^\s/]*@"), rf"\1{HIDDEN}@"),
    (("bearer", "basic"), re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}"), rf"\1 {HIDDEN}"),
    (("eyj",), re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*"), HIDDEN),  # JSON Web Tokens
    (
        ("pass", "secret", "token", "key"),
        re.compile(
            r"(?i)([\w-]*(?:password|passwd|secret|token|api[-_]?key)[\"']?\s*[=:]\s*)"
            r"(\"[^\"]*\"|'[^']*'|[^\s,;&\"'}]+)"
        ),
        rf"\1{HIDDEN}",
    ),
)
"""What has to be there, which is found in a tenth of the time; the pattern; what is put instead."""
_SECRET_NAME = re.compile(r"(?i)password|passwd|secret|token|api[-_]?key|authorization")


def hide_secrets(text: str) -> str:
    """The text without what looks like a credential."""
    folded = text.casefold()
    for marks, pattern, instead in _SECRETS:
        if any(mark in folded for mark in marks):
            text = pattern.sub(instead, text)
    return text


def configure(settings: LogSettings, stream: TextIO, bound: Mapping[str, str]) -> None:
    """Send everything to this stream. `bound`: fields of every JSON line, such as the service's name.

    Libraries are heard from WARNING on, and everything with level `debug`.
    """
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_json(bound) if settings.format is LogFormat.JSON else _Text())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    level = logging.getLevelNamesMapping()[settings.level.value.upper()]
    root.setLevel(level if level <= logging.DEBUG else max(level, logging.WARNING))
    for name in _OURS:
        logging.getLogger(name).setLevel(level)
    logging.getLogger(SAID).setLevel(min(level, logging.INFO))
    logging.captureWarnings(capture=True)


def _json(bound: Mapping[str, str]) -> logging.Formatter:
    def bind(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {**bound, **event}

    return ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ExtraAdder(),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
        ],
        processors=[
            ProcessorFormatter.remove_processors_meta,
            bind,
            structlog.processors.format_exc_info,
            structlog.processors.EventRenamer("message"),
            _hide,
            structlog.processors.JSONRenderer(sort_keys=True),
        ],
    )


def _hide(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Without credentials, as text, and no field without bound."""
    return {name: _shown(name, value) for name, value in event.items()}


@lru_cache(maxsize=1024)
def _is_secret(name: str) -> bool:
    return _SECRET_NAME.search(name) is not None


def _shown(name: str, value: Any) -> Any:
    if _is_secret(name):
        return HIDDEN
    if value is None or isinstance(value, bool | int | float):
        return value
    text = hide_secrets(str(value))
    return text if name == "exception" else text[:_FIELDS_LIMIT]


class _Text(logging.Formatter):
    """For people: the message, and how bad it is where it is."""

    def format(self, record: logging.LogRecord) -> str:
        line = hide_secrets(super().format(record))
        return f"{record.levelname.lower()}: {line}" if record.levelno != logging.INFO else line
