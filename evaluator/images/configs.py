"""The configs of an image, by platform: what `input.config` is made of.

A registry is asked once for an image, however many ask for it: the first to ask does it
while the others wait, and a failure is an answer for a while, too. One deadline covers
all that is asked about one image.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from weakref import WeakValueDictionary

from evaluator.images.content import Content
from evaluator.images.credentials import Keychain
from evaluator.images.errors import ContentRefusedError, RegistryError
from evaluator.images.media import (
    CONFIGS,
    INDEXES,
    Descriptor,
    Manifest,
    ManifestDocument,
    digest_of,
    images_in,
    is_image,
    platform_of,
    read_config,
)
from evaluator.policies.configs import Found, ImageConfig, Unavailable, Wanted
from evaluator.policies.references import InvalidReferenceError, Reference, parse_reference
from evaluator.rego.recall import Recent
from pipeline.errors import clip
from pipeline.settings import ImageSettings

_REMEMBERED = 512
"""Images whose configs are kept in memory: about 10 KiB for each platform."""
_FAILURES = 4096
_TAG_SECONDS = 60.0
"""For which a tag is not looked up on disk again: what is there has an age of its own."""
_DEPTH = 2
"""Indexes inside of an index that are followed."""

_Asked = tuple[Wanted, Keychain]


class Configs:
    """Asks by `content`. `clock`: seconds, monotonic."""

    def __init__(self, settings: ImageSettings, content: Content, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._content = content
        self._clock = clock
        self._by_digest = Recent[str, ImageConfig](_REMEMBERED)
        self._tags = Recent[str, tuple[str, float]](_FAILURES)
        self._failures = Recent[_Asked, tuple[Unavailable, float]](_FAILURES)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def find(self, wanted: Wanted, keychain: Keychain) -> Found:
        """The configs of an image, or why there are none.

        What one keychain may not have is no answer for another that is not equal to it.
        """
        name, digest = wanted
        try:
            written = parse_reference(name)
        except InvalidReferenceError as error:
            return Unavailable(str(error))
        failure = self._failures.get((wanted, keychain))
        if failure is not None and failure[1] > self._clock():
            return failure[0]
        lock = self._locks.setdefault(f"{written.name} {digest}", asyncio.Lock())
        async with lock:
            failure = self._failures.get((wanted, keychain))
            if failure is not None and failure[1] > self._clock():
                return failure[0]
            found = await self._ask(written, digest, keychain)
            if isinstance(found, Unavailable):
                self._failures.put((wanted, keychain), (found, self._clock() + self._settings.failure_ttl))
            return found

    async def _ask(self, written: Reference, digest: str, keychain: Keychain) -> Found:
        seconds = self._settings.deadline
        try:
            async with asyncio.timeout(seconds):
                if digest:
                    runs = Reference(written.registry, written.repository, digest=digest)
                    return await self._of_running(written, runs, keychain)
                if written.digest:
                    return await self._of_digest(written, keychain)
                return await self._of_tag(written, keychain)
        except RegistryError as error:
            return Unavailable(clip(str(error)), error.retry_after)
        except TimeoutError:
            return Unavailable(f"{written.registry}: no config of {written.repository} within {seconds:g} s")

    async def _of_running(self, written: Reference, runs: Reference, keychain: Keychain) -> ImageConfig:
        """By the digest that runs. Whether the tag has moved is told where it can be known."""
        config = await self._of_digest(runs, keychain)
        if written.digest:
            return config
        with suppress(RegistryError, TimeoutError):
            now = await self._tag(written, keychain)
            if now != runs.digest:
                return ImageConfig(config.digest, config.platforms, now)
        return config

    async def _of_tag(self, written: Reference, keychain: Keychain) -> ImageConfig:
        known = self._tags.get(written.name)
        if known is not None and known[1] > self._clock() and (config := self._by_digest.get(known[0])):
            return ImageConfig(config.digest, config.platforms, known[0])
        manifest = await self._content.manifest(written, keychain)
        self._remember_tag(written, manifest.digest)
        found = self._by_digest.get(manifest.digest) or await self._read(manifest, written, keychain)
        return ImageConfig(found.digest, found.platforms, manifest.digest)

    async def _of_digest(self, reference: Reference, keychain: Keychain) -> ImageConfig:
        found = self._by_digest.get(reference.digest)
        if found is not None:
            return found
        return await self._read(await self._content.manifest(reference, keychain), reference, keychain)

    async def _tag(self, written: Reference, keychain: Keychain) -> str:
        known = self._tags.get(written.name)
        if known is not None and known[1] > self._clock():
            return known[0]
        digest = await self._content.resolve(written, keychain)
        self._remember_tag(written, digest)
        return digest

    def _remember_tag(self, written: Reference, digest: str) -> None:
        seconds = min(_TAG_SECONDS, self._settings.tag_ttl)
        self._tags.put(written.name, (digest, self._clock() + seconds))

    async def _read(self, manifest: Manifest, reference: Reference, keychain: Keychain) -> ImageConfig:
        reader = _Reader(self._settings, self._content, reference, keychain)
        await reader.read(manifest)
        if not reader.platforms:
            raise ContentRefusedError(f"{reference.name}: there is no image in this index")
        digests = "\n".join(f"{name} {digest}" for name, digest in sorted(reader.digests.items()))
        config = ImageConfig(digest_of(digests.encode()), reader.platforms)
        self._by_digest.put(manifest.digest, config)
        return config


class _Reader:
    """Follows the manifests of one image down to its configs."""

    def __init__(
        self, settings: ImageSettings, content: Content, reference: Reference, keychain: Keychain
    ) -> None:
        self._settings = settings
        self._content = content
        self._reference = reference
        self._keychain = keychain
        self._left = settings.config_bytes
        self.platforms: dict[str, object] = {}
        self.digests: dict[str, str] = {}

    async def read(self, manifest: Manifest) -> None:
        """One image, or an index of images. Raises RegistryError."""
        document = self._document(manifest)
        if document.manifests is not None:
            await self._read_index(document, _DEPTH)
        elif is_image(document):
            await self._read_image(document, None)
        else:
            kind = document.artifact_type or (document.config.media_type if document.config else "")
            raise ContentRefusedError(f"{self._reference.name}: no image, but {clip(kind, 100) or 'unknown'}")

    async def _read_index(self, index: ManifestDocument, depth: int) -> None:
        descriptors = images_in(index)
        limit = self._settings.platforms
        if len(descriptors) > limit:
            raise ContentRefusedError(
                f"{self._reference.name}: {len(descriptors)} images, more than the limit of {limit}"
            )
        for descriptor in descriptors:
            part = Reference(self._reference.registry, self._reference.repository, digest=descriptor.digest)
            document = self._document(await self._content.manifest(part, self._keychain))
            if document.manifests is not None:
                if depth == 0 or descriptor.media_type not in INDEXES:
                    raise ContentRefusedError(f"{self._reference.name}: indexes in indexes, too deep")
                await self._read_index(document, depth - 1)
            elif is_image(document):
                await self._read_image(document, descriptor)
            if len(self.platforms) > limit:
                raise ContentRefusedError(f"{self._reference.name}: more than the limit of {limit} images")

    async def _read_image(self, document: ManifestDocument, descriptor: Descriptor | None) -> None:
        """Of two images for one platform the first counts, as it does for who pulls it."""
        config = document.config
        if config is None or config.media_type not in CONFIGS:
            return
        named = descriptor.platform.name if descriptor is not None and descriptor.platform else ""
        if named in self.platforms:
            return
        if not 0 <= config.size <= self._left:
            raise ContentRefusedError(
                f"{self._reference.name}: configs of more than {self._settings.config_bytes} bytes"
            )
        body = await self._content.blob(self._reference, config.digest, self._left, self._keychain)
        self._left -= len(body)
        value = read_config(body, f"{self._reference.name}: config {config.digest}")
        platform = named or platform_of(value)
        if platform not in self.platforms:
            self.platforms[platform] = value
            self.digests[platform] = config.digest

    def _document(self, manifest: Manifest) -> ManifestDocument:
        try:
            return manifest.document()
        except ContentRefusedError as error:
            raise ContentRefusedError(f"{self._reference.name}: {error}") from error
