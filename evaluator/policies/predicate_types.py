"""Predicate types of attestations: the URIs that cosign's short names stand for.

Source: cosign, `cmd/cosign/cli/options/predicate.go`, `PredicateTypeMap`.
"""

_SLSA_02 = "https://slsa.dev/provenance/v0.2"
_SPDX = "https://spdx.dev/Document"

SHORT_NAMES = {
    "custom": "https://cosign.sigstore.dev/attestation/v1",
    "slsaprovenance": _SLSA_02,
    "slsaprovenance02": _SLSA_02,
    "slsaprovenance1": "https://slsa.dev/provenance/v1",
    "spdx": _SPDX,
    "spdxjson": _SPDX,
    "cyclonedx": "https://cyclonedx.org/bom",
    "link": "https://in-toto.io/Link/v1",
    "vuln": "https://cosign.sigstore.dev/attestation/vuln/v1",
    "openvex": "https://openvex.dev/ns",
}


def predicate_uri(written: str) -> str:
    """The URI that is in a statement where a policy says this: a short name, or a URI itself."""
    return SHORT_NAMES.get(written, written)
