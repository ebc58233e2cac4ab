"""Engines and what contains them, each tried with a policy that is known to pass and fail."""

import asyncio
import json
import os
import sys
from importlib.metadata import PackageNotFoundError, version

from cli.doctor.check import Check, failed, ok, skipped
from evaluator.rego.engine import EngineName, Undefined, Value
from evaluator.rego.engines import Engines
from evaluator.rego.questions import Question
from pipeline.errors import EvaluationError, TocsinError
from pipeline.settings import EvaluatorSettings, Settings

_POLICY = "package sigstore\nisCompliant { input.works == true }"
_QUESTIONS = (b'{"works": true}', b'{"works": false}')
_RIGHT = [Value(b"true"), Undefined()]
_PACKAGES = {EngineName.REGORUS: "gordon-to-regorus", EngineName.REGOPY: "regopy"}


async def check_engines(settings: Settings) -> list[Check]:
    """Every engine, in the order `auto` prefers them."""
    async with Engines.start(settings.evaluator) as engines:
        return [await _check_engine(engines, engine, settings) for engine in EngineName]


async def _check_engine(engines: Engines, engine: EngineName, settings: Settings) -> Check:
    name = f"engine {engine.value}"
    wanted = settings.engine.value == engine.value
    if engine is EngineName.OPA:
        if not settings.opa_url:
            remedy = "set TOCSIN_OPA_URL to use an OPA server"
            return (
                failed(name, "not configured", remedy) if wanted else skipped(name, "not configured", remedy)
            )
        return await _check_opa(engines, settings.evaluator)
    try:
        found = f"{_PACKAGES[engine]} {version(_PACKAGES[engine])}"
    except PackageNotFoundError:
        remedy = f"pip install '.[{engine.value}]' in Tocsin's folder"
        return failed(name, "not installed", remedy) if wanted else skipped(name, "not installed", remedy)
    problem = await _problem(engines, engine)
    if problem:
        remedy = "install tocsin again with its pinned requirements; if that does not help, report it"
        return failed(name, f"{found}: {problem}", remedy)
    return ok(name, f"{found}; evaluates in a worker process")


async def _check_opa(engines: Engines, settings: EvaluatorSettings) -> Check:
    from evaluator.rego.opa_http import OpaClient  # an HTTP client is slow to load

    name = f"engine {EngineName.OPA.value}"
    try:
        async with OpaClient(settings.opa_url, settings.answer_limit) as client:
            found = f"OPA {await client.version()} at {settings.opa_url}"
            if not await client.reads_v0(settings.compile_deadline):
                return failed(name, f"{found} reads Rego v1 only", "start it with --v0-compatible")
    except EvaluationError as error:
        return failed(name, f"{settings.opa_url}: {error}", "start OPA there, or correct TOCSIN_OPA_URL")
    problem = await _problem(engines, EngineName.OPA)
    if problem:
        return failed(
            name, f"{found}: {problem}", "allow policies and data under /v1/policies/tocsin and /v1/data"
        )
    return ok(name, found)


async def _problem(engines: Engines, engine: EngineName) -> str:
    """What an engine does wrong with a simple policy; empty where it is right."""
    try:
        module = await engines.compile(engine, _POLICY)
        rows = await engines.evaluate([Question(document, (module,)) for document in _QUESTIONS])
    except TocsinError as error:
        return str(error)
    answers = [answer for (answer,) in rows]
    if answers == _RIGHT:
        return ""
    return next(
        (answer.reason for answer in answers if not isinstance(answer, Value | Undefined)), "a wrong answer"
    )


async def check_containment() -> list[Check]:
    """What a worker's limits hold on this platform, tried in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-m",
        "evaluator.rego.selfcheck",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={},
    )
    out, _ = await process.communicate()
    try:
        holds = json.loads(out)
    except ValueError:
        found = f"the trial process ended with exit status {process.returncode}"
        return [failed("worker limits", found, "run `python -m evaluator.rego.selfcheck` to see why")]
    return [_memory(holds=holds["memory"]), _network(holds=holds["network"])]


def _memory(*, holds: bool) -> Check:
    name = "worker memory"
    if holds:
        return ok(name, "limited")
    if os.uname().sysname != "Linux":
        remedy = "evaluate policies of others on Linux"
        return skipped(name, "cannot be limited on this platform; deadlines hold", remedy)
    remedy = "allow RLIMIT_AS (setrlimit) for this user: without it a policy can take all memory"
    return failed(name, "the limit does not hold", remedy)


def _network(*, holds: bool) -> Check:
    name = "worker network"
    if holds:
        return ok(name, "taken away")
    remedy = "nothing has to be done: no built-in that uses the network is accepted"
    return skipped(name, "cannot be taken away on this platform", remedy)
