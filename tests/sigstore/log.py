"""A transparency log as Rekor is one: entries in a Merkle tree, signed timestamps, checkpoints."""

import base64
import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from tests.sigstore.authorities import PrivateKey, new_key, spki

_ORIGIN = "rekor.example.com - 1"


def b64(body: bytes) -> str:
    return base64.b64encode(body).decode()


def canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class Taken:
    """An entry as the log gives it back."""

    body: bytes
    index: int
    time: int
    log: "Rekor"
    size: int
    """Of the tree, then."""

    @property
    def promise(self) -> bytes:
        """The signed entry timestamp."""
        payload = {
            "body": b64(self.body),
            "integratedTime": self.time,
            "logID": self.log.id.hex(),
            "logIndex": self.index,
        }
        return self.log.sign(canonical(payload))

    def annotation(self) -> str:
        """`dev.sigstore.cosign/bundle`."""
        payload = {
            "body": b64(self.body),
            "integratedTime": self.time,
            "logIndex": self.index,
            "logID": self.log.id.hex(),
        }
        return json.dumps({"SignedEntryTimestamp": b64(self.promise), "Payload": payload})

    def bundled(self, *, promised: bool = True) -> dict[str, Any]:
        """A TransparencyLogEntry."""
        kind = json.loads(self.body)
        hashes = self.log.path(self.index, self.size)
        entry: dict[str, Any] = {
            "logIndex": str(self.index),
            "logId": {"keyId": b64(self.log.id)},
            "kindVersion": {"kind": kind["kind"], "version": kind["apiVersion"]},
            "inclusionProof": {
                "logIndex": str(self.index),
                "rootHash": b64(self.log.root(self.size)),
                "treeSize": str(self.size),
                "hashes": [b64(each) for each in hashes],
                "checkpoint": {"envelope": self.log.checkpoint(self.size)},
            },
            "canonicalizedBody": b64(self.body),
        }
        if promised:
            entry["integratedTime"] = str(self.time)
            entry["inclusionPromise"] = {"signedEntryTimestamp": b64(self.promise)}
        return entry


@dataclass(slots=True)
class Rekor:
    """`bodies`: canonical JSON, in the order they came."""

    key: PrivateKey = field(default_factory=new_key)
    bodies: list[bytes] = field(default_factory=list)

    @property
    def id(self) -> bytes:
        return hashlib.sha256(spki(self.key)).digest()

    def sign(self, message: bytes) -> bytes:
        return self.key.sign(message, ec.ECDSA(SHA256()))

    def take(self, body: Any, at: datetime) -> Taken:
        """Append an entry; there are others before and after it."""
        self.bodies += [canonical({"other": len(self.bodies)})] * 3
        self.bodies.append(canonical(body))
        index = len(self.bodies) - 1
        self.bodies.append(canonical({"other": len(self.bodies)}))
        return Taken(self.bodies[index], index, int(at.timestamp()), self, len(self.bodies))

    def checkpoint(self, size: int) -> str:
        note = f"{_ORIGIN}\n{size}\n{b64(self.root(size))}\n"
        signature = b64(self.id[:4] + self.sign(note.encode()))
        return f"{note}\n\u2014 rekor.example.com {signature}\n"

    def root(self, size: int) -> bytes:
        return _root([_leaf(each) for each in self.bodies[:size]])

    def path(self, index: int, size: int) -> list[bytes]:
        return _path(index, [_leaf(each) for each in self.bodies[:size]])


def _leaf(body: bytes) -> bytes:
    return hashlib.sha256(b"\0" + body).digest()


def _split(count: int) -> int:
    """The largest power of two below."""
    return 1 << (count - 1).bit_length() - 1


def _root(leaves: list[bytes]) -> bytes:
    """RFC 6962, section 2.1."""
    if len(leaves) == 1:
        return leaves[0]
    at = _split(len(leaves))
    return hashlib.sha256(b"\1" + _root(leaves[:at]) + _root(leaves[at:])).digest()


def _path(index: int, leaves: list[bytes]) -> list[bytes]:
    """RFC 6962, section 2.1.1."""
    if len(leaves) == 1:
        return []
    at = _split(len(leaves))
    if index < at:
        return [*_path(index, leaves[:at]), _root(leaves[at:])]
    return [*_path(index - at, leaves[at:]), _root(leaves[:at])]
