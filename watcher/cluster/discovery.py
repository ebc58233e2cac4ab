"""Whether an API server has a kind, by its own account: a 404 alone may come from anything in between."""

import logging

import msgspec

from watcher.cluster.api import ApiServer
from watcher.cluster.errors import ApiError
from watcher.cluster.kinds import ServedKind

_logger = logging.getLogger(__name__)


class _Version(msgspec.Struct):
    groupVersion: str  # noqa: N815 - as the API server calls it


class _Group(msgspec.Struct):
    name: str
    versions: list[_Version]


class _Groups(msgspec.Struct):
    groups: list[_Group]


class _Resource(msgspec.Struct):
    name: str


class _Resources(msgspec.Struct):
    resources: list[_Resource]


async def is_served(api: ApiServer, kind: ServedKind) -> bool:
    """Whether there may be objects of this kind, in whatever version. Also where the server does not say."""
    if not kind.group:
        return True
    try:
        found = msgspec.json.decode(await api.get("/apis"), type=_Groups).groups
        for version in (version for group in found if group.name == kind.group for version in group.versions):
            body = await api.get(f"/apis/{version.groupVersion}")
            if any(each.name == kind.plural for each in msgspec.json.decode(body, type=_Resources).resources):
                return True
    except (ApiError, msgspec.DecodeError) as error:  # perhaps the group is just going: asked again
        _logger.info("whether there are %s is not known: %s", kind.plural, error)
        return True
    return not found  # every server has groups
