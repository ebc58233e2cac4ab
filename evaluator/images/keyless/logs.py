"""Whether a trusted log has an entry for a signature, and since when. Pure.

Source: cosign's `VerifyBundle`, and the Sigstore client specification. An entry counts by its
signed timestamp, or by its inclusion proof with a checkpoint; whatever there is must verify.
"""

import base64
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from evaluator.images.keyless.entries import LogEntry
from evaluator.images.keyless.entry_bodies import check_agrees, read_body
from evaluator.images.keyless.materials import Signed
from evaluator.images.keyless.merkle import check_inclusion
from evaluator.images.keyless.outcomes import RefusedError
from evaluator.images.keyless.trust import LogKey
from evaluator.images.signatures.public_keys import is_signed

_LAST = int(datetime(9999, 1, 1, tzinfo=UTC).timestamp())


def check_entry(entry: LogEntry, signed: Signed, signer: bytes, logs: Sequence[LogKey]) -> datetime | None:
    """When the log says it took an entry; None where it does not say, for it need not. Raises RefusedError.

    `signer`: DER of the certificate or of the public key.
    """
    check_agrees(read_body(entry.body), signed, signer)
    keys = [log for log in logs if entry.log in log.ids]
    if not keys:
        raise RefusedError("its log entry is of no log of the trust root")
    if not entry.promise and entry.proof is None:
        raise RefusedError("its log entry has neither a signed timestamp nor an inclusion proof")
    if entry.proof is not None:
        check_inclusion(entry, entry.proof, keys)
    if not entry.promise:
        return None
    time = _time(entry)
    trusted = [log.key for log in keys if log.valid.covers(time)]
    if not trusted:
        raise RefusedError("its log entry is of a log that was not trusted then")
    if not any(is_signed(key, "sha256", entry.promise, _promised(entry)) for key in trusted):
        raise RefusedError("its log entry is not signed by the log")
    return time


def _promised(entry: LogEntry) -> bytes:
    """What a signed entry timestamp is of: canonical JSON (RFC 8785), which for these values is this."""
    return msgspec.json.encode(
        {
            "body": base64.b64encode(entry.body).decode(),
            "integratedTime": entry.time,
            "logID": entry.log.hex(),
            "logIndex": entry.index,
        }
    )


def _time(entry: LogEntry) -> datetime:
    if not 0 < entry.time < _LAST:
        raise RefusedError("its log entry has no time")
    return datetime.fromtimestamp(entry.time, UTC)
