"""`tocsin policies explain`: one policy, some objects, and why it says what it says of them."""

import sys
from pathlib import Path

from cli.authoring.accounts import Explained, explained
from cli.authoring.configs import AnnotatedConfigs, without_config
from cli.authoring.places import TextPlace, locate
from cli.authoring.running import load_source
from cli.authoring.sources import PolicySource
from cli.authoring.targets import find_policy, read_objects
from cli.invoke import complain, let_go_of_stdout
from cli.render import explanation, json_text
from evaluator.explaining import explain
from evaluator.images.on_demand import ImagesOnDemand
from evaluator.policies.asks import asks
from evaluator.rego.engines import Engines
from pipeline.errors import EvaluationError, ExitCode
from pipeline.settings import load_settings
from pipeline.settings_types import EngineChoice


async def explain_policy(
    policy: str, resource: str, output: str, *, namespace: str | None, engine: EngineChoice | None
) -> ExitCode:
    """Explain each object to stdout. Raises UsageError; EvaluationError for an invalid policy."""
    settings = load_settings(namespace=namespace, engine=engine)
    source = find_policy(policy, settings.source)
    objects, failures = read_objects(resource, settings.source)
    for failure in failures:
        complain(failure.text)
    complete = not failures
    found: list[Explained] = []
    async with Engines.start(settings.evaluator) as engines, ImagesOnDemand(settings.images) as images:
        loaded, checked = await load_source(source, engines, settings)
        if loaded is None:
            raise EvaluationError(f"{source.found.file}: policy {checked.policy.name}: {checked.error}")
        place = _place(source, loaded.policy.rego.text if loaded.policy.rego else "")
        asked = asks(loaded.policy)
        for applied in objects:
            configs = AnnotatedConfigs(images, applied)
            for account in await explain(loaded, without_config(applied), engines, configs):
                complete = complete and account.known
                found.append(explained(source, place, checked, asked, applied, account))
    try:
        if output == "json":
            json_text.stream({"explanations": found}, sys.stdout.buffer)
        else:
            explanation.write(found, sys.stdout)
        sys.stdout.flush()
    except BrokenPipeError:
        let_go_of_stdout()
    return ExitCode.OK if complete else ExitCode.FAILED


def _place(source: PolicySource, text: str) -> TextPlace:
    """A policy may come from a pipe: then its lines are those of its text."""
    path = Path(source.path)
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
    return locate(text, lines, source.found.place.line)
