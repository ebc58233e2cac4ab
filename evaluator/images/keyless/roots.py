"""Which trust root an authority has: the one its policy names, or the one that a setting names.

Nothing is fetched: upstream takes the public Sigstore's by TUF where a policy names none.
"""

from pathlib import Path

from evaluator.images.keyless.library import public_trust_root
from evaluator.images.keyless.outcomes import UnverifiableError
from evaluator.images.keyless.trust import TrustRoot, UnusableTrustRootError, read_trust_root
from evaluator.policies.model_authorities import TrustRootRef
from pipeline.errors import clip

EMBEDDED = "embedded"
"""The setting's value for the trust root that comes with sigstore-python."""
_MOST_BYTES = 1 << 20


class TrustRoots:
    """`trusted_root`: a file, `embedded`, or nothing. The file is read each time, for it is replaced."""

    def __init__(self, trusted_root: str) -> None:
        self._trusted_root = trusted_root

    def of(self, ref: TrustRootRef | None) -> TrustRoot:
        """None: the setting's. Raises UnverifiableError."""
        return self._own() if ref is None else _named(ref)

    def _own(self) -> TrustRoot:
        if not self._trusted_root:
            raise UnusableTrustRootError(
                "the policy names no trustRootRef, which means the public Sigstore, whose trust root Tocsin "
                "does not fetch: name a file with trusted_root.json in TOCSIN_TRUSTED_ROOT, or "
                f"`{EMBEDDED}` for the one that comes with sigstore-python"
            )
        if self._trusted_root == EMBEDDED:
            return read_trust_root(public_trust_root())
        return _prefixed(f"TOCSIN_TRUSTED_ROOT {self._trusted_root}", _file(Path(self._trusted_root)))


def _named(ref: TrustRootRef) -> TrustRoot:
    if ref.problem:
        raise UnusableTrustRootError(f"TrustRoot {clip(ref.name, 80)}: {ref.problem}")
    return _prefixed(f"TrustRoot {clip(ref.name, 80)}", ref.text)


def _prefixed(what: str, text: str) -> TrustRoot:
    try:
        return read_trust_root(text)
    except UnverifiableError as error:
        raise UnusableTrustRootError(f"{what}: {error}") from error


def _file(path: Path) -> str:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise UnusableTrustRootError(f"TOCSIN_TRUSTED_ROOT {path}: expected at most {_MOST_BYTES} bytes")
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise UnusableTrustRootError(f"TOCSIN_TRUSTED_ROOT {path}: {reason}") from error
