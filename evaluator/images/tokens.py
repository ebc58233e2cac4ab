"""How a request is authorized: the challenge of a registry, answered as docker does.

Source: CNCF distribution, "Token Authentication Specification" and its OAuth2 variant.
A password goes to the registry it is for, or to the realm which that registry names, and
nowhere else; in clear only where settings say that the registry has no TLS.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

import msgspec

from evaluator.images.challenge import Challenge, read_challenges
from evaluator.images.credentials import Credential
from evaluator.images.errors import BusyError, DeniedError, RegistryError
from evaluator.images.places import Place
from evaluator.images.transport import Answer, Transport
from pipeline.errors import clip

_LIMIT = 1 << 18
"""Bytes of a token service's answer."""
_OK, _BUSY, _SERVER_ERROR = 200, 429, 500
_DEFAULT_SECONDS = 60.0
"""How long a token is good that says nothing, as the specification has it."""
_MOST_SECONDS = 3600.0
_MARGIN = 0.8
_CLIENT = "tocsin"

_Key = tuple[str, str, Credential | None]


class _Token(msgspec.Struct):
    token: str = ""
    access_token: str = ""
    expires_in: float = _DEFAULT_SECONDS


@dataclass(frozen=True, slots=True)
class _Kept:
    header: str = field(repr=False)
    until: float


class Tokens:
    """Authorization headers, remembered for as long as they are good. `clock`: seconds, monotonic."""

    def __init__(self, transport: Transport, clock: Callable[[], float]) -> None:
        self._transport = transport
        self._clock = clock
        self._kept: dict[_Key, _Kept] = {}

    def known(self, place: Place, repository: str, credential: Credential | None) -> str:
        """The header to try first; empty where none is known."""
        kept = self._kept.get((place.base, repository, credential))
        return kept.header if kept is not None and kept.until > self._clock() else ""

    async def answer(self, place: Place, repository: str, credential: Credential | None, header: str) -> str:
        """The header that a challenge asks for. Raises RegistryError where there is none."""
        challenges = read_challenges(header)
        for challenge in challenges:
            if challenge.scheme == "bearer":
                kept = await self._fetch(place, repository, credential, challenge)
                break
            if challenge.scheme == "basic" and credential is not None and credential.username:
                kept = _Kept(credential.basic, self._clock() + _MOST_SECONDS)
                break
        else:
            wants = ", ".join(each.scheme for each in challenges) or "credentials"
            raise DeniedError(f"{place.host}: wants {clip(wants, 60)}, and no credentials for it are known")
        now = self._clock()
        self._kept = {key: each for key, each in self._kept.items() if each.until > now}
        self._kept[place.base, repository, credential] = kept
        return kept.header

    async def _fetch(
        self, place: Place, repository: str, credential: Credential | None, challenge: Challenge
    ) -> _Kept:
        realm = challenge.parameters.get("realm", "")
        host = clip(urlsplit(realm).netloc, 100)
        if urlsplit(realm).scheme != "https" and place.secure:
            raise DeniedError(
                f"{place.host}: its token service {host or 'has no URL'} is not asked without TLS"
            )
        query = {
            "service": challenge.parameters.get("service", ""),
            "scope": challenge.parameters.get("scope") or f"repository:{repository}:pull",
        }
        query = {name: value for name, value in query.items() if value}
        if credential is not None and credential.identity_token:
            refresh = {"grant_type": "refresh_token", "client_id": _CLIENT}
            form = {**query, **refresh, "refresh_token": credential.identity_token}
            answer = await self._transport.send("POST", realm, {}, _LIMIT, form)
        else:
            headers = {"Authorization": credential.basic} if credential is not None else {}
            joined = "&" if urlsplit(realm).query else "?"
            answer = await self._transport.send("GET", f"{realm}{joined}{urlencode(query)}", headers, _LIMIT)
        return self._read(answer, host)

    def _read(self, answer: Answer, host: str) -> _Kept:
        if answer.status == _BUSY or answer.status >= _SERVER_ERROR:
            raise BusyError(f"the token service {host} answers {answer.status}")
        if answer.status != _OK:
            raise DeniedError(
                f"the token service {host} answers {answer.status}: no access with what is known"
            )
        try:
            token = msgspec.json.decode(answer.body, type=_Token)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise RegistryError(f"the token service {host} answers what is no token") from None
        text = token.token or token.access_token
        if not text or not text.isascii() or not text.isprintable():
            raise RegistryError(f"the token service {host} answers without a token")
        seconds = min(max(token.expires_in, _DEFAULT_SECONDS), _MOST_SECONDS)
        return _Kept(f"Bearer {text}", self._clock() + _MARGIN * seconds)
