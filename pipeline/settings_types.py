"""The closed sets among the settings; apart, so that the command line can name them without pydantic."""

from enum import StrEnum


class EngineChoice(StrEnum):
    """Which Rego engine evaluates policies; `auto` chooses for each policy."""

    AUTO = "auto"
    REGORUS = "regorus"
    REGOPY = "regopy"
    OPA = "opa"


class UnmatchedImages(StrEnum):
    """What to say of an image that no policy matches."""

    IGNORE = "ignore"
    WARN = "warn"


class WorkloadKind(StrEnum):
    """The kinds that hold Pods."""

    POD = "Pod"
    REPLICA_SET = "ReplicaSet"
    DEPLOYMENT = "Deployment"
    STATEFUL_SET = "StatefulSet"
    DAEMON_SET = "DaemonSet"
    JOB = "Job"
    CRON_JOB = "CronJob"
    REPLICATION_CONTROLLER = "ReplicationController"


_KEY = r"([A-Za-z0-9][A-Za-z0-9.-]*/)?[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?"
_VALUE = r"([A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?)?"
_VALUES = rf"\( *{_VALUE} *(, *{_VALUE} *)*\)"
_REQUIREMENT = rf" *(! *{_KEY}|{_KEY}( *(==?|!=) *{_VALUE}| +(in|notin) +{_VALUES})?) *"
LABEL_SELECTOR = rf"^({_REQUIREMENT}(,{_REQUIREMENT})*)?$"
"""What `kubectl get -l` takes: a=b, a!=b, a in (b, c), a notin (b), a, !a, with commas in between.

The API server does the selecting; here a slip is found before it is asked.
"""


class LogFormat(StrEnum):
    """How a process writes its log."""

    TEXT = "text"
    JSON = "json"


class LogLevel(StrEnum):
    """From which level on a process writes its log."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class KafkaSecurity(StrEnum):
    """How a client talks to brokers, in Kafka's own words."""

    PLAINTEXT = "plaintext"
    SSL = "ssl"
    SASL_PLAINTEXT = "sasl_plaintext"
    SASL_SSL = "sasl_ssl"


class SaslMechanism(StrEnum):
    """How a user proves a password to a broker."""

    PLAIN = "PLAIN"
    SCRAM_SHA_256 = "SCRAM-SHA-256"
    SCRAM_SHA_512 = "SCRAM-SHA-512"
