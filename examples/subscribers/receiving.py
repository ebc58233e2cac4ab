"""The receiving side of a web hook: requests to CloudEvents, each handled once, one at a time.

`tocsin deliver` sends an event again until it is answered with 2xx, in order for each
resource. So: answer only when the work is done, and know an event that comes again by its
source and id. The standard library is all that is needed.
"""

import base64
import binascii
import hmac
import json
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

_LARGEST = 8 * 2**20
_REMEMBERED = 10_000
_CLOCKS_DIFFER = 300
"""Seconds: a signature that is older is of a request that somebody kept."""


@dataclass(frozen=True)
class Event:
    """A CloudEvent: its attributes as texts, and its data."""

    attributes: Mapping[str, str]
    data: Mapping[str, Any]


class NotAnEventError(Exception):
    """The request holds no CloudEvent; the text says what is wrong."""


class TryLaterError(Exception):
    """The event could not be handled now; it will be sent again."""


def read(headers: Mapping[str, str], body: bytes) -> Event:
    """The event of a request in binary or structured content mode. Raises NotAnEventError."""
    given = {name.lower(): value for name, value in headers.items()}
    try:
        content = json.loads(body)
    except ValueError as error:
        raise NotAnEventError(f"the body is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise NotAnEventError("the body is not an object")
    if given.get("content-type", "").startswith("application/cloudevents+json"):
        data = content.pop("data", None)
        attributes = {name: str(value) for name, value in content.items()}
    else:
        data = content
        # percent-encoded, as section 3.1.3.2 of the HTTP binding has it
        attributes = {
            name.removeprefix("ce-"): unquote(value)
            for name, value in given.items()
            if name.startswith("ce-")
        }
    missing = [name for name in ("specversion", "type", "source", "id") if not attributes.get(name)]
    if missing or not isinstance(data, dict):
        raise NotAnEventError(f"not a CloudEvent with an object: no {', '.join(missing) or 'data'}")
    return Event(attributes, data)


def is_signed(headers: Mapping[str, str], body: bytes, secret: str, now: float) -> bool:
    """Whether the request was signed with the secret (Standard Webhooks), not long ago."""
    given = {name.lower(): value for name, value in headers.items()}
    identity, moment = given.get("webhook-id", ""), given.get("webhook-timestamp", "")
    if not moment.isdecimal() or abs(now - int(moment)) > _CLOCKS_DIFFER:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    wanted = hmac.digest(key, b".".join((identity.encode(), moment.encode(), body)), sha256)
    signatures = [each.partition(",")[2] for each in given.get("webhook-signature", "").split()]
    return any(hmac.compare_digest(wanted, _decoded(signature)) for signature in signatures)


def _decoded(signature: str) -> bytes:
    try:
        return base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return b""


class Subscriber:
    """Handles each event once. `handle` raises TryLaterError where it has to come again."""

    def __init__(self, handle: Callable[[Event], None], secret: str = "") -> None:
        self._handle = handle
        self._secret = secret
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._one_at_a_time = threading.Lock()

    def answer(self, headers: Mapping[str, str], body: bytes) -> tuple[int, str]:
        """Status and text of the answer to a request."""
        if self._secret and not is_signed(headers, body, self._secret, time.time()):
            return 401, "the signature is not mine"
        try:
            event = read(headers, body)
        except NotAnEventError as error:
            return 400, str(error)
        identity = (event.attributes["source"], event.attributes["id"])
        with self._one_at_a_time:
            if identity in self._seen:
                return 200, "seen before"
            try:
                self._handle(event)
            except TryLaterError as error:
                return 503, str(error)
            self._seen[identity] = None
            if len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)
        return 200, "done"


def serve(subscriber: Subscriber, host: str, port: int) -> None:
    """Take requests until Ctrl-C. Port 0: any that is free; the first line on stderr says which."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            if not 0 < length <= _LARGEST:
                self.close_connection = True
                self._say(413, "expected a body with its length")
                return
            status, text = subscriber.answer(dict(self.headers.items()), self.rfile.read(length))
            if status >= 400:
                sys.stderr.write(f"{status}: {text}\n")
            self._say(status, text)

        def _say(self, status: int, text: str) -> None:
            body = text.encode()
            self.send_response(status)
            self.send_header("content-type", "text/plain; charset=utf-8")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Only what goes wrong is told."""

    with ThreadingHTTPServer((host, port), Handler) as server:
        sys.stderr.write(f"listening on http://{host}:{server.server_port}/\n")
        sys.stderr.flush()
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return
