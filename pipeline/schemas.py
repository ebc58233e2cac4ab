"""JSON Schemas of all event data, generated from `pipeline.events`.

`python -m pipeline.schemas DIR` writes one file for each event type. A test
fails when the committed files differ: changing data needs a new type version.
"""

import json
import sys
from pathlib import Path
from typing import Any

import msgspec

from pipeline.events import DATA_TYPES, EventType

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema_of(type_: EventType) -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of the data of one event type."""
    return {"$schema": _DIALECT, "title": type_.value, **msgspec.json.schema(DATA_TYPES[type_])}


def render(type_: EventType) -> str:
    """The schema as it is committed."""
    return json.dumps(schema_of(type_), indent=2, sort_keys=True) + "\n"


def write(folder: Path) -> None:
    """Write every schema to `folder`, named by event type."""
    folder.mkdir(parents=True, exist_ok=True)
    for type_ in EventType:
        (folder / f"{type_.value}.json").write_text(render(type_), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
