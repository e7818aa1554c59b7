"""The data folder holds patients' images and is open to one account only: folders 0700, files 0600, from the start."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from pathlib import Path

from dicomnode.errors import SettingsError

FOLDER_MODE = 0o700
FILE_MODE = 0o600
_OTHERS = 0o077


def make_folder(folder: Path) -> None:
    """Make a folder for its owner alone, if it is not there; its parents are made as the umask says.

    Raises
    ------
    OSError
        If it cannot be made.
    """
    folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)


def open_private(path: str | Path, flags: int) -> int:
    """Open a file; one that is made is for its owner alone from the first moment. For `open(opener=open_private)`."""
    return os.open(path, flags, FILE_MODE)


def tighten(data_dir: Path) -> int:
    """Take away what other accounts may do in an existing data folder, and return how many entries that concerned.

    The data folder itself may be a link, to another disk for example; links in it are left alone.
    Below a folder that was closed already only its own entries are looked at: nobody else can reach what is deeper,
    and there may be millions.

    Raises
    ------
    SettingsError
        If the folder belongs to another account, or cannot be changed.
    """
    try:
        found = data_dir.stat()
        _require_owner(data_dir, found.st_uid)
        is_closed = not found.st_mode & _OTHERS
        paths = data_dir.iterdir() if is_closed else _tree(data_dir)
        return sum(_close(path) for path in [data_dir.resolve(), *paths])
    except OSError as error:
        raise SettingsError(f"store.data_dir: {data_dir} cannot be made private: {error.strerror}") from None


def _require_owner(data_dir: Path, owner: int) -> None:
    if owner != os.geteuid():
        raise SettingsError(
            f"store.data_dir: {data_dir} belongs to {_account(owner)}, and dicomnode runs as {_account(os.geteuid())}; "
            "run it as the owner of the folder, or give it the folder (chown -R)"
        )


def _account(number: int) -> str:
    try:
        return f"user {pwd.getpwuid(number).pw_name}"
    except KeyError:
        return f"user {number}"


def _tree(folder: Path) -> Iterator[Path]:
    for path, folders, files in os.walk(folder):
        yield from (Path(path) / name for name in (*folders, *files))


def _close(path: Path) -> bool:
    """Whether an entry was open to others; a link is left alone, and one that has just gone is none."""
    try:
        mode = path.lstat().st_mode
        if path.is_symlink() or not mode & _OTHERS:
            return False
        path.chmod(mode & ~_OTHERS & 0o7777)
    except FileNotFoundError:
        return False
    return True
