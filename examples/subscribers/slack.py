"""A message to a Slack-style incoming web hook for each event: `python -m examples.subscribers.slack`.

SLACK_WEBHOOK_URL: where messages go (Slack, Mattermost, Rocket.Chat: what takes `{"text": ...}`).
TOCSIN_WEBHOOK_SECRET: the secret that `tocsin deliver` signs with; without it nothing is checked.
PORT: where to listen, 8080. Which events come is said in subscribers.yaml.
"""

import json
import os
import sys
import urllib.request
from urllib.error import HTTPError, URLError

from examples.subscribers.receiving import Event, Subscriber, TryLaterError, serve

_SIGNS = {"failed": ":red_circle:", "warned": ":large_yellow_circle:", "errored": ":grey_question:"}
_OVER = ":large_green_circle:"
_PATIENCE = 10.0


def message(event: Event) -> str:
    """What is said of a verdict, in Slack's mrkdwn."""
    what = event.attributes["type"].split(".")[-2]
    resource, data = event.attributes["subject"], event.data
    policy, mode = event.attributes["policy"], event.attributes["mode"]
    said = data.get("message") or data.get("warning") or data.get("reason", "").replace("_", " ")
    line = f"{_SIGNS.get(what, _OVER)} *{_escaped(resource)}* {what}: {_escaped(policy)} ({mode})"
    place = f"in {_escaped(event.attributes['cluster'])}"
    if waiver := data.get("waiver"):
        place += f", waived by {_escaped(waiver['owner'])} until {waiver['expires']}"
    return f"{line} {place}\n>{_escaped(said)}" if said else f"{line} {place}"


def _escaped(text: str) -> str:
    """Names and messages come out of manifests: nobody is to be mentioned or linked by them."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return " ".join(escaped.replace("`", "'").replace("*", "∗").split())  # noqa: RUF001 - an asterisk that is no markup


def post(url: str, text: str) -> None:
    """Hand a message over. Raises TryLaterError."""
    request = urllib.request.Request(  # noqa: S310 - the operator's URL
        url, json.dumps({"text": text}).encode(), {"content-type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=_PATIENCE):  # noqa: S310 - likewise
            return
    except HTTPError as error:
        raise TryLaterError(f"the web hook answered {error.code}") from error
    except (URLError, OSError) as error:
        raise TryLaterError("the web hook cannot be reached") from error


def main() -> int:
    """Serve until Ctrl-C."""
    url = os.environ.get("SLACK_WEBHOOK_URL", "")
    if not url.startswith(("https://", "http://")):
        sys.stderr.write("error: set SLACK_WEBHOOK_URL to the URL of an incoming web hook\n")
        return 2
    subscriber = Subscriber(
        lambda event: post(url, message(event)), os.environ.get("TOCSIN_WEBHOOK_SECRET", "")
    )
    serve(subscriber, os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8080")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
