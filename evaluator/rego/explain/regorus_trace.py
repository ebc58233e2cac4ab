"""A policy and a document to an explanation, by regorus; in a worker process only."""

from evaluator.rego.engine import RefusalError, Value
from evaluator.rego.explain.outline import names, outline
from evaluator.rego.explain.probes import NAMES, Probes
from evaluator.rego.explain.steps import Step
from evaluator.rego.explain.trace import trace
from evaluator.rego.regorus import Regorus, syntax_tree


def explain(text: str, document: bytes) -> tuple[bytes | None, tuple[Step, ...]]:
    """The value of `isCompliant` (JSON; None for undefined) and why it is that.

    Raises CompileError, RefusalError and EngineError as the engine does.
    """
    if taken := names(text) & NAMES:
        raise RefusalError(f"the policy uses a name that explanations need: {', '.join(sorted(taken))}")
    module = Regorus().compile(text)
    answer = module.evaluate(document)
    parts = outline(text, syntax_tree(text))  # of the text as written: the engine's has negations rewritten
    steps = trace(parts, Probes(module.engine, parts.header))
    return answer.json if isinstance(answer, Value) else None, steps
