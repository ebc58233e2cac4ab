"""Of several watchers of one cluster, one is active: who holds a Lease (coordination.k8s.io/v1).

The algorithm is client-go's leader election: the holder renews, the others watch the record
and take it when it has not changed for as long as it promises to last, by their own clock. The
client library's own election lets connection errors escape and never releases; this one waits
them out, and gives the Lease back when it ends, so that the next holder need not wait.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pipeline.errors import TocsinError
from watcher.cluster.api import ApiServer, decode
from watcher.cluster.errors import ApiError, ConflictError, MissingError

_logger = logging.getLogger(__name__)
_RENEW_SHARE = 2 / 3
"""Of the duration: a holder that could not renew for so long is no longer one (client-go: 10 of 15 s)."""
_RETRY_SHARE = 2 / 15
"""Of the duration: how often to renew, and to look (client-go: 2 of 15 s)."""

Object = dict[str, Any]


class LeaseLostError(TocsinError):
    """Another watcher may be active now: this one has to end."""


@dataclass(slots=True)
class Candidate:
    """What one candidate knows. Times are of a monotonic clock, in seconds. Pure."""

    identity: str
    duration: float
    _record: tuple[str, str] = ("", "")
    _seen_at: float = 0.0

    def may_take(self, spec: Object, now: float) -> bool:
        """Whether the Lease is ours, nobody's, or its holder has been silent for too long."""
        holder = str(spec.get("holderIdentity") or "")
        record = (holder, str(spec.get("renewTime") or ""))
        if record != self._record:
            self._record, self._seen_at = record, now
        if holder in {"", self.identity}:
            return True
        seconds = spec.get("leaseDurationSeconds")
        lasts = float(seconds) if isinstance(seconds, int | float) else self.duration
        return now - self._seen_at >= lasts

    def taken(self, spec: Object, at: datetime) -> Object:
        """The spec with this candidate as its holder."""
        mine = spec.get("holderIdentity") == self.identity
        transitions = spec.get("leaseTransitions")
        count = transitions if isinstance(transitions, int) else 0
        now = at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return {
            **spec,
            "holderIdentity": self.identity,
            "leaseDurationSeconds": max(round(self.duration), 1),
            "renewTime": now,
            "acquireTime": spec.get("acquireTime") if mine else now,
            "leaseTransitions": count if mine else count + 1,
        }


@dataclass(slots=True)
class Lease:
    """A Lease on a server. `place`: NAMESPACE/NAME."""

    api: ApiServer
    place: str
    candidate: Candidate
    clock: Callable[[], datetime]
    _loop_time: Callable[[], float] = field(default_factory=lambda: asyncio.get_running_loop().time)

    async def held(self, work: Callable[[], Awaitable[None]], stop: asyncio.Event) -> None:
        """Wait for the Lease, do the work while it is held, give it back.

        Raises LeaseLostError where it could not be renewed in time; the work is cancelled then.
        """
        if not await self._acquire(stop):
            return
        _logger.info("holding Lease %s as %s", self.place, self.candidate.identity)
        working = asyncio.create_task(_run(work), name="lease-work")
        renewing = asyncio.create_task(self._renew(), name="lease-renew")
        try:
            await asyncio.wait({working, renewing}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                await working
                return
            raise LeaseLostError(f"lost Lease {self.place}: another watcher may be active; start again")
        finally:
            for task in (working, renewing):
                task.cancel()
            await asyncio.gather(working, renewing, return_exceptions=True)
            await self._release()

    async def _acquire(self, stop: asyncio.Event) -> bool:
        """Whether it was taken before `stop`."""
        waiting = False
        while not stop.is_set():
            if await self._try():
                return True
            if not waiting:
                _logger.warning("standing by: another watcher holds Lease %s", self.place)
                waiting = True
            await self._sleep(stop)
        return False

    async def _sleep(self, stop: asyncio.Event) -> None:
        try:
            await asyncio.wait_for(stop.wait(), _RETRY_SHARE * self.candidate.duration)
        except TimeoutError:
            return

    async def _renew(self) -> None:
        """Renew until that fails for too long."""
        renewed = self._loop_time()
        while self._loop_time() - renewed < _RENEW_SHARE * self.candidate.duration:
            await asyncio.sleep(_RETRY_SHARE * self.candidate.duration)
            if await self._try():
                renewed = self._loop_time()

    async def _try(self) -> bool:
        """Take or renew it. Whether it is ours now; what the server does not answer counts as no."""
        try:
            async with asyncio.timeout(_RENEW_SHARE * self.candidate.duration):
                return await self._take()
        except (ApiError, TimeoutError) as error:
            _logger.warning("Lease %s: %s", self.place, str(error) or "no answer in time")
            return False

    async def _take(self) -> bool:
        try:
            lease = await self._read()
        except MissingError:
            await self.api.send("POST", self._collection, self._body(None))
            return True
        spec = lease.get("spec") or {}
        if not self.candidate.may_take(spec, self._loop_time()):
            return False
        try:
            await self.api.send("PUT", self._path, self._body(lease))
        except ConflictError:
            return False
        return True

    async def _release(self) -> None:
        """Let the next one have it at once."""
        try:
            lease = await self._read()
            spec = lease.get("spec") or {}
            if spec.get("holderIdentity") == self.candidate.identity:
                freed = {**lease, "spec": {**spec, "holderIdentity": "", "leaseDurationSeconds": 1}}
                await self.api.send("PUT", self._path, freed)
        except ApiError as error:
            _logger.info("Lease %s was not given back: %s", self.place, error)

    async def _read(self) -> Object:
        lease = decode(await self.api.get(self._path), self._path)
        return lease if isinstance(lease, dict) else {}

    def _body(self, lease: Object | None) -> Object:
        """The Lease, held. With the version that was read: a write in between is a conflict."""
        name = self.place.rpartition("/")[2]
        base = lease or {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": name},
            "spec": {},
        }
        return {**base, "spec": self.candidate.taken(base.get("spec") or {}, self.clock())}

    @property
    def _collection(self) -> str:
        return f"/apis/coordination.k8s.io/v1/namespaces/{self.place.partition('/')[0]}/leases"

    @property
    def _path(self) -> str:
        return f"{self._collection}/{self.place.rpartition('/')[2]}"


async def _run(work: Callable[[], Awaitable[None]]) -> None:
    await work()
