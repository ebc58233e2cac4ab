"""`tocsin evaluate`: the evaluator as a service on Kafka."""

import asyncio
from collections.abc import Callable

from cli.services import serve
from cli.telemetry import Telemetry
from cli.wire import now
from evaluator.app import GROUP
from evaluator.images.on_demand import ImagesOnDemand
from evaluator.rego.engines import Engines
from evaluator.service import PartitionedEvaluator
from pipeline.bus import Consumer, Publisher
from pipeline.errors import ExitCode
from pipeline.kafka.claim import Claim
from pipeline.settings import load_settings
from pipeline.settings_types import EngineChoice


async def evaluate(*, kafka: str | None, engine: EngineChoice | None) -> ExitCode:
    """Evaluate until told to stop. Raises LogError, and what settings and engines raise."""
    settings = load_settings(kafka_bootstrap=kafka, engine=engine)
    log = settings.kafka
    async with Engines.start(settings.evaluator) as engines, ImagesOnDemand(settings.images) as images:

        async def work(stop: asyncio.Event, going: Callable[[], None], telemetry: Telemetry) -> None:
            def watched(claim: Claim) -> tuple[Consumer, Publisher]:
                return telemetry.consumer(claim, GROUP, is_last=False), telemetry.publisher(claim)

            rego = telemetry.rego(engines)
            service = PartitionedEvaluator(settings.evaluator, log, rego, now, images, watched)
            telemetry.measure_evaluator(engines, service.memo, service.library.loaded)
            telemetry.lag(GROUP, lambda: service.lag)
            await service.run(stop, going)

        return await serve("evaluate", f"evaluating what is on {log.bootstrap}", work, settings)
