"""Follows what a cluster's policies lead to: ConfigMaps and Secrets by a watch each, URLs until fetched.

A ConfigMap or a Secret is asked for by its name, so that the right to read that one is enough. What a URL
holds is fixed by its SHA-256: once fetched it never changes, so it is never asked for again;
what could not be fetched is, after a while.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from pipeline.errors import clip
from pipeline.settings import ClusterSettings
from watcher.backoff import Backoff
from watcher.cluster.api import ApiServer
from watcher.cluster.errors import DeniedError, MissingError
from watcher.cluster.kinds import CONFIG_MAPS, SECRETS, ServedKind
from watcher.cluster.liststate import ListState
from watcher.cluster.policies import Policies
from watcher.cluster.reflector import Reflector
from watcher.config_maps import SECRET, ConfigMap, config_map_of
from watcher.policy_keys import secret_of
from watcher.remote import AT_ONCE, fetch, fetch_all
from watcher.texts import InConfigMap, InSecret, Remote, Source, Text, key_in, text_in

_logger = logging.getLogger(__name__)

_Unit = str | Remote
"""What is followed: a ConfigMap by name, a Secret by its name after `Secret/`, or a URL."""


class _OneObject:
    """The ConfigMap or the Secret of one name. See `watcher.cluster.reflector.Handler`."""

    def __init__(self, api: ApiServer, policies: Policies, settings: ClusterSettings, name: str) -> None:
        texts = settings.texts
        kind = SECRETS if name.startswith(SECRET) else CONFIG_MAPS
        self._read = secret_of if kind is SECRETS else config_map_of
        only = name.removeprefix(SECRET)
        self.reflector = Reflector(api, kind, texts.namespace, self, settings, policies.news.set, name=only)
        self._name = name
        self._policies = policies
        self._settings = texts
        self._found: dict[str, ConfigMap] = {}

    async def apply(self, kind: ServedKind, state: ListState, objects: Sequence[dict[str, Any]]) -> None:
        """See `Handler`."""
        for body in objects:
            config_map = self._read(body)
            if config_map is None or config_map.name != self._name:
                _logger.warning("%s: asked for %s, got another object", kind.plural, self._name)
                continue
            metadata = body["metadata"]
            uid = str(metadata.get("uid"))
            if state.applied(uid, str(metadata.get("resourceVersion"))):
                self._found[uid] = config_map
        self._policies.news.set()

    async def remove(self, kind: ServedKind, uids: Sequence[str]) -> None:  # noqa: ARG002 - as in Handler
        """See `Handler`."""
        for uid in uids:
            self._found.pop(uid, None)
        self._policies.news.set()

    def tell(self) -> None:
        """Say what the policies' keys hold, once it is known.

        What was read stays good where it cannot be read any more, as with every other kind.
        """
        if not self.reflector.settled:
            return
        trouble = "" if self.reflector.state.synced else self.reflector.trouble
        config_map = next(iter(self._found.values()), None)
        for source in self._policies.wanted:
            if isinstance(source, Remote) or _unit(source) != self._name:
                continue
            if trouble:
                kind = self.reflector.kind.kind
                place = f"{kind} {self._settings.namespace}/{source.name}"
                self._policies.learn(source, Text(problem=f"{place}: {clip(trouble)}"))
            elif isinstance(source, InSecret):
                self._policies.learn(source, key_in(source, config_map, self._settings))
            else:
                self._policies.learn(source, text_in(source, config_map, self._settings))


class TextFollower:
    """Keeps a cluster's policies supplied with their texts."""

    def __init__(self, api: ApiServer, policies: Policies, settings: ClusterSettings) -> None:
        self._api = api
        self._policies = policies
        self._settings = settings
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._tasks: dict[_Unit, asyncio.Task[None]] = {}
        self._config_maps: dict[str, _OneObject] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Follow what is wanted, and publish what is due, until `stop`."""
        stopping = asyncio.create_task(stop.wait(), name="stop policy-texts")
        async with asyncio.TaskGroup() as group:
            try:
                while not stop.is_set():
                    self._policies.news.clear()
                    self._adjust(group, stop)
                    for each in self._config_maps.values():
                        each.tell()
                    await self._policies.publish()
                    await self._news(stopping)
            finally:
                stopping.cancel()
                for task in self._tasks.values():
                    task.cancel()

    def _adjust(self, group: asyncio.TaskGroup, stop: asyncio.Event) -> None:
        """Follow what is wanted and nothing else."""
        wanted = _units(self._policies)
        for unit in self._tasks.keys() - wanted:
            self._tasks.pop(unit).cancel()
            if isinstance(unit, str):
                del self._config_maps[unit]
        for unit in wanted - self._tasks.keys():
            if isinstance(unit, str):
                followed = _OneObject(self._api, self._policies, self._settings, unit)
                self._config_maps[unit] = followed
                self._tasks[unit] = group.create_task(followed.reflector.run(stop), name=f"text-{unit}")
            else:
                self._tasks[unit] = group.create_task(self._fetched(unit), name=f"text-{unit.url}")

    async def _fetched(self, remote: Remote) -> None:
        """Ask for a URL's text until it is there."""
        backoff = Backoff(self._settings.texts.retry_first, self._settings.texts.retry_most)
        while True:
            async with self._at_once:
                text = await fetch(remote, self._settings.texts)
            self._policies.learn(remote, text)
            if not text.problem:
                return
            _logger.warning("cannot fetch a policy's text: %s", text.problem)
            await asyncio.sleep(backoff.delay())

    async def _news(self, stopping: "asyncio.Task[bool]") -> None:
        waiting = asyncio.create_task(self._policies.news.wait(), name="news of policy texts")
        try:
            await asyncio.wait({waiting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()


async def look_up(api: ApiServer, policies: Policies, settings: ClusterSettings) -> None:
    """Look once, and publish the policies that waited for it.

    Raises ApiError where the server cannot be asked; what is denied is that policy's problem.
    """
    wanted = _units(policies)
    for name in sorted(unit for unit in wanted if isinstance(unit, str)):
        config_map = _OneObject(api, policies, settings, name)
        try:
            await config_map.reflector.once()
        except (DeniedError, MissingError) as error:
            config_map.reflector.trouble = str(error)
        config_map.tell()
    remotes = [unit for unit in wanted if isinstance(unit, Remote)]
    for remote, text in (await fetch_all(remotes, settings.texts)).items():
        policies.learn(remote, text)
    await policies.publish()


def _units(policies: Policies) -> frozenset[_Unit]:
    return frozenset(map(_unit, policies.wanted))


def _unit(source: Source) -> _Unit:
    match source:
        case InConfigMap(name):
            return name
        case InSecret(name):
            return SECRET + name
        case Remote():
            return source
