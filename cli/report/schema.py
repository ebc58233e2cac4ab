"""The JSON Schema of the scan report, generated from `cli.report.model`.

`python -m cli.report.schema DIR` writes it. A test fails when the committed
file differs.
"""

import json
import sys
from pathlib import Path
from typing import Any

import msgspec

from cli.report.model import ScanReport

FILE_NAME = "scanreport.v1.json"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of what `tocsin scan -o json` prints."""
    return {"$schema": _DIALECT, "title": "tocsin.dev/v1 ScanReport", **msgspec.json.schema(ScanReport)}


def render() -> str:
    """The schema as it is committed."""
    return json.dumps(schema(), indent=2, sort_keys=True) + "\n"


def write(folder: Path) -> None:
    """Write the schema to `folder`, beside those of the events."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE_NAME).write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
