"""Policies whose text is in files or behind a URL: a real TLS server, on loopback, with a CA of its own.

Not covered: a name that leads to another address each time it is asked for: what is connected
to is what the one look-up returned, which the resolver's refusals here show is looked at.
"""

import asyncio
import hashlib
import ipaddress
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pipeline.bus_memory import MemoryBus
from pipeline.events import PolicyApplied, Topic
from pipeline.settings import SourceSettings, TextSettings
from watcher.app import publish_policies
from watcher.follow import follow
from watcher.remote import fetch
from watcher.texts import Remote, Text

TEXT = "package sigstore\nisCompliant { true }\n"
SHA = hashlib.sha256(TEXT.encode()).hexdigest()
LOOPBACK = TextSettings(networks=frozenset({"127.0.0.0/8", "::1/128"}), timeout=5.0, limit=1000)
PATIENCE = 30.0

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CA and, signed by it, a server's key and certificate for localhost and 127.0.0.1."""
    folder = tmp_path_factory.mktemp("certificates")
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
    now = datetime.now(UTC)

    def begin(subject: x509.Name, of: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(ca_name)
            .public_key(of.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
            )
        )

    usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    ca = (
        begin(ca_name, ca_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False)
        .add_extension(usage, critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    server = (
        begin(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]), key)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(ca.public_bytes(pem))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.pem").write_bytes(private + server.public_bytes(pem))
    return folder


@pytest.fixture
def trusted(certificates: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The CA counts as one of the system's."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates / "ca.pem"))


@asynccontextmanager
async def serving(certificates: Path, serve: Serve) -> AsyncIterator[int]:
    """A TLS server for as long as the block runs; its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "server.pem")

    clients: set[asyncio.Task[Any] | None] = set()

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        clients.add(asyncio.current_task())
        try:
            await reader.readuntil(b"\r\n\r\n")
            await serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client went away, which is what some tests are about
        finally:
            writer.close()

    server = await asyncio.start_server(client, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]
        await asyncio.gather(*(task for task in clients if task is not None))


def answer(body: bytes, status: str = "200 OK", *headers: str) -> Serve:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        await writer.drain()

    return serve


async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(b"#" * 1000)
        await writer.drain()


async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A byte now and then, so that no single read takes long."""
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    left = asyncio.ensure_future(reader.read(1))
    while not left.done():
        writer.write(b"#")
        await writer.drain()
        await asyncio.wait({left}, timeout=0.05)
    await left


async def asked(
    certificates: Path,
    serve: Serve,
    sha: str = SHA,
    host: str = "127.0.0.1",
    settings: TextSettings = LOOPBACK,
) -> Text:
    async with serving(certificates, serve) as port:
        return await fetch(Remote(f"https://{host}:{port}/p.rego?token=hush", sha), settings)


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_text_with_the_right_digest_is_taken(certificates: Path, host: str) -> None:
    assert await asked(certificates, answer(TEXT.encode()), host=host) == Text(TEXT)


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize(
    ("serve", "said"),
    [
        (
            answer(b"package other"),
            f"expected SHA-256 {SHA}, got {hashlib.sha256(b'package other').hexdigest()}",
        ),
        (answer(b"", "302 Found", "Location: https://127.0.0.1/else"), "redirects are not followed"),
        (answer(b"", "404 Not Found"), "expected status 200, got 404"),
        (answer(b"#" * 2000), "expected at most 1000 bytes, got more"),
        (endless, "expected at most 1000 bytes, got more"),
    ],
)
async def test_what_is_not_the_text_is_refused(certificates: Path, serve: Serve, said: str) -> None:
    found = await asked(certificates, serve)
    assert said in found.problem
    assert "hush" not in found.problem
    assert found.text == ""


@pytest.mark.usefixtures("trusted")
async def test_a_text_that_is_not_utf8_is_refused(certificates: Path) -> None:
    found = await asked(certificates, answer(b"\xff"), hashlib.sha256(b"\xff").hexdigest())
    assert "expected UTF-8" in found.problem


@pytest.mark.usefixtures("trusted")
async def test_a_server_that_takes_its_time_is_given_up(certificates: Path) -> None:
    found = await asked(certificates, slow, settings=replace(LOOPBACK, timeout=0.5))
    assert "not fetched in 0.5 s" in found.problem


async def test_a_certificate_of_nobody_known_is_refused(certificates: Path) -> None:
    assert "certificate verify failed" in (await asked(certificates, answer(TEXT.encode()))).problem


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_an_address_that_is_not_public_is_never_connected_to(certificates: Path, host: str) -> None:
    connected = asyncio.Event()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        writer.close()

    found = await asked(certificates, serve, host=host, settings=replace(LOOPBACK, networks=frozenset()))
    assert "no public address" in found.problem
    assert not connected.is_set()


@pytest.mark.parametrize(
    "url", ["http://example.com/p", "file:///etc/passwd", "https:///p", "https://[::1/p", "p"]
)
async def test_what_is_no_https_url_is_refused(url: str) -> None:
    assert "expected an https URL with a host" in (await fetch(Remote(url, SHA), LOOPBACK)).problem


def policy(name: str, **text: Any) -> dict[str, Any]:
    spec = {"images": [{"glob": "**"}], "authorities": [{"static": {"action": "pass"}}]}
    kind = {"apiVersion": "policy.sigstore.dev/v1beta1", "kind": "ClusterImagePolicy"}
    return {**kind, "metadata": {"name": name}, "spec": {**spec, "policy": {"type": "rego", **text}}}


def config_map(text: str, **metadata: str) -> dict[str, Any]:
    metadata = {"name": "rules", **metadata}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"k": text}}


def write(path: Path, *documents: Any) -> None:
    path.write_text(yaml.safe_dump_all(documents), encoding="utf-8")


def now() -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC)


def settings(texts: TextSettings) -> SourceSettings:
    return SourceSettings(cluster="c", namespace="default", max_document_bytes=2**20, texts=texts)


IN_MAP = {"configMapRef": {"name": "rules", "key": "k"}}


@pytest.mark.usefixtures("trusted")
async def test_a_scan_takes_texts_from_the_policies_files_and_from_urls(
    certificates: Path, tmp_path: Path
) -> None:
    async with serving(certificates, answer(TEXT.encode())) as port, MemoryBus().consume("t", ()):
        remote = {"url": f"https://127.0.0.1:{port}/p", "sha256sum": SHA.upper()}
        write(tmp_path / "policies.yaml", policy("far", remote=remote), policy("near", **IN_MAP))
        write(tmp_path / "texts.yaml", config_map("wrong", namespace="shop"), config_map("right"))
        bus = MemoryBus()
        async with bus.consume("test", (Topic.POLICIES,)) as consumer:
            await publish_policies([str(tmp_path)], bus, settings(LOOPBACK), now)
            delivery = await consumer.receive(10)
    found = {
        r.event.data.name: r.event.data
        for r in delivery.records
        if r.event and isinstance(r.event.data, PolicyApplied)
    }
    assert [text.text for text in found["far"].texts] == [TEXT]
    assert [text.text for text in found["near"].texts] == ["right"]


@pytest.mark.usefixtures("trusted")
async def test_a_run_follows_config_maps_in_files_and_asks_again_for_what_it_could_not_fetch(
    certificates: Path, tmp_path: Path
) -> None:
    answers = [answer(b"", "503 Busy"), answer(TEXT.encode())]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answers.pop(0)(reader, writer)

    async with serving(certificates, serve) as port:
        remote = {"url": f"https://127.0.0.1:{port}/p", "sha256sum": SHA}
        write(tmp_path / "policies.yaml", policy("far", remote=remote), policy("near", **IN_MAP))
        bus, stop = MemoryBus(), asyncio.Event()
        group_settings = settings(replace(LOOPBACK, retry_first=0.1, retry_most=0.1))
        async with bus.consume("test", (Topic.POLICIES,)) as consumer, asyncio.TaskGroup() as group:
            group.create_task(follow([], [str(tmp_path)], bus, group_settings, now, stop, recheck=0.1))
            texts: dict[str, tuple[str, str]] = {}

            async def until(name: str, text: str, problem: str = "") -> None:
                async with asyncio.timeout(PATIENCE):
                    while not (name in texts and texts[name][0] == text and problem in texts[name][1]):
                        for record in (await consumer.receive(10)).records:
                            if record.event and isinstance(record.event.data, PolicyApplied):
                                (found,) = record.event.data.texts
                                texts[record.event.data.name] = found.text, found.problem

            try:
                await until("near", "", "not found")
                write(tmp_path / "texts.yaml", config_map("one"))
                await until("near", "one")
                write(tmp_path / "texts.yaml", config_map("two, and longer"))
                await until("near", "two, and longer")
                (tmp_path / "texts.yaml").unlink()
                await until("near", "", "not found")
                await until("far", TEXT)
            finally:
                stop.set()
    assert answers == []
