"""`spec.authorities`: reading and validating whom a policy trusts.

Source: policy-controller, `Authority.Validate` and `SetDefaults`, the same in
v1alpha1 and v1beta1. Upstream does not ask for distinct names, nor do we.
"""

from collections.abc import Mapping

from evaluator.policies.describe import describe
from evaluator.policies.model_authorities import Action, Authority, Key, Keyless, Static
from evaluator.policies.reading import Section
from evaluator.policies.validation_attestations import parse_attestations
from evaluator.policies.validation_keyless import parse_keyless
from evaluator.policies.validation_keys import not_verified, parse_key
from evaluator.policies.validation_logs import parse_logs
from evaluator.policies.validation_sources import parse_source
from evaluator.policies.validation_trust_roots import parse_trust_root
from pipeline.events import PolicyText

_KINDS = ("key", "keyless", "static")
_BUNDLE = "bundle"
_NOT_WITH_STATIC = ("attestations", "source", "ctlog", "rfc3161timestamp")


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
    bundles_only = section.text("signatureFormat") == _BUNDLE
    kinds = [kind for kind in _KINDS if section.has(kind)]
    if len(kinds) != 1:
        got = " and ".join(kinds) if kinds else "none"
        section.problem("", f"expected exactly one of {', '.join(_KINDS)}, got {got}")
        return None
    kind = kinds[0]
    body = section.section(kind)
    if kind == "static":
        for field in _NOT_WITH_STATIC:
            if section.has_content(field):
                section.problem(field, "expected nothing beside static, which verifies nothing")
    source = parse_source(section)
    attestations, no_attestations = parse_attestations(section, texts)
    log, timestamps = parse_logs(section, texts)
    if body is None:
        return None
    path = body.path("")
    match kind:
        case "static":
            return _parse_static(name, body)
        case "key":
            key = parse_key(body, texts)
            unsupported = not_verified(key, path) or no_attestations
            return Key(
                name=name,
                path=path,
                source=source,
                attestations=attestations,
                log=log,
                timestamps=timestamps,
                bundles_only=bundles_only,
                unsupported=unsupported,
                key=key,
            )
        case _:
            url, ca_cert, identities = parse_keyless(body)
            return Keyless(
                name=name,
                path=path,
                source=source,
                attestations=attestations,
                log=log,
                timestamps=timestamps,
                bundles_only=bundles_only,
                unsupported=("" if url else _no_url(body)) or no_attestations,
                url=url,
                identities=identities,
                ca_cert=ca_cert,
                trust_root=parse_trust_root(body, texts),
                ignores_sct=bool(body.flag("insecureIgnoreSCT")),
            )


def _no_url(keyless: Section) -> str:
    return (
        f"{keyless.path('ca-cert')}: policy-controller verifies nothing by it and lets no image through; "
        "name the CA in a TrustRoot, and give url and trustRootRef"
    )


def _parse_static(name: str, body: Section) -> Static | None:
    action, message = body.text("action"), body.text("message")
    if action not in set(Action):
        body.problem("action", f"expected pass or fail, got {describe(body.value('action'))}")
        return None
    return Static(name, Action(action), message)
