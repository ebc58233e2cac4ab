"""Brokers that refuse are not taken for brokers that are away: one line says what to change."""

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.kafka import topics
from pipeline.kafka.bus import KafkaBus
from pipeline.kafka.client_log import Relay
from pipeline.kafka.errors import LogAwayError, LogError
from pipeline.kafka.producing import Producer
from pipeline.settings import KafkaSettings
from pipeline.settings_types import KafkaSecurity, SaslMechanism
from tests.kafka.broker import PASSWORD, USER, Broker
from tests.kafka.certificates import write_certificates

pytestmark = pytest.mark.xdist_group("kafka")


def with_password(settings: KafkaSettings, broker: Broker) -> KafkaSettings:
    return replace(
        settings,
        bootstrap=broker.secure_bootstrap,
        security=KafkaSecurity.SASL_SSL,
        mechanism=SaslMechanism.PLAIN,
        user=USER,
        password=PASSWORD,
        ca_file=str(broker.ca_file),
    )


def with_certificate(settings: KafkaSettings, broker: Broker) -> KafkaSettings:
    return replace(
        settings,
        bootstrap=broker.mutual_bootstrap,
        security=KafkaSecurity.SSL,
        ca_file=str(broker.ca_file),
        certificate_file=str(broker.certificate_file),
    )


def foreign(folder: Path) -> tuple[str, str]:
    """Of another authority: what it is trusted by, and a certificate with its key."""
    write_certificates(folder / "ca.pem", folder / "server.pem")
    return str(folder / "ca.pem"), str(folder / "server.pem")


Change = Callable[[KafkaSettings, Broker, Path], KafkaSettings]
REFUSED: dict[str, tuple[Change, str]] = {
    "password": (
        lambda s, b, _: replace(with_password(s, b), password=PASSWORD[1:]),
        r"user or password refused: .*kafka_password",
    ),
    "mechanism": (
        lambda s, b, _: replace(with_password(s, b), mechanism=SaslMechanism.SCRAM_SHA_512),
        r"it takes no password by SCRAM-SHA-512; is kafka_mechanism right",
    ),
    "authority that signed nothing of theirs": (
        lambda s, b, f: replace(with_password(s, b), ca_file=foreign(f)[0]),
        r"its certificate is not trusted: .*kafka_ca_file is .*ca\.pem",
    ),
    "no authority": (
        lambda s, b, _: replace(with_password(s, b), ca_file=""),
        r"its certificate is not trusted: .*kafka_ca_file is not set",
    ),
    "no certificate": (
        lambda s, b, _: replace(with_certificate(s, b), certificate_file=""),
        r"this client's certificate is refused: .*kafka_certificate_file is not set",
    ),
    "certificate of somebody else": (
        lambda s, b, f: replace(with_certificate(s, b), certificate_file=foreign(f)[1]),
        r"this client's certificate is refused: .*kafka_certificate_file is .*server\.pem",
    ),
}
AWAY: dict[str, tuple[Change, str]] = {
    "plain text to a port with TLS": (
        lambda s, b, _: replace(s, bootstrap=b.secure_bootstrap),
        r"is kafka_security plaintext right for this port",
    ),
    "TLS to a port in plain text": (
        lambda s, b, _: replace(with_certificate(s, b), bootstrap=b.bootstrap),
        r"kafka_security (is )?ssl",
    ),
    "nobody": (
        lambda s, _, __: replace(s, bootstrap="127.0.0.1:1"),
        r"cannot be reached: .*[Cc]onnect",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_is_refused_is_said_with_the_setting_to_change(
    name: str, broker: Broker, kafka_settings: KafkaSettings, tmp_path: Path
) -> None:
    change, told = REFUSED[name]
    wrong = change(kafka_settings, broker, tmp_path)
    with pytest.raises(LogError, match=told) as refused:
        await topics.differences(wrong)
    assert not isinstance(refused.value, LogAwayError)
    assert str(refused.value).startswith(f"kafka {wrong.bootstrap}: ")
    assert PASSWORD[1:] not in str(refused.value)
    with pytest.raises(LogError, match=told):
        async with Producer.started(wrong):
            raise AssertionError(name)


@pytest.mark.parametrize("name", AWAY)
async def test_what_may_be_over_in_a_moment_is_told_from_what_is_refused(
    name: str, broker: Broker, kafka_settings: KafkaSettings, tmp_path: Path
) -> None:
    change, told = AWAY[name]
    with pytest.raises(LogAwayError, match=told):
        await topics.differences(change(kafka_settings, broker, tmp_path))


async def test_a_certificate_of_the_clients_is_enough(broker: Broker, kafka_settings: KafkaSettings) -> None:
    settings = with_certificate(kafka_settings, broker)
    await topics.create(settings)
    async with KafkaBus.connect(settings) as bus:
        assert bus.log_id.startswith("kafka:")


def test_the_clients_own_lines_come_once_and_as_ours(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    relay = Relay(lambda: now)

    def client(message: str, *arguments: object) -> None:
        relay.emit(logging.LogRecord("aiokafka.client", logging.ERROR, "", 0, message, arguments, None))

    with caplog.at_level(logging.INFO):
        for _ in range(3):
            client("Unable to update metadata from %s", [1])
            client('Unable connect to "%s:%s": %s', "h", 1, "no")
        now = 61.0
        client("Unable to update metadata from %s", [2])
    assert [(record.name, record.getMessage()) for record in caplog.records] == [
        ("pipeline.kafka.client_log", f"client: Unable to update metadata from {told}")
        for told in ("[1]", "[2] (and 2 times like it before)")
    ]
