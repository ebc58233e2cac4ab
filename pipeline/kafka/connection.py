"""How every client of Kafka is connected: brokers, TLS, passwords."""

import ssl
from typing import Any

from pipeline.errors import UsageError
from pipeline.kafka.client_log import relay
from pipeline.settings import KafkaSettings
from pipeline.settings_types import KafkaSecurity

_WITH_TLS = (KafkaSecurity.SSL, KafkaSecurity.SASL_SSL)
_WITH_PASSWORD = (KafkaSecurity.SASL_PLAINTEXT, KafkaSecurity.SASL_SSL)
_METADATA_AGE_MS = 30_000
"""How soon a partition that was added is noticed; the client's default is five minutes."""


def client_options(settings: KafkaSettings) -> dict[str, Any]:
    """Keyword arguments of aiokafka's clients. Raises UsageError for files that cannot be read."""
    relay()
    options: dict[str, Any] = {
        "bootstrap_servers": [part.strip() for part in settings.bootstrap.split(",") if part.strip()],
        "client_id": "tocsin",
        "metadata_max_age_ms": _METADATA_AGE_MS,
        "security_protocol": settings.security.value.upper(),
    }
    if settings.security in _WITH_TLS:
        options["ssl_context"] = _tls(settings)
    if settings.security in _WITH_PASSWORD:
        if not (settings.user and settings.password):
            raise UsageError(f"kafka_security {settings.security} needs kafka_user and kafka_password")
        options["sasl_mechanism"] = settings.mechanism.value
        options["sasl_plain_username"] = settings.user
        options["sasl_plain_password"] = settings.password
    return options


def _tls(settings: KafkaSettings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.ca_file or None)
        if settings.certificate_file:
            context.load_cert_chain(settings.certificate_file, settings.key_file or None)
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(filter(None, (settings.ca_file, settings.certificate_file, settings.key_file)))
        raise UsageError(f"kafka: certificates or key in {files}: {error.strerror or error}") from error
    return context
