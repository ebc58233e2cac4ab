"""Kinds of arguments and results of built-ins, as OPA's own list of capabilities says them."""

import json
import subprocess
from pathlib import Path
from typing import Any


def signatures(opa: Path) -> dict[str, Any]:
    """Built-in -> kinds of each argument, and of the result; null where any kind will do."""
    run = subprocess.run([str(opa), "capabilities", "--current"], capture_output=True, check=True)
    found = {}
    for builtin in json.loads(run.stdout)["builtins"]:
        declared = builtin["decl"]
        found[builtin["name"]] = [
            [_kinds(argument) for argument in declared.get("args", [])],
            _kinds(declared["result"]) if "result" in declared else None,
        ]
    return found


def _kinds(declared: dict[str, Any]) -> list[str] | None:
    if declared["type"] != "any":
        return [declared["type"]]
    if "of" not in declared:
        return None
    return sorted({item["type"] for item in declared["of"]} if isinstance(declared["of"], list) else ["any"])
