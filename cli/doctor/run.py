"""`tocsin doctor`: whether everything that Tocsin needs is there, and works."""

import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from cli.doctor.check import Check, Status, failed, ok
from cli.doctor.cluster import check_cluster
from cli.doctor.place import check_database, check_state_directory
from cli.doctor.rego import check_containment, check_engines
from cli.options import DoctorFormat
from cli.render.columns import Column, write_columns
from cli.whatif.policies import read_candidates
from evaluator.policies.model import Policy
from evaluator.policies.reading import InvalidPolicyError
from evaluator.policies.validation import parse
from pipeline.errors import ExitCode, UsageError
from pipeline.settings import TOML_FILE, Settings, load_settings
from pipeline.settings_types import EngineChoice
from watcher.cluster.api import in_pod

_COLUMNS = (
    Column("CHECK"),
    Column("STATUS", {Status.OK: "green", Status.FAILED: "red"}),
    Column("FOUND", wraps=True),
    Column("WHAT TO DO", wraps=True),
)


async def doctor(
    output: DoctorFormat,
    *,
    context: str | None,
    db: str | None,
    engine: EngineChoice | None,
    policies: Sequence[str] = (),
) -> ExitCode:
    """Print what was looked at. FAILED where something does not work. Raises UsageError: no such policies."""
    checks = await _checks(context, db, engine, policies)
    sound = all(check.status is not Status.FAILED for check in checks)
    if output is DoctorFormat.JSON:
        text = msgspec.json.format(msgspec.json.encode({"ok": sound, "checks": checks}), indent=2)
        sys.stdout.write(f"{text.decode()}\n")
    else:
        rows = [(check.name, check.status.value, check.found, check.remedy) for check in checks]
        write_columns(_COLUMNS, rows, sys.stdout)
    return ExitCode.OK if sound else ExitCode.FAILED


async def _checks(
    context: str | None, db: str | None, engine: EngineChoice | None, policies: Sequence[str]
) -> Sequence[Check]:
    try:
        settings = load_settings(context=context, db=db, engine=engine)
    except UsageError as error:  # nothing else can be looked at
        return [failed("settings", str(error), f"correct the flag, the TOCSIN_ variable or {TOML_FILE}")]
    return [
        ok("settings", _given(settings)),
        check_state_directory(settings),
        await check_database(settings),
        *await check_engines(settings),
        *await check_containment(),
        *(await check_cluster(settings.api_server) if settings.context or in_pod() else ()),
        *(await _registries(policies, settings) if policies else ()),
    ]


async def _registries(paths: Sequence[str], settings: Settings) -> Sequence[Check]:
    from cli.doctor.registries import check_registries  # the HTTP client is slow to load

    found = read_candidates(paths, settings)
    problems = list(found.failures)
    policies: list[Policy] = []
    for applied in found.policies:
        try:
            policies.append(parse(applied))
        except InvalidPolicyError as error:
            problems.append(f"{applied.file}: policy {applied.name}: {error}")
    wrong = [failed("policies", problem, "correct it: try `tocsin policies lint`") for problem in problems]
    return [*wrong, *await check_registries(policies, settings.images)]


def _given(settings: Settings) -> str:
    """Which settings are not defaults, by name: values may be secret."""
    names = ", ".join(sorted(settings.model_fields_set))
    file = f"; {TOML_FILE} is read" if Path(TOML_FILE).exists() else ""
    return (f"set: {names}" if names else "all defaults") + file
