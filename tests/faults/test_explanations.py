"""Explaining a hostile policy costs its process and nothing else.

Not covered: evaluating one (`test_worker_pool`), what explanations say (`tests/contract`).
"""

from dataclasses import replace

import pytest

from evaluator.rego.pool import WorkerPool
from pipeline.settings import EvaluatorSettings, load_settings

pytest.importorskip("regorus", reason="the regorus extra is not installed")

NEVER_ENDS = """package sigstore
isCompliant { x := numbers.range(1, 3000); y := x[_]; z := x[_]; w := x[_]; y + z + w == -1 }
"""
GOOD = "package sigstore\nisCompliant { input.a == 1 }\n"


def settings() -> EvaluatorSettings:
    return replace(load_settings().evaluator, workers=1, compile_deadline=0.5)


async def test_one_that_never_ends_ends_at_the_deadline_and_the_next_is_explained() -> None:
    async with WorkerPool(settings()) as pool:
        explained = await pool.explain(NEVER_ENDS, b"{}")
        assert explained.error == "taking the policy apart did not finish within its deadline of 0.5 s"
        explained = await pool.explain(GOOD, b'{"a": 2}')
        assert explained.error == ""
        assert [step.expression for step in explained.steps] == ["input.a == 1"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("package sigstore\nisCompliant {", "regorus, which explains policies: "),
        ("package other\nisCompliant { true }", "regorus, which explains policies: the package is other"),
        ("package sigstore\nisCompliant { http.send({}) }", "regorus, which explains policies: http.send"),
    ],
)
async def test_one_that_the_guards_refuse_is_not_taken_apart(text: str, said: str) -> None:
    async with WorkerPool(settings()) as pool:
        explained = await pool.explain(text, b"{}")
        assert explained.error.startswith(said)
        assert explained.steps == ()
