"""Configs of images in a real registry: what they are, what was asked for them, what is kept.

Not covered here: a registry that misbehaves (`test_misbehaving_registry`), verdicts
(`tests/integration/evaluator`).
"""

import asyncio
from pathlib import Path

from evaluator.images.opening import Images
from evaluator.policies.configs import Found, ImageConfig, Unavailable
from evaluator.policies.references import Reference
from tests.images import Built, attestation, config, described, image, index, push
from tests.integration.images.conftest import image_settings
from tests.registry import RunningRegistry, running_registry


async def find(images: Images, name: str, digest: str = "") -> Found:
    return await images.configs.find((name, digest), images.keychain)


async def platforms(
    registry: RunningRegistry, folder: Path, built: Built, repository: str
) -> dict[str, object]:
    push(registry.host, repository, "1", built)
    async with Images.start(image_settings(folder, registry.host)) as images:
        found = await find(images, f"{registry.host}/{repository}:1")
    assert isinstance(found, ImageConfig), found
    return dict(found.platforms)


def asked(registry: RunningRegistry, repository: str) -> list[tuple[str, str]]:
    return [each for each in registry.asked() if f"/{repository}/" in each[1]]


async def test_an_image_of_one_platform_has_one_config(registry: RunningRegistry, tmp_path: Path) -> None:
    found = await platforms(registry, tmp_path, image(), "one/oci")
    assert found == {"linux/amd64": config()}


async def test_docker_manifests_are_read_like_those_of_oci(registry: RunningRegistry, tmp_path: Path) -> None:
    arm = image(config(architecture="arm", variant="v7"), docker=True)
    found = await platforms(registry, tmp_path, index(image(docker=True), arm, docker=True), "one/docker")
    assert sorted(found) == ["linux/amd64", "linux/arm/v7"]


async def test_attestations_and_artifacts_of_an_index_are_left_out(
    registry: RunningRegistry, tmp_path: Path
) -> None:
    web = image()
    chart = image(b"{}", config_type="application/vnd.cncf.helm.config.v1+json")
    found = await platforms(registry, tmp_path, index(web, attestation(web), chart), "one/attested")
    assert sorted(found) == ["linux/amd64"]


async def test_an_index_within_an_index_is_followed(registry: RunningRegistry, tmp_path: Path) -> None:
    arm = image(config(architecture="arm64"))
    found = await platforms(registry, tmp_path, index(image(), index(arm)), "one/nested")
    assert sorted(found) == ["linux/amd64", "linux/arm64"]


async def test_layers_are_never_asked_for_whatever_they_are(
    registry: RunningRegistry, tmp_path: Path
) -> None:
    layers = [
        described(b"layer", "application/vnd.oci.image.layer.v1.tar+zstd"),
        {
            **described(b"far away", "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"),
            "urls": ["https://example.com/layer"],
        },
    ]
    assert await platforms(registry, tmp_path, image(layers=layers, docker=True), "one/layers")
    assert len(asked(registry, "one/layers")) == 2


async def test_what_is_no_image_is_an_error_that_says_what_it_is(
    registry: RunningRegistry, tmp_path: Path
) -> None:
    kind = "application/vnd.cncf.helm.config.v1+json"
    push(registry.host, "one/chart", "1", image(b"{}", config_type=kind))
    async with Images.start(image_settings(tmp_path, registry.host)) as images:
        found = await find(images, f"{registry.host}/one/chart:1")
    assert isinstance(found, Unavailable)
    assert found.reason.endswith(f"one/chart:1: no image, but {kind}")


async def test_too_many_platforms_are_refused(registry: RunningRegistry, tmp_path: Path) -> None:
    many = index(*(image(config(architecture=f"arch{number}")) for number in range(5)))
    push(registry.host, "one/many", "1", many)
    async with Images.start(image_settings(tmp_path, registry.host, platforms=4)) as images:
        found = await find(images, f"{registry.host}/one/many:1")
    assert isinstance(found, Unavailable)
    assert "5 images, more than the limit of 4" in found.reason


async def test_a_herd_for_one_image_asks_once(registry: RunningRegistry, tmp_path: Path) -> None:
    push(registry.host, "cache/herd", "1", image())
    async with Images.start(image_settings(tmp_path, registry.host)) as images:
        name = f"{registry.host}/cache/herd:1"
        found = await asyncio.gather(*(find(images, name) for _ in range(200)))
    assert all(isinstance(each, ImageConfig) for each in found)
    assert len(asked(registry, "cache/herd")) == 2  # a manifest, a config


async def test_another_process_finds_all_of_it_on_disk(registry: RunningRegistry, tmp_path: Path) -> None:
    push(registry.host, "cache/disk", "1", index(image()))
    settings = image_settings(tmp_path, registry.host)
    name = f"{registry.host}/cache/disk:1"
    async with Images.start(settings) as images:
        first = await find(images, name)
    before = len(asked(registry, "cache/disk"))
    async with Images.start(settings) as images:
        assert await find(images, name) == first
    assert len(asked(registry, "cache/disk")) == before


async def test_offline_takes_all_from_the_cache_and_says_what_is_not_there(
    registry: RunningRegistry, tmp_path: Path
) -> None:
    push(registry.host, "cache/air", "1", image())
    name = f"{registry.host}/cache/air:1"
    async with Images.start(image_settings(tmp_path, registry.host)) as images:
        first = await find(images, name)
    off = image_settings(tmp_path, registry.host, offline=True, tag_ttl=0.0)
    async with Images.start(off) as images:
        assert await find(images, name) == first
        missing = await find(images, f"{registry.host}/cache/other:1")
        assert images.transport.requests == 0
    assert isinstance(missing, Unavailable)
    assert "the network is off (setting offline)" in missing.reason


async def test_a_damaged_cache_is_asked_for_again(registry: RunningRegistry, tmp_path: Path) -> None:
    built = image()
    push(registry.host, "cache/damaged", "1", built)
    settings = image_settings(tmp_path, registry.host)
    name = f"{registry.host}/cache/damaged:1"
    async with Images.start(settings) as images:
        first = await find(images, name)
    for file in (tmp_path / "cache" / "blobs").rglob("*"):
        if file.is_file():
            file.write_bytes(b"{}")
    async with Images.start(settings) as images:
        assert await find(images, name) == first


async def test_the_cache_stays_within_its_limit(registry: RunningRegistry, tmp_path: Path) -> None:
    settings = image_settings(tmp_path, registry.host, cache_bytes=200_000)
    async with Images.start(settings) as images:
        for number in range(80):
            padding = f"{number}" * 5_000
            push(registry.host, "cache/size", f"{number}", image(config(padding=padding)))
            await find(images, f"{registry.host}/cache/size:{number}")
    files = [file for file in (tmp_path / "cache").rglob("*") if file.is_file()]
    # looked at once in 64 files written, each of 11 KB at most
    assert sum(file.stat().st_size for file in files) < 200_000 + 64 * 11_000


async def test_a_tag_that_moved_is_told_beside_the_digest_that_runs(
    registry: RunningRegistry, tmp_path: Path
) -> None:
    name = f"{registry.host}/tag/moved:1"
    old = push(registry.host, "tag/moved", "1", image(config(user="0")))
    settings = image_settings(tmp_path, registry.host, tag_ttl=0.0)
    async with Images.start(settings) as images:
        same = await find(images, name, old)
        new = push(registry.host, "tag/moved", "1", image(config(user="1")))
        moved = await find(images, name, old)
        by_tag = await find(images, name)
    assert isinstance(same, ImageConfig)
    assert isinstance(moved, ImageConfig)
    assert isinstance(by_tag, ImageConfig)
    assert (same.tag_digest, moved.tag_digest, by_tag.tag_digest) == ("", new, new)
    assert moved.platforms == same.platforms != by_tag.platforms


async def test_a_registry_that_is_down_is_left_alone_and_found_again(tmp_path: Path) -> None:
    now = 0.0
    with running_registry(tmp_path / "registry") as registry:
        push(registry.host, "shop/web", "1", image())
        name = f"{registry.host}/shop/web:1"
        registry.stop()
        settings = image_settings(tmp_path, registry.host)
        async with Images.start(settings, clock=lambda: now) as images:
            down = await find(images, name)
            other = await find(images, f"{registry.host}/shop/api:1")
            assert images.transport.requests == 1
            registry.start()
            now = settings.failure_ttl + 1
            up = await find(images, name)
    assert isinstance(down, Unavailable)
    assert isinstance(other, Unavailable)
    assert "no connection: Connection refused" in down.reason
    assert isinstance(up, ImageConfig)


async def test_referrers_are_listed_by_the_tag_that_stands_in_for_the_api(
    registry: RunningRegistry, tmp_path: Path
) -> None:
    subject = push(registry.host, "sig/web", "1", image())
    signature = image(b"{}", artifactType="application/vnd.example.signature", layers=[])
    listing = index(signature)
    push(registry.host, "sig/web", subject.replace(":", "-"), listing)
    reference = Reference(registry.host, "sig/web", "1")
    async with Images.start(image_settings(tmp_path, registry.host)) as images:
        assert await images.content.resolve(reference, images.keychain) == subject
        found = await images.content.referrers(reference, subject, images.keychain)
    assert [each.digest for each in found] == [signature.digest]
