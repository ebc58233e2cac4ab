"""The suite's cases: policies, each with the documents it is evaluated on. Pure but for reading its files.

`tables/AREA.txt`: Rego expressions below the built-in (or operator) they are
about; each becomes several policies (`wrappings`). `policies/AREA.txt`: whole
policies without their package, parted by lines of `---`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import yaml

import catalog
from tests.conformance import generated
from tests.conformance.documents import DOCUMENTS
from tests.conformance.wrappings import wrap

_FOLDER = Path(__file__).parent
_GENERATED = ("generated 1", "generated 2", "generated 3", "generated 4")
_NUMBERS = ("numbers", "mixed", "replicas", "big", "exact")
_POLICIES_OF_A_SEED = 150
_DOCUMENTS_OF_A_GENERATED = ("pod", "bare", "odd", "empty")


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy of the suite. `subject`: the built-in it is about, or how it begins."""

    area: str
    subject: str
    text: str
    documents: tuple[str, ...]


def areas() -> list[str]:
    """Names of all areas."""
    files = [*(_FOLDER / "policies").glob("*.txt"), *(_FOLDER / "tables").glob("*.txt")]
    return [*sorted(path.stem for path in files), *_GENERATED]


def policies(area: str) -> list[Policy]:
    """The policies of an area, always the same, in the same order."""
    if area in _GENERATED:
        return list(_generated(area))
    table = _FOLDER / "tables" / f"{area}.txt"
    found = _of_table(area, table) if table.exists() else _of_file(area)
    return list({policy.text: policy for policy in found}.values())


def _generated(area: str) -> Iterator[Policy]:
    random = Random(area)  # noqa: S311 - the same policies on every machine
    for number in range(_POLICIES_OF_A_SEED):
        text = generated.policy(random)
        yield Policy(area, f"number {number}", text, _DOCUMENTS_OF_A_GENERATED)


def _of_table(area: str, table: Path) -> Iterator[Policy]:
    for number, (subject, expression) in enumerate(expressions(table)):
        for text in wrap(expression, number):
            yield Policy(area, subject, text, _documents(text))


def _of_file(area: str) -> Iterator[Policy]:
    text = (_FOLDER / "policies" / f"{area}.txt").read_text(encoding="utf-8")
    for body in text.split("\n---\n"):
        subject = body.strip().splitlines()[0].removeprefix("# ")
        yield Policy(area, subject, f"package sigstore\n\n{body.strip()}\n", _documents(body))


def _documents(text: str) -> tuple[str, ...]:
    """Those in which a policy may find something: hardly any holds numbers beyond 64 bits."""
    if "input" not in text:
        return ("empty",)
    numbers = any(name in text for name in _NUMBERS)
    return tuple(name for name in DOCUMENTS if numbers or name not in {"numbers", "large"})


def expressions(table: Path) -> Iterator[tuple[str, str]]:
    """The built-in and the expression of each line."""
    subject = ""
    for line in table.read_text(encoding="utf-8").splitlines():
        if line.startswith("[") and line.endswith("]") and " " not in line and not line[1].isdigit():
            subject = line[1:-1]
        elif line:
            yield subject, line


def catalog_policies() -> list[str]:
    """The Rego of every policy of the catalog."""
    found = []
    for file in sorted(Path(catalog.__file__).parent.rglob("*.yaml")):
        for item in yaml.safe_load_all(file.read_text(encoding="utf-8")):
            if isinstance(item, dict) and item.get("kind") == "ClusterImagePolicy":
                policy = item.get("spec", {}).get("policy", {})
                if policy.get("type") == "rego" and "data" in policy:
                    found.append(str(policy["data"]))
    return found
