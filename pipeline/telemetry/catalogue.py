"""Every metric there is: name, labels, meaning. Names follow the Prometheus conventions.

docs/reference/metrics.md is generated from this list; a metric that is not in it cannot be made.
"""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Kinds of metrics."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Stage(StrEnum):
    """Which part of the pipeline gives a metric; `tocsin run` has all of them that it uses."""

    EVERY = "every service"
    WATCHER = "watcher"
    EVALUATOR = "evaluator"
    DELIVERER = "deliverer"
    SINK = "sink"


@dataclass(frozen=True, slots=True)
class Metric:
    """`help` is one sentence. `buckets` are upper bounds in the metric's unit, of a histogram only."""

    name: str
    kind: Kind
    stage: Stage
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


_LATENCIES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Seconds, from an answer out of memory to a consumer that is a minute behind."""

BUILD = Metric(
    "tocsin_build_info", Kind.GAUGE, Stage.EVERY, "Always 1; the version is a label.", ("version",)
)
READY = Metric(
    "tocsin_ready", Kind.GAUGE, Stage.EVERY, "Whether /readyz says so, by what it waits for.", ("check",)
)
PUBLISHED = Metric(
    "tocsin_published_records_total",
    Kind.COUNTER,
    Stage.EVERY,
    "Records written to the log, tombstones too; those of tocsin.deadletters are what could not be handled.",
    ("topic",),
)
HANDLED = Metric(
    "tocsin_handled_records_total",
    Kind.COUNTER,
    Stage.EVERY,
    "Records taken from the log, handled and acknowledged; by the sink: written to the database.",
    ("group", "topic"),
)
HANDLING = Metric(
    "tocsin_handling_seconds",
    Kind.HISTOGRAM,
    Stage.EVERY,
    "Time from taking a batch to acknowledging it; by the sink: one transaction.",
    ("group",),
    _LATENCIES,
)
EVENT_LATENCY = Metric(
    "tocsin_event_latency_seconds",
    Kind.HISTOGRAM,
    Stage.EVERY,
    "Time from when the watcher observed a change to when what it led to was handled; "
    "by the sink and of tocsin.verdicts: from a change in the cluster to its row.",
    ("group", "topic"),
    _LATENCIES,
)
LAG = Metric(
    "tocsin_consumer_lag_records",
    Kind.GAUGE,
    Stage.EVERY,
    "Offsets on the log behind what this consumer has taken; the end of a transaction has one, too.",
    ("group", "topic", "partition"),
)
VERDICTS = Metric(
    "tocsin_verdicts_total",
    Kind.COUNTER,
    Stage.EVALUATOR,
    "Verdict events published: verdicts that are news.",
    ("outcome",),
)
EVALUATIONS = Metric(
    "tocsin_evaluations_total",
    Kind.COUNTER,
    Stage.EVALUATOR,
    "Evaluations of a policy on a document by an engine: answered, undefined or failed.",
    ("engine", "outcome"),
)
EVALUATION = Metric(
    "tocsin_evaluation_seconds",
    Kind.HISTOGRAM,
    Stage.EVALUATOR,
    "Time that a batch of evaluations took, with the wait for a free worker.",
    (),
    _LATENCIES,
)
MEMO_HITS = Metric(
    "tocsin_memo_hits_total", Kind.COUNTER, Stage.EVALUATOR, "Answers given from memory, without an engine."
)
MEMO_MISSES = Metric(
    "tocsin_memo_misses_total", Kind.COUNTER, Stage.EVALUATOR, "Answers that an engine had to give."
)
DISTRUSTED = Metric(
    "tocsin_memo_distrusted_policies",
    Kind.GAUGE,
    Stage.EVALUATOR,
    "Policies whose read set was found to be wrong; they are evaluated for every document.",
)
WORKER_RESTARTS = Metric(
    "tocsin_worker_restarts_total",
    Kind.COUNTER,
    Stage.EVALUATOR,
    "Evaluation processes replaced because they died: deadline, memory limit, crash, or a kill from outside.",
)
QUARANTINED = Metric(
    "tocsin_quarantined_policies",
    Kind.GAUGE,
    Stage.EVALUATOR,
    "Policies set aside because they ended their process again and again.",
)
POLICIES = Metric(
    "tocsin_policies",
    Kind.GAUGE,
    Stage.EVALUATOR,
    "Valid policies: working, or broken, whose every verdict is an error.",
    ("state",),
)
OBJECTS = Metric(
    "tocsin_watch_objects_total",
    Kind.COUNTER,
    Stage.WATCHER,
    "Objects seen in lists and watches, by what came of them: published, deleted, "
    "noise (nothing that a policy can see has changed) or failed.",
    ("kind", "result"),
)
LISTS = Metric(
    "tocsin_watch_lists_total", Kind.COUNTER, Stage.WATCHER, "Lists that were begun; after the first: again.",
    ("kind",),
)  # fmt: skip
EXPIRED = Metric(
    "tocsin_watch_expired_total",
    Kind.COUNTER,
    Stage.WATCHER,
    "Answers 410 Gone: the server has forgotten the version, everything is listed again.",
    ("kind",),
)
STREAMS = Metric(
    "tocsin_watch_streams_total",
    Kind.COUNTER,
    Stage.WATCHER,
    "Watches that were begun; after the first: reconnected. A server ends a healthy one every five minutes.",
    ("kind",),
)
TROUBLED = Metric(
    "tocsin_watch_troubled",
    Kind.GAUGE,
    Stage.WATCHER,
    "1 while a kind cannot be read: denied, missing, or failing again and again.",
    ("kind",),
)
API_REQUESTS = Metric(
    "tocsin_api_requests_total", Kind.COUNTER, Stage.WATCHER, "Requests sent to the API server."
)

ATTEMPTS = Metric(
    "tocsin_delivery_attempts_total",
    Kind.COUNTER,
    Stage.DELIVERER,
    "Requests to a subscriber by what came of them: delivered, failed (it is tried again), refused or gone.",
    ("subscriber", "result"),
)
ATTEMPT = Metric(
    "tocsin_delivery_attempt_seconds",
    Kind.HISTOGRAM,
    Stage.DELIVERER,
    "Time from a request to its answer, or to why there was none.",
    ("subscriber",),
    _LATENCIES,
)
DELIVERY_LATENCY = Metric(
    "tocsin_delivery_latency_seconds",
    Kind.HISTOGRAM,
    Stage.DELIVERER,
    "Time from when the watcher observed a change to when the subscriber had its event.",
    ("subscriber",),
    _LATENCIES,
)
UNDELIVERED = Metric(
    "tocsin_undelivered_events_total",
    Kind.COUNTER,
    Stage.DELIVERER,
    "Events that were given up and kept: refused, or tried for too long.",
    ("subscriber",),
)
FILTERED = Metric(
    "tocsin_filtered_events_total",
    Kind.COUNTER,
    Stage.DELIVERER,
    "Events that the filters of a subscriber did not take.",
    ("subscriber",),
)
WAITING = Metric(
    "tocsin_delivery_waiting_events",
    Kind.GAUGE,
    Stage.DELIVERER,
    "Events that this process has read and a subscriber has not got yet; bounded.",
    ("subscriber",),
)
ACTIVE = Metric(
    "tocsin_subscriber_active",
    Kind.GAUGE,
    Stage.DELIVERER,
    "1 while a subscriber is delivered to; 0 when it is paused, or has answered 410 Gone.",
    ("subscriber",),
)
REFUSED = Metric(
    "tocsin_refused_records_total",
    Kind.COUNTER,
    Stage.SINK,
    "Records that the database did not take, such as for a name that no index takes; `errors list` has them.",
    ("topic",),
)

METRICS = tuple(value for value in list(globals().values()) if isinstance(value, Metric))
