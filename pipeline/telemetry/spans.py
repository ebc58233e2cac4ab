"""Spans of what becomes of an event, by OpenTelemetry. The only module that knows it.

The context travels in the event (CloudEvents extension "distributed tracing"): the watcher's
span begins a trace, the span of an evaluation continues that of the resource (or policy) it came of, the span
of a write that of the verdict. Sampling and further settings are OpenTelemetry's own (OTEL_*).
"""

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime

import msgspec
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from pipeline.bus import Record
from pipeline.events import Event, EventType
from pipeline.version import __version__

_PROPAGATOR = TraceContextTextMapPropagator()
_BEGUN = 4096
"""Contexts whose time of arrival is kept; an evaluator has a few hundred events in work."""
_EXPORT_TIMEOUT = 3.0
"""Seconds that a collector may take; at the end of a process it must not cost the grace period."""
_BATCH = 2048
"""Spans sent at once: at the end of a process, two times this may wait."""
_BEGINNINGS = {EventType.RESOURCE_APPLIED: "watch resource", EventType.POLICY_APPLIED: "watch policy"}


class Spans:
    """See `pipeline.telemetry.observed.Tracer`. `endpoint`: the URL that takes OTLP traces."""

    def __init__(self, service: str, endpoint: str) -> None:
        attributes = {"service.name": f"tocsin-{service}", "service.version": __version__}
        self._provider = TracerProvider(resource=Resource.create(attributes), shutdown_on_exit=False)
        exporter = OTLPSpanExporter(endpoint, timeout=_EXPORT_TIMEOUT)
        self._provider.add_span_processor(
            BatchSpanProcessor(exporter, max_queue_size=2 * _BATCH, max_export_batch_size=_BATCH)
        )
        self._tracer = self._provider.get_tracer("tocsin", __version__)
        self._begun: dict[str, int] = {}

    def taken(self, records: Sequence[Record]) -> None:
        """Remember when records arrived: what they lead to began then."""
        now = time.time_ns()
        for record in records:
            if record.event is not None and (context := record.event.extensions.get("traceparent")):
                self._begun[context] = now
        while len(self._begun) > _BEGUN:
            del self._begun[next(iter(self._begun))]

    def published(self, records: Sequence[Record]) -> list[Record]:
        """The same records, each with the context of a span of its own."""
        return [self._published(record) for record in records]

    def handled(self, group: str, records: Sequence[Record]) -> None:
        """Spans of what a group did with records that came with a context."""
        for record in records:
            if record.event is not None and (context := record.event.extensions.get("traceparent")):
                self._span(
                    f"{group} {_noun(record.event)}", record.event, SpanKind.CONSUMER, self._since(context)
                )

    async def close(self) -> None:
        """Send what waits, and end."""
        await asyncio.to_thread(self._provider.shutdown)

    def _published(self, record: Record) -> Record:
        event = record.event
        if event is None:
            return record
        context = event.extensions.get("traceparent")
        if context:
            name, began = f"evaluate {_noun(event)}", self._since(context)
        elif event.type in _BEGINNINGS:
            name, began = _BEGINNINGS[event.type], _nanoseconds(event.time)
        else:
            return record
        handed_on = self._span(name, event, SpanKind.PRODUCER, began)
        event = msgspec.structs.replace(event, extensions={**event.extensions, **handed_on})
        return Record(record.topic, record.key, event, record.partition, record.offset)

    def _since(self, context: str) -> int:
        return self._begun.get(context) or time.time_ns()

    def _span(self, name: str, event: Event, kind: SpanKind, began: int) -> dict[str, str]:
        """A span that ends now; returns its context as attributes of an event."""
        parent = _PROPAGATOR.extract(event.extensions, Context())
        attributes = {
            "cloudevents.event_id": event.id,
            "cloudevents.event_source": event.source,
            "cloudevents.event_type": event.type.value,
            "cloudevents.event_subject": event.subject,
        }
        span = self._tracer.start_span(name, parent, kind, attributes, start_time=began)
        span.end()
        context: dict[str, str] = {}
        _PROPAGATOR.inject(context, set_span_in_context(span, Context()))
        return context


def _noun(event: Event) -> str:
    """resource, policy, verdict: what the type is of."""
    return event.type.value.split(".")[2]


def _nanoseconds(when: datetime) -> int:
    return int(when.timestamp() * 1e6) * 1000
