"""What a long-running command tells of itself: health, metrics, logs. Part of the composition root."""

import sys
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from cli.talk import say
from evaluator.loading import LoadedPolicy
from evaluator.observed import ObservedRego
from evaluator.observed import measure as measure_evaluator
from evaluator.rego.engines import Engines
from evaluator.rego.memo import Memo
from evaluator.rego.questions import Rego
from pipeline.bus import Bus, Consumer, Publisher
from pipeline.errors import UsageError
from pipeline.events import Topic
from pipeline.settings import Settings
from pipeline.settings_types import LogFormat
from pipeline.telemetry import catalogue, logs
from pipeline.telemetry.health import Health
from pipeline.telemetry.metrics import Metrics
from pipeline.telemetry.observed import ObservedBus, ObservedConsumer, ObservedPublisher, Tracer, now
from pipeline.telemetry.server import serving
from watcher.cluster.api import ApiServer
from watcher.cluster.counts import Counts
from watcher.cluster.observed import measure as measure_watcher


@dataclass(frozen=True, slots=True)
class Telemetry:
    """Of one process."""

    narrates: bool
    """Whether the log is in JSON, and tells each event: no text for people beside it."""
    metrics: Metrics = field(default_factory=Metrics)
    health: Health = field(default_factory=Health)
    tracer: Tracer | None = None

    def __post_init__(self) -> None:
        self.metrics.read(
            catalogue.READY,
            lambda: {(check,): said == "ok" for check, said in self.health.ready().said.items()},
        )

    def bus(self, bus: Bus) -> Bus:
        """The bus, watched."""
        return ObservedBus(bus, self.metrics, narrates=self.narrates, tracer=self.tracer)

    def publisher(self, publisher: Publisher) -> Publisher:
        """A writing side, watched."""
        return ObservedPublisher(publisher, self.metrics, self.narrates, self.tracer)

    def consumer(self, consumer: Consumer, group: str, *, is_last: bool) -> Consumer:
        """A reading side, watched. `is_last`: nothing is published that continues its traces."""
        return ObservedConsumer(consumer, group, self.metrics, now, self.tracer, is_last=is_last)

    def lag(self, group: str, reading: Callable[[], Mapping[tuple[Topic, int], int]]) -> None:
        """How far a group's member is behind, by topic and partition."""
        self.metrics.read(
            catalogue.LAG,
            lambda: {
                (group, topic.value, str(number)): behind for (topic, number), behind in reading().items()
            },
        )

    def refusals(self, counted: Mapping[str, int]) -> None:
        """What the database did not take, by topic; counted as it goes on."""
        self.metrics.read(catalogue.REFUSED, lambda: {(topic,): number for topic, number in counted.items()})

    def rego(self, rego: Rego) -> Rego:
        """The engines, watched."""
        return ObservedRego(rego, self.metrics)

    def measure_evaluator(
        self, engines: Engines, memo: Memo, policies: Callable[[], Iterable[LoadedPolicy]]
    ) -> None:
        """Have metrics read what an evaluator counts."""
        measure_evaluator(self.metrics, engines, memo, policies)

    def measure_watcher(self, counts: Counts, api: ApiServer) -> None:
        """Have metrics read what the watcher of a cluster counts."""
        measure_watcher(self.metrics, counts, api)


@asynccontextmanager
async def telling(settings: Settings, service: str, usual: LogFormat) -> AsyncIterator[Telemetry]:
    """Log to stderr, and serve health and metrics where the setting `listen` says so."""
    bound = {"service": service, "cluster": settings.cluster}
    log = settings.log(usual)
    logs.configure(log, sys.stderr, bound)
    async with AsyncExitStack() as stack:
        tracer = _spans(service, settings.traces_url, stack) if settings.traces_url else None
        telemetry = Telemetry(narrates=log.format is LogFormat.JSON, tracer=tracer)
        if settings.listen:
            served = serving(settings.listen, telemetry.health, telemetry.metrics)
            say(f"health and metrics: {await stack.enter_async_context(served)}")
        yield telemetry


def _spans(service: str, url: str, stack: AsyncExitStack) -> Tracer:
    try:
        from pipeline.telemetry.spans import Spans  # an extra
    except ImportError as error:
        raise UsageError(
            "traces (otlp_endpoint, OTEL_EXPORTER_OTLP_ENDPOINT) need an extra: "
            "pip install '.[tracing]' in Tocsin's folder"
        ) from error
    spans = Spans(service, url)
    stack.push_async_callback(spans.close)
    return spans
