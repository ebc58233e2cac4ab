"""Whether an entry is in the tree of a log, and whether the log says so. Pure.

Sources: RFC 6962, section 2.1 (hashes), RFC 9162, section 2.1.3.2 (verifying an inclusion
proof), and C2SP `tlog-checkpoint` and `signed-note` (the checkpoint).
"""

import hashlib
import re
from collections.abc import Iterable

from evaluator.images.keyless.entries import LogEntry, Proof
from evaluator.images.keyless.outcomes import RefusedError
from evaluator.images.keyless.trust import LogKey
from evaluator.images.signatures.candidates import decode
from evaluator.images.signatures.public_keys import is_signed

_LEAF, _NODE = b"\x00", b"\x01"
_HINT_BYTES = 4
_SIGNATURE = re.compile("\u2014 ([^ \n]+) ([A-Za-z0-9+/=]+)")
_MOST_SIGNATURES = 16


def check_inclusion(entry: LogEntry, proof: Proof, keys: Iterable[LogKey]) -> None:
    """`keys`: of the log that the entry names. Raises RefusedError."""
    if root_of(entry.body, proof) != proof.root:
        raise RefusedError("its inclusion proof does not lead to the root hash")
    size, root = _checkpoint(proof.checkpoint, entry.log, keys)
    if (size, root) != (proof.size, proof.root):
        raise RefusedError("its checkpoint is of another tree than its inclusion proof")


def root_of(body: bytes, proof: Proof) -> bytes:
    """The root hash that a proof leads to. Raises RefusedError: it is no proof for such a tree."""
    if proof.index >= proof.size:
        raise RefusedError("its inclusion proof is of an entry outside of the tree")
    position, last = proof.index, proof.size - 1
    found = hashlib.sha256(_LEAF + body).digest()
    for each in proof.hashes:
        if last == 0:
            raise RefusedError("its inclusion proof is too long")
        if position & 1 or position == last:
            found = hashlib.sha256(_NODE + each + found).digest()
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            found = hashlib.sha256(_NODE + found + each).digest()
        position, last = position >> 1, last >> 1
    if last != 0:
        raise RefusedError("its inclusion proof is too short")
    return found


def _checkpoint(text: str, log: bytes, keys: Iterable[LogKey]) -> tuple[int, bytes]:
    """Size and root hash of the tree that a signed note is of. Raises RefusedError."""
    note, blank, signatures = text.partition("\n\n")
    note += "\n"
    lines = signatures.split("\n")
    if not blank or lines.pop() or not 0 < len(lines) <= _MOST_SIGNATURES:
        raise RefusedError("its checkpoint is no signed note")
    found = [match for line in lines if (match := _SIGNATURE.fullmatch(line))]
    if len(found) != len(lines):
        raise RefusedError("its checkpoint has a line that is no signature")
    # Others may have signed, too: witnesses, by names of their own.
    own = (match[2] for match in found if _is_named(note, match[1]))
    blobs = [blob for text in own if (blob := decode(text)) and blob[:_HINT_BYTES] == log[:_HINT_BYTES]]
    known = [each.key for each in keys]
    if not any(
        is_signed(key, "sha256", blob[_HINT_BYTES:], note.encode()) for key in known for blob in blobs
    ):
        raise RefusedError("its checkpoint is not signed by the log")
    head = note.split("\n")
    root = decode(head[2]) if len(head) > 3 else None  # noqa: PLR2004 - origin, size, root hash
    if not root or not (head[1].isascii() and head[1].isdigit()):
        raise RefusedError("its checkpoint does not say what tree it is of")
    return int(head[1]), root


def _is_named(note: str, name: str) -> bool:
    """Whether a note is the log's own. Rekor writes the number of a tree behind its name."""
    origin = note.partition("\n")[0]
    return origin == name or origin.startswith(f"{name} - ")
