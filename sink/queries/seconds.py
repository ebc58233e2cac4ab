"""Points in time as numbers, on every database. Pure: builds SQL."""

from datetime import datetime

from sqlalchemy import ColumnElement, Float, func
from sqlalchemy.engine import Connection

_SECONDS_A_DAY = 86400


def seconds(connection: Connection, moment: ColumnElement[datetime]) -> ColumnElement[float]:
    """From some fixed moment on; SQLite keeps text, and knows days."""
    if connection.dialect.name == "postgresql":
        return func.date_part("epoch", moment, type_=Float)  # EXTRACT makes a numeric, at twice the cost
    return func.julianday(moment, type_=Float) * _SECONDS_A_DAY
