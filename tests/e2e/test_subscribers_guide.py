"""The guide about subscribers: its file is right, and what it shows is what arrives.

`python -m tests.e2e.test_subscribers_guide` writes what arrives anew.
"""

import asyncio
import re
import tempfile
from pathlib import Path
from shutil import copytree
from urllib.parse import urlsplit

import msgspec
import yaml

from deliverer.file import load
from deliverer.signing import parse_secret, sign
from tests.e2e.guide import ROOT
from tests.e2e.running import running
from tests.fakes.subscriber import Got, serving

GUIDE = ROOT / "docs" / "guides" / "subscribers.md"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - the example of Standard Webhooks
_RECEIVED = re.compile(r"(?<=<!-- received: )(\w+) -->\n```http\n(.*?)```", re.DOTALL)
_YAML = re.compile(r"```yaml\n(.*?)```", re.DOTALL)
_DIFFERS = (
    (re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]+(Z|\+00:00)"), "MOMENT"),
    (re.compile(r"(?<=webhook-timestamp: )\d+"), "SECONDS"),
    (re.compile(r"(?<=webhook-signature: v1,)\S+"), "SIGNATURE"),
    (re.compile(r"(?<=[0-9a-f]{8})[0-9a-f]{24,}"), ""),
    (re.compile(r"(?<=tocsin/)[\w.+-]+"), "VERSION"),
    (re.compile(r"(?<=Content-Length: )\d+"), "NUMBER"),
)


async def _received(folder: Path) -> dict[str, str]:
    """By mode, a request as it arrived."""
    for name in ("shop", "policies"):
        copytree(ROOT / "examples" / name, folder / name)
    filters = [{"exact": {"policy": "no-latest-tag", "subject": "ops/Pod/debug-node-7"}}]
    async with serving() as server:
        entries = [
            {"name": "signed", "signature": {"secrets": [SECRET]}, "url": server.url, "filters": filters},
            {"name": "binary", "mode": "binary", "url": server.url, "filters": filters},
        ]
        (folder / "subscribers.yaml").write_text(yaml.safe_dump({"subscribers": entries}), encoding="utf-8")
        arguments = ("run", "--manifests", "shop", "-p", "policies", "--subscribers", "subscribers.yaml")
        with running(folder, *arguments) as service:
            await server.until(lambda me: len(me.accepted) >= 2)
            await asyncio.to_thread(service.stop)
    found = {"binary" if "ce-id" in got.headers else "structured": got for got in server.accepted}
    signed = found["structured"]
    moment = int(signed.headers["webhook-timestamp"])
    again = sign([parse_secret(SECRET)], signed.event_id, moment, signed.body)
    assert signed.headers["webhook-signature"] == again["webhook-signature"]
    return {mode: _shown(got) for mode, got in found.items()}


def _shown(got: Got) -> str:
    left = {"Host", "Accept", "Accept-Encoding"}
    headers = [f"{name}: {value}" for name, value in got.headers.items() if name not in left]
    body = msgspec.json.format(got.body, indent=2).decode()
    return "\n".join(["POST /hook HTTP/1.1", *headers, "", body, ""])


def _comparable(text: str) -> str:
    for pattern, instead in _DIFFERS:
        text = pattern.sub(instead, text)
    return text


async def test_the_guide_shows_what_arrives(tmp_path: Path) -> None:
    shown = dict(_RECEIVED.findall(GUIDE.read_text(encoding="utf-8")))
    received = await _received(tmp_path)
    assert shown.keys() == received.keys()
    for mode, text in received.items():
        assert _comparable(text) == _comparable(shown[mode]), (
            "after a change that is meant: python -m tests.e2e.test_subscribers_guide"
        )


def test_the_readme_shows_a_part_of_it() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```http\n(.*?)```", readme, re.DOTALL)
    received = dict(_RECEIVED.findall(GUIDE.read_text(encoding="utf-8")))["binary"]
    assert {line.strip() for line in shown.splitlines()} - {"..."} <= {
        line.strip() for line in received.splitlines()
    }


def test_the_file_of_the_guide_is_right(tmp_path: Path) -> None:
    (text,) = _YAML.findall(GUIDE.read_text(encoding="utf-8"))
    file = tmp_path / "subscribers.yaml"
    file.write_text(text, encoding="utf-8")
    environment = {"CHAT_HOOK": "T0/B0", "TICKETS_SECRET": SECRET, "BROKER_TOKEN": "token"}
    found = load(file, environment)
    assert [(each.name, urlsplit(each.url).hostname) for each in found] == [
        ("chat", "hooks.example.com"),
        ("tickets", "tickets.example.com"),
        ("broker", "broker-ingress.knative-eventing.svc"),
    ]


async def _write() -> None:
    with tempfile.TemporaryDirectory() as folder:
        received = await _received(Path(folder))
    text = GUIDE.read_text(encoding="utf-8")
    text = _RECEIVED.sub(lambda match: f"{match[1]} -->\n```http\n{received[match[1]]}```", text)
    GUIDE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(_write())
