"""Reads what a registry has beside an image: the layers of a manifest that may be signatures.

Which manifests those are is the business of the carriers: `tags` and `referrers`.
"""

from collections.abc import AsyncIterator

from evaluator.images.content import Content
from evaluator.images.credentials import Keychain
from evaluator.images.errors import ContentRefusedError, MissingError
from evaluator.images.media import Descriptor
from evaluator.images.signatures.bundles import MEDIA_TYPE, bundled_candidate
from evaluator.images.signatures.candidates import Candidate
from evaluator.images.signatures.simple_signing import SIGNATURE_ANNOTATION, plain_candidate
from evaluator.policies.references import Reference

_MOST_SIGNATURES = 64
"""Of one image that are looked at; more are no way to make it signed."""
_PAYLOAD_BYTES = 1 << 20


class Looking:
    """For signatures of one digest in one repository. Everything here raises RegistryError."""

    def __init__(self, content: Content, repository: Reference, digest: str, keychain: Keychain) -> None:
        self._content = content
        self._repository = repository
        self.digest = digest
        self._keychain = keychain
        self._left = _MOST_SIGNATURES

    @property
    def image(self) -> str:
        """The image, for messages."""
        return self._repository.with_digest(self.digest)

    async def under_tag(self, tag: str) -> AsyncIterator[Candidate]:
        """What the manifest of a tag holds; nothing where there is none."""
        repository = self._repository
        async for each in self._in_manifest(Reference(repository.registry, repository.repository, tag=tag)):
            yield each

    async def under_digest(self, digest: str) -> AsyncIterator[Candidate]:
        """What the manifest of a digest holds; nothing where there is none."""
        repository = self._repository
        where = Reference(repository.registry, repository.repository, digest=digest)
        async for each in self._in_manifest(where):
            yield each

    async def referrers(self) -> list[Descriptor]:
        """What refers to the image."""
        return await self._content.referrers(self._repository, self.digest, self._keychain)

    async def _in_manifest(self, where: Reference) -> AsyncIterator[Candidate]:
        try:
            manifest = await self._content.manifest(where, self._keychain)
        except MissingError:
            return
        for layer in manifest.document().layers or ():
            annotations = layer.annotations or {}
            bundled = layer.media_type.startswith(MEDIA_TYPE)
            if not bundled and SIGNATURE_ANNOTATION not in annotations:
                continue
            self._left -= 1
            if self._left < 0:
                raise ContentRefusedError(f"{self.image}: more than {_MOST_SIGNATURES} signatures")
            body = await self._content.blob(where, layer.digest, _PAYLOAD_BYTES, self._keychain)
            candidate = (
                bundled_candidate(body, self.digest)
                if bundled
                else plain_candidate(body, annotations, self.digest)
            )
            if candidate is not None:
                yield candidate
