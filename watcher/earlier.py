"""What earlier runs left on the log, read from its compacted topics. Pure.

The same questions as the database answers for a run in one process.
"""

from pipeline.bus import Record
from pipeline.events import PolicyApplied, ResourceApplied, SourceFailed, Topic
from pipeline.waivers import WaiverApplied


class EarlierOnLog:
    """Takes records in the order of the log; then says what is there of one cluster."""

    def __init__(self, cluster: str) -> None:
        self._start = f"{cluster}/"
        self._resources: dict[str, tuple[str, str, str]] = {}
        self._policies: dict[str, str] = {}
        self._failures: dict[str, str] = {}
        self._waivers: dict[str, str] = {}

    def take(self, record: Record) -> None:
        """A record of the resources, the policies, or the dead letters."""
        if not record.key.startswith(self._start):
            return
        match record.event.data if record.event else None:
            case ResourceApplied(resource=ref, file=file):
                self._resources[record.key] = (file, ref.kind, ref.namespace)
            case PolicyApplied(file=file):
                self._policies[record.key] = file
            case WaiverApplied(file=file):
                self._waivers[record.key] = file
            case SourceFailed(file=file):
                self._failures[record.key] = file
            case _ if record.topic is Topic.RESOURCES:
                self._resources.pop(record.key, None)
            case _ if record.topic is Topic.POLICIES:
                self._policies.pop(record.key, None)
                self._waivers.pop(record.key, None)
            case _:
                self._failures.pop(record.key, None)

    async def known_resources(self, cluster: str) -> dict[str, str]:
        """Key -> file."""
        return {key: file for key, (file, _, _) in self._resources.items() if _is_of(key, cluster)}

    async def known_kinds(self, cluster: str) -> dict[str, tuple[str, str]]:
        """Key -> kind and namespace."""
        found = self._resources.items()
        return {key: (kind, namespace) for key, (_, kind, namespace) in found if _is_of(key, cluster)}

    async def known_policies(self, cluster: str) -> dict[str, str]:
        """Key -> file."""
        return {key: file for key, file in self._policies.items() if _is_of(key, cluster)}

    async def known_waivers(self, cluster: str) -> dict[str, str]:
        """Key -> file."""
        return {key: file for key, file in self._waivers.items() if _is_of(key, cluster)}

    async def known_source_errors(self, cluster: str) -> dict[str, str]:
        """Key -> file of what could not be read."""
        return {key: file for key, file in self._failures.items() if _is_of(key, cluster)}


def _is_of(key: str, cluster: str) -> bool:
    return key.startswith(f"{cluster}/")
