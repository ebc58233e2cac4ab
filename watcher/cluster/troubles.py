"""Kinds that cannot be read, where users can ask for them: a dead letter a kind, taken back when it works."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pipeline.bus import Record
from pipeline.events import Topic
from watcher.records import Failure, failure_record, tombstone


@dataclass(slots=True)
class Troubles:
    """Of one cluster. `told`: plural of a kind -> what was told; empty: by an earlier run."""

    cluster: str
    told: dict[str, str] = field(default_factory=dict)

    def restore(self, kinds: Iterable[str]) -> None:
        """What an earlier run told is told again, or taken back."""
        for kind in kinds:
            self.told.setdefault(kind, "")

    def news(self, now: Mapping[str, str], at: datetime) -> list[Record]:
        """Records that make what was told what is so `now`: plural of a kind -> why it cannot be read."""
        over = [kind for kind in self.told if kind not in now]
        new = {kind: why for kind, why in now.items() if self.told.get(kind) != why}
        self.told = dict(now)
        return [
            *(tombstone(Topic.DEADLETTERS, Failure(kind, "").key(self.cluster)) for kind in over),
            *(failure_record(self.cluster, Failure(kind, why), at) for kind, why in new.items()),
        ]
