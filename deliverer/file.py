"""The file of subscribers: what it may say, and every mistake in it with its line.

YAML, read as trusted configuration: it decides where events go. Secrets stay outside of it: `${NAME}`
in a URL, a header, a token or a secret is the environment's. `python -m deliverer.file FILE` writes
its JSON Schema, which is committed; a test fails when it differs.
"""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)
from pydantic.alias_generators import to_camel

from deliverer import filters
from deliverer.places import Places, read_yaml
from deliverer.signing import parse_secret
from deliverer.subscriber import ContentMode, Form, Patience, Start, Subscriber, Takes
from pipeline.errors import UsageError, clip

TITLE = "subscribers.v1"
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OURS = ("content-type", "content-length", "transfer-encoding", "connection", "host", "user-agent")
_OUR_PREFIXES = ("ce-", "webhook-")
_MOST = 200
"""Of subscribers in one file: each has its own group, connections and memory."""


def _from_environment(text: str, info: ValidationInfo) -> str:
    environment: Mapping[str, str] = (info.context or {}).get("environment", {})
    missing = sorted({name for name in _VARIABLE.findall(text) if not environment.get(name)})
    if missing:
        raise ValueError(f"not set in the environment: {', '.join(missing)}")
    filled = _VARIABLE.sub(lambda match: environment[match[1]], text)
    if any(ord(character) < ord(" ") or character == "\x7f" for character in filled):
        raise ValueError("holds a line break or another control character")
    return filled


def _seconds(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if not _DURATION.fullmatch(value):
        raise ValueError("expected a duration such as 500ms, 10s, 5m or 24h")
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(value))


Secret = Annotated[str, AfterValidator(_from_environment)]
Seconds = Annotated[
    float,
    BeforeValidator(_seconds),
    Field(gt=0, le=30 * 86_400),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0},
                {"type": "string", "pattern": _DURATION.pattern},
            ]
        }
    ),
]


class _Model(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, hide_input_in_errors=True, strict=True
    )


_Values = Annotated[dict[str, str], Field(min_length=1)]


class Filter(_Model):
    """One expression of CloudEvents Subscriptions 1.0: exactly one of its dialects."""

    exact: _Values | None = Field(None, description="Attributes that have to be equal to a text.")
    prefix: _Values | None = Field(None, description="Attributes that have to begin with a text.")
    suffix: _Values | None = Field(None, description="Attributes that have to end with a text.")
    all: Annotated[list["Filter"], Field(min_length=1)] | None = Field(
        None, description="Each of these filters has to take the event."
    )
    any: Annotated[list["Filter"], Field(min_length=1)] | None = Field(
        None, description="One of these filters has to take the event."
    )
    negated: "Filter | None" = Field(None, alias="not", description="This filter must not take the event.")

    @model_validator(mode="after")
    def _is_one(self) -> "Filter":
        if len(self.model_fields_set) != 1:
            raise ValueError("expected exactly one of exact, prefix, suffix, all, any, not")
        for dialect in filters.DIALECTS:
            for name, value in (getattr(self, dialect) or {}).items():
                if problem := filters.problem(dialect, name, value):
                    raise ValueError(problem)
        return self

    def takes(self) -> Takes:
        """The filter as a function."""
        if self.negated is not None:
            return filters.negation(self.negated.takes())
        if self.all is not None:
            return filters.every(each.takes() for each in self.all)
        if self.any is not None:
            return filters.some(each.takes() for each in self.any)
        return next(
            make(values) for name, make in filters.DIALECTS.items() if (values := getattr(self, name))
        )


class Retry(_Model):
    """How long an event is tried before it is given up and kept."""

    first: Seconds = Field(1.0, description="Pause after the first failure, at most; it doubles each time.")
    most: Seconds = Field(300.0, description="Longest pause between two attempts.")
    max_age: Seconds = Field(
        86_400.0, description="Time after the first attempt at which an event is given up."
    )
    attempts: int = Field(0, ge=0, description="Attempts at most; 0: as many as maxAge has room for.")


class Signature(_Model):
    """Standard Webhooks: HMAC-SHA256, in the header webhook-signature."""

    secrets: Annotated[list[Secret], Field(min_length=1, max_length=4)] = Field(
        description="The current secret first; more while it is being replaced. Each `whsec_` and base64."
    )


class Handshake(_Model):
    """Ask for permission first, as CloudEvents web hooks has it: OPTIONS with WebHook-Request-Origin."""

    origin: Annotated[str, Field(min_length=1, pattern=r"^[A-Za-z0-9.-]+$")] = Field(
        description="The DNS name to ask in."
    )


class Entry(_Model):
    """One subscriber."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")] = Field(
        description="What it is called in positions, metrics and commands; what it is known by."
    )
    url: Secret = Field(description="Where events are posted to: http or https; may hold ${NAME}.")
    mode: Literal["binary", "structured"] = Field(
        "structured",
        description="CloudEvents content mode: attributes in headers, or everything in the body.",
    )
    form: Literal["tocsin", "validation-changed"] = Field(
        "tocsin",
        description="Which event: Tocsin's own, or dev.chainguard.policy.validation.changed.v1 in its place.",
    )
    start: Literal["now", "beginning"] = Field(
        "now", description="Where a subscriber that is new begins: with what comes, or with all that is kept."
    )
    filters: list[Filter] = Field(
        [], description="Each of them has to take an event; none: everything is sent."
    )
    headers: dict[str, Secret] = Field({}, description="Sent along; values may hold ${NAME}.")
    bearer: Secret | None = Field(None, description="Token of an Authorization header; may hold ${NAME}.")
    signature: Signature | None = Field(None, description="Sign each request.")
    timeout: Seconds = Field(10.0, description="Time of one request, all in all.")
    concurrency: int = Field(8, ge=1, le=64, description="Requests at once, each of another resource.")
    retry: Retry = Field(Retry(), description="How long an event is tried.")  # type: ignore[call-arg]
    ca: str = Field("", description="PEM file of authorities to trust besides the system's.")
    handshake: Handshake | None = Field(None, description="Ask the subscriber for permission first.")

    @model_validator(mode="after")
    def _makes_sense(self) -> "Entry":
        problems = [
            *_problems_of_url(self.url),
            *_problems_of_headers(self.headers, bearer=bool(self.bearer)),
        ]
        for secret in self.signature.secrets if self.signature else ():
            try:
                parse_secret(secret)
            except ValueError as error:
                problems.append(f"signature: {error}")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def subscriber(self) -> Subscriber:
        """What the entry says."""
        retry = self.retry
        headers = dict(self.headers)
        if self.bearer:
            headers["Authorization"] = f"Bearer {self.bearer}"
        return Subscriber(
            name=self.name,
            url=self.url,
            takes=filters.every(each.takes() for each in self.filters),
            mode=ContentMode(self.mode),
            form=Form(self.form),
            start=Start(self.start),
            headers=headers,
            secrets=tuple(parse_secret(text) for text in (self.signature.secrets if self.signature else ())),
            timeout=self.timeout,
            concurrency=self.concurrency,
            patience=Patience(retry.first, retry.most, retry.max_age, retry.attempts),
            ca_file=self.ca,
            origin=self.handshake.origin if self.handshake else "",
        )


class File(_Model):
    """Who gets which events."""

    subscribers: Annotated[list[Entry], Field(min_length=1, max_length=_MOST)]


def _problems_of_url(url: str) -> list[str]:
    try:
        parts = urlsplit(url)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        return ["url: expected http(s)://HOST[:PORT]/PATH"]
    if parts.scheme not in {"http", "https"} or not parts.hostname or not port_is_fine or parts.fragment:
        return ["url: expected http(s)://HOST[:PORT]/PATH"]
    if parts.username is not None or parts.password is not None:
        return ["url: a user and password in it would end in logs of others; use headers or bearer"]
    return []


def _problems_of_headers(headers: Mapping[str, str], *, bearer: bool) -> list[str]:
    problems: list[str] = []
    seen: set[str] = set()
    for name in headers:
        lower = name.lower()
        if not _HEADER.fullmatch(name):
            problems.append(f"headers: {clip(name)!r} is no name of a header")
        elif lower in _OURS or lower.startswith(_OUR_PREFIXES):
            problems.append(f"headers: {name} is set by Tocsin")
        elif lower in seen or (lower == "authorization" and bearer):
            problems.append(f"headers: {name} is there twice")
        seen.add(lower)
    return problems


def load(path: Path, environment: Mapping[str, str]) -> list[Subscriber]:
    """The subscribers of a file. Raises UsageError with a line for each mistake: file, line, what."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise UsageError(f"{path}: cannot be read: {reason}") from error
    content, places = read_yaml(text, str(path))
    problems = places.problems()
    entries: Sequence[Entry] = ()
    try:
        entries = File.model_validate(content, context={"environment": environment}).subscribers
    except ValidationError as error:
        problems += [_told(places, each) for each in error.errors(include_url=False, include_input=False)]
    problems += _twice(places, content)
    if problems:
        raise UsageError("\n".join(line for _, line in sorted(problems)))
    return [entry.subscriber() for entry in entries]


def _told(places: Places, problem: Any) -> tuple[int, str]:
    location: tuple[str | int, ...] = problem["loc"]
    said = problem["msg"].removeprefix("Value error, ")
    return places.told(location, said)


def _twice(places: Places, content: Any) -> list[tuple[int, str]]:
    """Names that a second subscriber has: they would share positions."""
    entries = content.get("subscribers") if isinstance(content, dict) else None
    names: dict[str, int] = {}
    problems: list[tuple[int, str]] = []
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        name = entry.get("name") if isinstance(entry, dict) else None
        if isinstance(name, str) and names.setdefault(name, index) != index:
            problems.append(places.told(("subscribers", index, "name"), f"{clip(name)!r} is there already"))
    return problems


def schema() -> str:
    """JSON Schema of the file, as it is committed."""
    found = {"$schema": "https://json-schema.org/draft/2020-12/schema", **File.model_json_schema()}
    return json.dumps({**found, "title": TITLE}, indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(schema(), encoding="utf-8")
