"""Who works on what: one queue for jobs, deliveries and alerts.

A row is worked on by whoever holds its lease, who renews it while the work goes on. Times are those of the wall clock,
which may be set at any moment, so none of them is trusted beyond its own length: a lease that would end later than a
new one is cut to a new one's length, and a pause that would be longer than the longest is over.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, Row

from dicomnode.store.engine import read, write

AT_ONCE = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
"""`not_before` of what need not wait, whatever the clock says."""
LONGEST_WAIT_S = 86_400.0
"""No pause is longer where the caller knows no shorter bound."""
FREE: Mapping[str, None] = {"lease_owner": None, "lease_until": None}
"""Column values of a row that nobody holds."""


def is_due(table: sa.Table, *, now: dt.datetime, longest_wait_s: float) -> sa.ColumnElement[bool]:
    """Condition that a row's pause is over.

    Parameters
    ----------
    longest_wait_s
        No pause is longer; one that seems to be was written before the clock was set back.
    """
    latest = now + dt.timedelta(seconds=longest_wait_s)
    return (table.c.not_before <= now) | (table.c.not_before > latest)


def is_free(table: sa.Table, *, now: dt.datetime, takes_over: bool) -> sa.ColumnElement[bool]:
    """Condition that nobody holds a row.

    Parameters
    ----------
    takes_over
        Whether a lease that is over may be taken from its holder; not right after the clock was set forward, as
        holders have had no time to renew theirs.
    """
    unheld = table.c.lease_until.is_(None)
    return unheld | (table.c.lease_until < now) if takes_over else unheld


def is_overlong(table: sa.Table, *, lease_s: float, now: dt.datetime) -> sa.ColumnElement[bool]:
    """Condition that a lease would end later than a new one: the clock has been set back since it was given."""
    return table.c.lease_until > now + dt.timedelta(seconds=lease_s)


def look(engine: Engine, table: sa.Table, query: sa.Select[Any], *, lease_s: float, now: dt.datetime) -> bool:
    """Whether a query finds what to take, without keeping a writer waiting; leases that are too long are cut."""
    overlong = is_overlong(table, lease_s=lease_s, now=now)
    with read(engine) as connection:
        is_to_be_cut = connection.execute(sa.select(table.c.id).where(overlong).limit(1)).first() is not None
        is_there = connection.execute(query).first() is not None
    if is_to_be_cut:
        latest = now + dt.timedelta(seconds=lease_s)
        with write(engine) as connection:
            connection.execute(sa.update(table).where(overlong).values(lease_until=latest))
    return is_there


def is_any(engine: Engine, table: sa.Table, condition: sa.ColumnElement[bool]) -> bool:
    """Whether there is a row of this condition, without keeping a writer waiting."""
    with read(engine) as connection:
        return connection.execute(sa.select(table.c.id).where(condition).limit(1)).first() is not None


def take(
    connection: Connection,
    table: sa.Table,
    condition: sa.ColumnElement[bool],
    owner: str,
    *,
    lease_s: float,
    now: dt.datetime,
    values: Mapping[str, Any] | None = None,
) -> list[Row[Any]]:
    """Take rows for their new holder, count a try of each, and return them."""
    lease = {"lease_owner": owner, "lease_until": now + dt.timedelta(seconds=lease_s)}
    taken = sa.update(table).where(condition).values(**lease, attempts=table.c.attempts + 1, **(values or {}))
    return list(connection.execute(taken.returning(table)))


def renew(
    engine: Engine, table: sa.Table, condition: sa.ColumnElement[bool], *, lease_s: float, now: dt.datetime
) -> int:
    """Hold rows for a lease more, and return how many of them are still held."""
    with write(engine) as connection:
        longer = sa.update(table).where(condition).values(lease_until=now + dt.timedelta(seconds=lease_s))
        return connection.execute(longer).rowcount


def release(engine: Engine, table: sa.Table, owner: str, **values: Any) -> int:
    """Give back what a former process of this name held when it died, and return how much that was."""
    with write(engine) as connection:
        freed = sa.update(table).where(table.c.lease_owner == owner).values(**FREE, **values)
        return connection.execute(freed).rowcount
