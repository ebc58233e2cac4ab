"""One area of the suite, put to OPA and to every engine."""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.conformance.answers import Agreement, Answer, compare
from tests.conformance.cases import Policy, policies
from tests.conformance.documents import document
from tests.conformance.drivers import Driver
from tests.conformance.reference import Reference

RESULTS = Path(__file__).with_name("results.json")


@dataclass(frozen=True, slots=True)
class Wrong:
    """A wrong answer that an engine's guards let through."""

    engine: str
    policy: Policy
    document: str
    answer: Answer
    opa: Answer

    def __str__(self) -> str:
        return (
            f"{self.engine} on {self.document}: {self.answer}, where OPA says {self.opa}\n{self.policy.text}"
        )


@dataclass(slots=True)
class Measured:
    """Counts of an area. `engines`: engine -> agreement -> cases."""

    policies: int = 0
    cases: int = 0
    refused_by_all: int = 0
    engines: dict[str, Counter[str]] = field(default_factory=dict)
    wrong: list[Wrong] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """As committed in `results.json`."""
        return {
            "policies": self.policies,
            "cases": self.cases,
            "refusedByAll": self.refused_by_all,
            "engines": {
                name: {agreement.value: counts[agreement] for agreement in Agreement}
                for name, counts in sorted(self.engines.items())
            },
        }


async def measure(area: str, reference: Reference, drivers: list[Driver]) -> Measured:
    """Ask everybody about every case of an area."""
    measured = Measured(engines={driver.engine.value: Counter() for driver in drivers})
    for policy in policies(area):
        documents = [document(name) for name in policy.documents]
        said = reference.answers(policy.text, documents)
        answers = [await driver.answers(policy.text, documents) for driver in drivers]
        measured.policies += 1
        for place, name in enumerate(policy.documents):
            measured.cases += 1
            agreements = []
            for driver, given in zip(drivers, answers, strict=True):
                agreement = compare(given[place], said[place])
                agreements.append(agreement)
                measured.engines[driver.engine.value][agreement] += 1
                if agreement is Agreement.WRONG:
                    measured.wrong.append(Wrong(driver.engine.value, policy, name, given[place], said[place]))
            measured.refused_by_all += all(agreement is Agreement.REFUSED for agreement in agreements)
    return measured


def results() -> dict[str, Any]:
    """The committed results."""
    found: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))
    return found
