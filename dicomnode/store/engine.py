"""The engine and its migrations; SQLite and PostgreSQL behave alike behind it.

Who only looks takes `read`, which waits for nobody; who changes something takes `write`. Both say in one sentence
that the index cannot be used now, as an error that may be gone another time.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
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
from dicomnode.store.private import make_folder, open_private

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
    if not is_reader:
        try:
            make_folder(settings.data_dir)
        except OSError as error:
            raise TransientError(f"store.data_dir cannot be used: {sentence(error)}") from None
    engine = _made(settings, is_reader=is_reader)
    with ExitStack() as unless_opened:
        unless_opened.callback(engine.dispose)
        with _answering(engine, settings):
            (_check_revision if is_reader else upgrade)(engine)
        unless_opened.pop_all()
    return engine


def revisions(settings: StoreSettings) -> tuple[str | None, str]:
    """The revision of the tables in the database of the settings, None where it has none yet, and the one we need.

    Nothing is made or changed.

    Raises
    ------
    SettingsError
        If the URL is wrong, its driver is not installed, or the database cannot be read.
    """
    url = _url(settings)
    if url.get_backend_name() == "sqlite" and url.database and not Path(url.database).is_file():
        if settings.database_url and not Path(url.database).parent.is_dir():
            raise SettingsError(f"store.database_url: there is no folder {Path(url.database).parent}")
        return None, _newest_revision()
    engine = _made(settings, is_reader=True)
    try:
        with _answering(engine, settings):
            return _revision(engine), _newest_revision()
    finally:
        engine.dispose()


def sqlite_file(settings: StoreSettings) -> Path:
    """The database where the settings name no other."""
    return settings.data_dir / "index.sqlite3"


def _url(settings: StoreSettings) -> URL:
    """The URL of the settings, with the driver that the extra installs."""
    try:
        url = sa.make_url(settings.database_url.get_secret_value() or f"sqlite:///{sqlite_file(settings)}")
    except (SQLAlchemyError, ValueError):  # their messages quote the URL, or pieces of its password
        raise SettingsError(
            "store.database_url cannot be used: it is not a database URL such as "
            "postgresql://user:password@host/dicomnode (in a password, write @ as %40, / as %2F and : as %3A)"
        ) from None
    if url.drivername in ("postgresql", "postgres"):
        url = url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise SettingsError(
            f"store.database_url cannot be used: {url.get_backend_name()} is not supported; use SQLite or PostgreSQL"
        )
    return url


def _made(settings: StoreSettings, *, is_reader: bool) -> Engine:
    """The engine of the settings, which has not connected yet."""
    url = _url(settings)
    try:
        return _engine_of(url, is_reader=is_reader)
    except ModuleNotFoundError as error:
        how = "install it with: pip install 'dicomnode-ai[postgresql]'"
        if error.name != "psycopg":
            how = f"write postgresql:// and install its driver with: {how.partition(': ')[2]}"
        raise SettingsError(
            f"store.database_url cannot be used: the database driver {error.name} is not installed; {how}"
        ) from None
    except (SQLAlchemyError, ValueError) as error:
        said = settings.database_url.hidden_in(str(error))
        raise SettingsError(f"store.database_url cannot be used: {said}") from None


@contextmanager
def _answering(engine: Engine, settings: StoreSettings) -> Iterator[None]:
    """Say in one sentence why the database of the settings cannot be used; drivers may quote what they were given."""
    try:
        with _told_clearly(engine, "opened") if engine.dialect.name == "sqlite" else nullcontext():
            yield
    except DBAPIError as error:
        why = "does not answer" if isinstance(error, OperationalError) else "cannot be used"
        said = " ".join(settings.database_url.hidden_in(str(error.orig)).split())
        raise SettingsError(f"store.database_url: the database {why}: {said}") from None


def tidy(engine: Engine) -> None:
    """Put SQLite's log into its database, once nobody else has it open: one file is the whole index then."""
    if engine.dialect.name == "sqlite":
        with suppress(DBAPIError), engine.connect() as connection:
            connection.exec_driver_sql("SELECT 1")
    engine.dispose()


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
        _make_private(url.database)
        engine = sa.create_engine(url, pool_pre_ping=True)
    sa.event.listen(engine, "connect", _configure_reader if is_reader else _configure_sqlite)
    sa.event.listen(engine, "begin", _begin)
    return engine


def _make_private(database: str | None) -> None:
    """Make the file of a SQLite database for its owner alone; SQLite gives its log the mode of the file.

    Raises
    ------
    SettingsError
        If there is no folder for it.
    TransientError
        If it cannot be made or opened.
    """
    if not database or database.startswith((":memory:", "file:")):
        return
    try:
        os.close(open_private(database, os.O_RDWR | os.O_CREAT))
    except OSError as error:
        if isinstance(error, FileNotFoundError):  # its folder is not there
            raise SettingsError(f"store.database_url: {database} cannot be used: {error.strerror}") from None
        raise TransientError(f"the index cannot be opened: {sentence(error)}") from None


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
