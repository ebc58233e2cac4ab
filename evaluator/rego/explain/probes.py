"""Questions about parts of a policy, asked of regorus: its expressions in a rule of their own."""

import json
from collections.abc import Iterable
from typing import Any

from evaluator.rego.engine import PACKAGE

_RULE = "tocsin_probe"
_VALUE = "tocsin_value"
NAMES = frozenset({_RULE, _VALUE})
"""Names that a policy to be explained must not use."""

_FILE = "probe.rego"
_QUERY = f"data.{PACKAGE}.{_RULE}"


class ProbeError(Exception):
    """The engine does not take these expressions without others, or fails on them."""


class Probes:
    """Around an engine that has the policy and its input. `header`: the policy's package and imports."""

    def __init__(self, engine: Any, header: str) -> None:
        self._engine = engine
        self._header = header

    def values(self, statements: Iterable[str], value: str) -> list[Any]:
        """What `value` is wherever all the statements hold, each value once. Raises ProbeError."""
        body = "".join(f"{statement}\n" for statement in statements)
        text = f"{self._header}\n{_RULE} := [{_VALUE} |\n{body}{_VALUE} := {value}\n]\n"
        engine = self._engine.clone()
        try:
            engine.add_policy(_FILE, text)
            found = json.loads(engine.eval_rule_as_json(_QUERY))
        except RuntimeError as error:
            raise ProbeError(str(error)) from error
        return list({json.dumps(item, sort_keys=True): item for item in found}.values())
