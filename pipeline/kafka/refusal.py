"""Why brokers cannot be connected to, in words that say what to change.

The client tries each broker, writes what went wrong into its log, and raises that it could
not connect. Here one more connection is made, so that a refused password or certificate does
not read like a broker that is away: it will not be over in a moment.
"""

import asyncio
import ssl
from collections.abc import Awaitable

from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import (
    AuthenticationFailedError,
    IllegalSaslStateError,
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)

from pipeline.kafka.connection import client_options
from pipeline.kafka.errors import LogAwayError, LogError, reason, translated
from pipeline.settings import KafkaSettings

_PATIENCE_MS = 5_000
_TAKEN = ("ssl_context", "security_protocol", "sasl_mechanism", "sasl_plain_username", "sasl_plain_password")
_OF_OURS = ("CERTIFICATE", "UNKNOWN_CA", "ACCESS_DENIED")
"""Alerts by which a broker refuses the certificate of a client, or that it has none."""


async def connected(settings: KafkaSettings, start: Awaitable[None]) -> None:
    """Wait until a client has started. Raises LogError, and LogAwayError where trying again may help."""
    try:
        with translated(settings.bootstrap):
            await start
    except LogAwayError as error:
        if isinstance(error.__cause__, KafkaConnectionError):
            raise await _why_unreachable(settings) from error
        raise


async def _why_unreachable(settings: KafkaSettings) -> LogError:
    options = client_options(settings)
    taken = {name: options[name] for name in _TAKEN if name in options}
    found: LogError | None = None
    for host, port, _ in collect_hosts(options["bootstrap_servers"]):
        try:
            connection = await create_conn(
                host, port, client_id=options["client_id"], request_timeout_ms=_PATIENCE_MS, **taken
            )
            connection.close()
        except (KafkaError, OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            refusal = explained(settings, error)
            if not isinstance(refusal, LogAwayError):
                return refusal
            found = found or refusal
        else:
            return LogAwayError(f"kafka {settings.bootstrap}: could not be reached a moment ago")
    return found or LogAwayError(f"kafka {settings.bootstrap}: cannot be reached")


def explained(settings: KafkaSettings, error: BaseException) -> LogError:
    """What a failed connection means: whether to try again, and what to change. Pure."""
    error = _tls_error(error) or error
    if told := _refusal(settings, error):
        return LogError(f"kafka {settings.bootstrap}: {told}")
    return LogAwayError(f"kafka {settings.bootstrap}: {_absence(settings, error)}")


def _refusal(settings: KafkaSettings, error: BaseException) -> str:
    """What is not as the broker wants it; empty where it may be another thing."""
    told = reason(error)
    match error:
        case SaslAuthenticationFailed() | AuthenticationFailedError():
            return f"user or password refused: {told}; are kafka_user and kafka_password right?"
        case UnsupportedSaslMechanismError():
            return f"it takes no password by {settings.mechanism.value}; is kafka_mechanism right?"
        case IllegalSaslStateError():
            return f"no password is wanted on this port; kafka_security is {settings.security.value}"
        case ssl.SSLCertVerificationError(verify_message=why):
            ours = f"is {settings.ca_file}" if settings.ca_file else "is not set"
            return f"its certificate is not trusted: {why}; kafka_ca_file {ours}"
        case ssl.SSLError() if any(alert in told.upper().replace(" ", "_") for alert in _OF_OURS):
            ours = f"is {settings.certificate_file}" if settings.certificate_file else "is not set"
            return f"this client's certificate is refused: {told}; kafka_certificate_file {ours}"
        case _:
            return ""


def _absence(settings: KafkaSettings, error: BaseException) -> str:
    """What may be over in a moment."""
    security = settings.security.value
    match error:
        case ssl.SSLError():
            return f"no TLS on this port: {reason(error)}; kafka_security is {security}"
        case KafkaConnectionError() | ConnectionResetError():
            return f"it closes connections at once; is kafka_security {security} right for this port?"
        case TimeoutError():
            return f"no answer; is kafka_security {security} right for this port?"
        case _:
            return f"cannot be reached: {reason(error)}"


def _tls_error(error: BaseException | None) -> ssl.SSLError | None:
    """The error of TLS beneath one of the client's: it wraps what ends a connection."""
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return error
        error = error.__cause__ or error.__context__
    return None
