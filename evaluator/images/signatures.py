"""Whether an image is signed by a key: finds signatures in its registry, and verifies them.

First those under the tag that cosign derives from the digest (`sha256-HEX.sig`); only
where none of them verifies, those that refer to the image (OCI 1.1). An answer is kept
for a while, and one question is asked once, however many ask. One deadline covers it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from weakref import WeakValueDictionary

from evaluator.images.content import Content
from evaluator.images.credentials import Keychain
from evaluator.images.errors import ContentRefusedError, MissingError, RegistryError
from evaluator.images.media import Descriptor
from evaluator.images.signature_keys import PublicKey, UnusableKeyError, is_signed, load_keys
from evaluator.images.signature_texts import (
    SIGNATURE_ANNOTATION,
    Candidate,
    bundled_candidate,
    plain_candidate,
)
from evaluator.policies.configs import Wanted
from evaluator.policies.model import Key
from evaluator.policies.references import InvalidReferenceError, Reference, parse_reference
from evaluator.policies.signatures import Signed, Unsigned, Unverified, Verification
from evaluator.rego.recall import Recent
from pipeline.errors import clip
from pipeline.settings import ImageSettings

_REMEMBERED = 4096
_MOST_SIGNATURES = 64
"""Of one image that are looked at; more are no way to make it signed."""
_PAYLOAD_BYTES = 1 << 20
_MAY_BE = ("application/vnd.dev.cosign.artifact.sig.v1+json", "application/vnd.oci.empty.v1+json")
"""cosign's own, and what go-containerregistry calls a bundle where a tag stands in for the API."""
_BUNDLE = "application/vnd.dev.sigstore.bundle"

_Question = tuple[Wanted, Key, Keychain]


class Signatures:
    """Asks by `content`. `clock`: seconds, monotonic."""

    def __init__(self, settings: ImageSettings, content: Content, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._content = content
        self._clock = clock
        self._known = Recent[_Question, tuple[Verification, float]](_REMEMBERED)
        self._locks: WeakValueDictionary[_Question, asyncio.Lock] = WeakValueDictionary()

    async def verify(self, wanted: Wanted, authority: Key, keychain: Keychain) -> Verification:
        """Whether an image is signed by one of an authority's keys."""
        question = (wanted, authority, keychain)
        lock = self._locks.setdefault(question, asyncio.Lock())
        async with lock:
            known = self._known.get(question)
            if known is not None and known[1] > self._clock():
                return known[0]
            answer = await self._answer(wanted, authority, keychain)
            failed = isinstance(answer, Unverified)
            seconds = self._settings.failure_ttl if failed else self._settings.tag_ttl
            self._known.put(question, (answer, self._clock() + seconds))
            return answer

    async def _answer(self, wanted: Wanted, authority: Key, keychain: Keychain) -> Verification:
        name, running = wanted
        seconds = self._settings.deadline
        try:
            keys = load_keys(authority.key.data)
            written = parse_reference(name)
            async with asyncio.timeout(seconds):
                digest = running or await self._content.resolve(written, keychain)
                looking = _Looking(self._content, _place(authority, written), digest, keychain)
                return await _judge(looking, keys, authority)
        except UnusableKeyError as error:
            return Unverified(f"{authority.path}: {error}")
        except InvalidReferenceError as error:
            return Unverified(str(error))
        except RegistryError as error:
            return Unverified(clip(str(error)), error.retry_after)
        except TimeoutError:
            return Unverified(f"{name}: its signatures could not be read within {seconds:g} s")


class _Looking:
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

    async def tagged(self, prefix: str) -> AsyncIterator[Candidate]:
        """What is under the tag of this digest."""
        tag = f"{prefix}{self.digest.replace(':', '-')}.sig"
        where = Reference(self._repository.registry, self._repository.repository, tag=tag)
        async for each in self._in_manifest(where):
            yield each

    async def referring(self) -> AsyncIterator[Candidate]:
        """What refers to this digest."""
        for each in await self._content.referrers(self._repository, self.digest, self._keychain):
            if each.artifact_type in _MAY_BE or each.artifact_type.startswith(_BUNDLE):
                repository = self._repository
                where = Reference(repository.registry, repository.repository, digest=each.digest)
                async for found in self._in_manifest(where):
                    yield found

    async def _in_manifest(self, where: Reference) -> AsyncIterator[Candidate]:
        try:
            manifest = await self._content.manifest(where, self._keychain)
        except MissingError:
            return
        for layer in manifest.document().layers or ():
            bundled = layer.media_type.startswith(_BUNDLE)
            if not bundled and SIGNATURE_ANNOTATION not in (layer.annotations or {}):
                continue
            self._left -= 1
            if self._left < 0:
                raise ContentRefusedError(f"{self.image}: more than {_MOST_SIGNATURES} signatures")
            body = await self._content.blob(where, layer.digest, _PAYLOAD_BYTES, self._keychain)
            candidate = bundled_candidate(body, self.digest) if bundled else self._plain(layer, body)
            if candidate is not None:
                yield candidate

    def _plain(self, layer: Descriptor, body: bytes) -> Candidate:
        text = (layer.annotations or {}).get(SIGNATURE_ANNOTATION, "")
        return plain_candidate(body, text, self.digest)


async def _judge(looking: _Looking, keys: tuple[PublicKey, ...], authority: Key) -> Verification:
    """The signatures of a tag count together, as upstream; what refers is looked at where none does."""
    seen = 0
    for candidates in (looking.tagged(authority.source.tag_prefix), looking.referring()):
        ids: set[str] = set()
        async for each in candidates:
            seen += 1
            if each.is_about_it and _is_signed(each, keys, authority.key.hash_algorithm):
                ids.add(each.id)
        if ids:
            return Signed(tuple(sorted(ids)))
    if not seen:
        return Unsigned(f"no signature of {looking.image}")
    return Unsigned(f"no signature of {looking.image} is by this key ({seen} looked at)")


def _is_signed(candidate: Candidate, keys: tuple[PublicKey, ...], algorithm: str) -> bool:
    return any(is_signed(keys, algorithm, each, candidate.message) for each in candidate.signatures)


def _place(authority: Key, written: Reference) -> Reference:
    """The repository that has the signatures. Raises InvalidReferenceError."""
    if not authority.source.oci:
        return written
    if "/" not in authority.source.oci:
        raise InvalidReferenceError(
            f"source.oci {authority.source.oci}: expected a repository behind the registry"
        )
    return parse_reference(authority.source.oci)
