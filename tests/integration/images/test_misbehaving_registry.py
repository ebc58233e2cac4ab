"""Registries that do everything wrong, and credentials that stay where they belong.

Not covered here: TLS (`test_tls`).
"""

import base64
import json
import logging
import stat
from pathlib import Path
from typing import Any

import pytest

from evaluator.images.opening import Images
from evaluator.policies.configs import Found, ImageConfig, Unavailable
from tests.fakes.registry import (
    Answer,
    FakeRegistry,
    content,
    only_with,
    redirect,
    refused,
    token,
    trickle,
    truncated,
)
from tests.images import image
from tests.integration.images.conftest import image_settings

SECRET = "correct-horse"  # noqa: S105 - of no server
BASIC = "Basic " + base64.b64encode(f"anna:{SECRET}".encode()).decode()
BUILT = image()
MANIFEST = "/v2/shop/web/manifests/1"
BLOB = next(f"/v2/shop/web/blobs/{each}" for each in [json.loads(BUILT.body)["config"]["digest"]])


def log_in(folder: Path, host: str, **entry: str) -> None:
    auth = base64.b64encode(f"anna:{SECRET}".encode()).decode()
    (folder / "config.json").write_text(json.dumps({"auths": {host: entry or {"auth": auth}}}))


async def ask(fake: FakeRegistry, folder: Path, *others: str, **changes: Any) -> Found:
    settings = image_settings(folder, fake.host, *others, **changes)
    async with Images.start(settings) as images:
        return await images.configs.find((f"{fake.host}/shop/web:1", ""), images.keychain)


async def reason(fake: FakeRegistry, folder: Path, **changes: Any) -> str:
    found = await ask(fake, folder, **changes)
    assert isinstance(found, Unavailable), found
    return found.reason


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (refused(401), "wants credentials, and no credentials for it are known"),
        (refused(403, "DENIED", "requested access is denied"), "403 DENIED requested access is denied"),
        (refused(404, "MANIFEST_UNKNOWN"), "404 MANIFEST_UNKNOWN"),
        (content(b"not json"), "the manifest cannot be read"),
        (content(b"[]"), "the manifest cannot be read"),
        (content(b'{"schemaVersion": 1, "fsLayers": []}'), "a manifest of schema 1, which has no config"),
        (
            content(b"{}", "application/vnd.docker.distribution.manifest.v1+prettyjws"),
            "a manifest of schema 1, which has no config",
        ),
        (content(b'{"schemaVersion": 2, "manifests": [], "config": {}}'), "an index and an image at once"),
        (
            content(BUILT.body, BUILT.media_type, Docker_Content_Digest="sha256:" + "0" * 64),
            "expected sha256:000",
        ),
        (content(b'{"schemaVersion": 2, "manifests": []}'), "there is no image in this index"),
        (truncated(BUILT.body, BUILT.media_type), "the connection broke"),
        (trickle(), "no config of shop/web within 0.5 s"),
        (content(b" " * 5000), "answers more than the limit of 4096 bytes"),
        (redirect("ftp://example.com/x"), "redirects to what is no plain http(s) URL"),
        (redirect(MANIFEST), "more than 5 redirects"),
        (redirect("http://169.254.169.254/latest/meta-data"), "169.254.169.254 is no public address"),
        (redirect("http://[fd00::1]/"), "fd00::1 is no public address"),
    ],
)
async def test_a_bad_manifest_is_an_error_that_says_why(
    fake: FakeRegistry, tmp_path: Path, answer: Answer, says: str
) -> None:
    fake.scripts[MANIFEST] = [answer]
    assert says in await reason(fake, tmp_path, deadline=0.5, manifest_bytes=4096)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (content(b'{"created": "2020-01-01T00:00:00Z"}'), "got content with sha256:"),
        (truncated(BUILT.blobs[0]), "the connection broke"),
        (content(BUILT.blobs[0] * 1000), "answers more than the limit of"),
        (trickle(), "no config of shop/web within 0.5 s"),
        (refused(404, "BLOB_UNKNOWN"), "404 BLOB_UNKNOWN"),
    ],
)
async def test_a_bad_config_is_an_error_that_says_why(
    fake: FakeRegistry, tmp_path: Path, answer: Answer, says: str
) -> None:
    fake.serve("shop/web", "1", BUILT)
    fake.scripts[BLOB] = [answer]
    assert says in await reason(fake, tmp_path, deadline=0.5, config_bytes=8192)


async def test_a_digest_that_is_a_path_is_no_digest(fake: FakeRegistry, tmp_path: Path) -> None:
    digest = "sha256:../../../../etc/passwd"
    listing = {
        "schemaVersion": 2,
        "manifests": [{"mediaType": BUILT.media_type, "digest": digest, "size": 1}],
    }
    fake.scripts[MANIFEST] = [content(json.dumps(listing).encode())]
    assert "is no digest Tocsin knows" in await reason(fake, tmp_path)
    assert fake.paths() == [MANIFEST]


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_busy_registry_is_asked_again(fake: FakeRegistry, tmp_path: Path, status: int) -> None:
    fake.serve("shop/web", "1", BUILT)
    fake.scripts[MANIFEST][:0] = [refused(status, "TOOMANYREQUESTS", Retry_After="0")]
    assert isinstance(await ask(fake, tmp_path), ImageConfig)
    assert fake.paths() == [MANIFEST, MANIFEST, BLOB]


async def test_who_asks_for_more_time_than_there_is_gets_it_later(fake: FakeRegistry, tmp_path: Path) -> None:
    fake.scripts[MANIFEST] = [refused(429, "TOOMANYREQUESTS", "slow down", Retry_After="120")]
    found = await ask(fake, tmp_path)
    assert isinstance(found, Unavailable)
    assert "429 TOOMANYREQUESTS slow down" in found.reason
    assert found.retry_after == 120
    assert fake.paths() == [MANIFEST]


async def test_a_failure_is_an_answer_for_a_while(fake: FakeRegistry, tmp_path: Path) -> None:
    now = 0.0
    fake.scripts[MANIFEST] = [refused(403)]
    settings = image_settings(tmp_path, fake.host)
    async with Images.start(settings, clock=lambda: now) as images:
        for _ in range(50):
            await images.configs.find((f"{fake.host}/shop/web:1", ""), images.keychain)
        assert len(fake.asked) == 1
        now = settings.failure_ttl + 1
        await images.configs.find((f"{fake.host}/shop/web:1", ""), images.keychain)
    assert len(fake.asked) == 2


async def test_a_registry_too_slow_for_one_image_is_not_waited_for_by_the_others(
    fake: FakeRegistry, tmp_path: Path
) -> None:
    fake.scripts[MANIFEST] = [trickle()]
    settings = image_settings(tmp_path, fake.host, deadline=0.3)
    async with Images.start(settings, clock=lambda: 0.0) as images:
        found = [
            await images.configs.find((f"{fake.host}/shop/{name}:1", ""), images.keychain)
            for name in ("web", "api", "job")
        ]
    assert all(isinstance(each, Unavailable) and "in time" in each.reason for each in found[1:])
    assert fake.paths() == [MANIFEST]


async def test_the_password_goes_to_the_token_service_that_the_registry_names(
    fake: FakeRegistry, tmp_path: Path
) -> None:
    log_in(tmp_path, fake.host)
    async with FakeRegistry().running() as realm:
        realm.scripts["/token"] = [token("t0ken")]
        challenge = (
            f'Bearer realm="http://{realm.host}/token",service="here",scope="repository:shop/web:pull"'
        )
        fake.serve("shop/web", "1", BUILT)
        for path, (answer,) in list(fake.scripts.items()):
            fake.scripts[path] = [only_with("Bearer t0ken", answer, challenge)]
        assert isinstance(await ask(fake, tmp_path, realm.host), ImageConfig)
        (asked,) = realm.asked
    assert asked.authorization == BASIC
    assert asked.query == {"service": "here", "scope": "repository:shop/web:pull"}
    assert [each.authorization for each in fake.asked] == ["", "Bearer t0ken", "Bearer t0ken"]


async def test_an_identity_token_is_exchanged(fake: FakeRegistry, tmp_path: Path) -> None:
    log_in(tmp_path, fake.host, identitytoken=SECRET)
    fake.scripts["/token"] = [token("t0ken")]
    fake.serve("shop/web", "1", BUILT)
    challenge = f'Bearer realm="http://{fake.host}/token",service="here"'
    fake.scripts[MANIFEST] = [only_with("Bearer t0ken", fake.scripts[MANIFEST][0], challenge)]
    assert isinstance(await ask(fake, tmp_path), ImageConfig)
    (asked,) = [each for each in fake.asked if each.path == "/token"]
    assert (asked.method, asked.authorization) == ("POST", "")
    assert asked.form["refresh_token"] == SECRET


async def test_a_token_service_with_a_private_address_gets_nothing(
    fake: FakeRegistry, tmp_path: Path
) -> None:
    log_in(tmp_path, fake.host)
    fake.scripts[MANIFEST] = [refused(401, WWW_Authenticate='Bearer realm="http://169.254.169.254/token"')]
    assert "169.254.169.254 is no public address" in await reason(fake, tmp_path)


async def test_basic_authentication_is_answered_and_stays_with_its_origin(
    fake: FakeRegistry, tmp_path: Path
) -> None:
    log_in(tmp_path, fake.host)
    fake.serve("shop/web", "1", BUILT)
    fake.scripts[MANIFEST] = [only_with(BASIC, fake.scripts[MANIFEST][0], 'Basic realm="here"')]
    async with FakeRegistry().running() as elsewhere:
        elsewhere.scripts["/blob"] = [content(BUILT.blobs[0])]
        fake.scripts[BLOB] = [redirect(f"http://{elsewhere.host}/blob?signature=s3cret")]
        assert isinstance(await ask(fake, tmp_path, elsewhere.host), ImageConfig)
        (asked,) = elsewhere.asked
    assert asked.authorization == ""
    assert asked.query == {"signature": "s3cret"}
    assert fake.asked[-1].authorization == BASIC


async def test_credentials_of_one_registry_are_not_for_another(fake: FakeRegistry, tmp_path: Path) -> None:
    log_in(tmp_path, "registry.example.com")
    fake.scripts[MANIFEST] = [refused(401, WWW_Authenticate='Basic realm="here"')]
    assert "no credentials for it are known" in await reason(fake, tmp_path)
    assert {each.authorization for each in fake.asked} == {""}


async def test_nothing_that_is_secret_is_told_or_logged_or_kept(
    fake: FakeRegistry,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    log_in(tmp_path, fake.host)
    secret = BASIC.removeprefix("Basic ")
    fake.scripts[MANIFEST] = [
        refused(401, WWW_Authenticate='Basic realm="here"'),
        refused(403, "DENIED", f"you sent {secret}"),
    ]
    told = await reason(fake, tmp_path)
    assert "you sent …" in told
    out, err = capfd.readouterr()
    kept = b"".join(file.read_bytes() for file in (tmp_path / "cache").rglob("*") if file.is_file())
    for text in (told, out, err, caplog.text, kept.decode("utf-8", "replace")):
        assert secret not in text
        assert SECRET not in text


def helper(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A credential helper `docker-credential-test` on the PATH."""
    program = folder / "bin" / "docker-credential-test"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    (folder / "config.json").write_text(json.dumps({"credsStore": "test"}))


async def test_a_credential_helper_is_asked(
    fake: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    helper(
        tmp_path, monkeypatch, f'cat > {tmp_path}/asked; echo \'{{"Username":"anna","Secret":"{SECRET}"}}\''
    )
    fake.serve("shop/web", "1", BUILT)
    fake.scripts[MANIFEST] = [only_with(BASIC, fake.scripts[MANIFEST][0], 'Basic realm="here"')]
    assert isinstance(await ask(fake, tmp_path), ImageConfig)
    assert (tmp_path / "asked").read_text() == fake.host


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("sleep 30", "docker-credential-test did not answer within 0.3 s"),
        ("echo secret-secret; exit 1", "docker-credential-test ended with exit code 1"),
        ("echo secret-secret", "docker-credential-test answered what is no JSON object"),
    ],
)
async def test_a_helper_that_fails_is_named_and_not_quoted(
    fake: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, says: str
) -> None:
    helper(tmp_path, monkeypatch, script)
    told = await reason(fake, tmp_path, helper_timeout=0.3)
    assert says in told
    assert "secret-secret" not in told
    assert not fake.asked


async def test_a_helper_that_knows_nothing_is_no_obstacle(
    fake: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    helper(tmp_path, monkeypatch, "echo credentials not found in native keychain; exit 1")
    fake.serve("shop/web", "1", BUILT)
    assert isinstance(await ask(fake, tmp_path), ImageConfig)


async def test_a_helper_that_is_not_there_is_named(fake: FakeRegistry, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"credHelpers": {fake.host: "absent"}}))
    assert "docker-credential-absent is named in docker's config.json" in await reason(fake, tmp_path)


async def test_a_mirror_is_asked_first_and_the_registry_where_it_fails(
    fake: FakeRegistry, tmp_path: Path
) -> None:
    fake.serve("shop/web", "1", BUILT)
    async with FakeRegistry().running() as mirror:
        mirror.serve("shop/web", "1", BUILT)
        mirror.scripts[BLOB] = [content(b"other bytes")]
        mirrors = {fake.host: (f"http://{mirror.host}",)}
        assert isinstance(await ask(fake, tmp_path, registry_mirrors=mirrors), ImageConfig)
        assert mirror.paths() == [MANIFEST, BLOB]
    assert fake.paths() == [BLOB]


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ({"denied_registries": frozenset({"127.0.0.1:*"})}, "by the setting denied_registries"),
        ({"allowed_registries": frozenset({"*.example.com"})}, "by the setting allowed_registries"),
    ],
)
async def test_settings_say_which_registries_are_asked(
    fake: FakeRegistry, tmp_path: Path, setting: dict[str, Any], says: str
) -> None:
    assert says in await reason(fake, tmp_path, **setting)
    assert not fake.asked
