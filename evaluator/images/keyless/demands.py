"""What an authority demands of a signature: who may issue, and who has to have seen it.

Source: policy-controller, `pkg/webhook/validator.go`, `checkOptsFromAuthority`: for
signatures in cosign's own form, and, by rules of their own, for Sigstore bundles.
"""

from dataclasses import replace

from evaluator.images.keyless.outcomes import UnverifiableError
from evaluator.images.keyless.roots import TrustRoots
from evaluator.images.keyless.trust import Authority, LogKey, TrustRoot, UnusableTrustRootError
from evaluator.images.keyless.verifying import Issuers, Witnesses
from evaluator.policies.model_authorities import Keyless, Signer, TrustRootRef

_ANOTHER_ROOT = "for bundles it has to be the trustRootRef of keyless, as in policy-controller"


def issuers_of(keyless: Keyless, root: TrustRoot) -> Issuers:
    """Raises UnverifiableError: the trust root has no such authorities or logs."""
    if not root.authorities:
        raise UnusableTrustRootError(f"{_described(keyless.trust_root)} names no certificate authority")
    if not (keyless.ignores_sct or root.certificate_logs):
        raise UnusableTrustRootError(
            f"{_described(keyless.trust_root)} has no log of certificates (ctLogs); insecureIgnoreSCT is off"
        )
    logs = None if keyless.ignores_sct else root.certificate_logs
    return Issuers(root.authorities, logs, keyless.identities)


def witnesses_of(signer: Signer, roots: TrustRoots) -> Witnesses:
    """Of a signature in cosign's form, and of whatever a key signed. Raises UnverifiableError."""
    if signer.timestamps is not None:  # upstream: no log is looked at then
        return Witnesses(stampers=_stampers(signer.timestamps, roots.of(signer.timestamps)))
    log = signer.log
    if log is None:
        if isinstance(signer, Keyless) and signer.trust_root is None:
            return Witnesses(logs=_logs(None, roots.of(None)))
        return Witnesses()
    if log.trust_root is None and not log.url:
        return Witnesses()
    return Witnesses(logs=_logs(log.trust_root, roots.of(log.trust_root)), asked=True)


def witnesses_of_bundles(keyless: Keyless, root: TrustRoot) -> Witnesses:
    """Of a bundle with a certificate. Raises UnverifiableError."""
    own = _name(keyless.trust_root)
    if keyless.timestamps is not None and _name(keyless.timestamps) != own:
        raise UnverifiableError(f"rfc3161timestamp.trustRootRef: {_ANOTHER_ROOT}")
    if keyless.log is not None and _name(keyless.log.trust_root) != own:
        raise UnverifiableError(f"ctlog.trustRootRef: {_ANOTHER_ROOT}")
    stamped = keyless.timestamps is not None
    found = Witnesses(stampers=root.timestamp_authorities or None, stamped=stamped, timed=True)
    if stamped:
        _stampers(keyless.timestamps, root)
        if keyless.log is not None:
            return found
    return replace(found, logs=_logs(keyless.trust_root, root))


def _name(ref: TrustRootRef | None) -> str:
    return ref.name if ref else ""


def _logs(ref: TrustRootRef | None, root: TrustRoot) -> tuple[LogKey, ...]:
    if not root.logs:
        raise UnusableTrustRootError(f"{_described(ref)} names no transparency log (tLogs)")
    return root.logs


def _stampers(ref: TrustRootRef | None, root: TrustRoot) -> tuple[Authority, ...]:
    if not root.timestamp_authorities:
        raise UnusableTrustRootError(f"{_described(ref)} names no timestamp authority (timestampAuthorities)")
    return root.timestamp_authorities


def _described(ref: TrustRootRef | None) -> str:
    return f"TrustRoot {ref.name}" if ref else "the trust root of TOCSIN_TRUSTED_ROOT"
