"""One Kafka broker (KRaft, its own controller), started by a test in a folder of its own.

Three listeners for clients: in plain text, with TLS and a password, and with TLS and a
certificate of the client's. It creates no topic by itself. What a test of several brokers
would show (replication, a leader that moves) is not to be had here.
"""

import base64
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from tests.kafka.certificates import write_certificates
from tests.kube.cluster import free_port

USER, PASSWORD = "tocsin", "tests-only"
_PATIENCE = 180.0
"""Seconds to start or to end in: usually five, but a machine may have much else to do."""
_JVM = ("-Xms64m", "-Xmx320m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAIN://127.0.0.1:{port},SECURE://127.0.0.1:{secure},MUTUAL://127.0.0.1:{mutual},\
CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAIN://127.0.0.1:{port},SECURE://127.0.0.1:{secure},MUTUAL://127.0.0.1:{mutual}
listener.security.protocol.map=PLAIN:PLAINTEXT,SECURE:SASL_SSL,MUTUAL:SSL,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAIN
controller.listener.names=CONTROLLER
listener.name.secure.sasl.enabled.mechanisms=PLAIN
listener.name.secure.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule \
required user_{user}="{password}";
listener.name.secure.ssl.keystore.type=PEM
listener.name.secure.ssl.keystore.location={folder}/server.pem
listener.name.mutual.ssl.keystore.type=PEM
listener.name.mutual.ssl.keystore.location={folder}/server.pem
listener.name.mutual.ssl.truststore.type=PEM
listener.name.mutual.ssl.truststore.location={folder}/ca.pem
listener.name.mutual.ssl.client.auth=required
log.dirs={folder}/data
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
"""


@dataclass
class Broker:
    """`jars`: folder with Kafka and what it needs."""

    jars: Path
    folder: Path
    port: int
    secure_port: int
    mutual_port: int
    controller_port: int
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def secure_bootstrap(self) -> str:
        return f"127.0.0.1:{self.secure_port}"

    @property
    def mutual_bootstrap(self) -> str:
        return f"127.0.0.1:{self.mutual_port}"

    @property
    def ca_file(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def certificate_file(self) -> Path:
        """With its key: the broker's own, which it takes from clients, too."""
        return self.folder / "server.pem"

    def format(self) -> None:
        """Write the configuration and an empty log."""
        write_certificates(self.ca_file, self.certificate_file)
        properties = _PROPERTIES.format(
            folder=self.folder,
            port=self.port,
            secure=self.secure_port,
            mutual=self.mutual_port,
            controller=self.controller_port,
            user=USER,
            password=PASSWORD,
        )
        (self.folder / "server.properties").write_text(properties, encoding="utf-8")
        # one that begins with a hyphen would be taken for an option
        identity = base64.urlsafe_b64encode(b"k" + uuid4().bytes[1:]).decode().rstrip("=")
        format_ = self._java("kafka.tools.StorageTool", "format", "-t", identity, "-c")
        subprocess.run(format_, check=True, capture_output=True, cwd=self.folder)

    def start(self) -> None:
        """Start, or start again with the same log; waits until clients are served."""
        log = (self.folder / "broker.log").open("ab")
        self.process = subprocess.Popen(self._java("kafka.Kafka"), stdout=log, stderr=log, cwd=self.folder)
        log.close()
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.05)  # the broker has no other sign
            else:
                return
        said = (self.folder / "broker.log").read_text(errors="replace")
        how = "is not ready" if self.process.poll() is None else f"ended with {self.process.poll()}"
        raise RuntimeError(f"the broker {how}: {said[-2000:]}")

    def kill(self) -> None:
        """SIGKILL."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self) -> None:
        """SIGTERM, and its end."""
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None

    def _java(self, main: str, *arguments: str) -> list[str]:
        java = shutil.which("java") or "java"
        return [java, *_JVM, "-cp", f"{self.jars}/*", main, *arguments, "server.properties"]


@contextmanager
def running(jars: Path, folder: Path) -> Iterator[Broker]:
    """A broker for as long as the block runs."""
    broker = Broker(jars, folder, free_port(), free_port(), free_port(), free_port())
    try:
        broker.format()
        broker.start()
        yield broker
    finally:
        broker.kill()
