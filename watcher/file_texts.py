"""What the policies of files lead to: ConfigMaps in the same files, and URLs.

A URL that could not be fetched is asked for again at a later look, after a while; what was
fetched is kept, as its SHA-256 says that it never changes.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from pipeline.settings import TextSettings
from watcher.backoff import Backoff
from watcher.config_maps import SECRET, SIGSTORE_KEYS, ConfigMap
from watcher.objects import Policy
from watcher.texts import InSecret, Remote, Source, Text, key_in, resolved, sources, text_in
from watcher.trust_roots import with_all_entries


class FileTexts:
    """Resolves policies of files, again and again, as the files change."""

    def __init__(self, settings: TextSettings) -> None:
        self._settings = settings
        self._remotes: dict[Remote, Text] = {}
        self._due: dict[Remote, tuple[Backoff, float]] = {}

    async def resolve(
        self, policies: Iterable[Policy], config_maps: Iterable[ConfigMap]
    ) -> dict[str, Policy]:
        """The policies with their texts, by name."""
        policies = list(policies)
        wanted = {source for policy in policies for source in sources(policy.object)}
        await self._fetch({source for source in wanted if isinstance(source, Remote)})
        found = with_texts(policies, list(config_maps), self._remotes, self._settings)
        return {policy.name: policy for policy in found}

    async def _fetch(self, wanted: set[Remote]) -> None:
        """Fetch what is not there and due."""
        for remote in self._remotes.keys() - wanted:
            del self._remotes[remote]
            del self._due[remote]
        clock = asyncio.get_running_loop().time
        missing = wanted - {remote for remote, text in self._remotes.items() if not text.problem}
        due = [remote for remote in missing if remote not in self._due or self._due[remote][1] <= clock()]
        if not due:
            return
        from watcher.remote import fetch_all  # noqa: PLC0415 - the HTTP client is slow to load, seldom needed

        for remote, text in (await fetch_all(due, self._settings)).items():
            first = Backoff(self._settings.retry_first, self._settings.retry_most), 0.0
            backoff, _ = self._due.get(remote, first)
            self._remotes[remote] = text
            self._due[remote] = backoff, clock() + backoff.delay()


def with_texts(
    policies: Iterable[Policy],
    config_maps: Sequence[ConfigMap],
    remotes: Mapping[Remote, Text],
    settings: TextSettings,
) -> list[Policy]:
    """Policies with what is in these ConfigMaps, and behind these URLs. Pure."""

    def found(source: Source) -> Text:
        if isinstance(source, Remote):
            return remotes.get(source, _NOT_FETCHED)
        if isinstance(source, InSecret):
            return key_in(source, _named(SECRET + source.name, config_maps, settings), settings)
        return text_in(source, _named(source.name, config_maps, settings), settings)

    return [
        resolved(policy, {source: found(source) for source in sources(policy.object)}) for policy in policies
    ]


def may_hold_texts(config_map: ConfigMap, settings: TextSettings) -> bool:
    """Whether it is in the namespace for policies, or in none that is named; others need not be kept."""
    return config_map.namespace in ("", settings.namespace)


_NOT_FETCHED = Text(problem="not fetched: `scan` and `run` fetch texts by URL, commands for authors do not")


def _named(name: str, config_maps: Iterable[ConfigMap], settings: TextSettings) -> ConfigMap | None:
    """The ConfigMap that a cluster would have there: of the namespace for policies, or of no other."""
    found = [each for each in config_maps if each.name == name and may_hold_texts(each, settings)]
    if name == SIGSTORE_KEYS:
        return with_all_entries(found)
    return next(iter(sorted(found, key=lambda each: each.namespace == "")), None)
