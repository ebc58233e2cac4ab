"""What a policy wants to know of images that only a registry knows, in words. Pure."""

from collections.abc import Iterator

from evaluator.policies.authorities import Depends, admit
from evaluator.policies.model import Policy
from evaluator.policies.model_authorities import Key, Signer
from evaluator.policies.predicate_types import predicate_uri


def asks(policy: Policy) -> tuple[str, ...]:
    """One line for each thing that is asked of registries; none where none is asked."""
    return tuple(_asks(policy))


def _asks(policy: Policy) -> Iterator[str]:
    if policy.rego is not None and policy.rego.fetch_config_file:
        yield "the config of each image (fetchConfigFile)"
    admission = admit(policy)
    if isinstance(admission, Depends):
        for signer in admission.signers:
            yield from _of(signer)


def _of(signer: Signer) -> Iterator[str]:
    by = "by a key" if isinstance(signer, Key) else "with a certificate"
    where = f", in {signer.source.oci}" if signer.source.oci else ""
    if not signer.attestations:
        yield f"{signer.name}: a signature {by}{where}"
    for wanted in signer.attestations:
        yield f"{signer.name}: an attestation {by} of type {predicate_uri(wanted.predicate_type)}{where}"
