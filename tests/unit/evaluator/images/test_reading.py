"""What registries and docker write, read: challenges, `auths`, manifests.

Not covered here: that any of it is asked for (`tests/integration/images`).
"""

import base64
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.images.challenge import Challenge, read_challenges
from evaluator.images.credentials import Credential, find_auth
from evaluator.images.errors import ContentRefusedError
from evaluator.images.media import MediaType, Platform, platform_of, read_manifest, verify
from tests.images import digest, image, index

HUB = "index.docker.io"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", []),
        ('Basic realm="here"', [Challenge("basic", {"realm": "here"})]),
        (
            'Bearer realm="https://auth.example.com/token",service="a",scope="repository:x:pull,push"',
            [
                Challenge(
                    "bearer",
                    {
                        "realm": "https://auth.example.com/token",
                        "service": "a",
                        "scope": "repository:x:pull,push",
                    },
                )
            ],
        ),
        (
            'Negotiate, BEARER Realm="x\\"y", Basic realm=z',
            [
                Challenge("negotiate", {}),
                Challenge("bearer", {"realm": 'x"y'}),
                Challenge("basic", {"realm": "z"}),
            ],
        ),
    ],
)
def test_challenges_are_read(header: str, expected: list[Challenge]) -> None:
    assert read_challenges(header) == expected


@given(st.text(max_size=200))
def test_no_challenge_is_too_odd(header: str) -> None:
    read_challenges(header)


def auth(name: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{name}:secret".encode()).decode()}


@pytest.mark.parametrize(
    ("keys", "registry", "repository", "expected"),
    [
        (["https://index.docker.io/v1/"], HUB, "library/nginx", "https://index.docker.io/v1/"),
        (["docker.io"], HUB, "library/nginx", "docker.io"),
        (["ghcr.io"], "ghcr.io", "a/b", "ghcr.io"),
        (["ghcr.io", "ghcr.io/a", "ghcr.io/a/b"], "ghcr.io", "a/b", "ghcr.io/a/b"),
        (["ghcr.io", "ghcr.io/a"], "ghcr.io", "ab/c", "ghcr.io"),
        (["https://host:5000/v2/"], "host:5000", "x", "https://host:5000/v2/"),
        (["host:5000"], "host", "x", None),
        (["ghcr.io"], "ghcr.io.example.com", "x", None),
        (["ghcr.io.example.com"], "ghcr.io", "x", None),
    ],
)
def test_the_credentials_are_those_of_the_longest_key_that_fits(
    keys: list[str], registry: str, repository: str, expected: str | None
) -> None:
    found = find_auth({key: auth(str(number)) for number, key in enumerate(keys)}, registry, repository)
    assert found == (None if expected is None else Credential(str(keys.index(expected)), "secret"))


def test_credentials_do_not_show_themselves() -> None:
    assert "secret" not in repr(Credential("anna", "secret", "secret"))


@pytest.mark.parametrize(
    ("platform", "name"),
    [
        (Platform("amd64", "linux"), "linux/amd64"),
        (Platform("arm", "linux", variant="v7"), "linux/arm/v7"),
        (Platform("amd64", "windows", os_version="10.0.17763"), "windows/amd64:10.0.17763"),
        (Platform(), ""),
    ],
)
def test_platforms_have_the_names_that_admission_gives_them(platform: Platform, name: str) -> None:
    assert platform.name == name


def test_a_config_says_its_own_platform() -> None:
    assert platform_of({"os": "linux", "architecture": "arm", "variant": "v7"}) == "linux/arm/v7"
    assert platform_of({"os": 5, "architecture": "arm"}) == "arm"


@pytest.mark.parametrize(
    ("body", "media_type", "says"),
    [
        (image().body, MediaType.OCI_INDEX, "the manifest says it is"),
        (index().body, MediaType.OCI_MANIFEST, "the manifest says it is"),
        (b'{"schemaVersion": 2, "layers": []}', MediaType.OCI_INDEX, "is not what it says it is"),
        (b'{"schemaVersion": 2, "manifests": []}', MediaType.OCI_MANIFEST, "is not what it says it is"),
        (b'{"schemaVersion": 2}', "application/json", 'got "application/json"'),
    ],
)
def test_a_manifest_that_is_not_what_it_says_is_refused(body: bytes, media_type: str, says: str) -> None:
    with pytest.raises(ContentRefusedError, match=says):
        read_manifest(body, media_type)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
_FIELDS = st.sampled_from(["schemaVersion", "mediaType", "config", "layers", "manifests", "artifactType"])


@given(st.dictionaries(_FIELDS, _JSON), st.sampled_from([*MediaType, "", "text/html"]))
def test_whatever_comes_is_a_manifest_or_refused(body: dict[str, Any], media_type: str) -> None:
    with suppress(ContentRefusedError):
        read_manifest(json.dumps(body).encode(), media_type)


@given(st.binary(max_size=200), st.data())
def test_a_single_changed_bit_is_refused(body: bytes, data: st.DataObject) -> None:
    verify(body, digest(body), "x")
    if not body:
        return
    place = data.draw(st.integers(0, len(body) - 1))
    changed = bytearray(body)
    changed[place] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(ContentRefusedError):
        verify(bytes(changed), digest(body), "x")
