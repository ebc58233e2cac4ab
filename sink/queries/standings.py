"""Current verdicts, for whoever compares them with others."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import and_, func, select
from sqlalchemy.engine import RowMapping

from pipeline.events import Mode, Outcome
from sink.queries.filters import is_covered
from sink.queries.model import Standing
from sink.queries.reader import Reader
from sink.queries.reading import page
from sink.tables import verdicts, violations

_V = verdicts.c
_GONE = Outcome.WITHDRAWN.value


async def standings(
    reader: Reader, resource_keys: Sequence[str], names: Sequence[str], now: datetime
) -> dict[tuple[str, str], list[Standing]]:
    """Verdicts of these policies on these resources, by resource key and policy: one, or one an image.

    A waiver that is over covers nothing, whether or not anybody evaluated since.
    """
    waiver = func.coalesce(violations.c.waiver, "").label("waiver")
    query = select(_V.key, _V.resource_key, _V.policy, _V.outcome, _V.mode, _V.message, waiver)
    covered = and_(violations.c.verdict_key == _V.key, is_covered(now))
    query = query.outerjoin_from(verdicts, violations, covered)
    query = query.where(_V.resource_key.in_(resource_keys), _V.policy.in_(names), _V.outcome != _GONE)
    found: dict[tuple[str, str], list[Standing]] = {}
    for row in await reader.run(lambda connection: page(connection, query.order_by(_V.key))):
        outcome, mode = Outcome(row["outcome"]), Mode(row["mode"])
        standing = Standing(
            outcome=outcome, mode=mode, message=row["message"], waiver=row["waiver"], image=_image(row)
        )
        found.setdefault((row["resource_key"], row["policy"]), []).append(standing)
    return found


def _image(row: RowMapping) -> str:
    """What the key of a verdict has besides its resource and policy."""
    key: str = row["key"]
    return key.removeprefix(f"{row['resource_key']}/{row['policy']}").removeprefix("/")
