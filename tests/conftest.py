"""Fixtures that every room's tests share: stores on both databases, a listening node, data sets, peers."""

from __future__ import annotations

import logging
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from helpers import free_port, program, wait_until
from pydicom.uid import generate_uid

from dicomnode.node.rooms import Stores, admission, open_stores
from dicomnode.receive.scp import StorageSCP
from dicomnode.settings import Destination, ReceiveSettings, SecretUrl, Settings, StoreSettings


def pytest_xdist_auto_num_workers() -> int:
    """One test process more than there are cores, because services under test mostly wait; eight at most."""
    return min(8, (os.cpu_count() or 1) + 1)


@pytest.fixture(autouse=True)
def a_fresh_log() -> Iterator[None]:
    """Forget how a command configured the log: it may write to a stream that is gone by the next test."""
    root, raises = logging.getLogger(), logging.raiseExceptions
    handlers = [*root.handlers]
    yield
    structlog.reset_defaults()
    root.handlers[:] = [handler for handler in root.handlers if handler in handlers or "pytest" in repr(type(handler))]
    logging.raiseExceptions = raises


@pytest.fixture(autouse=True)
def the_umask_stays() -> Iterator[None]:
    """A command that runs in this process, `serve`, changes it."""
    before = os.umask(0o022)
    os.umask(before)
    yield
    os.umask(before)


@pytest.fixture(scope="session")
def a_postgresql_server() -> Iterator[str]:
    """URL of a PostgreSQL server of this test run, without a database name."""
    initdb, postgres = program("initdb", "postgresql"), program("postgres", "postgresql")
    with tempfile.TemporaryDirectory(prefix="dicomnode-pg-") as folder:
        data, port = Path(folder) / "data", free_port()
        as_postgres: dict[str, str] = {}
        if os.geteuid() == 0:  # the server refuses to run as root
            shutil.chown(folder, "postgres", pwd.getpwnam("postgres").pw_gid)
            as_postgres = {"user": "postgres"}
        subprocess.run(
            [initdb, "-D", data, "-U", "dicomnode", "-A", "trust", "--no-sync"],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=folder,
            **as_postgres,
        )
        options = ["-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={folder}", "-p", str(port)]
        options += ["-c", "fsync=off", "-c", "full_page_writes=off"]  # the folder is thrown away
        server = subprocess.Popen(
            [postgres, "-D", data, *options], stderr=subprocess.DEVNULL, cwd=folder, **as_postgres
        )
        try:
            wait_until(lambda: _accepts(port), timeout_s=30, what="PostgreSQL accepts connections")
            yield f"postgresql+psycopg://dicomnode@127.0.0.1:{port}"
        finally:
            server.send_signal(signal.SIGQUIT)  # immediate shutdown
            server.wait(60)


def _accepts(port: int) -> bool:
    """A server that listens may still be starting up."""
    import psycopg

    try:
        psycopg.connect(host="127.0.0.1", port=port, user="dicomnode", dbname="postgres").close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.fixture(params=["sqlite", "postgresql"])
def a_database_url(request: pytest.FixtureRequest) -> str:
    """An empty database: SQLite in the data folder, and PostgreSQL where it is installed."""
    if request.param == "sqlite":
        return ""
    import psycopg
    import sqlalchemy as sa

    server = request.getfixturevalue("a_postgresql_server")
    name = f"t{generate_uid(prefix=None)[-20:]}"
    url = sa.make_url(f"{server}/postgres")
    with psycopg.connect(host=url.host, port=url.port, user=url.username, dbname="postgres", autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
    return f"{server}/{name}"


@pytest.fixture
def some_settings(tmp_path: Path) -> Settings:
    """Settings over a fresh SQLite data folder, listening on loopback."""
    return Settings(
        store=StoreSettings(data_dir=tmp_path / "data"),
        receive=ReceiveSettings(host="127.0.0.1", port=0, minimum_free_bytes=0),
    )


@pytest.fixture
def some_stores(some_settings: Settings) -> Iterator[Stores]:
    """Stores on SQLite."""
    stores = open_stores(some_settings)
    yield stores
    stores.engine.dispose()


@pytest.fixture
def both_stores(some_settings: Settings, a_database_url: str) -> Iterator[Stores]:
    """Stores on SQLite and then on PostgreSQL."""
    store = some_settings.store.model_copy(update={"database_url": SecretUrl(a_database_url)})
    stores = open_stores(some_settings.model_copy(update={"store": store}))
    yield stores
    stores.engine.dispose()


@pytest.fixture
def a_node(some_settings: Settings, some_stores: Stores) -> Iterator[Callable[..., Destination]]:
    """Start a Storage SCP over the store; keyword arguments change the receive settings."""
    started: list[StorageSCP] = []

    def start(**changes: object) -> Destination:
        receive = some_settings.receive.model_copy(update=changes)
        changed = some_settings.model_copy(update={"receive": receive})
        scp = StorageSCP(receive, admission(changed, some_stores))
        started.append(scp)
        return Destination(ae_title=receive.ae_title, host="127.0.0.1", port=scp.start())

    yield start
    for scp in started:
        scp.stop()
