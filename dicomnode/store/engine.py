"""The engine and its migrations; SQLite and PostgreSQL behave alike behind it.

Who only looks takes `read`, which waits for nobody; who changes something takes `write`. Both say in one sentence
that the index cannot be used now, as an error that may be gone another time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    SQLAlchemyError,
)
from sqlalchemy.pool import ConnectionPoolEntry

from dicomnode.errors import PermanentError, SettingsError, TransientError
from dicomnode.settings import StoreSettings
from dicomnode.store.denied import sentence, sqlite_sentence

BUSY_TIMEOUT_S = 10
"""So long a writer waits for another. A sender that waits 30 s for its answer, as many do, must get one before."""
_MIGRATIONS = Path(__file__).parent / "migrations"
_READS_ONLY = "dicomnode_reads_only"
"""Execution option of a connection that takes no write lock."""
_DEFECTS = (DataError, IntegrityError, NotSupportedError, ProgrammingError)
"""What a database says of a wrong statement or value; anything else it says is about itself."""


def open_engine(settings: StoreSettings, *, is_reader: bool = False) -> Engine:
    """Open the database of the settings and bring its tables up to date.

    Parameters
    ----------
    is_reader
        Only look: nothing is made, and a database of another release is left as it is.

    Raises
    ------
    SettingsError
        If the URL is wrong, its driver is not installed, or the server does not answer.
    PermanentError
        For a reader: if there is no database, or it is one of another release.
    TransientError
        If the database file or its folder cannot be used: no permission, locked, damaged, full.
    """
    url = settings.database_url or f"sqlite:///{settings.data_dir / 'index.sqlite3'}"
    if not is_reader:
        try:
            settings.data_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TransientError(f"store.data_dir cannot be used: {sentence(error)}") from None
    try:
        engine = _engine_of(sa.make_url(url), is_reader=is_reader)
    except (SQLAlchemyError, ModuleNotFoundError, ValueError) as error:
        raise SettingsError(f"store.database_url cannot be used: {error}") from None
    is_file = engine.dialect.name == "sqlite"
    with ExitStack() as unless_opened:
        unless_opened.callback(engine.dispose)
        try:
            with _told_clearly(engine, "opened") if is_file else nullcontext():
                (_check_revision if is_reader else upgrade)(engine)
        except OperationalError as error:
            raise SettingsError(f"store.database_url: the database does not answer: {error.orig}") from None
        except DBAPIError as error:
            raise SettingsError(f"store.database_url: the database cannot be used: {error.orig}") from None
        unless_opened.pop_all()
    return engine


@contextmanager
def read(engine: Engine) -> Iterator[Connection]:
    """A connection that sees one state of the database, takes no write lock and cannot write.

    Raises
    ------
    TransientError
        If the database cannot be read now.
    """
    with _told_clearly(engine, "read"), _reading(engine) as connection:
        yield connection


@contextmanager
def write(engine: Engine) -> Iterator[Connection]:
    """A connection whose changes count together once the block ends, or not at all.

    Raises
    ------
    TransientError
        If the database cannot be written now: it is locked for too long, full, or its server is gone.
    """
    with _told_clearly(engine, "written"), engine.begin() as connection:
        yield connection


@contextmanager
def _reading(engine: Engine) -> Iterator[Connection]:
    options = {"postgresql_readonly": True} if engine.dialect.name == "postgresql" else {_READS_ONLY: True}
    with engine.connect() as connection:
        reader = connection.execution_options(**options)
        with reader.begin():
            yield reader


@contextmanager
def _told_clearly(engine: Engine, what: str) -> Iterator[None]:
    """Name what keeps the index from being used; the library's own text quotes the values of the statement."""
    try:
        yield
    except _DEFECTS:
        raise
    except (DBAPIError, sa.exc.TimeoutError) as error:
        cause = getattr(error, "orig", None) or error
        why = f" ({type(cause).__name__})"
        if isinstance(cause, sqlite3.Error):
            why = f": {sqlite_sentence(cause, Path(engine.url.database or 'in memory'))}"
        raise TransientError(f"the index cannot be {what}{why}") from None


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


def _check_revision(engine: Engine) -> None:
    """Refuse to look into a database whose tables are not those that we know."""
    found, known = _revision(engine), _newest_revision()
    if found is None:
        raise PermanentError("the index is empty (store.database_url); `dicomnode serve` makes the index")
    if found < known:
        raise PermanentError(
            f"the index was made by an older dicomnode (revision {found}, this one needs {known}); "
            "`dicomnode serve` brings it up to date"
        )
    if found > known:
        raise PermanentError(f"the index was made by a newer dicomnode (revision {found}, this one knows {known})")


def _revision(engine: Engine) -> str | None:
    """The last migration that the database has seen; None for a new one."""
    with _reading(engine) as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()


def _newest_revision() -> str:
    """Files of migrations are named by their number and their purpose."""
    return max(path.stem for path in (_MIGRATIONS / "versions").glob("[0-9]*.py")).split("_")[0]


def upsert(dialect: str, table: sa.Table) -> Any:
    """INSERT statement of a dialect that knows `on_conflict_do_update`."""
    if dialect == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as postgresql_insert

        return postgresql_insert(table)
    from sqlalchemy.dialects.sqlite import insert as sqlite_insert

    return sqlite_insert(table)


def _engine_of(url: URL, *, is_reader: bool) -> Engine:
    if url.get_backend_name() != "sqlite":
        return sa.create_engine(url, pool_pre_ping=True)
    if is_reader and url.database:
        engine = sa.create_engine(url, pool_pre_ping=True, creator=_opened_to_read(Path(url.database)))
    else:
        engine = sa.create_engine(url, pool_pre_ping=True)
    sa.event.listen(engine, "connect", _configure_reader if is_reader else _configure_sqlite)
    sa.event.listen(engine, "begin", _begin)
    return engine


def _opened_to_read(path: Path) -> Callable[[], sqlite3.Connection]:
    """What opens a SQLite file without making or changing one beside it.

    Raises
    ------
    PermanentError
        If there is no such file.
    """
    if not path.is_file():
        raise PermanentError(f"there is no index at {path} (store.data_dir); `dicomnode serve` makes it")

    def connect() -> sqlite3.Connection:
        # Where no service has it open there is no log, and reading it in the usual way would make one.
        mode = "mode=ro" if path.with_name(f"{path.name}-wal").exists() else "immutable=1"
        return sqlite3.connect(f"file:{quote(str(path.absolute()))}?{mode}", uri=True, check_same_thread=False)

    return connect


def _configure_reader(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    """Wait for a writer that moves its log, as writers wait for each other."""
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_S * 1000}")
    cursor.close()


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


def _begin(connection: Connection) -> None:
    """Begin a SQLite transaction as what it is.

    A writer takes its place at once: a read that turns into a write would fail, not wait. A reader takes none, and may
    not turn into a writer.
    """
    reads_only = connection.get_execution_options().get(_READS_ONLY, False)
    connection.exec_driver_sql(f"PRAGMA query_only={'ON' if reads_only else 'OFF'}")
    connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")
