"""An issue for each violation, closed when it is over: `python -m examples.subscribers.issues`.

GITHUB_REPOSITORY: owner/name. GITHUB_TOKEN: may read and write its issues. GITHUB_API_URL: of GitHub
Enterprise or of something alike (Gitea, Forgejo); https://api.github.com without it.
TOCSIN_WEBHOOK_SECRET: the secret that `tocsin deliver` signs with; without it nothing is checked.
PORT: where to listen, 8080.

A violation is told by the attribute `partitionkey`: one resource (or image) under one policy. Its issue
says so in a comment that people do not see, so that an event that comes twice, and a new start of this
program, open nothing twice. Nothing is stored here.
"""

import json
import os
import re
import sys
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote

from examples.subscribers.receiving import Event, Subscriber, TryLaterError, serve

LABEL = "tocsin"
_MARK = re.compile(r"<!-- tocsin: (\S+) -->")
_PAGE = 100
_PATIENCE = 10.0


@dataclass
class Issues:
    """The issues of a repository that are open, as this program opened them. Raises TryLaterError."""

    api: str
    repository: str
    token: str
    _open: dict[str, int] | None = field(default=None, init=False)

    def of(self, mark: str) -> int | None:
        """Number of the open issue of a violation."""
        return self._known().get(mark)

    def open(self, mark: str, title: str, body: str) -> None:
        """Open one, unless there is one."""
        if mark not in self._known():
            text = f"{body}\n\n<!-- tocsin: {mark} -->\n"
            opened = self._ask("POST", "", {"title": title, "body": text, "labels": [LABEL]})
            self._known()[mark] = opened["number"]

    def close(self, mark: str, why: str) -> None:
        """Close the one there is, if there is one."""
        if (number := self._known().get(mark)) is not None:
            self._ask("POST", f"/{number}/comments", {"body": why})
            self._ask("PATCH", f"/{number}", {"state": "closed", "state_reason": "completed"})
            del self._known()[mark]

    def _known(self) -> dict[str, int]:
        """Read from the repository when first needed."""
        if self._open is None:
            found: dict[str, int] = {}
            page = 1
            while listed := self._ask("GET", f"?state=open&labels={LABEL}&per_page={_PAGE}&page={page}"):
                for issue in listed:
                    if mark := _MARK.search(issue.get("body") or ""):
                        found[mark[1]] = issue["number"]
                page += 1
            self._open = found
        return self._open

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        request = urllib.request.Request(  # noqa: S310 - the operator's URL
            f"{self.api}/repos/{self.repository}/issues{path}",
            json.dumps(body).encode() if body is not None else None,
            {
                "authorization": f"Bearer {self.token}",
                "accept": "application/vnd.github+json",
                "content-type": "application/json",
            },
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=_PATIENCE) as answer:  # noqa: S310 - likewise
                return json.loads(answer.read())
        except HTTPError as error:
            self._open = None  # what was done is asked again, not guessed
            raise TryLaterError(f"{method} issues{path.partition('?')[0]} answered {error.code}") from error
        except (URLError, OSError, ValueError) as error:
            self._open = None
            raise TryLaterError(f"{method} issues{path.partition('?')[0]} could not be asked") from error


def handle(issues: Issues, event: Event) -> None:
    """Open, close, or leave alone; one that is waived is closed. Raises TryLaterError."""
    what = event.attributes["type"].split(".")[-2]
    mark = quote(event.attributes["partitionkey"], safe="/:@").replace("--", "-%2D")  # ends no comment
    violated = what == "failed" or (what == "warned" and event.attributes["mode"] == "enforce")
    waiver = event.data.get("waiver")
    if violated and waiver:
        issues.close(
            mark, f"Waived until {waiver['expires']}, by {_code(waiver['owner'])}: {_code(waiver['reason'])}"
        )
    elif violated:
        issues.open(mark, *_told(event))
    elif what in {"passed", "warned", "withdrawn"}:
        reason = event.data.get("reason", "").replace("_", " ")
        issues.close(mark, f"Over: {reason or 'the policy is met'} ({event.attributes['time']}).")


def _told(event: Event) -> tuple[str, str]:
    """Title and text of an issue."""
    attributes, data = event.attributes, event.data
    title = f"{attributes['subject']} violates {attributes['policy']}"
    facts = {
        "cluster": attributes["cluster"],
        "resource": attributes["subject"],
        "policy": attributes["policy"],
        "mode": attributes["mode"],
        "image": (data.get("image") or {}).get("name", ""),
        "since": attributes["time"],
    }
    rows = "\n".join(f"| {name} | {_code(value)} |" for name, value in facts.items() if value)
    said = data.get("message") or data.get("warning") or ""
    return title, f"{_code(said)}\n\n| | |\n|---|---|\n{rows}"


def _code(text: str) -> str:
    """Names and messages come out of manifests: they are shown, not rendered."""
    line = " ".join(text.replace("|", "¦").split())
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    return f"{fence} {line} {fence}" if line else ""


def main() -> int:
    """Serve until Ctrl-C."""
    repository, token = os.environ.get("GITHUB_REPOSITORY", ""), os.environ.get("GITHUB_TOKEN", "")
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository) or not token:
        sys.stderr.write("error: set GITHUB_REPOSITORY to owner/name, and GITHUB_TOKEN\n")
        return 2
    api = os.environ.get("GITHUB_API_URL", "https://api.github.com").rstrip("/")
    issues = Issues(api, repository, token)
    subscriber = Subscriber(lambda event: handle(issues, event), os.environ.get("TOCSIN_WEBHOOK_SECRET", ""))
    serve(subscriber, os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8080")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
