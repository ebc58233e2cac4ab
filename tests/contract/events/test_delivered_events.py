"""What `tocsin run --subscribers` delivers, as subscribers that others wrote receive it.

Retries, order and what is killed: tests/e2e/test_deliver and tests/integration/deliverer.
"""

import base64
import json
import sqlite3
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from deliverer.validation_changed import TYPE, schema
from tests.consumers import node
from tests.contract.events.examples import example
from tests.contract.events.test_example_subscribers import chat
from tests.contract.events.test_other_consumers import subscriber
from tests.contract.events.workload import lay_out
from tests.e2e.command import pod, write
from tests.e2e.running import Lines, running

DIGEST = f"sha256:{'3c' * 32}"
SECRET = f"whsec_{base64.b64encode(b'0123456789' * 3).decode()}"


def told(folder: Path) -> list[dict[str, Any]]:
    """Every event there is to deliver, as JavaScript has it: a moment there has milliseconds."""
    with closing(sqlite3.connect(folder / "audit.db")) as connection:
        rows = connection.execute("SELECT event FROM outbox ORDER BY seq").fetchall()
    events = [json.loads(text) for (text,) in rows]
    return [{**each, "time": f"{each['time'][:23]}Z"} for each in events]


def by_resource(events: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """In order for each resource."""
    found: dict[str, list[dict[str, Any]]] = {}
    for each in events:
        found.setdefault("/".join(each["partitionkey"].split("/")[:2]), []).append(each)
    return found


def seen(lines: Lines) -> list[dict[str, Any]]:
    """What a subscriber said of requests so far; its first line is its port."""
    return [json.loads(line) for line in lines.seen[1:]]


def test_every_verdict_reaches_each_subscriber_in_its_form(tmp_path: Path) -> None:
    node.packages()
    lay_out(tmp_path)
    write(tmp_path / "deploy" / "pinned.yaml", pod("pinned", privileged=True, image=f"ghcr.io/a/b@{DIGEST}"))
    with ExitStack() as stack:
        enter = stack.enter_context
        subscribers = {name: enter(subscriber()) for name in ("binary", "structured", "changed")}
        hook, said = enter(chat([]))
        slack = enter(example("slack", SLACK_WEBHOOK_URL=hook, TOCSIN_WEBHOOK_SECRET=SECRET))
        forms = {
            "binary": {"mode": "binary"},
            "structured": {"mode": "structured"},
            "changed": {"mode": "binary", "form": "validation-changed"},
        }
        entries: list[dict[str, Any]] = [
            {"name": name, "url": subscribers[name][0], **form} for name, form in forms.items()
        ]
        only = [{"exact": {"subject": "default/Pod/pinned", "policy": "no-privileged"}}]
        signed: dict[str, Any] = {"signature": {"secrets": [SECRET]}, "filters": only}
        entries.append({"name": "chat", "url": slack, **signed})
        (tmp_path / "subscribers.yaml").write_text(yaml.safe_dump({"subscribers": entries}), encoding="utf-8")
        run = ("run", "--manifests", "deploy", "-p", "policies", "--subscribers", "subscribers.yaml")
        service = enter(running(tmp_path, *run, "--db", "sqlite:///audit.db"))
        service.err.expect("read ", "resource")
        assert service.stop() == 0  # everything is judged; what is not delivered waits in the database
        all_ids = {each["id"] for each in told(tmp_path)}
        service = enter(running(tmp_path, *run, "--db", "sqlite:///audit.db"))
        for name in ("binary", "structured"):
            while all_ids - {each["event"]["id"] for each in seen(subscribers[name][1])}:
                subscribers[name][1].expect('"event"')
        assert service.stop() == 0
    wanted = by_resource(told(tmp_path))
    for name in ("binary", "structured"):
        got = seen(subscribers[name][1])
        assert {each["mode"] for each in got} == {name}
        unique = list({each["event"]["id"]: each["event"] for each in got}.values())
        assert by_resource(unique) == wanted
    subscribers["changed"][1].rest()
    changed = [each["event"] for each in seen(subscribers["changed"][1])]
    assert {each["type"] for each in changed} == {TYPE}
    assert f"ghcr.io/a/b@{DIGEST}" in {each["subject"] for each in changed}
    for each in changed:
        jsonschema.validate(each["data"], json.loads(schema()))
    first_line = ":red_circle: *default/Pod/pinned* failed: no-privileged (enforce) in manifests"
    assert said == [f"{first_line}\n>container web is privileged"]
