"""Why something could not be read or written, in one sentence for an administrator."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

import pytest

from dicomnode.cli.main import main
from dicomnode.store import denied
from dicomnode.store.denied import sentence, sqlite_sentence


def a_sqlite_error(code: int) -> sqlite3.Error:
    """What SQLite raises with a code; its text holds a value of the statement."""
    error = sqlite3.OperationalError("secret value")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (sqlite3.SQLITE_BUSY, "another process has it locked"),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, "another process has it locked"),
        (sqlite3.SQLITE_CORRUPT, "the file is damaged; restore it from a back-up"),
        (sqlite3.SQLITE_CORRUPT_VTAB, "the file is damaged; restore it from a back-up"),
        (sqlite3.SQLITE_NOTADB, "the file is not a SQLite database; restore it from a back-up"),
        (sqlite3.SQLITE_FULL, "the disk is full"),
        (sqlite3.SQLITE_IOERR_WRITE, "the disk cannot be read or written"),
        (sqlite3.SQLITE_READONLY_DBMOVED, "it cannot be written (this is user "),
        (sqlite3.SQLITE_CANTOPEN, "it cannot be opened (this is user "),
        (sqlite3.SQLITE_ERROR, "OperationalError"),
    ],
)
def test_what_sqlite_says_is_one_sentence(tmp_path, code, says):
    """It names the file, whatever precise code SQLite gives, and quotes nothing of the statement."""
    told = sqlite_sentence(a_sqlite_error(code), tmp_path / "index.sqlite3")

    assert told.startswith(f"{tmp_path / 'index.sqlite3'}: {says}")
    assert "secret" not in told


def test_a_file_system_mounted_read_only_is_said_to_be(tmp_path, monkeypatch):
    """Nobody is sent to look for permissions that are there."""
    monkeypatch.setattr(denied, "_is_read_only", lambda _: True)

    told = sqlite_sentence(a_sqlite_error(sqlite3.SQLITE_READONLY), tmp_path / "x")

    assert told == f"{tmp_path / 'x'}: it cannot be written, as the file system is mounted read-only"


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/a/b"), "/a/b: No space left on device"),
        (OSError(errno.EROFS, os.strerror(errno.EROFS), b"/a/b"), "/a/b: Read-only file system"),
        (OSError(errno.EIO, os.strerror(errno.EIO)), "Input/output error"),
        (OSError("what a library says"), "what a library says"),
        (OSError(), "OSError"),
    ],
)
def test_what_the_system_says_is_one_sentence(error, says):
    """With the path where there is one."""
    assert says == sentence(error)


def test_a_lack_of_permission_names_both_users(tmp_path):
    """Who asked, and whose the file or the nearest folder above it is."""
    told = sentence(PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "none" / "x")))

    assert told.startswith(f"{tmp_path / 'none' / 'x'}: Permission denied (this is user ")
    assert f"; {tmp_path} belongs to " in told


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EROFS])
def test_a_command_that_meets_it_says_so_and_fails(tmp_path, capsys, monkeypatch, code):
    """Status 1 and a sentence, no traceback, for any command that writes."""

    def refuse(path: Path, *_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code), str(path))

    monkeypatch.setattr("dicomnode.send.store_scu.read_outgoing", refuse)
    (tmp_path / "x.dcm").write_bytes(b"DICM")

    assert 1 == main(["send", str(tmp_path / "x.dcm"), "--to", "A@127.0.0.1:1"])

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {tmp_path / 'x.dcm'}: {os.strerror(code)}")
