"""Verdicts as `dev.chainguard.policy.validation.changed.v1`. How they are sent: tests/contract/events."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from deliverer.requests import Request, request_of
from deliverer.subscriber import ContentMode, Form, Subscriber
from deliverer.validation_changed import TYPE, image_id_of, schema
from pipeline.codec import to_json
from pipeline.events import (
    VERDICT_TYPES,
    Change,
    Event,
    Image,
    Mode,
    Outcome,
    PolicyRef,
    ResourceRef,
    Verdict,
)

SCHEMA = Path(__file__).parents[3] / "docs" / "reference" / "schemas" / f"{TYPE}.json"
NOW = datetime(2027, 1, 1, 12, tzinfo=UTC)
DIGEST = f"sha256:{'1a' * 32}"
OTHER = f"sha256:{'2b' * 32}"


def verdict(outcome: Outcome, change: Change = Change.NEW, *images: Image, **fields: Any) -> Event:
    data = Verdict(
        cluster="prod",
        resource=ResourceRef(api_version="v1", kind="Pod", namespace="shop", name="web", uid="u"),
        policy=PolicyRef(name="no-root", digest="d", mode=Mode.ENFORCE),
        outcome=outcome,
        change=change,
        evaluated_at=NOW,
        images=images or (Image(name="nginx:1.2", digest=DIGEST),),
        **fields,
    )
    return Event(
        type=VERDICT_TYPES[outcome], source="/clusters/prod", id="an-id", time=NOW, subject="shop/Pod/web",
        key="prod/u/no-root", data=data,
    )  # fmt: skip


def sent(event: Event, mode: ContentMode = ContentMode.BINARY) -> list[Request]:
    subscriber = Subscriber("one", "http://x", lambda _: True, mode=mode, form=Form.VALIDATION_CHANGED)
    request, found = request_of(event, subscriber), []
    while request is not None:
        found.append(request)
        request = request.following
    return found


def test_the_committed_schema_is_current() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == schema(), "run `make schemas` and commit it"


def test_a_failure_is_what_enforce_sent() -> None:
    (request,) = sent(verdict(Outcome.FAIL, Change.DEGRADED, message="container web runs as root"))
    image = f"index.docker.io/library/nginx@{DIGEST}"
    assert {name.lower(): value for name, value in request.headers.items()} == {
        "ce-specversion": "1.0",
        "ce-type": TYPE,
        "ce-source": "k8s://prod",
        "ce-id": request.event_id,
        "ce-time": "2027-01-01T12:00:00Z",
        "ce-subject": image,
        "content-type": "application/json",
    }
    state = {
        "change": "degraded",
        "diagnostic": "container web runs as root",
        "last_checked": "2027-01-01T12:00:00Z",
        "valid": False,
    }
    body = json.loads(request.body)
    assert body == {
        "actor": {"subject": "prod"},
        "body": {
            "cluster_id": "prod",
            "image_id": image,
            "last_seen": "2027-01-01T12:00:00Z",
            "policies": {"no-root": state},
        },
    }
    jsonschema.validate(body, json.loads(schema()))


@pytest.mark.parametrize(
    ("outcome", "change", "valid", "word"),
    [
        (Outcome.PASS, Change.NEW, True, "new"),
        (Outcome.PASS, Change.IMPROVED, True, "improved"),
        (Outcome.WARN, Change.DEGRADED, False, "degraded"),
        (Outcome.FAIL, Change.UPDATED, False, ""),
        (Outcome.FAIL, Change.WAIVED, False, ""),
        (Outcome.FAIL, Change.RETURNED, False, ""),
    ],
)
def test_each_change_has_a_word_of_theirs(outcome: Outcome, change: Change, valid: bool, word: str) -> None:
    (request,) = sent(verdict(outcome, change))
    state = json.loads(request.body)["body"]["policies"]["no-root"]
    assert (state["valid"], state["change"]) == (valid, word)


def test_every_image_of_a_verdict_is_told_of_once() -> None:
    images = (
        Image(name="nginx", digest=DIGEST),
        Image(name="nginx:1.2", container="again", digest=DIGEST),
        Image(name="ghcr.io/shop/web:1", digest=OTHER),
        Image(name="ghcr.io/shop/unknown:1"),
    )
    requests = sent(verdict(Outcome.FAIL, Change.NEW, *images), ContentMode.STRUCTURED)
    events = [json.loads(request.body) for request in requests]
    assert [event["subject"] for event in events] == [
        f"index.docker.io/library/nginx@{DIGEST}",
        f"ghcr.io/shop/web@{OTHER}",
    ]
    assert len({event["id"] for event in events}) == 2
    assert [request.event_id for request in requests] == [event["id"] for event in events]
    assert sent(verdict(Outcome.FAIL, Change.NEW, *images)) == sent(
        verdict(Outcome.FAIL, Change.NEW, *images)
    )


@pytest.mark.parametrize("outcome", [Outcome.ERROR, Outcome.WITHDRAWN])
def test_what_the_form_cannot_say_is_not_sent(outcome: Outcome) -> None:
    assert sent(verdict(outcome)) == []
    assert sent(verdict(Outcome.FAIL, Change.NEW, Image(name="nginx:1.2"))) == []


def test_a_verdict_of_one_image_is_told_of_that_one() -> None:
    event = verdict(Outcome.FAIL, Change.NEW, Image(name="nginx", digest=DIGEST))
    of_one = msgspec.structs.replace(event.data, image=Image(name="redis", tag_digest=OTHER))
    (request,) = sent(msgspec.structs.replace(event, data=of_one))
    assert json.loads(request.body)["body"]["image_id"] == f"index.docker.io/library/redis@{OTHER}"


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("nginx", "index.docker.io/library/nginx"),
        ("docker.io/nginx:1", "index.docker.io/library/nginx"),
        ("shop/web", "index.docker.io/shop/web"),
        ("localhost/web:1", "localhost/web"),
        ("registry:5000/a/b:1", "registry:5000/a/b"),
        ("ghcr.io/a/b", "ghcr.io/a/b"),
        (f"ghcr.io/a/b:1@{OTHER}", "ghcr.io/a/b"),
    ],
)
def test_an_image_is_named_as_admission_names_it(name: str, wanted: str) -> None:
    assert image_id_of(Image(name=name, digest=DIGEST)) == f"{wanted}@{DIGEST}"


def test_a_digest_that_is_written_is_known() -> None:
    assert image_id_of(Image(name=f"ghcr.io/a/b@{OTHER}")) == f"ghcr.io/a/b@{OTHER}"


def test_tocsins_own_form_is_the_event_itself() -> None:
    event = verdict(Outcome.ERROR)
    request = request_of(event, Subscriber("one", "http://x", lambda _: True))
    assert request is not None
    assert (request.body, request.following) == (to_json(event), None)
