"""Documents to what they hold, in order, with a second process where they are many.

Reading YAML is most of a scan's work, and one process does one thing at a time. So once
there is more than a little to read, a process of its own decodes it while this one goes
on with what was read. There is never more than some batches on the way, and it
starts beside the reading: a few files wait for nothing.

A document that ends the process costs itself: what was on the way is read again.
"""

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from pipeline.errors import TocsinError
from watcher.ahead.process import ReaderDiedError, ReaderProcess
from watcher.ahead.protocol import Request
from watcher.contents import Content, Malformed, read_part
from watcher.documents import Document, Part

_ALONE = 3 * 2**20
"""Bytes to read before a second process is worth its start: 0.1 s of CPU, where these take 0.2 s."""

_LOOK = 2**17
"""Bytes read here between two looks whether the process has started."""

_BATCH_BYTES = 2**19
_BATCH_PARTS = 256
"""A batch is some 40 ms of work, so that its way through two pipes counts for little."""

_AHEAD = 3
"""Batches on the way: one that is read, one that waits, one that is being taken."""

_MOST_DEATHS = 8
"""Processes lost after which it is not the documents."""

Key = TypeVar("Key")


@dataclass(slots=True)
class _Batch(Generic[Key]):
    """Parts in order, each with what the caller calls it. None: nothing to read, passed on at its turn."""

    entries: list[tuple[Key, Part | None]] = field(default_factory=list)
    documents: list[Document] = field(default_factory=list)
    size: int = 0

    def add(self, key: Key, part: Part | None) -> None:
        """Append."""
        self.entries.append((key, part))
        if isinstance(part, Document):
            self.documents.append(part)
            self.size += len(part.text)

    @property
    def is_full(self) -> bool:
        """Whether it is worth its way."""
        return self.size >= _BATCH_BYTES or len(self.entries) >= _BATCH_PARTS


class ReadAhead(Generic[Key]):
    """One pass over some parts. Blocking: for one thread."""

    def __init__(
        self,
        namespace: str,
        alone: int = _ALONE,
        start: Callable[[], ReaderProcess] = ReaderProcess.start,
        *,
        config_maps: bool = False,
    ) -> None:
        self._namespace = namespace
        self._config_maps = config_maps
        self._start = start
        self._next_look = alone
        self._read_here_bytes = 0
        self._process: ReaderProcess | None = None
        self._on_the_way: deque[_Batch[Key]] = deque()
        self._deaths = 0

    def read(self, parts: Iterable[tuple[Key, Part | None]]) -> Iterator[tuple[Key, list[Content]]]:
        """Each part's key with what the part holds, in order. Raises TocsinError."""
        batch = _Batch[Key]()
        helped = False
        try:
            for key, part in parts:
                if not helped:
                    yield key, self._read_here(part)
                    helped = self._is_helped(part)
                    continue
                batch.add(key, part)
                if batch.is_full:
                    yield from self._send(batch)
                    batch = _Batch[Key]()
            yield from self._send(batch)
            while self._on_the_way:
                yield from self._receive()
        finally:
            if self._process is not None:
                self._process.end()

    def _read_here(self, part: Part | None) -> list[Content]:
        if part is None:
            return []
        return list(read_part(part, self._namespace, config_maps=self._config_maps))

    def _request(self, documents: Sequence[Document]) -> Request:
        return Request(self._namespace, self._config_maps, documents)

    def _is_helped(self, part: Part | None) -> bool:
        """Start the process when enough was read without it; whether it has started."""
        self._read_here_bytes += len(part.text) if isinstance(part, Document) else 0
        if self._read_here_bytes < self._next_look:
            return False
        self._next_look = self._read_here_bytes + _LOOK
        try:
            if self._process is None:
                self._process = self._start()
            return self._process.is_ready()
        except (OSError, ReaderDiedError):  # no room for another process: it goes without
            self._next_look = sys.maxsize
            return False

    def _send(self, batch: _Batch[Key]) -> Iterator[tuple[Key, list[Content]]]:
        """Put a batch on its way, and take what has to come off it first."""
        self._on_the_way.append(batch)
        self._ask(batch)
        while len(self._on_the_way) > _AHEAD:
            yield from self._receive()

    def _ask(self, batch: _Batch[Key]) -> None:
        if batch.documents and self._process is not None:
            self._process.ask(self._request(batch.documents))

    def _receive(self) -> Iterator[tuple[Key, list[Content]]]:
        batch = self._on_the_way.popleft()
        answers = iter(self._answers_of(batch))
        for key, part in batch.entries:
            yield key, next(answers) if isinstance(part, Document) else self._read_here(part)

    def _answers_of(self, batch: _Batch[Key]) -> list[list[Content]]:
        if not batch.documents or self._process is None:
            return []
        try:
            answers = self._process.answer()
        except ReaderDiedError as error:
            answers = self._one_by_one(batch.documents, error)
        return answers or [self._read_here(document) for document in batch.documents]

    def _one_by_one(self, documents: Sequence[Document], error: ReaderDiedError) -> list[list[Content]]:
        """Find out at which document a process died; what was on the way behind them is asked anew."""
        process = self._replaced(error)
        contents: list[list[Content]] = []
        for document in documents:
            process.ask(self._request([document]))
            try:
                contents += process.answer() or [self._read_here(document)]
            except ReaderDiedError as again:
                message = f"ended the process that read it ({again}): please report this document"
                contents.append([Malformed(document.place.line, message)])
                process = self._replaced(again)
        for batch in self._on_the_way:
            self._ask(batch)
        return contents

    def _replaced(self, error: ReaderDiedError) -> ReaderProcess:
        """A new process for the one that died."""
        self._deaths += 1
        if self._process is not None:
            self._process.end()
        if self._deaths > _MOST_DEATHS:
            raise TocsinError(
                f"the process that reads manifests ended {self._deaths} times, the last time by {error}: "
                "is there enough memory?"
            )
        try:
            self._process = self._start()
            self._process.wait()
        except (OSError, ReaderDiedError) as again:
            raise TocsinError(f"the process that reads manifests cannot be started: {again}") from again
        return self._process
