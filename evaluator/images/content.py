"""Content of registries by way of the cache: what is here by digest is not asked for again.

This is what the rest of the evaluator asks: configs, and signatures. With the network
off, what the cache has is all there is.
"""

import asyncio
from time import time
from typing import TypeGuard

from evaluator.images.credentials import Keychain
from evaluator.images.errors import ContentRefusedError, OfflineError
from evaluator.images.media import Descriptor, Manifest
from evaluator.images.registry import Registry
from evaluator.images.store import Store, TagEntry
from evaluator.policies.references import Reference, is_digest
from pipeline.errors import clip
from pipeline.settings import ImageSettings


class Content:
    """Every method raises RegistryError. Disk is read and written in threads."""

    def __init__(self, settings: ImageSettings, registry: Registry, store: Store) -> None:
        self._settings = settings
        self._registry = registry
        self._store = store

    async def resolve(self, reference: Reference, keychain: Keychain) -> str:
        """The digest of a reference; where a tag points is asked again after a time (`tag_ttl`)."""
        if reference.digest:
            return reference.digest
        known = await asyncio.to_thread(self._store.tag, reference)
        if self._is_good(known):
            return known.digest
        self._check_online(reference)
        digest = await self._registry.resolve(reference, keychain)
        await asyncio.to_thread(self._store.put_tag, reference, digest)
        return digest

    async def manifest(self, reference: Reference, keychain: Keychain) -> Manifest:
        """The manifest or index of a reference."""
        digest = reference.digest
        if not digest:
            known = await asyncio.to_thread(self._store.tag, reference)
            digest = known.digest if self._is_good(known) else ""
        if digest:
            _check(digest, reference)
            found = await asyncio.to_thread(self._store.manifest, digest)
            if found is not None:
                return found
        self._check_online(reference)
        manifest = await self._registry.manifest(reference, keychain)
        await asyncio.to_thread(self._store.put_manifest, manifest)
        if not reference.digest:
            await asyncio.to_thread(self._store.put_tag, reference, manifest.digest)
        return manifest

    async def blob(self, reference: Reference, digest: str, limit: int, keychain: Keychain) -> bytes:
        """Content of the repository of `reference`, by digest; at most `limit` bytes."""
        _check(digest, reference)
        found = await asyncio.to_thread(self._store.blob, digest)
        if found is not None:
            return found
        self._check_online(reference)
        body = await self._registry.blob(reference, digest, limit, keychain)
        await asyncio.to_thread(self._store.put_blob, digest, body)
        return body

    async def referrers(
        self, reference: Reference, digest: str, keychain: Keychain, artifact_type: str = ""
    ) -> list[Descriptor]:
        """See `Registry.referrers`; the list changes without notice, so it is not kept."""
        self._check_online(reference)
        return await self._registry.referrers(reference, digest, keychain, artifact_type)

    def _is_good(self, known: TagEntry | None) -> TypeGuard[TagEntry]:
        if known is None:
            return False
        return self._settings.offline or 0 <= time() - known.at < self._settings.tag_ttl

    def _check_online(self, reference: Reference) -> None:
        if self._settings.offline:
            raise OfflineError(
                f"{reference.name}: not in the cache, and the network is off (setting offline)"
            )


def _check(digest: str, reference: Reference) -> None:
    """A digest comes out of a manifest, and goes into paths. Raises ContentRefusedError."""
    if not is_digest(digest):
        raise ContentRefusedError(f'{reference.name}: "{clip(digest, 80)}" is no digest Tocsin knows')
