"""What the policies of a source lead to: which ConfigMaps and URLs their text is in. Pure.

Read leniently: what is wrong with a policy is for the evaluator to say, and where a field is
not as it must be there is nothing to look up. Names go into requests, so those that are
no names (of a ConfigMap, or of a key in one) are never asked for.

policy-controller reads ConfigMaps from its own namespace, whatever `configMapRef.namespace`
says; so does Tocsin, so that a policy has the text it has at admission (docs/decisions).
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from pipeline.errors import clip
from pipeline.events import PolicyText
from pipeline.settings import TextSettings
from watcher.config_maps import SIGSTORE_KEYS, ConfigMap
from watcher.objects import Policy
from watcher.policy_keys import secret_names
from watcher.trust_roots import trust_root_names

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_KEY = re.compile(r"[-._a-zA-Z0-9]+")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_NAME_LIMIT = 253
_MOST_FIELDS = 32
"""Of one policy: each is a watch or a download, and a policy needs one for each attestation at most."""


@dataclass(frozen=True, slots=True)
class InConfigMap:
    """A key of a ConfigMap. `namespace`: as the policy has it, which is not where it is looked for."""

    name: str
    key: str
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Remote:
    """A text behind a URL, known by its SHA-256 in hexadecimal."""

    url: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Unusable:
    """A reference that cannot be followed, and why."""

    problem: str


@dataclass(frozen=True, slots=True)
class InSecret:
    """The public key in a Secret. `namespace`: as the policy has it, which is not where it is looked for."""

    name: str
    namespace: str = ""


Source = InConfigMap | InSecret | Remote


@dataclass(frozen=True, slots=True)
class Text:
    """What a source holds; `problem` where it holds nothing that can be used."""

    text: str = ""
    problem: str = ""


def references(policy: Mapping[str, Any]) -> dict[str, Source | Unusable]:
    """Path of a field -> where it leads, of every field that leads elsewhere."""
    found: dict[str, Source | Unusable] = {}
    for path, fields in _texts(_mapping(policy.get("spec"))):
        given = [
            name for name in ("data", "configMapRef", "remote") if fields.get(name) not in (None, "", [])
        ]
        if given in (["configMapRef"], ["remote"]) and isinstance(fields[given[0]], Mapping):
            source = (_in_config_map if given == ["configMapRef"] else _remote)(fields[given[0]])
            if source is not None:
                found[f"{path}.{given[0]}"] = source
    for path, name in trust_root_names(_mapping(policy.get("spec"))):
        found[path] = _in_config_map({"name": SIGSTORE_KEYS, "key": name}) or Unusable("it has no name")
    for path, name, namespace in secret_names(_mapping(policy.get("spec"))):
        found[path] = InSecret(name, namespace) if _is_name(name) else Unusable(_NO_NAME)
    for path in list(found)[_MOST_FIELDS:]:
        found[path] = Unusable(f"more than {_MOST_FIELDS} texts")
    return found


def sources(policy: Mapping[str, Any]) -> frozenset[Source]:
    """What there is to look up for a policy."""
    return frozenset(each for each in references(policy).values() if not isinstance(each, Unusable))


def resolved(policy: Policy, found: Mapping[Source, Text]) -> Policy:
    """The policy with what is found elsewhere, and a digest of both.

    Raises KeyError for a source that is not in `found`.
    """
    led = references(policy.object)
    if not led:
        return policy
    texts = []
    for path, source in led.items():
        text = Text(problem=source.problem) if isinstance(source, Unusable) else found[source]
        texts.append(PolicyText(path=path, text=text.text, problem=text.problem))
    digest = hashlib.sha256(msgspec.json.encode((policy.digest, texts))).hexdigest()
    return msgspec.structs.replace(policy, digest=digest, texts=tuple(texts))


def text_in(source: InConfigMap, config_map: ConfigMap | None, settings: TextSettings) -> Text:
    """What a key of a ConfigMap holds; `config_map` None: there is none of that name."""
    place = f"ConfigMap {settings.namespace}/{source.name}"
    if source.name == SIGSTORE_KEYS and (config_map is None or source.key not in config_map.data):
        return Text(problem=_NO_TRUST_ROOT.format(place))
    if config_map is None:
        elsewhere = source.namespace not in ("", settings.namespace)
        return Text(
            problem=f"{place}: not found{_NOT_THERE.format(clip(source.namespace, 63)) if elsewhere else ''}"
        )
    text = config_map.data.get(source.key)
    if text is None:
        binary = source.key in config_map.binary
        return Text(
            problem=f"{place}: key {source.key} {'is binary, expected text' if binary else 'not found'}"
        )
    if not isinstance(text, str):
        return Text(problem=f"{place}: key {source.key} is no text")
    return checked(f"{place}: key {source.key}", text, settings)


def key_in(source: InSecret, secret: ConfigMap | None, settings: TextSettings) -> Text:
    """The public key of a Secret; `secret` None: there is none of that name."""
    place = f"Secret {settings.namespace}/{source.name}"
    if secret is None:
        elsewhere = source.namespace not in ("", settings.namespace)
        return Text(
            problem=f"{place}: not found{_NOT_THERE.format(clip(source.namespace, 63)) if elsewhere else ''}"
        )
    entries = len(secret.data) + len(secret.binary)
    if entries != 1:
        return Text(problem=f"{place}: expected one entry, as policy-controller does, got {entries}")
    if not secret.data:
        return Text(problem=f"{place}: expected a public key in PEM (BEGIN PUBLIC KEY), got something else")
    return checked(place, next(iter(secret.data.values())), settings)


def checked(place: str, text: str, settings: TextSettings) -> Text:
    """A text that is neither empty nor too long."""
    if not text.strip():
        return Text(problem=f"{place}: the text is empty")
    size = len(text.encode(errors="surrogatepass"))
    if size > settings.limit:
        return Text(problem=f"{place}: expected at most {settings.limit} bytes, got {size}")
    return Text(text)


_NO_TRUST_ROOT = "not found: neither where policy-controller keeps it ({}), nor beside the policies"
_NO_NAME = "expected the name of a Secret, got something else"
_NOT_THERE = " (the namespace {} is not looked into: as in policy-controller, it is one for all policies)"


def _texts(spec: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every object of a policy that holds a text or leads to one, and its path."""
    yield "spec.policy", _mapping(spec.get("policy"))
    for number, authority in enumerate(_items(spec.get("authorities"))):
        for index, attestation in enumerate(_items(_mapping(authority).get("attestations"))):
            path = f"spec.authorities[{number}].attestations[{index}].policy"
            yield path, _mapping(_mapping(attestation).get("policy"))


def _in_config_map(reference: Mapping[str, Any]) -> InConfigMap | Unusable | None:
    name, key, namespace = (reference.get(field) or "" for field in ("name", "key", "namespace"))
    if not all(isinstance(text, str) for text in (name, key, namespace)) or not (name and key):
        return None
    if not _is_name(name):
        return Unusable(f"{clip(name)!r} is no name of a ConfigMap")
    if len(key) > _NAME_LIMIT or not _KEY.fullmatch(key):
        return Unusable(f"{clip(key)!r} is no key of a ConfigMap")
    return InConfigMap(name, key, namespace)


def _is_name(text: str) -> bool:
    return len(text) <= _NAME_LIMIT and _SUBDOMAIN.fullmatch(text) is not None


def _remote(reference: Mapping[str, Any]) -> Remote | Unusable | None:
    url, sha256 = reference.get("url"), reference.get("sha256sum")
    if not isinstance(url, str) or not isinstance(sha256, str) or not (url and sha256):
        return None
    if not _SHA256.fullmatch(sha256):
        return Unusable(f"sha256sum: expected 64 hexadecimal digits, got {clip(sha256, 80)!r}")
    return Remote(url, sha256.lower())


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
