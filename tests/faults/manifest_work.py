"""What people do to folders of manifests and policies, by a seed, in rounds.

There are three populations, with policies of their own (by the images' names). Of the
two calm ones, one gets changed resources in a round and the other a changed policy, each
file at most once: whatever a pipeline is doing meanwhile, each verdict changes at most
once, and in one way, before everybody is at rest again. In the storm anything changes,
any number of times, resources and policies at once.
"""

import json
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CALM = ("red", "blue")
STORM = "storm"
_TEAMS = ("east", "west", "")
_INVALID = 0.1
"""Share of policy changes after which it cannot be used."""
_GONE = 0.15
"""Share of changes that delete, or bring back what was deleted before."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is, and how much of it changes. `stormy`: changes of the storm in a round."""

    resources: int
    rounds: int
    calm: int
    stormy: int
    policies: int = 3


@dataclass(frozen=True, slots=True)
class Write:
    """A file as it is to be; `body` None: deleted."""

    path: str
    body: Any | None

    def apply(self, folder: Path) -> None:
        """At once, as an editor or `git` does it."""
        path = folder / self.path
        if self.body is None:
            path.unlink(missing_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}")
        part.write_text(json.dumps(self.body), encoding="utf-8")
        part.rename(path)


@dataclass
class Work:
    """One seeded history. `done`: how many changes of what there have been."""

    size: Size
    chance: random.Random
    done: Counter[str] = field(default_factory=Counter)
    _absent: set[str] = field(default_factory=set)

    def first(self) -> Iterator[Write]:
        """Everything there is at the start."""
        for colour in (*CALM, STORM):
            for number in range(self.size.policies):
                yield self._policy(colour, number, may_break=False)
            for number in range(self.size.resources):
                yield self._resource(colour, number, may_delete=False)

    def round(self, number: int) -> list[Write]:
        """The changes of one round, in order."""
        calm, judged = CALM if number % 2 else CALM[::-1]
        chosen = self.chance.sample(range(self.size.resources), self.size.calm)
        writes = [self._resource(calm, each) for each in chosen]
        writes += [
            self._resource(STORM, self.chance.randrange(self.size.resources)) for _ in range(self.size.stormy)
        ]
        self.chance.shuffle(writes)
        changed = self._policy(judged, self.chance.randrange(self.size.policies))
        writes.insert(self.chance.randrange(len(writes)), changed)
        for _ in range(self.chance.randint(0, 2)):
            stormy = self._policy(STORM, self.chance.randrange(self.size.policies))
            writes.insert(self.chance.randrange(len(writes)), stormy)
        return writes

    def _resource(self, colour: str, number: int, *, may_delete: bool = True) -> Write:
        self.done["resource changes"] += 1
        path = f"deploy/{colour}/{number:04}.json"
        if may_delete and self._is_to_go(path):
            return Write(path, None)
        container = {
            "name": "web",
            "image": f"registry.example/{colour}/app:v{self.chance.randint(0, 9)}",
            "securityContext": {"privileged": self.chance.random() < 0.3},
        }
        metadata = {
            "name": f"{colour}-{number}",
            "namespace": f"team-{number % 5}",
            "labels": {"team": self.chance.choice(_TEAMS)},
            "annotations": {"change": str(self.done["resource changes"])},
        }
        spec = {"containers": [container]}
        return Write(path, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})

    def _policy(self, colour: str, number: int, *, may_break: bool = True) -> Write:
        self.done["policy changes"] += 1
        path = f"policies/{colour}-{number}.json"
        if may_break and self._is_to_go(path):
            return Write(path, None)
        broken = may_break and self.chance.random() < _INVALID
        rego = _REGO[number % len(_REGO)].replace("NUMBER", str(self.done["policy changes"]))
        spec = {
            "images": [] if broken else [{"glob": f"**/{colour}/**"}],
            "authorities": [{"static": {"action": "pass"}}],
            "mode": self.chance.choice(["warn", "enforce"]),
            "policy": {
                "type": "rego",
                "includeSpec": True,
                "includeObjectMeta": True,
                "data": rego.replace("TAG", str(self.chance.randint(1, 8))),
            },
        }
        metadata = {"name": f"{colour}-{number}"}
        kind = {"apiVersion": "policy.sigstore.dev/v1beta1", "kind": "ClusterImagePolicy"}
        return Write(path, {**kind, "metadata": metadata, "spec": spec})

    def _is_to_go(self, path: str) -> bool:
        if path in self._absent:
            self._absent.remove(path)
            return False
        if self.chance.random() < _GONE:
            self._absent.add(path)
            self.done["deletions"] += 1
            return True
        return False


_REGO = (
    """package sigstore
isCompliant[{"result": true}] { count(bad) == 0 }
isCompliant[{"result": false, "error": sprintf("%s is privileged, says NUMBER", [name])}] { bad[name] }
bad[c.name] { c := input.spec.containers[_]; c.securityContext.privileged == true }
""",
    """package sigstore
old := {sprintf("v%d", [n]) | n := numbers.range(0, TAG)[_]}
isCompliant[{"result": true}] { not is_old }
isCompliant[{"result": false, "error": "too old, says NUMBER"}] { is_old }
is_old { old[split(input.spec.containers[_].image, ":")[1]] }
""",
    """package sigstore
isCompliant[{"result": true, "warning": "no team, says NUMBER"}] { input.metadata.labels.team == "" }
isCompliant[{"result": true}] { input.metadata.labels.team == "east" }
isCompliant[{"result": false, "error": "west may not, says NUMBER"}] { input.metadata.labels.team == "west" }
""",
)
