"""Which engine evaluates a policy: the first that compiles it and whose guards let it pass.

A refusal passes the policy on to the next engine. A compile error does not: what
one engine says is no Rego, another may only seem to understand.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from evaluator.rego.engine import CompileError, EngineName, RefusalError
from evaluator.rego.questions import Compiles, Module
from pipeline.settings_types import EngineChoice


@dataclass(frozen=True, slots=True)
class Choice:
    """The module of the engine chosen, or why there is none.

    `refusals`: engine -> why it was passed over or not asked. `error` is one line; line and
    column are of the policy's text, 0 where unknown.
    """

    module: Module | None = None
    refusals: Mapping[str, str] = field(default_factory=dict)
    error: str = ""
    line: int = 0
    column: int = 0


async def choose(compiler: Compiles, wanted: EngineChoice, text: str) -> Choice:
    """Compile a policy's text on the engine wanted, or on the best one."""
    refusals: dict[str, str] = {}
    candidates = list(EngineName) if wanted is EngineChoice.AUTO else [EngineName(wanted.value)]
    for engine in candidates:
        try:
            module = await compiler.compile(engine, text)
        except CompileError as error:
            refusals[engine.value] = error.message
            later = "not asked: what one engine says is no policy, another may only seem to understand"
            return Choice(
                None, refusals | _later(candidates, engine, later), error.message, error.line, error.column
            )
        except RefusalError as error:
            refusals[engine.value] = str(error)
        else:
            return Choice(
                module, refusals | _later(candidates, engine, f"not needed: {engine.value} was chosen")
            )
    reasons = "; ".join(f"{engine}: {reason}" for engine, reason in refusals.items())
    return Choice(None, refusals, f"no engine can be trusted with it ({reasons})")


def _later(candidates: Sequence[EngineName], last: EngineName, reason: str) -> dict[str, str]:
    """The engines that were not asked any more, and why."""
    return {engine.value: reason for engine in candidates[candidates.index(last) + 1 :]}
