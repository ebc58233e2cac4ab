"""A document of `kind: Waiver` to what it says, or what to mend. Pure.

Stricter than Kubernetes: a field that no waiver has is an error. A misspelt `namespace:` that
was passed over would waive more than its author meant.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec

from pipeline.errors import DocumentError, clip
from pipeline.settings_types import WorkloadKind
from pipeline.waivers import WAIVER_GROUP, WAIVER_KIND, WaiverApplied, WaiverMatch

API_VERSION = f"{WAIVER_GROUP}/v1alpha1"

_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_LABEL = re.compile(r"(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?/)?[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_PATH = re.compile(r"(?P<said>.*?)(?: - at `\$\.?(?P<path>.*)`)?", re.DOTALL)
_FIELD = re.compile(r"(?P<what>Object missing required field|Object contains unknown field) `(?P<field>.*)`")
_ENUM = re.compile(r"Invalid enum value (.*)", re.DOTALL)
_NAME_LIMIT = 80
_TYPE = re.compile(r"`(\w+)`")
_TYPES = {
    "str": "a text",
    "int": "a number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "fields",
    "null": "nothing",
}
"""Types as msgspec names them, in words."""


class InvalidWaiverError(DocumentError):
    """A waiver is not valid; its text is `FIELD: expected ..., got ...`."""


class _Operator(StrEnum):
    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


class _Strict(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    rename="camel",
    forbid_unknown_fields=True,
    omit_defaults=True,
):
    """A part of the document."""


class _Requirement(_Strict, frozen=True):
    key: str
    operator: _Operator
    values: tuple[str, ...] = ()


class _Selector(_Strict, frozen=True):
    match_labels: dict[str, str] = {}
    match_expressions: tuple[_Requirement, ...] = ()


class _Match(_Strict, frozen=True):
    clusters: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    kinds: tuple[WorkloadKind, ...] = ()
    names: tuple[str, ...] = ()
    label_selector: _Selector | None = None
    images: tuple[str, ...] = ()


class _Spec(_Strict, frozen=True):
    policies: tuple[str, ...]
    match: _Match
    owner: str
    reason: str
    expires: str
    ticket: str = ""


class _Metadata(msgspec.Struct, frozen=True):
    name: str


class _Document(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    api_version: str
    kind: str
    metadata: _Metadata
    spec: _Spec


@dataclass(frozen=True, slots=True)
class Limits:
    """`now`, and `longest`: how far ahead of it a waiver may end; None where any end will do."""

    now: datetime
    longest: timedelta | None = None


def parse(body: Mapping[str, Any], cluster: str, file: str, limits: Limits) -> WaiverApplied:
    """Read a document. Raises InvalidWaiverError."""
    try:
        document = msgspec.convert(dict(body), _Document)
    except msgspec.ValidationError as error:
        raise InvalidWaiverError(_said(str(error))) from None
    spec = document.spec
    said = msgspec.to_builtins(spec)
    expires = _expires(spec.expires)
    problems = [*_problems(document), *_end_problems(spec.expires, expires, limits)]
    if problems or expires is None:
        raise InvalidWaiverError("; ".join(f"{path}: {reason}" for path, reason in problems))
    return WaiverApplied(
        cluster=cluster,
        name=document.metadata.name,
        digest=hashlib.sha256(msgspec.json.encode(said, order="sorted")).hexdigest(),
        policies=spec.policies,
        match=msgspec.convert(said["match"], WaiverMatch),
        owner=spec.owner.strip(),
        reason=" ".join(spec.reason.split()),
        ticket=spec.ticket.strip(),
        expires=expires,
        file=file,
    )


def name_of(body: Mapping[str, Any]) -> str:
    """What to call it in a message, valid or not: `Waiver NAME`."""
    metadata = body.get("metadata")
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    return f"{WAIVER_KIND} {clip(name, _NAME_LIMIT)}" if isinstance(name, str) and name else WAIVER_KIND


def _problems(document: _Document) -> Iterator[tuple[str, str]]:
    """What types cannot say, in the order of the fields."""
    if document.api_version != API_VERSION:
        yield "apiVersion", f"expected {API_VERSION}, got {clip(document.api_version)}"
    if not _NAME.fullmatch(document.metadata.name):
        yield "metadata.name", "expected lower-case letters, digits, '-' and '.', at most 253"
    spec = document.spec
    if not spec.policies:
        yield "spec.policies", "expected names of policies, or globs, got none; '*' is any policy"
    for name in ("owner", "reason"):
        if not getattr(spec, name).strip():
            yield f"spec.{name}", "expected a text, got an empty one"
    for path, texts in (
        ("policies", spec.policies),
        *((f"match.{name}", getattr(spec.match, name)) for name in _LISTS),
    ):
        if not all(text.strip() for text in texts):
            yield f"spec.{path}", "expected texts, got an empty one"
    yield from _match_problems(spec.match)


_LISTS = ("clusters", "namespaces", "names", "images")


def _match_problems(match: _Match) -> Iterator[tuple[str, str]]:
    selector = match.label_selector
    selects = selector is not None and (selector.match_labels or selector.match_expressions)
    if not (selects or match.kinds or any(getattr(match, name) for name in _LISTS)):
        yield (
            "spec.match",
            "expected something that it selects, got nothing; namespaces: ['*'] is everything",
        )
    if selector is None:
        return
    path = "spec.match.labelSelector"
    for key in selector.match_labels:
        yield from _key_problem(f"{path}.matchLabels", key)
    for index, requirement in enumerate(selector.match_expressions):
        at = f"{path}.matchExpressions[{index}]"
        yield from _key_problem(f"{at}.key", requirement.key)
        takes_values = requirement.operator in (_Operator.IN, _Operator.NOT_IN)
        if takes_values and not requirement.values:
            yield f"{at}.values", f"expected at least one value for {requirement.operator}, got none"
        if requirement.values and not takes_values:
            yield f"{at}.values", f"expected no values for {requirement.operator}"


def _key_problem(path: str, key: str) -> Iterator[tuple[str, str]]:
    if not _LABEL.fullmatch(key):
        yield path, f"expected a label key such as app or example.com/app, got {clip(key, _NAME_LIMIT)!r}"


def _expires(text: str) -> datetime | None:
    """A point in time; a date alone is the end of that day, UTC. None for what is neither."""
    try:
        if _DATE.fullmatch(text):
            day = datetime.fromisoformat(text).replace(tzinfo=UTC)
            return day + timedelta(days=1) if day.date() != date.max else datetime.max.replace(tzinfo=UTC)
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None and "T" in text.upper():
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    return None


def _end_problems(text: str, expires: datetime | None, limits: Limits) -> Iterator[tuple[str, str]]:
    if expires is None:
        expected = "a date such as 2027-03-31, or a time with its zone such as 2027-03-31T12:00:00Z"
        yield "spec.expires", f"expected {expected}, got {clip(text, _NAME_LIMIT)!r}"
    elif limits.longest is not None and expires - limits.now > limits.longest:
        yield (
            "spec.expires",
            f"expected at most {limits.longest.days} days from now (TOCSIN_WAIVER_MAX_DAYS), got {text}",
        )


def _said(message: str) -> str:
    """What msgspec says of a type, as the other messages are."""
    found = _PATH.fullmatch(message)
    said, path = (found["said"], found["path"] or "") if found else (message, "")
    field = _FIELD.fullmatch(said)
    if field:
        at = ".".join(part for part in (path, clip(field["field"], _NAME_LIMIT)) if part)
        return f"{at}: required" if "missing" in field["what"] else f"{at}: no field of a {WAIVER_KIND}"
    given = _ENUM.fullmatch(said)
    if given:
        expected = _Operator if path.endswith("operator") else WorkloadKind
        return f"{path}: expected one of {', '.join(expected)}, got {clip(given[1], _NAME_LIMIT)}"
    said = _TYPE.sub(lambda type_: _TYPES.get(type_[1], type_[1]), said)
    return f"{path}: {clip(said[:1].lower() + said[1:])}" if path else clip(said)
