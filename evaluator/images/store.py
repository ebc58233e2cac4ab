"""What registries said, on disk: content by its digest, and where tags pointed.

Several processes share a folder: a file is written beside its place and moved there, and
what is read is checked against its digest, so that half a file, or a damaged one, is no
content. The folder is kept below its limit by dropping what was used least lately.
Credentials are never here. A folder that cannot be written costs speed, not answers.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from time import time

import msgspec

from evaluator.images.errors import ContentRefusedError
from evaluator.images.media import Manifest, verify
from evaluator.policies.references import Reference

_LOOK_AFTER = 64
"""Files written after which the size of the folder is looked at."""
_KEPT = 0.8
"""Of the limit, after dropping."""
_FRESH = 3600.0
"""Seconds in which a use of a file is not worth another note of it."""


class TagEntry(msgspec.Struct, frozen=True):
    """Where a tag pointed. `at`: seconds since the epoch."""

    digest: str
    at: float


class Store:
    """A folder, made when it is first needed. `limit` in bytes."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder = folder
        self._limit = limit
        self._written = _LOOK_AFTER - 1

    def blob(self, digest: str) -> bytes | None:
        """Content, if it is here."""
        body = self._read(self._blob_path(digest))
        if body is None:
            return None
        try:
            verify(body, digest, "")
        except ContentRefusedError:
            self._drop(self._blob_path(digest))
            return None
        return body

    def put_blob(self, digest: str, body: bytes) -> None:
        """Keep content whose digest was checked."""
        self._write(self._blob_path(digest), body)

    def manifest(self, digest: str) -> Manifest | None:
        """A manifest, if it is here."""
        text = self._read(self._manifest_path(digest))
        if text is None:
            return None
        media_type, _, body = text.partition(b"\n")
        try:
            verify(body, digest, "")
        except ContentRefusedError:
            self._drop(self._manifest_path(digest))
            return None
        return Manifest(digest, media_type.decode("ascii", "replace"), body)

    def put_manifest(self, manifest: Manifest) -> None:
        """Keep a manifest whose digest was checked, with what the registry called it."""
        media_type = manifest.media_type.encode("ascii", "replace").replace(b"\n", b"")
        self._write(self._manifest_path(manifest.digest), media_type + b"\n" + manifest.body)

    def tag(self, reference: Reference) -> TagEntry | None:
        """Where a tag pointed, if that is known."""
        text = self._read(self._tag_path(reference))
        try:
            return msgspec.json.decode(text, type=TagEntry) if text is not None else None
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None

    def put_tag(self, reference: Reference, digest: str) -> None:
        """Keep where a tag points now."""
        self._write(self._tag_path(reference), msgspec.json.encode(TagEntry(digest, time())))

    def _blob_path(self, digest: str) -> Path:
        algorithm, _, text = digest.partition(":")
        return self._folder / "blobs" / algorithm / text

    def _manifest_path(self, digest: str) -> Path:
        algorithm, _, text = digest.partition(":")
        return self._folder / "manifests" / algorithm / text

    def _tag_path(self, reference: Reference) -> Path:
        return self._folder / "tags" / hashlib.sha256(reference.name.encode()).hexdigest()

    def _read(self, path: Path) -> bytes | None:
        try:
            body = path.read_bytes()
            if time() - path.stat().st_mtime > _FRESH:
                os.utime(path)
        except OSError:
            return None
        return body

    def _write(self, path: Path, body: bytes) -> None:
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=".part-")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(body)
                Path(name).replace(path)
            except OSError:
                self._drop(Path(name))
                raise
        self._written += 1
        if self._written >= _LOOK_AFTER:
            self._written = 0
            self._shrink()

    def _shrink(self) -> None:
        files = sorted(self._files())
        size = sum(bytes_ for _, bytes_, _ in files)
        if size <= self._limit:
            return
        for _, bytes_, path in files:
            if size <= _KEPT * self._limit:
                return
            self._drop(path)
            size -= bytes_

    def _files(self) -> Iterator[tuple[float, int, Path]]:
        """When each was used last, its size, and where it is. Others may drop files meanwhile."""
        for folder, _, names in os.walk(self._folder):
            for name in names:
                path = Path(folder) / name
                with suppress(OSError):
                    status = path.stat()
                    yield status.st_mtime, status.st_size, path

    @staticmethod
    def _drop(path: Path) -> None:
        with suppress(OSError):
            path.unlink()
