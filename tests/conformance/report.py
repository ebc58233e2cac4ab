"""Run the whole suite and write what it finds: `python -m tests.conformance.report`.

First without the known-wrong lists, to find what belongs on them; then with them,
for the results. Writes `known_wrong.json`, `results.json` and `docs/reference/engines.md`.
Ends with 1 where a wrong answer is left that no list can stop: a guard is missing.
"""

import asyncio
import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from evaluator.rego import kinds, known_wrong
from evaluator.rego.engine import EngineName
from tests.conformance import measure, reference
from tests.conformance.cases import areas, catalog_policies
from tests.conformance.drivers import ENGINES, Driver
from tests.conformance.page import page
from tests.conformance.signatures import signatures
from tests.services import OPA_VERSION, opa_path

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "engines.md"


async def main() -> int:
    """Run, write, and say what is wrong."""
    _write(known_wrong.FILE, {engine.value: {} for engine in ENGINES})
    kinds.FILE.write_text(_lines(signatures(opa_path())), encoding="utf-8")
    texts = sorted(known_wrong.digest(text) for text in catalog_policies())
    _write(known_wrong.VOUCHED, {EngineName.REGOPY.value: texts, EngineName.REGORUS.value: []})
    before = await _run()
    listed = _listed([wrong for area in before.values() for wrong in area.wrong])
    _write(known_wrong.FILE, listed)
    after = await _run()
    found = {area: measured.as_json() for area, measured in after.items()}
    _write(measure.RESULTS, found)
    PAGE.write_text(page(OPA_VERSION, found, listed), encoding="utf-8")
    wrong = [item for area in after.values() for item in area.wrong]
    for item in wrong:
        print(item)
    print(PAGE.read_text(encoding="utf-8").split("## How")[0])
    return 1 if wrong else 0


async def _run() -> dict[str, measure.Measured]:
    drivers = [Driver(engine) for engine in ENGINES]
    found = {}
    with tempfile.TemporaryDirectory() as folder, reference.running(opa_path(), Path(folder)) as opa:
        for area in areas():
            found[area] = await measure.measure(area, opa, drivers)
    for driver in drivers:
        await driver.close()
    return found


def _listed(wrongs: list[measure.Wrong]) -> dict[str, dict[str, Any]]:
    """Built-ins to blame: those that a wrong case of a table is about, and calls."""
    lists: dict[str, dict[str, Any]] = {engine.value: {} for engine in ENGINES}
    for wrong in wrongs:
        name = wrong.policy.subject
        if re.search(rf"(?<![\w.]){re.escape(name)}\(", wrong.policy.text):
            lists[wrong.engine].setdefault(
                name,
                {
                    "case": wrong.policy.text,
                    "document": wrong.document,
                    "opa": str(wrong.opa),
                    "engine": str(wrong.answer),
                },
            )
    return lists


def _lines(value: dict[str, Any]) -> str:
    """JSON with a line for each name: what changes shows in a diff."""
    lines = (f" {json.dumps(name)}: {json.dumps(item)}" for name, item in sorted(value.items()))
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _write(file: Path, value: Any) -> None:
    file.write_text(json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
