"""A registry client: manifests, blobs, referrers, and where tags point.

Source: OCI distribution specification 1.1, "Pull" and "Listing Referrers". All content is
checked against its digest. Mirrors are asked first. A registry that cannot be reached is
left alone for a while; one that is busy (429, 5xx) is asked again a few times, when it
says so or after a random wait.

Nothing is remembered here but tokens: see `store` and `content`.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar
from urllib.parse import urlencode, urljoin

import msgspec

from evaluator.images.credentials import Credential, Keychain
from evaluator.images.errors import (
    BusyError,
    ContentRefusedError,
    DeniedError,
    MissingError,
    RegistryError,
    UnreachableError,
)
from evaluator.images.media import ACCEPT, Descriptor, Manifest, MediaType, digest_of, verify
from evaluator.images.places import Place, Places
from evaluator.images.tokens import Tokens
from evaluator.images.transport import Answer, Transport
from evaluator.policies.references import Reference, is_digest
from evaluator.rego.backoff import Backoff
from pipeline.errors import clip
from pipeline.settings import ImageSettings

_T = TypeVar("_T")

_OK, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _BUSY, _SERVER_ERROR = 200, 401, 403, 404, 429, 500
_FIRST_WAIT, _MOST_WAIT = 0.25, 5.0
"""Seconds between the attempts of one question; who asks for more is asked again later."""
_MOST_PAGES = 20
_DIGEST_HEADER = "docker-content-digest"


class _Problem(msgspec.Struct):
    code: str = ""
    message: str = ""


class _Problems(msgspec.Struct):
    errors: list[_Problem] = []


class _Listed(msgspec.Struct):
    manifests: list[Descriptor] = []


@dataclass(frozen=True, slots=True)
class _Ask:
    method: str
    path: str
    accept: str
    limit: int


class Registry:
    """Asks registries by `transport`. Every method raises RegistryError, and says which registry."""

    def __init__(
        self, settings: ImageSettings, places: Places, transport: Transport, clock: Callable[[], float]
    ) -> None:
        self._settings = settings
        self._places = places
        self._transport = transport
        self._tokens = Tokens(transport, clock)
        self._clock = clock
        self._down: dict[str, Backoff] = defaultdict(lambda: Backoff(first=5.0, most=60.0))

    async def manifest(self, reference: Reference, keychain: Keychain) -> Manifest:
        """The manifest or index that a tag or digest names."""

        async def ask(place: Place) -> Manifest:
            name = reference.digest or reference.tag
            path = f"/v2/{reference.repository}/manifests/{name}"
            question = _Ask("GET", path, ACCEPT, self._settings.manifest_bytes)
            answer = await self._ask(place, reference, keychain, question)
            return _manifest(answer, reference, place)

        return await self._anywhere(reference, ask)

    async def resolve(self, reference: Reference, keychain: Keychain) -> str:
        """The digest that a tag points at now, as the registry says it; no content is read."""
        if reference.digest:
            return reference.digest

        async def ask(place: Place) -> str:
            path = f"/v2/{reference.repository}/manifests/{reference.tag}"
            answer = await self._ask(place, reference, keychain, _Ask("HEAD", path, ACCEPT, 0))
            digest = answer.headers.get(_DIGEST_HEADER, "")
            return digest if is_digest(digest) else ""

        return await self._anywhere(reference, ask) or (await self.manifest(reference, keychain)).digest

    async def blob(self, reference: Reference, digest: str, limit: int, keychain: Keychain) -> bytes:
        """Content of the repository of `reference`, by digest; at most `limit` bytes."""

        async def ask(place: Place) -> bytes:
            path = f"/v2/{reference.repository}/blobs/{digest}"
            answer = await self._ask(place, reference, keychain, _Ask("GET", path, "*/*", limit))
            verify(answer.body, digest, f"{place.host}: blob of {reference.repository}")
            return answer.body

        if not is_digest(digest):
            raise ContentRefusedError(f'{reference.registry}: "{clip(digest, 80)}" is no digest Tocsin knows')
        return await self._anywhere(reference, ask)

    async def referrers(
        self, reference: Reference, digest: str, keychain: Keychain, artifact_type: str = ""
    ) -> list[Descriptor]:
        """What says of itself that it is about `digest`; of one artifact type, or of any.

        A registry without the referrers API is asked for the tag that stands in for it.
        """

        async def ask(place: Place) -> list[Descriptor]:
            query = f"?{urlencode({'artifactType': artifact_type})}" if artifact_type else ""
            path = f"/v2/{reference.repository}/referrers/{digest}{query}"
            found: list[Descriptor] = []
            for _ in range(_MOST_PAGES):
                question = _Ask("GET", path, MediaType.OCI_INDEX, self._settings.manifest_bytes)
                answer = await self._ask(place, reference, keychain, question)
                found += _listed(answer.body, place)
                path = _next(answer.headers.get("link", ""), path)
                if not path:
                    return found
            raise ContentRefusedError(f"{place.host}: more than {_MOST_PAGES} pages of referrers")

        try:
            found = await self._anywhere(reference, ask)
        except MissingError:
            found = await self._referrers_by_tag(reference, digest, keychain)
        return [each for each in found if artifact_type in ("", each.artifact_type)]

    async def _referrers_by_tag(
        self, reference: Reference, digest: str, keychain: Keychain
    ) -> list[Descriptor]:
        tag = digest.replace(":", "-")
        try:
            index = await self.manifest(Reference(reference.registry, reference.repository, tag), keychain)
        except MissingError:
            return []
        return list(index.document().manifests or ())

    async def _anywhere(self, reference: Reference, ask: Callable[[Place], Awaitable[_T]]) -> _T:
        """From the first place that has it; the error of the last one."""
        *mirrors, last = self._places.of(reference.registry)
        for place in mirrors:
            try:
                return await self._guarded(place, ask)
            except RegistryError:
                continue
        return await self._guarded(last, ask)

    async def _guarded(self, place: Place, ask: Callable[[Place], Awaitable[_T]]) -> _T:
        """Leave a place alone that could not be reached a moment ago."""
        down = self._down[place.base]
        if down.waits(self._clock()):
            raise UnreachableError(down.reason)
        try:
            answer = await ask(place)
        except UnreachableError as error:
            down.failed(str(error), self._clock())
            raise
        except asyncio.CancelledError:  # the deadline over all that is asked about an image
            down.failed(f"{place.host}: no answer in time", self._clock())
            raise
        down.worked()
        return answer

    async def _ask(self, place: Place, reference: Reference, keychain: Keychain, question: _Ask) -> Answer:
        """Until there is an answer, or it makes no sense to go on."""
        credential = await keychain.find(place.host, reference.repository)
        for attempt in range(1, self._settings.attempts + 1):
            try:
                return await self._authorized(place, reference.repository, credential, question)
            except BusyError as error:
                wait = error.retry_after or random.uniform(0.5, 1) * _FIRST_WAIT * 2**attempt  # noqa: S311 - no secret
                if attempt == self._settings.attempts or wait > _MOST_WAIT:
                    raise
                await asyncio.sleep(wait)
        raise AssertionError

    async def _authorized(
        self, place: Place, repository: str, credential: Credential | None, question: _Ask
    ) -> Answer:
        header = self._tokens.known(place, repository, credential)
        answer = await self._send(place, question, header)
        if answer.status == _UNAUTHORIZED:
            challenge = answer.headers.get("www-authenticate", "")
            header = await self._tokens.answer(place, repository, credential, challenge)
            answer = await self._send(place, question, header)
        return _checked(answer, place, repository, header)

    async def _send(self, place: Place, question: _Ask, authorization: str) -> Answer:
        headers = {"Accept": question.accept}
        if authorization:
            headers["Authorization"] = authorization
        return await self._transport.send(
            question.method, place.base + question.path, headers, question.limit
        )


def _checked(answer: Answer, place: Place, repository: str, authorization: str) -> Answer:
    status = answer.status
    if status == _OK:
        return answer
    reason = f"{place.host}: {repository}: {status}{_said(answer.body, authorization)}"
    if status in {_UNAUTHORIZED, _FORBIDDEN}:
        raise DeniedError(reason)
    if status == _NOT_FOUND:
        raise MissingError(reason)
    if status == _BUSY or status >= _SERVER_ERROR:
        raise BusyError(reason, _retry_after(answer.headers))
    raise RegistryError(reason)


def _said(body: bytes, authorization: str) -> str:
    """The registry's reason; without the credentials, should it give them back."""
    try:
        problems = msgspec.json.decode(body, type=_Problems).errors
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""
    if not problems:
        return ""
    text = " ".join(part for part in (problems[0].code, problems[0].message) if part)
    for secret in authorization.split():
        text = text.replace(secret, "…")
    return f" {clip(text, 160)}" if text else ""


def _retry_after(headers: Mapping[str, str]) -> float:
    """Seconds from now; a date is as good as a number."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:6])
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    if when.tzinfo is None:
        return 0.0
    return max(0.0, (when - datetime.now(UTC)).total_seconds())


def _manifest(answer: Answer, reference: Reference, place: Place) -> Manifest:
    media_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    what = f"{place.host}: {reference.repository}: manifest"
    said = answer.headers.get(_DIGEST_HEADER, "")
    digest = reference.digest or (said if is_digest(said) else digest_of(answer.body))
    verify(answer.body, digest, what)
    return Manifest(digest, media_type, answer.body)


def _listed(body: bytes, place: Place) -> list[Descriptor]:
    try:
        return msgspec.json.decode(body, type=_Listed).manifests
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ContentRefusedError(f"{place.host}: its referrers cannot be read") from error


def _next(link: str, path: str) -> str:
    """The path of the next page, on the same host; empty at the end."""
    target, _, relation = link.partition(";")
    if 'rel="next"' not in relation.replace("'", '"'):
        return ""
    joined = urljoin(path, target.strip().strip("<>"))
    return joined if joined.startswith("/v2/") else ""
