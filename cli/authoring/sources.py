"""Policies of files, before anything is known of their worth."""

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.events import PolicyApplied
from pipeline.settings import SourceSettings
from watcher.manifests import ManifestFile
from watcher.reading import EndOfFile, FoundPolicy, read_files
from watcher.records import Failure

_POLICY = re.compile(rb"""kind["']?\s*:\s*["']?ClusterImagePolicy""")


@dataclass(frozen=True, slots=True)
class PolicySource:
    """A policy in a file. `alone`: it is the only one there."""

    path: str
    found: FoundPolicy
    alone: bool

    @property
    def names(self) -> tuple[str, ...]:
        """What it can be called by: its own name, and the file's where that is enough."""
        stem = os.path.splitext(os.path.basename(self.path))[0]  # noqa: PTH119, PTH122 - paths are text here
        own = self.found.policy.name
        return (stem, own) if self.alone else (own,)

    def applied(self, cluster: str) -> PolicyApplied:
        """The policy as it is on the log."""
        policy = self.found.policy
        return PolicyApplied(
            cluster=cluster,
            name=policy.name,
            digest=policy.digest,
            object=policy.object,
            file=self.found.file,
        )


def read_policies(
    files: Iterable[ManifestFile], settings: SourceSettings
) -> tuple[list[PolicySource], list[Failure]]:
    """The policies of some files, and what could not be read.

    Objects of other kinds are passed over; so is, in a folder, a file that does not
    look like holding a policy: it need not even be a manifest.
    """
    sources: list[PolicySource] = []
    failures: list[Failure] = []
    for file in files:
        if not file.named and not _may_hold_a_policy(file):
            continue
        policies: list[FoundPolicy] = []
        for found in read_files([file], settings):
            match found:
                case FoundPolicy():
                    policies.append(found)
                case Failure():
                    failures.append(found)
                case EndOfFile(problem=problem) if problem is not None:
                    failures.append(Failure.of_path(problem))
                case _:
                    pass
        sources += _of_file(file.path, policies)
    return sources, failures


def _may_hold_a_policy(file: ManifestFile) -> bool:
    """Also where it cannot be read: that is for the reader to say."""
    try:
        return _POLICY.search(Path(file.path).read_bytes()) is not None
    except OSError:
        return True


def _of_file(path: str, policies: Sequence[FoundPolicy]) -> list[PolicySource]:
    return [PolicySource(path, policy, alone=len(policies) == 1) for policy in policies]
