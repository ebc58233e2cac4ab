"""Kafka's errors as ours: what to wait out, what to give a partition up for, what to stop for."""

from collections.abc import Iterator
from contextlib import contextmanager

from aiokafka.errors import (
    AuthenticationFailedError,
    AuthenticationMethodNotSupported,
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)

from pipeline.errors import TocsinError, clip

_DENIED = (
    AuthenticationFailedError,
    AuthenticationMethodNotSupported,
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)


class LogError(TocsinError):
    """Kafka cannot be used as it is: access is denied, or topics are not as they have to be."""


class LogAwayError(LogError):
    """Kafka cannot be reached, or not now; it may be there in a moment."""


class PartitionLostError(TocsinError):
    """A transaction of a partition cannot go on: its records will be read again, by whoever has it then."""


class DeadLettersError(LogError):
    """Too many records could not be read: something is wrong with who writes them, or with this version."""


@contextmanager
def translated(bootstrap: str) -> Iterator[None]:
    """Kafka's errors as LogError or LogAwayError, with the brokers' address."""
    try:
        yield
    except _DENIED as error:
        raise LogError(f"kafka {bootstrap}: access denied: {reason(error)}") from error
    except KafkaConnectionError as error:
        raise LogAwayError(f"kafka {bootstrap}: cannot be reached: {reason(error)}") from error
    except (KafkaError, OSError, AssertionError) as error:
        # the client asserts that a broker that has just come back knows of itself already
        raise LogAwayError(f"kafka {bootstrap}: {reason(error)}") from error


def reason(error: BaseException) -> str:
    """The error's own words, or its name where it has none."""
    return clip(str(error)) or type(error).__name__
