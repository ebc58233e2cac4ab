"""A server with GitHub's issues API, as far as an issue opener needs it: list, open, comment, close.

Pages, labels, the filter by state, and 401 for a token that is not its own are GitHub's
(REST API, version 2022-11-28); `failing` answers with 502 so many times first.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "tests-only"  # noqa: S105 - of this server
REPOSITORY = "shop/audit"
_ISSUES = f"/repos/{REPOSITORY}/issues"


@dataclass
class IssuesApi:
    """What the repository has."""

    url: str
    issues: list[dict[str, Any]] = field(default_factory=list)
    comments: list[tuple[int, str]] = field(default_factory=list)
    failing: int = 0

    def open(self) -> list[dict[str, Any]]:
        """Those that are open."""
        return [issue for issue in self.issues if issue["state"] == "open"]

    def answer(self, method: str, target: str, body: Any) -> tuple[int, Any]:
        """Status and content of the answer to a request."""
        if self.failing:
            self.failing -= 1
            return 502, {"message": "Bad Gateway"}
        path, query = urlsplit(target).path, parse_qs(urlsplit(target).query)
        match method, path.removeprefix(_ISSUES).strip("/").split("/"):
            case "GET", [""]:
                wanted, size = query["labels"][0], int(query["per_page"][0])
                first = (int(query["page"][0]) - 1) * size
                found = [issue for issue in reversed(self.open()) if wanted in issue["labels"]]
                return 200, found[first : first + size]
            case "POST", [""]:
                issue = {"number": len(self.issues) + 1, "state": "open", **body}
                self.issues.append(issue)
                return 201, issue
            case "POST", [number, "comments"]:
                self.comments.append((int(number), body["body"]))
                return 201, {"id": len(self.comments)}
            case "PATCH", [number]:
                self.issues[int(number) - 1].update(body)
                return 200, self.issues[int(number) - 1]
            case _:
                return 404, {"message": "Not Found"}


@contextmanager
def issues_api() -> Iterator[IssuesApi]:
    """The server, for as long as the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            ours = self.headers["authorization"] == f"Bearer {TOKEN}"
            status, content = api.answer(self.command, self.path, body) if ours else (401, {})
            text = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PATCH = _answer  # noqa: N815 - the library's names

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        api = IssuesApi(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield api
        finally:
            server.shutdown()
            thread.join()
