"""The metrics of one process, in a registry of its own. The only module that knows the Prometheus client.

Some are counted here, as things happen. Others are numbers that a part keeps anyway
(`read`): they are asked for when somebody looks, so that what counts them knows nothing of metrics.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import prometheus_client
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from pipeline.telemetry import catalogue
from pipeline.telemetry.catalogue import Kind, Metric
from pipeline.version import __version__

Reading = Callable[[], Mapping[tuple[str, ...], float]]
"""Values by labels, in the order of the metric's labels; `()` where it has none."""


class Metrics:
    """See the module. Methods are cheap: they are called for each batch."""

    def __init__(self) -> None:
        self._registry = prometheus_client.CollectorRegistry()
        self._made: dict[str, Any] = {}
        self._readers: dict[str, _Reader] = {}
        prometheus_client.ProcessCollector(registry=self._registry)
        prometheus_client.GCCollector(registry=self._registry)
        self.read(catalogue.BUILD, lambda: {(__version__,): 1})

    def count(self, metric: Metric, *labels: str, by: float = 1) -> None:
        """Add to a counter."""
        self._child(metric, labels).inc(by)

    def observe(self, metric: Metric, *labels: str, value: float) -> None:
        """Put a value into a histogram; one that clocks have made negative counts as 0."""
        self._child(metric, labels).observe(max(value, 0.0))

    def read(self, metric: Metric, reading: Reading) -> None:
        """Ask for a metric's values whenever somebody looks; whoever says so last is asked."""
        if reader := self._readers.get(metric.name):
            reader.reading = reading
            return
        self._readers[metric.name] = _Reader(metric, reading)
        self._registry.register(self._readers[metric.name])

    def render(self, accept: str) -> tuple[bytes, str]:
        """The exposition and its content type, in the format that a scraper accepts."""
        encoder, content_type = choose_encoder(accept)
        return encoder(self._registry), content_type

    def _child(self, metric: Metric, labels: tuple[str, ...]) -> Any:
        parent = self._made.get(metric.name)
        if parent is None:
            parent = self._made[metric.name] = self._make(metric)
        return parent.labels(*labels) if labels else parent

    def _make(self, metric: Metric) -> Any:
        if metric.kind is Kind.HISTOGRAM:
            return prometheus_client.Histogram(
                metric.name, metric.help, metric.labels, registry=self._registry, buckets=metric.buckets
            )
        return prometheus_client.Counter(metric.name, metric.help, metric.labels, registry=self._registry)


class _Reader(Collector):
    """A metric whose values are kept elsewhere."""

    def __init__(self, metric: Metric, reading: Reading) -> None:
        self._metric = metric
        self.reading = reading

    def describe(self) -> Iterator[prometheus_client.Metric]:
        yield self._family()

    def collect(self) -> Iterator[prometheus_client.Metric]:
        family = self._family()
        for labels, value in self.reading().items():
            family.add_metric(labels, value)
        yield family

    def _family(self) -> CounterMetricFamily | GaugeMetricFamily:
        metric = self._metric
        family = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
        return family(metric.name, metric.help, labels=metric.labels)
