"""Log lines: JSON with fields, text for people, and never a credential in either."""

import io
import json
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.settings import LogSettings
from pipeline.settings_types import LogFormat, LogLevel
from pipeline.telemetry import logs
from pipeline.telemetry.logs import hide_secrets

SECRETS = {
    "postgresql://tocsin:hunter2@db/tocsin": "postgresql://tocsin:***@db/tocsin",
    "postgresql+psycopg://tocsin:hun@ter2@db/tocsin": "postgresql+psycopg://tocsin:***@db/tocsin",
    "Authorization: Bearer abcdefgh12345678": "Authorization: Bearer ***",
    "sent eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.c2ln to it": "sent *** to it",
    "sasl_plain_password='hunter2', x=1": "sasl_plain_password=***, x=1",
    '{"client_secret": "hunter2", "a": 1}': '{"client_secret": ***, "a": 1}',
    "https://registry/v2/?token=hunter2&scope=pull": "https://registry/v2/?token=***&scope=pull",
}


@pytest.fixture(autouse=True)
def _undone() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in (*logs._OURS, logs.SAID)}
    client = logging.getLogger("aiokafka")  # told by us in a process that once spoke with a broker
    relayed, client.handlers, client.propagate = client.handlers, [], True
    yield
    client.handlers, client.propagate = relayed, not relayed
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
    logging.captureWarnings(capture=False)


def configured(format_: LogFormat, level: LogLevel = LogLevel.INFO) -> io.StringIO:
    stream = io.StringIO()
    logs.configure(LogSettings(format=format_, level=level), stream, {"service": "sink", "cluster": "prod"})
    return stream


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_of_json_has_the_message_the_fields_and_whose_it_is() -> None:
    stream = configured(LogFormat.JSON)
    logging.getLogger("sink.app").warning("written %s rows", 3, extra={"event_id": "e1", "policy": "p"})
    (line,) = lines(stream)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "message": "written 3 rows",
        "level": "warning",
        "logger": "sink.app",
        "service": "sink",
        "cluster": "prod",
        "event_id": "e1",
        "policy": "p",
    }


@pytest.mark.parametrize("written", SECRETS)
def test_no_credential_gets_through(written: str) -> None:
    assert hide_secrets(written) == SECRETS[written]
    for format_ in LogFormat:
        stream = configured(format_)
        logging.getLogger("aiokafka.conn").error("failed: %s", written, extra={"url": written})
        assert "hunter2" not in stream.getvalue()
        assert "eyJ" not in stream.getvalue()


def test_a_traceback_and_a_secret_field_are_cleaned_too() -> None:
    stream = configured(LogFormat.JSON)
    try:
        raise ValueError("connecting to postgresql://u:hunter2@db failed")  # noqa: TRY301 - a library's
    except ValueError:
        logging.getLogger("sqlalchemy.pool").exception("oh", extra={"password": "hunter2"})
    (line,) = lines(stream)
    assert "hunter2" not in stream.getvalue()
    assert line["password"] == logs.HIDDEN
    assert "ValueError" in line["exception"]


def test_text_is_the_bare_message_and_says_how_bad_it_is_where_it_is() -> None:
    stream = configured(LogFormat.TEXT)
    logging.getLogger("cli.talk").info("read 3 resources")
    logging.getLogger("watcher.cluster").warning("cannot watch pods")
    assert stream.getvalue() == "read 3 resources\nwarning: cannot watch pods\n"


def test_libraries_are_heard_from_warnings_on_and_in_full_when_debugging() -> None:
    stream = configured(LogFormat.JSON)
    logging.getLogger("aiokafka").info("joined")
    logging.getLogger("aiokafka").warning("lost")
    logging.getLogger("sink").info("ours")
    assert [line["message"] for line in lines(stream)] == ["lost", "ours"]
    stream = configured(LogFormat.JSON, LogLevel.DEBUG)
    logging.getLogger("aiokafka").debug("bytes")
    assert [line["message"] for line in lines(stream)] == ["bytes"]


def test_what_a_command_says_is_heard_however_quiet_the_log() -> None:
    stream = configured(LogFormat.TEXT, LogLevel.ERROR)
    logging.getLogger("cli.talk").info("following deploy/")
    logging.getLogger("watcher").warning("not heard")
    assert stream.getvalue() == "following deploy/\n"


def test_warnings_of_libraries_are_lines_of_the_log() -> None:
    stream = configured(LogFormat.JSON)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("old way", DeprecationWarning, stacklevel=1)
    assert "old way" in lines(stream)[0]["message"]
