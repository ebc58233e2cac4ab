"""The example subscribers, as processes, with the events of a real run.

Slack and GitHub are other people's services: servers of this test stand for them.
"""

import base64
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pipeline.bus import Record
from pipeline.codec import to_json
from pipeline.events import Event, Outcome, Verdict, is_violation
from tests.contract.events.examples import example, post, send
from tests.fakes.issues_api import REPOSITORY, TOKEN, IssuesApi, issues_api

KEY = b"0123456789" * 3


def signed(key: bytes, moment: int, body: bytes) -> dict[str, str]:
    """Headers by Standard Webhooks, written anew from its specification."""
    digest = hmac.digest(key, b"an-id." + str(moment).encode() + b"." + body, "sha256")
    signature = f"v1a,other v1,{base64.b64encode(digest).decode()}"
    return {"webhook-id": "an-id", "webhook-timestamp": str(moment), "webhook-signature": signature}


def verdicts(records: list[Record]) -> list[Event]:
    return [record.event for record in records if record.event and isinstance(record.event.data, Verdict)]


def of_bad(records: list[Record], outcome: Outcome) -> Event:
    """The first verdict of the Pod that is privileged until it is mended."""
    wanted = (outcome, "default/Pod/bad", "no-privileged")
    return next(
        event
        for event in verdicts(records)
        if isinstance(event.data, Verdict)
        and (event.data.outcome, event.subject, event.data.policy.name) == wanted
    )


@contextmanager
def chat(statuses: list[int]) -> Iterator[tuple[str, list[str]]]:
    """A web hook that takes messages, and those it took. It answers with these statuses first."""
    said: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            text = json.loads(self.rfile.read(int(self.headers["content-length"])))["text"]
            status = statuses.pop(0) if statuses else 200
            if status == 200:
                said.append(text)
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/", said
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("mode", ["binary", "structured"])
def test_a_message_is_said_once_for_each_event(embedded_records: list[Record], mode: str) -> None:
    event = of_bad(embedded_records, Outcome.FAIL)
    with chat([500]) as (hook, said), example("slack", SLACK_WEBHOOK_URL=hook) as url:
        assert send(url, event, mode) == 503
        assert said == []
        assert [send(url, event, mode), send(url, event, mode)] == [200, 200]
        assert send(url, of_bad(embedded_records, Outcome.PASS), mode) == 200
    assert said[:1] == [
        ":red_circle: *default/Pod/bad* failed: no-privileged (enforce) in shop\n>container web is privileged"
    ]
    assert len(said) == 2


def test_what_a_manifest_says_mentions_and_links_nobody(embedded_records: list[Record]) -> None:
    event = json.loads(to_json(of_bad(embedded_records, Outcome.FAIL)))
    event["data"]["message"] = "<!channel> *now* see <https://example.com|this>\n`rm`"
    headers = {"content-type": "application/cloudevents+json; charset=utf-8"}
    with chat([]) as (hook, said), example("slack", SLACK_WEBHOOK_URL=hook) as url:
        assert post(url, json.dumps(event).encode(), headers) == 200
    assert "<" not in said[0]
    assert said[0].partition("\n")[2].count("*") == 0


def test_a_request_that_is_not_signed_or_is_no_event_is_refused(embedded_records: list[Record]) -> None:
    event = of_bad(embedded_records, Outcome.FAIL)
    body = to_json(event)
    now = int(datetime.now(UTC).timestamp())
    structured = {"content-type": "application/cloudevents+json"}
    secret = f"whsec_{base64.b64encode(KEY).decode()}"
    with (
        chat([]) as (hook, said),
        example("slack", SLACK_WEBHOOK_URL=hook, TOCSIN_WEBHOOK_SECRET=secret) as url,
    ):
        assert post(url, body, structured) == 401
        assert post(url, body, structured | signed(KEY, now - 3600, body)) == 401
        assert post(url, body, structured | signed(b"x" * 30, now, body)) == 401
        assert post(url, body, structured | signed(KEY, now, b"another")) == 401
        assert said == []
        for nothing in (b"{}", b"[", b"[]", b'{"specversion": "1.0"}'):
            assert post(url, nothing, structured | signed(KEY, now, nothing)) == 400
        assert post(url, body, structured | signed(KEY, now, body)) == 200
    assert len(said) == 1


def violated(event: Event) -> bool:
    assert isinstance(event.data, Verdict)
    return is_violation(event.data.outcome, event.data.policy.mode) and event.data.waiver is None


def expected(events: list[Event]) -> tuple[set[str], int]:
    """Keys of the violations that are open in the end, and how many ever opened."""
    open_, opened = set[str](), 0
    for event in events:
        assert isinstance(event.data, Verdict)
        if violated(event):
            opened += event.key not in open_
            open_.add(event.key)
        elif event.data.outcome is not Outcome.ERROR:
            open_.discard(event.key)
    return open_, opened


@contextmanager
def opener(api: IssuesApi) -> Iterator[str]:
    with example("issues", GITHUB_API_URL=api.url, GITHUB_REPOSITORY=REPOSITORY, GITHUB_TOKEN=TOKEN) as url:
        yield url


def test_there_is_one_open_issue_for_each_open_violation(embedded_records: list[Record]) -> None:
    """The service fails now and then, and events come twice."""
    events = verdicts(embedded_records)
    with issues_api() as api, opener(api) as url:
        for number, event in enumerate(events):
            api.failing = number % 2
            while send(url, event, "structured") == 503:
                pass
            assert send(url, event, "binary") == 200
    open_, opened = expected(events)
    assert len(api.issues) == opened
    assert len(api.open()) == len(open_)
    assert len(api.comments) == opened - len(open_)
    assert {issue["title"] for issue in api.open()} == {
        f"{event.subject} violates {event.extensions['policy']}" for event in events if event.key in open_
    }


def test_a_new_start_opens_nothing_twice(embedded_records: list[Record]) -> None:
    """Also where there are more issues than a page holds."""
    events = [event for event in verdicts(embedded_records) if violated(event)]
    with issues_api() as api:
        for number in range(150):
            api.issues.append(
                {"number": number + 1, "state": "open", "labels": ["tocsin"], "body": None, "title": "other"}
            )
        for _ in range(2):
            with opener(api) as url:
                assert {send(url, event) for event in events} == {200}
        assert len(api.open()) == 150 + len({event.key for event in events})


def test_an_issue_is_closed_while_its_violation_is_waived(embedded_records: list[Record]) -> None:
    event = of_bad(embedded_records, Outcome.FAIL)
    waived = json.loads(to_json(event))
    waiver = {"name": "w", "owner": "team-shop", "reason": "by March", "expires": "2099-04-01T00:00:00Z"}
    waived |= {"id": "another", "change": "waived"}
    waived["data"] |= {"change": "waived", "waiver": waiver}
    headers = {"content-type": "application/cloudevents+json"}
    with issues_api() as api, opener(api) as url:
        assert send(url, event) == 200
        assert len(api.open()) == 1
        assert post(url, json.dumps(waived).encode(), headers) == 200
        assert api.open() == []
    assert api.comments == [(1, "Waived until 2099-04-01T00:00:00Z, by ` team-shop `: ` by March `")]
