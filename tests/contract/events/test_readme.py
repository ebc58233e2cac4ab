"""The README shows what a subscriber receives: an event of a real run, as it is sent today.

`python -m tests.contract.events.test_readme` writes it anew.
"""

import json
import re
import tempfile
from pathlib import Path

from deliverer.requests import request_of
from deliverer.subscriber import ContentMode, Subscriber
from pipeline.bus import Record
from pipeline.events import Outcome, Verdict
from tests.contract.events import runs

README = Path(__file__).parents[3] / "README.md"
_BLOCK = re.compile(r"(?<=^```http\n).*?(?=^```$)", re.DOTALL | re.MULTILINE)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(\+00:00|Z)")
_WANTED = ("store/Deployment/checkout", "no-latest-tag", Outcome.FAIL)


def shown(records: list[Record]) -> str:
    """The request, with a field of the data on each line."""
    event = next(
        record.event
        for record in records
        if record.event
        and isinstance(record.event.data, Verdict)
        and (record.event.subject, record.event.data.policy.name, record.event.data.outcome) == _WANTED
    )
    request = request_of(event, Subscriber("one", "", lambda _: True, mode=ContentMode.BINARY))
    assert request is not None
    headers = "".join(f"{name}: {value}\n" for name, value in request.headers.items())
    fields = ",\n".join(
        f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in json.loads(request.body).items()
    )
    return f"POST / HTTP/1.1\n{headers}\n{{\n{fields}\n}}\n"


def comparable(text: str) -> str:
    """Without what differs from run to run."""
    return _MOMENT.sub("MOMENT", text)


def test_the_readme_shows_what_a_subscriber_receives(embedded_records: list[Record]) -> None:
    (block,) = _BLOCK.findall(README.read_text(encoding="utf-8"))
    assert comparable(block) == comparable(shown(embedded_records))


def main() -> None:
    """Write the block anew."""
    with tempfile.TemporaryDirectory() as folder:
        text = shown(runs.embedded(Path(folder)))
    README.write_text(_BLOCK.sub(lambda _: text, README.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
