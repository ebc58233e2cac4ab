"""Points in time as numbers, on every database. Pure: builds SQL."""

from datetime import datetime

from sqlalchemy import ColumnElement, Float, cast, extract, func
from sqlalchemy.engine import Connection

_SECONDS_A_DAY = 86400


def seconds(connection: Connection, moment: ColumnElement[datetime]) -> ColumnElement[float]:
    """From some fixed moment on; SQLite keeps text, and knows days."""
    if connection.dialect.name == "postgresql":
        return cast(extract("epoch", moment), Float)
    return func.julianday(moment, type_=Float) * _SECONDS_A_DAY
