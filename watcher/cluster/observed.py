"""A watcher's counts as metrics."""

from pipeline.telemetry import catalogue
from pipeline.telemetry.metrics import Metrics
from watcher.cluster.api import ApiServer
from watcher.cluster.counts import Counts


def measure(metrics: Metrics, counts: Counts, api: ApiServer) -> None:
    """Have metrics read what the watcher of a cluster counts anyway."""
    metrics.read(
        catalogue.OBJECTS,
        lambda: {(kind, result.value): number for (kind, result), number in counts.objects.items()},
    )
    metrics.read(catalogue.LISTS, lambda: _by_kind(counts.lists))
    metrics.read(catalogue.EXPIRED, lambda: _by_kind(counts.expired))
    metrics.read(catalogue.STREAMS, lambda: _by_kind(counts.streams))
    metrics.read(catalogue.TROUBLED, lambda: {(kind,): 1 for kind in counts.troubles})
    metrics.read(catalogue.API_REQUESTS, lambda: {(): api.requests})


def _by_kind(counted: dict[str, int]) -> dict[tuple[str, ...], float]:
    return {(kind,): number for kind, number in counted.items()}
