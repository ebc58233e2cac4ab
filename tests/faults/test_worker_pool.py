"""What a hostile policy does, it does to itself: the worker pool under hangs, bombs and kills.

Not covered: what engines answer (`tests/contract/test_engines.py`).
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from evaluator.rego.engine import CompileError, EngineName, RefusalError, Undefined, Value
from evaluator.rego.pool import WorkerPool
from evaluator.rego.questions import Failure, Module, Question
from pipeline.settings import EvaluatorSettings, load_settings

pytest.importorskip("regorus", reason="the regorus extra is not installed")

RIGHT = "package sigstore\nisCompliant { input.a == 1 }"
HANG = """package sigstore
isCompliant { count([1 | numbers.range(1, 100000)[_] + numbers.range(1, 100000)[_] == 3]) == 1 }
"""
BOMB = """package sigstore
isCompliant { count(numbers.range(1, 100000000)) == 1 }
"""


@pytest.fixture
def settings() -> EvaluatorSettings:
    return replace(load_settings().evaluator, workers=1, evaluation_deadline=0.5, memory_limit=128 * 2**20)


@pytest.fixture
async def pool(settings: EvaluatorSettings) -> AsyncIterator[WorkerPool]:
    async with WorkerPool(settings) as pool:
        yield pool


async def _module(pool: WorkerPool, text: str) -> Module:
    return await pool.compile(EngineName.REGORUS, text)


def _children() -> set[int]:
    """Processes that this one has started."""
    return {
        int(pid)
        for task in Path("/proc/self/task").iterdir()
        for pid in (task / "children").read_text().split()
    }


async def test_a_policy_that_hangs_costs_only_its_own_answers(pool: WorkerPool) -> None:
    right, hang = await _module(pool, RIGHT), await _module(pool, HANG)
    questions = [Question(b'{"a": %d}' % number, (right, hang, right)) for number in (1, 2)]
    first, second = await pool.evaluate(questions)
    assert (first[0], first[2]) == (Value(b"true"), Value(b"true"))
    assert (second[0], second[2]) == (Undefined(), Undefined())
    assert first[1] == second[1] == Failure("did not finish within its deadline of 0.5 s")


async def test_a_policy_that_eats_memory_costs_only_its_own_answers(pool: WorkerPool) -> None:
    right, bomb = await _module(pool, RIGHT), await _module(pool, BOMB)
    ((before, bombed, after),) = await pool.evaluate([Question(b'{"a": 1}', (right, bomb, right))])
    assert before == after == Value(b"true")
    assert isinstance(bombed, Failure)


async def test_a_policy_that_keeps_ending_its_process_is_set_aside(pool: WorkerPool) -> None:
    hang = await _module(pool, HANG)
    answers = await pool.evaluate([Question(b"{}", (hang,))] * 4)
    reasons = [answer.reason for (answer,) in answers if isinstance(answer, Failure)]
    assert len(reasons) == 4
    assert "set aside after it ended its process 3 times" in reasons[3]
    assert pool.restarts == 3


async def test_a_changed_text_is_released(pool: WorkerPool) -> None:
    hang = await _module(pool, HANG)
    await pool.evaluate([Question(b"{}", (hang,))] * 4)
    again = await _module(pool, RIGHT)
    assert await pool.evaluate([Question(b'{"a": 1}', (again,))]) == [[Value(b"true")]]


async def test_a_policy_set_aside_is_tried_again_after_the_cool_down(settings: EvaluatorSettings) -> None:
    quick = replace(settings, quarantine_after=1, quarantine_cool_down=1e-9)
    async with WorkerPool(quick) as pool:
        hang = await _module(pool, HANG)
        await pool.evaluate([Question(b"{}", (hang,))])
        await pool.evaluate([Question(b"{}", (hang,))])
        assert pool.restarts == 2


async def test_a_worker_that_keeps_too_many_modules_drops_those_it_needs_least(
    pool: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evaluator.rego.pool._MODULES_KEPT", 2)
    modules = [await _module(pool, f"{RIGHT}\n# {number}") for number in range(4)]
    for _ in range(2):
        assert await pool.evaluate([Question(b'{"a": 1}', tuple(modules))]) == [[Value(b"true")] * 4]
        for module in modules:
            assert await pool.evaluate([Question(b'{"a": 1}', (module,))]) == [[Value(b"true")]]


async def test_workers_have_no_network(pool: WorkerPool) -> None:
    if not json.loads(await _selfcheck())["network"]:
        pytest.skip("this platform has no seccomp filter")
    before = _children()
    right = await _module(pool, RIGHT)
    await pool.evaluate([Question(b"{}", (right,))])
    workers = _children() - before
    assert workers
    for pid in workers:
        assert "Seccomp:\t2" in Path(f"/proc/{pid}/status").read_text()


async def _selfcheck() -> bytes:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-m", "evaluator.rego.selfcheck", stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    return out


async def test_a_worker_killed_from_outside_is_replaced(pool: WorkerPool) -> None:
    right = await _module(pool, RIGHT)
    before = _children()
    await pool.evaluate([Question(b'{"a": 1}', (right,))])
    for pid in _children() - before:
        os.kill(pid, signal.SIGKILL)
    answers = await pool.evaluate([Question(b'{"a": 1}', (right,))] * 3)
    assert answers == [[Value(b"true")]] * 3


async def test_no_process_is_left_behind(settings: EvaluatorSettings) -> None:
    before = _children()
    async with WorkerPool(settings) as pool:
        right = await _module(pool, RIGHT)
        await pool.evaluate([Question(b"{}", (right,))])
        assert _children() > before
    assert _children() == before


async def test_an_evaluation_that_is_cancelled_leaves_the_pool_working(pool: WorkerPool) -> None:
    right, hang = await _module(pool, RIGHT), await _module(pool, HANG)
    task = asyncio.create_task(pool.evaluate([Question(b"{}", (hang,))]))
    done, _ = await asyncio.wait([task], timeout=0.05)
    assert not done
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await pool.evaluate([Question(b'{"a": 1}', (right,))]) == [[Value(b"true")]]


async def test_workers_have_no_environment(pool: WorkerPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "not for policies")
    before = _children()
    right = await _module(pool, RIGHT)
    await pool.evaluate([Question(b"{}", (right,))])
    for pid in _children() - before:
        assert b"SECRET" not in Path(f"/proc/{pid}/environ").read_bytes()


async def test_what_does_not_compile_says_so_from_the_worker(pool: WorkerPool) -> None:
    with pytest.raises(CompileError):
        await _module(pool, "package sigstore\nisCompliant { }")
    with pytest.raises(RefusalError):
        await _module(pool, "package sigstore\nisCompliant { http.send({}) }")


async def test_questions_without_modules_have_no_answers(pool: WorkerPool) -> None:
    assert await pool.evaluate([Question(b"{}", ())]) == [[]]


async def test_answers_that_were_under_way_when_the_worker_died_are_asked_again(pool: WorkerPool) -> None:
    """Answers travel in lots: those before the culprit are lost with it, and are not blamed."""
    right, hang = await _module(pool, RIGHT), await _module(pool, HANG)
    questions = [Question(b'{"a": 1}', (right,) * 20), Question(b'{"a": 1}', (right, hang, right))]
    many, few = await pool.evaluate(questions)
    assert many == [Value(b"true")] * 20
    assert few[0] == few[2] == Value(b"true")
    assert isinstance(few[1], Failure)
    assert pool.restarts == 1


async def test_the_answer_to_a_compilation_that_was_given_up_is_nobody_elses(pool: WorkerPool) -> None:
    await _module(pool, RIGHT)
    given_up = asyncio.create_task(_module(pool, "package sigstore\nisCompliant { input.b == 1 }"))
    await asyncio.sleep(0)  # it has asked
    given_up.cancel()
    await asyncio.gather(given_up, return_exceptions=True)
    assert given_up.cancelled()
    module = await _module(pool, RIGHT)
    assert [path for path, _ in module.reads] == [("a",)]
