"""`spec.authorities`: reading and validating whom a policy trusts.

Source: policy-controller, `Authority.Validate` and `SetDefaults`, the same in
v1alpha1 and v1beta1. Upstream does not ask for distinct names, nor do we.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

from evaluator.policies.describe import describe
from evaluator.policies.model import Action, Authority, Key, Keyless, KeyRef, Source, Static
from evaluator.policies.reading import Section
from evaluator.policies.references import InvalidReferenceError, check_repository
from evaluator.policies.validation_keys import parse_identity, parse_key
from evaluator.policies.validation_text import parse_text
from pipeline.events import PolicyText

_KINDS = ("key", "keyless", "static")
_NOT_WITH_STATIC = ("attestations", "source", "ctlog", "rfc3161timestamp")
_PUBLIC_FULCIO = "https://fulcio.sigstore.dev"
_PREDICATE_TYPES = ("custom", "slsaprovenance", "spdx", "spdxjson", "cyclonedx", "link", "vuln")


def parse_authorities(spec: Section, texts: Mapping[str, PolicyText]) -> tuple[Authority, ...]:
    """Read all authorities; an authority that cannot be read is a problem and left out.

    `texts`: what is found elsewhere, by the path of the field that leads there.
    """
    sections = spec.sections("authorities")
    if not spec.has_content("authorities"):
        # Upstream's fail-on-empty-authorities, true by default.
        spec.problem("authorities", "expected at least one authority, got none")
    parsed = [_parse_authority(section, index, texts) for index, section in enumerate(sections)]
    return tuple(authority for authority in parsed if authority is not None)


def _parse_authority(section: Section, index: int, texts: Mapping[str, PolicyText]) -> Authority | None:
    name = section.text("name") or f"authority-{index}"
    section.text("signatureFormat")
    kinds = [kind for kind in _KINDS if section.has(kind)]
    if len(kinds) != 1:
        got = " and ".join(kinds) if kinds else "none"
        section.problem("", f"expected exactly one of {', '.join(_KINDS)}, got {got}")
        return None
    kind = kinds[0]
    body = section.section(kind)
    authority = None if body is None else _parse_kind(kind, name, body, section)
    if kind == "static":
        for field in _NOT_WITH_STATIC:
            if section.has_content(field):
                section.problem(field, "expected nothing beside static, which verifies nothing")
    _check_sources(section)
    _check_attestations(section, texts)
    _check_trust_roots(section)
    return authority


def _parse_kind(kind: str, name: str, body: Section, section: Section) -> Authority | None:
    match kind:
        case "static":
            return _parse_static(name, body)
        case "key":
            key = parse_key(body)
            return Key(name, body.path(""), key, _parse_source(section), _not_verified(key, body, section))
        case _:
            return _parse_keyless(name, body)


def _parse_static(name: str, body: Section) -> Static | None:
    action, message = body.text("action"), body.text("message")
    if action not in set(Action):
        body.problem("action", f"expected pass or fail, got {describe(body.value('action'))}")
        return None
    return Static(name, Action(action), message)


def _parse_keyless(name: str, body: Section) -> Keyless:
    url, ca_cert = body.text("url"), body.section("ca-cert")
    if url and ca_cert:
        body.problem("", "expected exactly one of url, ca-cert, got url and ca-cert")
    _check_url(body, "url")
    body.text("trustRootRef")
    body.flag("insecureIgnoreSCT")
    identities = body.sections("identities")
    if not body.has_content("identities"):
        body.problem("identities", "expected at least one identity, got none")
    return Keyless(
        name=name,
        path=body.path(""),
        url=url or ("" if ca_cert else _PUBLIC_FULCIO),
        identities=tuple(map(parse_identity, identities)),
        ca_cert=parse_key(ca_cert) if ca_cert else None,
    )


def _parse_source(section: Section) -> Source:
    sources = section.sections("source")
    return Source(sources[0].text("oci"), sources[0].text("tagPrefix")) if sources else Source()


def _not_verified(key: KeyRef, body: Section, section: Section) -> str:
    """What of a key authority Tocsin does not verify: its outcome is not known then.

    Upstream verifies no transparency log and no timestamp unless `url` or `trustRootRef` says which.
    """
    if key.kms:
        return f"{body.path('kms')}: Tocsin asks no key management service; put the public key in data"
    if key.secret_name or key.secret_namespace or not key.data:
        return f"{body.path('secretRef')}: Tocsin reads no keys from Secrets; put the public key in data"
    if section.has_content("attestations"):
        return f"{section.path('attestations')}: Tocsin does not verify attestations yet"
    for name in ("ctlog", "rfc3161timestamp"):
        part = section.section(name)
        if part is not None and (part.has_content("url") or part.has_content("trustRootRef")):
            return f"{section.path(name)}: Tocsin verifies keys without a log or a timestamp service only"
    if any(source.has_content("signaturePullSecrets") for source in section.sections("source")):
        return f"{section.path('source')}: Tocsin does not read signaturePullSecrets yet"
    return ""


def _check_sources(section: Section) -> None:
    sources = section.sections("source")
    if len(sources) > 1:
        section.problem("source", f"expected a single source, got {len(sources)}")
    for source in sources:
        oci = source.text("oci")
        source.text("tagPrefix")
        for secret in source.sections("signaturePullSecrets"):
            if not secret.text("name"):
                secret.problem("name", "expected the name of a Secret, got nothing")
        if not oci or len(sources) > 1:  # several are one problem; no need to complain of each
            continue
        try:
            check_repository(oci)
        except InvalidReferenceError as error:
            source.problem("oci", f"expected a registry or a repository, got {error}")


def _check_attestations(section: Section, texts: Mapping[str, PolicyText]) -> None:
    for attestation in section.sections("attestations"):
        if not attestation.text("name"):
            attestation.problem("name", "expected a name, got nothing")
        predicate_type = attestation.text("predicateType")
        if not predicate_type:
            attestation.problem("predicateType", "expected a URI, got nothing")
        elif predicate_type in _PREDICATE_TYPES or ":" not in predicate_type:
            attestation.warning(
                "predicateType", f"expected a URI, got the old form {describe(predicate_type)}"
            )
        policy = attestation.section("policy")
        if policy is not None:
            parse_text(policy, texts, in_spec=False)


def _check_trust_roots(section: Section) -> None:
    ctlog, timestamp = section.section("ctlog"), section.section("rfc3161timestamp")
    if ctlog is not None:
        _check_url(ctlog, "url")
        ctlog.text("trustRootRef")
    if timestamp is not None:
        timestamp.text("trustRootRef")


def _check_url(section: Section, name: str) -> None:
    url = section.text(name)
    try:
        urlsplit(url)
    except ValueError:
        section.problem(name, f"expected a URL, got {describe(url)}")
