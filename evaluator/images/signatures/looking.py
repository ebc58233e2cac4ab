"""Reads what a registry has beside an image: layers of manifests, as the form says that is looked for.

Which manifests those are is the business of the carriers: `tags` and `referrers`.
"""

from collections.abc import AsyncIterator

from evaluator.images.content import Content
from evaluator.images.credentials import Keychain
from evaluator.images.errors import ContentRefusedError, MissingError
from evaluator.images.media import Descriptor
from evaluator.images.signatures.candidates import Candidate
from evaluator.images.signatures.forms import Form
from evaluator.policies.references import Reference

_MOST = 64
"""Manifests and layers that are looked at for one image; more are no way to make it signed."""


class Looking:
    """For what belongs to one digest, in one repository. Everything here raises RegistryError.

    `limit`: bytes of all that is read.
    """

    def __init__(
        self,
        content: Content,
        repository: Reference,
        digest: str,
        keychain: Keychain,
        form: Form,
        limit: int,
    ) -> None:
        self._content = content
        self._repository = repository
        self.digest = digest
        self._keychain = keychain
        self.form = form
        self._limit = self._bytes_left = limit
        self._layers_left = self._manifests_left = _MOST

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
        self._manifests_left -= 1
        if self._manifests_left < 0:
            raise ContentRefusedError(
                f"{self.image}: more than {_MOST} manifests that may hold a {self.form.what}"
            )
        try:
            manifest = await self._content.manifest(where, self._keychain)
        except MissingError:
            return
        for layer in manifest.document().layers or ():
            if self.form.may_be(layer):
                body = await self._read(where, layer)
                candidate = self.form.read(layer, body, self.digest)
                if candidate is not None:
                    yield candidate

    async def _read(self, where: Reference, layer: Descriptor) -> bytes:
        self._layers_left -= 1
        if self._layers_left < 0:
            raise ContentRefusedError(f"{self.image}: more than {_MOST} {self.form.what}s")
        if not 0 <= layer.size <= self._bytes_left:
            raise ContentRefusedError(f"{self.image}: {self.form.what}s of more than {self._limit} bytes")
        body = await self._content.blob(where, layer.digest, self._bytes_left, self._keychain)
        self._bytes_left -= len(body)
        return body
