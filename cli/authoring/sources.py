"""Policies of files, before anything is known of their worth."""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.events import PolicyApplied
from pipeline.settings import SourceSettings
from watcher.config_maps import ConfigMap
from watcher.file_texts import with_texts
from watcher.manifests import STDIN, SUFFIXES, ManifestFile, display_name
from watcher.objects import PassedOver
from watcher.reading import EndOfFile, FoundPolicy, read_files
from watcher.records import Failure
from watcher.texts import references

_CONFIG_MAP = re.compile(rb"""kind["']?\s*:\s*["']?ConfigMap""")
_POLICY = re.compile(rb"""kind["']?\s*:\s*["']?ClusterImagePolicy""")


@dataclass(frozen=True, slots=True)
class PolicySource:
    """A policy in a file, with texts of ConfigMaps beside it. `alone`: it is the only one there."""

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
            texts=policy.texts,
        )


def read_policies(
    files: Iterable[ManifestFile], settings: SourceSettings
) -> tuple[list[PolicySource], list[Failure]]:
    """The policies of some files, and what could not be read.

    Objects of other kinds are passed over; so is, in a folder, a file that does not
    look like holding a policy: it need not even be a manifest. ConfigMaps that hold a
    policy's text are looked for in its file, and in the files of the same folder.
    """
    sources: list[PolicySource] = []
    failures: list[Failure] = []
    for file in files:
        if not file.named and not _may_hold_a_policy(file):
            continue
        policies: list[FoundPolicy] = []
        config_maps: list[ConfigMap] = []
        for found in read_files([file], settings, config_maps=True):
            match found:
                case FoundPolicy():
                    policies.append(found)
                case Failure():
                    failures.append(found)
                case EndOfFile(problem=problem) if problem is not None:
                    failures.append(Failure.of_path(problem))
                case PassedOver(config_map=ConfigMap() as config_map):
                    config_maps.append(config_map)
                case _:
                    pass
        sources += _of_file(file.path, _with_texts(file, policies, config_maps, settings))
    return sources, failures


def _with_texts(
    file: ManifestFile, policies: list[FoundPolicy], own: list[ConfigMap], settings: SourceSettings
) -> list[FoundPolicy]:
    """Policies whose text is elsewhere, with it, or with the reason why not. Nothing is fetched."""
    if not any(references(found.policy.object) for found in policies):
        return policies
    config_maps = [*own, *_beside(file, settings)]
    resolved = with_texts((found.policy for found in policies), config_maps, {}, settings.texts)
    return [replace(found, policy=policy) for found, policy in zip(policies, resolved, strict=True)]


def _beside(file: ManifestFile, settings: SourceSettings) -> Iterator[ConfigMap]:
    """The ConfigMaps in the other files of a folder; those that cannot be read are no policies' files."""
    folder = Path(file.path).parent
    if file.path == STDIN or not folder.is_dir():
        return
    paths = sorted(str(path) for path in folder.iterdir() if path.name.endswith(SUFFIXES) and path.is_file())
    others = [ManifestFile(path, display_name(path), named=False) for path in paths if path != file.path]
    holding = [each for each in others if _CONFIG_MAP.search(_content(each))]
    for found in read_files(holding, settings, config_maps=True):
        if isinstance(found, PassedOver) and found.config_map is not None:
            yield found.config_map


def _content(file: ManifestFile) -> bytes:
    try:
        return Path(file.path).read_bytes()
    except OSError:
        return b""


def _may_hold_a_policy(file: ManifestFile) -> bool:
    """Also where it cannot be read: that is for the reader to say."""
    try:
        return _POLICY.search(Path(file.path).read_bytes()) is not None
    except OSError:
        return True


def _of_file(path: str, policies: Sequence[FoundPolicy]) -> list[PolicySource]:
    return [PolicySource(path, policy, alone=len(policies) == 1) for policy in policies]
