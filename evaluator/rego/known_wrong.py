"""Built-ins that an engine gets wrong in silence, as the conformance suite found them.

`known_wrong.json` is written by `python -m tests.conformance.report`, with a case
that shows each of them; it is not edited by hand.
"""

import hashlib
import json
from pathlib import Path

from evaluator.rego.engine import EngineName

FILE = Path(__file__).with_name("known_wrong.json")
VOUCHED = Path(__file__).with_name("vouched.json")


def known_wrong(engine: EngineName) -> frozenset[str]:
    """Names of the built-ins that this engine is not trusted with."""
    return frozenset(json.loads(FILE.read_text(encoding="utf-8"))[engine.value])


def vouched(engine: EngineName) -> frozenset[str]:
    """SHA-256 of policies that were compared with OPA as a whole: the catalog's, on its examples.

    They need no guard that is stricter than the policy. `vouched.json` is written
    with `known_wrong.json`; `tests/contract/test_catalog_on_engines.py` is the comparison.
    """
    return frozenset(json.loads(VOUCHED.read_text(encoding="utf-8"))[engine.value])


def digest(text: str) -> str:
    """What `vouched` knows a policy's text by."""
    return hashlib.sha256(text.encode()).hexdigest()
