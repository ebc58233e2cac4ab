"""Lines of a stream of bytes, however the network cuts it. Pure."""

from collections.abc import Iterator

from watcher.cluster.errors import GarbledError

MAX_LINE = 16 * 2**20
"""Bytes of one line; etcd keeps objects of 1.5 MiB, an API server accepts 3."""


class Lines:
    """Cuts chunks into lines; what is not complete waits for the next chunk."""

    def __init__(self, limit: int = MAX_LINE) -> None:
        self._limit = limit
        self._pieces: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield each line that is complete, without its end. Raises GarbledError for one too long."""
        *complete, rest = chunk.split(b"\n")
        for line in complete:
            self._add(line)
            whole = b"".join(self._pieces)
            self._pieces.clear()
            self._size = 0
            if whole.strip():
                yield whole
        self._add(rest)

    def _add(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > self._limit:
            raise GarbledError(f"the server sent an event of more than {self._limit} bytes")
        if piece:
            self._pieces.append(piece)
