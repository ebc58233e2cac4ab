"""What is known of one kind on the API server, and from where to go on: the list/watch/410 machine. Pure.

Follows the Kubernetes API concepts ("Efficient detection of changes"): a list says
what is there at a version, a watch from that version says every change after it. When
the server has forgotten the version, everything is listed again, and what was known
and is not listed was deleted meanwhile.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(slots=True)
class ListState:
    """Of one kind. `known`: uid -> digest of what was told; an empty digest is of an earlier run."""

    known: dict[str, str] = field(default_factory=dict)
    version: str = ""
    """The resourceVersion to watch from; empty: list first."""
    _listed: set[str] | None = None
    _untold: set[str] = field(default_factory=set)

    @property
    def synced(self) -> bool:
        """Whether there was a complete list, and the server can be followed from it."""
        return bool(self.version)

    def begin_list(self) -> None:
        """A list begins, from its first page."""
        self.version = ""
        self._listed = set()

    def applied(self, uid: str, digest: str) -> bool:
        """An object is there, listed or watched; whether that is news."""
        self._untold.discard(uid)
        if self._listed is not None:
            self._listed.add(uid)
        if self.known.get(uid) == digest:
            return False
        self.known[uid] = digest
        return True

    def kept_in_mind(self, uid: str) -> None:
        """An object is there, and nothing is told of it, but who handles objects keeps something of it."""
        self._untold.add(uid)
        if self._listed is not None:
            self._listed.add(uid)

    def deleted(self, uid: str) -> bool:
        """An object is gone; whether anything was told of it, or kept in mind."""
        if self._listed is not None:
            self._listed.discard(uid)
        minded = uid in self._untold
        self._untold.discard(uid)
        return self.known.pop(uid, None) is not None or minded

    def left(self, uid: str) -> bool:
        """An object is there, but not ours to look at (any more); whether we told of it.

        What an earlier run told may be another watcher's now: it is left alone.
        """
        told = bool(self.known.get(uid))
        self.deleted(uid)
        return told

    def end_list(self, version: str) -> list[str]:
        """The list is complete as of a version; returns the uids of what was deleted unseen."""
        listed = self._listed or set()
        gone = [uid for uid in (*self.known, *self._untold) if uid not in listed]
        for uid in gone:
            self.deleted(uid)
        self._listed = None
        self.version = version
        return gone

    def lost(self) -> list[str]:
        """The server has no such kind any more; returns the uids of what is gone with it."""
        gone = [*self.known, *self._untold]
        for uid in gone:
            self.deleted(uid)
        return gone

    def reached(self, version: str) -> None:
        """The server was followed up to a version, by an event or a bookmark; what it says is told."""
        if version and self.synced:
            self.version = version

    def forget_version(self) -> None:
        """The server no longer knows the version: list again."""
        self.version = ""

    def restore(self, uids: Iterable[str]) -> None:
        """What an earlier run told; it is told again when it is listed, or withdrawn when it is not."""
        for uid in uids:
            self.known.setdefault(uid, "")


def is_older(version: str, than: str) -> bool:
    """Whether one version is before another; False where one of them is not a number.

    Versions of one kind are numbers that may be compared (KEP-5504, Kubernetes 1.35).
    """
    return _is_number(version) and _is_number(than) and int(version) < int(than)


def _is_number(version: str) -> bool:
    return version.isascii() and version.isdigit()
