"""What an answer means for the event that it answers, and for those after it. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

LONGEST_RETRY_AFTER = 3600.0
"""Seconds that a subscriber is believed when it asks to be left alone; a slip may ask for a year."""

_SECONDS = re.compile(r"\d{1,9}")
_SUCCESS, _REDIRECT, _CLIENT, _SERVER = 2, 3, 4, 5
_TEMPORARY = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})


@dataclass(frozen=True, slots=True)
class Delivered:
    """The subscriber has it."""

    status: int


@dataclass(frozen=True, slots=True)
class Failed:
    """Not now. `after`: seconds in which the subscriber wants to hear nothing at all."""

    reason: str
    status: int = 0
    after: float = 0.0


@dataclass(frozen=True, slots=True)
class Refused:
    """Not this event, however often it is sent."""

    reason: str
    status: int


@dataclass(frozen=True, slots=True)
class Gone:
    """Nothing, ever again (CloudEvents web hooks, section 2.2.2)."""

    status: int = int(HTTPStatus.GONE)


Answer = Delivered | Failed | Refused | Gone


@dataclass(frozen=True, slots=True)
class Permission:
    """What a subscriber allows when it is asked. `rate`: requests a minute; 0 for any number."""

    rate: int = 0


def permission_of(status: int, headers: Mapping[str, str], origin: str, now: datetime) -> Permission | Answer:
    """What the answer to a question for permission says (CloudEvents web hooks, section 4.2)."""
    answer = answer_of(status, headers, now)
    if not isinstance(answer, Delivered):
        return answer
    allowed = headers.get("WebHook-Allowed-Origin", "").strip()
    if allowed != "*" and allowed.lower() != origin.lower():
        return Refused(f"does not allow {origin} to post (WebHook-Allowed-Origin)", status)
    rate = headers.get("WebHook-Allowed-Rate", "").strip()
    return Permission(int(rate) if _SECONDS.fullmatch(rate) else 0)


def answer_of(status: int, headers: Mapping[str, str], now: datetime) -> Answer:
    """What a status and its headers say. Nothing of the body: it may repeat what was sent."""
    if status // 100 == _SUCCESS:
        return Delivered(status)
    if status == HTTPStatus.GONE:
        return Gone()
    said = f"answered {status}{_phrase(status)}"
    if status // 100 == _REDIRECT:
        return Refused(f"{said}; redirects are not followed: they would take credentials along", status)
    if status in _TEMPORARY or status // 100 == _SERVER:
        return Failed(said, status, retry_after(headers.get("Retry-After", ""), now))
    if status // 100 == _CLIENT:
        return Refused(said, status)
    return Failed(said, status)


def retry_after(text: str, now: datetime) -> float:
    """Seconds to wait, from seconds or a date (RFC 9110, section 10.2.3); 0 where it says neither."""
    text = text.strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), LONGEST_RETRY_AFTER)
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return min(max((when - now).total_seconds(), 0.0), LONGEST_RETRY_AFTER)


def _phrase(status: int) -> str:
    try:
        return f" {HTTPStatus(status).phrase}"
    except ValueError:
        return ""
