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
