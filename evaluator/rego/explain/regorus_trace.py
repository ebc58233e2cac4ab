"""A policy and a document to an explanation, by regorus; in a worker process only."""

import json

from evaluator.rego.engine import RefusalError, Value
from evaluator.rego.explain.outline import names, outline
from evaluator.rego.explain.probes import NAMES, Probes
from evaluator.rego.explain.steps import Step
from evaluator.rego.explain.trace import trace
from evaluator.rego.regorus import Regorus


def explain(text: str, document: bytes) -> tuple[bytes | None, tuple[Step, ...]]:
    """The value of `isCompliant` (JSON; None for undefined) and why it is that.

    Raises CompileError, RefusalError and EngineError as the engine does.
    """
    if taken := names(text) & NAMES:
        raise RefusalError(f"the policy uses a name that explanations need: {', '.join(sorted(taken))}")
    module = Regorus().compile(text)
    answer = module.evaluate(document)
    tree = json.loads(module.engine.get_ast_as_json())[0]["ast"]
    parts = outline(text, tree)
    steps = trace(parts, Probes(module.engine, parts.header))
    return answer.json if isinstance(answer, Value) else None, steps
