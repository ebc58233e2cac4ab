"""One thing `tocsin doctor` looked at."""

from enum import StrEnum

import msgspec


class Status(StrEnum):
    """What came of it."""

    OK = "ok"
    SKIPPED = "skipped"
    """Not set up or not to be had here; nothing that works now needs it."""
    FAILED = "failed"


class Check(msgspec.Struct, frozen=True):
    """`found`: what is there. `remedy`: what to do; never empty where it failed."""

    name: str
    status: Status
    found: str
    remedy: str = ""


def ok(name: str, found: str) -> Check:
    """It works."""
    return Check(name, Status.OK, found)


def skipped(name: str, found: str, remedy: str = "") -> Check:
    """It is not needed, or not to be had here."""
    return Check(name, Status.SKIPPED, found, remedy)


def failed(name: str, found: str, remedy: str) -> Check:
    """It does not work."""
    return Check(name, Status.FAILED, found, remedy)
