"""The engine and its migrations; SQLite and PostgreSQL behave alike behind it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from dicomnode.errors import SettingsError
from dicomnode.settings import StoreSettings

BUSY_TIMEOUT_S = 30
_MIGRATIONS = Path(__file__).parent / "migrations"


def open_engine(settings: StoreSettings) -> Engine:
    """Open the database of the settings and bring its tables up to date.

    Raises
    ------
    SettingsError
        If the URL is wrong, its driver is not installed, or the server does not answer.
    """
    url = settings.database_url or f"sqlite:///{settings.data_dir / 'index.sqlite3'}"
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    try:
        engine = sa.create_engine(url, pool_pre_ping=True)
    except (SQLAlchemyError, ModuleNotFoundError, ValueError) as error:
        raise SettingsError(f"store.database_url cannot be used: {error}") from None
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _configure_sqlite)
        sa.event.listen(engine, "begin", _begin_immediately)
    try:
        upgrade(engine)
    except OperationalError as error:
        raise SettingsError(f"store.database_url: the database does not answer: {error.orig}") from None
    except DBAPIError as error:
        raise SettingsError(f"store.database_url: the database cannot be used: {error.orig}") from None
    return engine


def upgrade(engine: Engine) -> None:
    """Run the migrations that this database has not seen; one process at a time does.

    Raises
    ------
    SettingsError
        If the database has a migration that we do not know.
    """
    if _revision(engine) == _newest_revision():
        return
    # Only the first process of all pays for alembic, which takes as much memory as a model.
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(7261726)"))
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise SettingsError(f"store.database_url: made by a newer dicomnode? {error}") from None


def _revision(engine: Engine) -> str | None:
    """The last migration that the database has seen; None for a new one."""
    with engine.begin() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()


def _newest_revision() -> str:
    """Files of migrations are named by their number and their purpose."""
    return max(path.stem for path in (_MIGRATIONS / "versions").glob("[0-9]*.py")).split("_")[0]


def upsert(connection: Connection, table: sa.Table) -> Any:
    """INSERT statement of this dialect that knows `on_conflict_do_update`."""
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as postgresql_insert

        return postgresql_insert(table)
    from sqlalchemy.dialects.sqlite import insert as sqlite_insert

    return sqlite_insert(table)


def _configure_sqlite(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    """Readers beside one writer, and a commit that survives a power cut."""
    connection.isolation_level = None  # transactions begin where we say, below
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        f"busy_timeout={BUSY_TIMEOUT_S * 1000}",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_immediately(connection: Connection) -> None:
    """Take the writer's place at once: a read that turns into a write would fail, not wait."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")
