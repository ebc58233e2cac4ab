"""`spec.policy` and `attestations[].policy`: reading and validating a policy's text.

Source: policy-controller, `Policy.Validate`, `RemotePolicy.Validate`,
`ConfigMapReference.Validate`. Whether the text compiles is the engine's business.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

from evaluator.policies.describe import describe
from evaluator.policies.model_text import PolicyType, Rego, TextSource
from evaluator.policies.reading import Section
from pipeline.events import PolicyText

_NOT_SENT = PolicyText(path="", problem="its text did not come with the policy; an older watcher sends none")
_INCLUDES = ("fetchConfigFile", "includeSpec", "includeObjectMeta", "includeTypeMeta")


def parse_text(section: Section, texts: Mapping[str, PolicyText], *, in_spec: bool) -> Rego | None:
    """Read a policy's text; None when it cannot be read. `in_spec`: it is `spec.policy`.

    `texts`: what is found elsewhere, by the path of the field that leads there. What is
    wrong becomes problems of the section.
    """
    written = section.text("type")
    if written not in set(PolicyType):
        section.problem("type", f"expected {' or '.join(PolicyType)}, got {describe(section.value('type'))}")
    text = section.text("data")
    sources = [source for source in TextSource if section.has_content(source)]
    if len(sources) != 1:
        got = " and ".join(sources) if sources else "none"
        section.problem("", f"expected exactly one of {', '.join(TextSource)}, got {got}")
    _check_config_map(section)
    _check_remote(section)
    flags = {name: section.flag(name) for name in _INCLUDES}
    if not in_spec:
        for name in _INCLUDES:
            if section.has(name):
                section.problem(
                    name,
                    "expected under spec.policy only: an attestation's policy sees nothing of the resource",
                )
    if written not in set(PolicyType) or len(sources) != 1:
        return None
    found = PolicyText(path="", text=text)
    if sources[0] is not TextSource.INLINE:
        found = texts.get(section.path(sources[0]), _NOT_SENT)
    return Rego(
        text=found.text,
        include_spec=bool(flags["includeSpec"]),
        include_object_meta=bool(flags["includeObjectMeta"]),
        include_type_meta=bool(flags["includeTypeMeta"]),
        fetch_config_file=bool(flags["fetchConfigFile"]),
        source=sources[0],
        type=PolicyType(written),
        unsupported=_unsupported(section, PolicyType(written)),
        problem=found.problem,
    )


def _check_config_map(section: Section) -> None:
    reference = section.section("configMapRef")
    if reference is None:
        return
    reference.text("namespace")
    for name in ("name", "key"):
        if not reference.text(name):
            reference.problem(name, f"expected the {name} of a ConfigMap, got nothing")


def _check_remote(section: Section) -> None:
    remote = section.section("remote")
    if remote is None:
        return
    url = remote.text("url")
    try:
        parts = urlsplit(url)
        well_formed = parts.scheme == "https" and bool(parts.netloc)
    except ValueError:
        well_formed = False
    if not well_formed:
        remote.problem("url", f"expected an https URL with a host, got {describe(url)}")
    if not remote.text("sha256sum"):
        remote.problem("sha256sum", "expected the SHA-256 of the text, got nothing")


def _unsupported(section: Section, language: PolicyType) -> str:
    if language is PolicyType.CUE:
        return f"{section.path('type')}: Tocsin does not evaluate CUE yet"
    return ""
