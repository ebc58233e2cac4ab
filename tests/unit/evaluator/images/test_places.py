"""Which hosts may be asked. Resolving is of this machine: `localhost` is all that is asked for."""

from dataclasses import replace
from typing import Any

import pytest

from evaluator.images.errors import ForbiddenHostError
from evaluator.images.places import Places
from evaluator.images.transport import _CheckedResolver
from pipeline.settings import load_settings


def places(**changes: Any) -> Places:
    return Places(replace(load_settings().images, **changes))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104 - as an address that a name stands for
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fd00::1",
        "::ffff:10.0.0.1",
        "2002:0a00:0001::",
        "64:ff9b::a00:1",
        "ff02::1",
    ],
)
def test_an_address_that_is_not_public_is_refused_whatever_name_stands_for_it(address: str) -> None:
    with pytest.raises(ForbiddenHostError, match="is no public address"):
        places().check_address("registry.example.com", address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8"])
def test_a_public_address_is_not(address: str) -> None:
    places().check_address("registry.example.com", address)


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST", "localhost.", "a.localhost", "[::1]", "127.0.0.1"]
)
def test_a_name_of_this_machine_is_refused(host: str) -> None:
    with pytest.raises(ForbiddenHostError):
        places().check_host(host, 443)


async def test_what_a_name_stands_for_is_checked_when_it_is_resolved() -> None:
    resolver = _CheckedResolver(places(), frozenset())
    with pytest.raises(ForbiddenHostError, match=r"localhost stands for (127\.0\.0\.1|::1), which"):
        await resolver.resolve("localhost", 443)
    named = _CheckedResolver(places(private_registries=frozenset({"localhost:443"})), frozenset())
    assert await named.resolve("localhost", 443)
    with pytest.raises(ForbiddenHostError):
        await named.resolve("localhost", 444)


def test_docker_hub_is_asked_where_it_answers() -> None:
    (place,) = places().of("index.docker.io")
    assert (place.base, place.host) == ("https://registry-1.docker.io", "index.docker.io")


def test_mirrors_come_first_and_may_be_private() -> None:
    mirrored = places(registry_mirrors={"ghcr.io": ("https://10.0.0.5:5000/",)})
    assert [place.base for place in mirrored.of("GHCR.io")] == ["https://10.0.0.5:5000", "https://ghcr.io"]
    mirrored.check_host("10.0.0.5", 5000)


@pytest.mark.parametrize("name", ["a b", "a/b", "user@host", "a..b", "-$", "[::1", "host:port", "é.example"])
def test_what_is_no_name_of_a_host_is_not_asked(name: str) -> None:
    with pytest.raises(ForbiddenHostError, match="is no name of a host"):
        places().of(name)


def test_a_registry_that_is_denied_is_not_asked_though_it_is_allowed() -> None:
    some = places(
        allowed_registries=frozenset({"*.example.com"}), denied_registries=frozenset({"old.example.com"})
    )
    assert some.of("new.example.com")
    for name in ("old.example.com", "OLD.example.com", "example.org"):
        with pytest.raises(ForbiddenHostError):
            some.of(name)
