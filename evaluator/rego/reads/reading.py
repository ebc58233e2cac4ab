"""What has been read of a document so far, and what is under a key of a value. Pure."""

from evaluator.rego.reads.paths import Mode, Path
from evaluator.rego.reads.scopes import UnsureError
from evaluator.rego.reads.values import OPAQUE, Value, join, part

_BUDGET = 50_000
"""Nodes looked at; the catalog's policies take below 5,000."""

_MAX_DEPTH = 24
"""Steps of a path; what is below is read whole."""


class Reading:
    """Collects paths while a policy is followed."""

    def __init__(self) -> None:
        self.reads: dict[Path, Mode] = {(): Mode.SHAPE}
        self._budget = _BUDGET

    def spend(self) -> None:
        """One more node was looked at. Raises UnsureError when there were too many."""
        self._budget -= 1
        if self._budget < 0:
            raise UnsureError("budget")

    def read(self, value: Value, mode: Mode) -> None:
        """Something depends on a value, or on its shape or keys."""
        for path in value.aliases:
            self.reads[path] = max(mode, self.reads.get(path, Mode.SHAPE))
        if mode is Mode.DEEP:
            for inner in value.inside():
                self.read(inner, mode)

    def compared(self, value: Value) -> Value:
        """All of a value is read. Returns what is left to know of it: a constant stays one."""
        self.read(value, Mode.DEEP)
        return value if value.names else OPAQUE

    def step(self, value: Value, name: str | None) -> Value:
        """What is under a key; None for any key or element."""
        found: list[Value] = []
        for path in value.aliases:
            if len(path) >= _MAX_DEPTH:
                found.append(self.compared(part(path)))
                continue
            if name is None:
                self.read(part(path), Mode.KEYS)
            below = part((*path, name))
            self.read(below, Mode.SHAPE)
            found.append(below)
        if name is None:
            found += value.inside()
        else:
            found += [inner for inner in (value.fields.get(name), value.rest) if inner is not None]
        if value.opaque:
            found.append(OPAQUE)
        return join(*found)

    def index(self, value: Value, key: Value) -> Value:
        """What is under a computed key."""
        if key.names is None:
            self.read(key, Mode.DEEP)
            return self.step(value, None)
        return join(*(self.step(value, name) for name in sorted(key.names)))
