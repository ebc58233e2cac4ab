"""The file of subscribers: what it says, and every mistake in it with its line."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from deliverer.file import load, schema
from deliverer.subscriber import ContentMode, Start, Subscriber
from pipeline.errors import UsageError

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - the specification's example
ENVIRONMENT = {"PATH_OF_HOOK": "T0/B0/very-secret", "TOKEN": "s3cr3t-token", "SECRET": SECRET, "EMPTY": ""}
WHOLE = """\
subscribers:
  - name: chat
    url: https://hooks.example.com/services/${PATH_OF_HOOK}
    filters:
      - exact: {type: dev.tocsin.verdict.failed.v1}
      - any:
          - prefix: {namespace: team-}
          - not: {suffix: {policy: -draft}}
  - name: tickets
    url: http://tickets.example.com:8080/events
    mode: binary
    start: beginning
    headers:
      X-Team: platform ${TOKEN}
    bearer: ${TOKEN}
    signature: {secrets: ["${SECRET}"]}
    timeout: 500ms
    concurrency: 2
    retry: {first: 2s, most: 1m, maxAge: 1h30m, attempts: 5}
    handshake: {origin: tocsin.example.com}
"""


def _load(tmp_path: Path, text: str) -> list[Subscriber]:
    file = tmp_path / "subscribers.yaml"
    file.write_text(text, encoding="utf-8")
    return load(file, ENVIRONMENT)


def _problems(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(UsageError) as error:
        _load(tmp_path, text)
    assert error.value.exit_code == 2
    return [line.removeprefix(f"{tmp_path}/") for line in str(error.value).splitlines()]


def test_a_file_says_who_gets_what(tmp_path: Path) -> None:
    chat, tickets = _load(tmp_path, WHOLE)
    assert (chat.name, chat.url) == ("chat", "https://hooks.example.com/services/T0/B0/very-secret")
    assert (chat.mode, chat.start, chat.concurrency, chat.secrets) == (
        ContentMode.STRUCTURED,
        Start.NOW,
        8,
        (),
    )
    assert chat.takes({"type": "dev.tocsin.verdict.failed.v1", "namespace": "team-a"})
    assert not chat.takes({"type": "dev.tocsin.verdict.failed.v1", "policy": "no-root-draft"})
    assert (tickets.mode, tickets.start, tickets.concurrency) == (ContentMode.BINARY, Start.BEGINNING, 2)
    assert tickets.headers == {"X-Team": "platform s3cr3t-token", "Authorization": "Bearer s3cr3t-token"}
    assert len(tickets.secrets[0]) == 24
    patience = tickets.patience
    assert (patience.first, patience.most, patience.age, patience.attempts) == (2.0, 60.0, 5400.0, 5)
    assert (tickets.timeout, tickets.origin) == (0.5, "tocsin.example.com")


def test_nothing_secret_is_in_what_a_subscriber_shows(tmp_path: Path) -> None:
    shown = " ".join(f"{each!r} {each.host}" for each in _load(tmp_path, WHOLE))
    assert "hooks.example.com" in shown
    for secret in ("very-secret", "s3cr3t", "MfKQ9r8"):
        assert secret not in shown


def test_every_mistake_is_told_with_its_line(tmp_path: Path) -> None:
    problems = _problems(
        tmp_path,
        """\
subscribers:
  - name: Chat
    url: ftp://example.com
  - name: tickets
    url: https://user:pass@example.com/${NOWHERE}
    mode: both
    timeout: soon
    filters:
      - exact: {policy: a}
        prefix: {policy: b}
      - exact: {nmespace: shop}
      - exact: {type: dev.tocsin.verdict.fail.v1}
      - not: {exact: {mode: block}}
    retries: 3
  - name: tickets
    url: https://example.com/${EMPTY}
    concurrency: 0
  - url: https://example.com/
""",
    )
    assert [line.partition(": ")[0] for line in problems] == [
        f"subscribers.yaml:{number}" for number in (2, 5, 6, 7, 9, 11, 12, 13, 14, 15, 16, 17, 18)
    ]
    text = "\n".join(problems)
    for said in (
        "subscribers[1].url: not set in the environment: NOWHERE",
        "subscribers[2].url: not set in the environment: EMPTY",
        "subscribers[1].filters[0]: expected exactly one of exact, prefix, suffix, all, any, not",
        "no event has an attribute 'nmespace'",
        "no event has this type; there are dev.tocsin.verdict.passed.v1,",
        "no event has this mode; there are warn, enforce",
        "subscribers[2].name: 'tickets' is there already",
        "subscribers[1].timeout: expected a duration such as 500ms, 10s, 5m or 24h",
        "subscribers[3].name: Field required",
    ):
        assert said in text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ("url: ftp://example.com/", "url: expected http"),
        ("url: https:///path", "url: expected http"),
        ("url: https://example.com:99999/", "url: expected http"),
        ("url: https://user:pass@example.com/", "url: a user and password"),
        ("url: https://example.com/\n    headers: {ce-id: x}", "headers: ce-id is set by Tocsin"),
        (
            "url: https://example.com/\n    headers: {Content-Type: x}",
            "headers: Content-Type is set by Tocsin",
        ),
        ("url: https://example.com/\n    headers: {'a b': x}", "is no name of a header"),
        ('url: https://example.com/\n    headers: {a: "x\\ny"}', "a line break"),
        (
            "url: https://example.com/\n    bearer: x\n    headers: {authorization: x}",
            "headers: authorization is there twice",
        ),
        ("url: https://example.com/\n    signature: {secrets: [short]}", "signature: expected whsec_"),
        ("url: https://example.com/\n    name: b", "is there twice"),
    ],
)
def test_what_makes_no_sense_is_told(tmp_path: Path, fields: str, said: str) -> None:
    (problem,) = _problems(tmp_path, f"subscribers:\n  - name: a\n    {fields}\n")
    assert said in problem
    assert "pass" not in problem.replace("password", "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "subscribers.yaml:1: "),
        ("- a", "subscribers.yaml:1: "),
        ("subscribers: []", "at least 1 item"),
        ("subscribers: [", "subscribers.yaml:1: not YAML"),
        ("a: !!python/object:os.system x", "not YAML"),
        ("subscribers:\n  - a\n", "subscribers.yaml:2: "),
    ],
)
def test_what_is_no_file_of_subscribers_is_told_in_a_line(tmp_path: Path, text: str, said: str) -> None:
    (problem,) = _problems(tmp_path, text)
    assert said in problem


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none.yaml: cannot be read: No such file"):
        load(tmp_path / "none.yaml", {})


def test_the_committed_schema_is_the_programs_and_takes_the_file() -> None:
    committed = Path("docs/reference/schemas/subscribers.v1.json").read_text(encoding="utf-8")
    assert committed == schema()
    jsonschema.validate(yaml.safe_load(WHOLE), json.loads(committed))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"subscribers": [{"name": "A", "url": "x"}]}, json.loads(committed))
