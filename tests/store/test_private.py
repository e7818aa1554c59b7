"""The data folder is open to one account only."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from dicomnode.errors import SettingsError
from dicomnode.node.rooms import exclusive, open_stores
from dicomnode.store.engine import write
from dicomnode.store.files import FileStore, file_digest
from dicomnode.store.private import tighten


@pytest.fixture(params=[0o000, 0o002, 0o022, 0o077])
def a_umask(request) -> Iterator[int]:
    """What the account that starts the node may have set."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    """Permissions of a folder and all that is in it."""
    return {str(path.relative_to(folder)): stat.S_IMODE(path.stat().st_mode) for path in [folder, *folder.rglob("*")]}


def test_all_is_made_for_its_owner_alone(a_umask, some_settings):
    """Folders 0700, files 0600: images, results, database with its log, keys and lock, whatever the umask."""
    folder = some_settings.store.data_dir
    with exclusive(folder):
        stores = open_stores(some_settings)
        stores.instance_files.keep(file_digest(b"image"), b"image")
        stores.result_files.keep(file_digest(b"result"), b"result")
        with write(stores.engine) as connection:
            connection.exec_driver_sql("CREATE TABLE t (a)")
            found = modes(folder)
        stores.engine.dispose()

    assert {"index.sqlite3", "index.sqlite3-wal", "index.sqlite3-shm", "patient.key", "service.lock"} <= found.keys()
    assert {True: {0o700}, False: {0o600}} == {
        is_folder: {mode for name, mode in found.items() if (folder / name).is_dir() is is_folder and "-" not in name}
        for is_folder in (True, False)
    }
    assert {0o600} == {mode for name, mode in found.items() if name.startswith("index.sqlite3-")}


def test_a_command_that_writes_makes_it_private_as_well(a_umask, some_settings):
    """Whoever makes the folder first."""
    open_stores(some_settings).engine.dispose()

    found = modes(some_settings.store.data_dir)
    assert {".": 0o700, "instances": 0o700, "results": 0o700} == {
        name: found[name] for name in (".", "instances", "results")
    }


def test_no_file_is_open_to_others_for_a_moment(a_umask, tmp_path, monkeypatch):
    """A watcher of every file while it is written never sees one that others may read."""
    seen: set[int] = set()
    sync = os.fsync

    def watch(descriptor: int) -> None:
        seen.update(stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*.part"))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", watch)
    FileStore(tmp_path / "files").keep(file_digest(b"image"), b"image")

    assert {0o600} == seen


def test_an_open_folder_is_closed_by_the_service(tmp_path, some_settings, capsys):
    """A data folder of an earlier release: all of it is closed, told in one line, and not again the next time."""
    folder = some_settings.store.data_dir
    (folder / "instances" / "ab").mkdir(parents=True)
    (folder / "instances" / "ab" / "film.dcm").write_bytes(b"film")
    (tmp_path / "elsewhere").write_text("not ours")
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    for path in [folder, *folder.rglob("*"), tmp_path / "elsewhere"]:
        path.chmod(0o755 if path.is_dir() else 0o644)

    with exclusive(folder):
        first = capsys.readouterr().out
    with exclusive(folder):
        second = capsys.readouterr().out

    assert 1 == first.count("the data folder was accessible to other accounts; its permissions are restricted now")
    assert "" == second
    assert {0o700} == {mode for name, mode in modes(folder).items() if (folder / name).is_dir()}
    assert 0o600 == modes(folder)["instances/ab/film.dcm"]
    assert 0o644 == stat.S_IMODE((tmp_path / "elsewhere").stat().st_mode)


def test_a_data_folder_behind_a_link_is_closed(tmp_path):
    """The link says where the folder is, on another disk for example; who may enter is said there."""
    folder = tmp_path / "disk"
    folder.mkdir()
    folder.chmod(0o777)
    (folder / "index.sqlite3").touch(0o644)
    (tmp_path / "data").symlink_to(folder)

    assert 2 == tighten(tmp_path / "data")
    assert {".": 0o700, "index.sqlite3": 0o600} == modes(folder)
    assert 0 == tighten(tmp_path / "data")


def test_a_single_open_file_in_a_closed_folder_is_closed(tmp_path):
    """What somebody copied in by hand, the database of a back-up for example."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    (folder / "index.sqlite3").touch(0o644)

    assert 1 == tighten(folder)
    assert 0o600 == modes(folder)["index.sqlite3"]


def test_looking_changes_nothing(some_settings):
    """Commands that read leave the permissions as they are."""
    folder = some_settings.store.data_dir
    open_stores(some_settings).engine.dispose()
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    before = modes(folder)

    open_stores(some_settings, is_reader=True).engine.dispose()

    assert before == modes(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_account_is_one_sentence(tmp_path):
    """Neither its owner nor we would be helped by files that the other one cannot read."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    os.chown(folder, 1, 1)

    with pytest.raises(SettingsError, match=r"belongs to user daemon, and dicomnode runs as user root; run it as"):
        exclusive(folder).__enter__()


def test_several_at_once_make_one_folder(tmp_path):
    """The receiver's threads make the same folder at the same moment."""
    store = FileStore(tmp_path / "files")
    threads = [threading.Thread(target=store.keep, args=("ab" * 32, b"image")) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert b"image" == store.path(f"ab/{'ab' * 32}.dcm").read_bytes()
