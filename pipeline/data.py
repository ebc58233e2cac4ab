"""The base of all event data."""

import msgspec


class Data(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Immutable, camelCase in JSON, absent where it has nothing to say."""
