"""The example subscribers as processes, and real events to send them. No test."""

import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError

from cloudevents.core.bindings import http

from pipeline.codec import to_cloudevent
from pipeline.events import Event
from tests.e2e.running import Lines

ROOT = Path(__file__).parents[3]


@contextmanager
def example(name: str, **environment: str) -> Iterator[str]:
    """The URL of a running example, `examples/subscribers/NAME.py`."""
    with subprocess.Popen(
        [sys.executable, "-m", f"examples.subscribers.{name}"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PORT": "0", **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stderr is not None
        try:
            yield Lines(process.stderr).expect("listening on ").partition("listening on ")[2]
        finally:
            process.terminate()


def send(url: str, event: Event, mode: str = "binary", **headers: str) -> int:
    """The status that the subscriber answers an event with."""
    write = http.to_binary_event if mode == "binary" else http.to_structured_event
    message = write(to_cloudevent(event))
    return post(url, message.body, {**message.headers, **headers})


def post(url: str, body: bytes, headers: dict[str, str]) -> int:
    """The status that a request is answered with."""
    request = urllib.request.Request(url, body, headers)  # noqa: S310 - a server of this test
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - likewise
            return int(answer.status)
    except HTTPError as error:
        with error:
            return error.code
