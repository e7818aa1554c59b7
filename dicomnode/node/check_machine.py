"""Checks of what the settings ask of this machine: data folder, database, port, time zone."""

from __future__ import annotations

import fcntl
import os
import pwd
import shutil
from collections.abc import Iterator
from pathlib import Path

from dicomnode.errors import NodeError, SettingsError
from dicomnode.node.checks import Check, Found, error, note, warning
from dicomnode.settings import Settings

_GIGABYTE = 10**9


def _data_folder(settings: Settings) -> Iterator[Found]:
    folder = settings.store.data_dir
    there = _nearest(folder)
    if fault := folder_fault(folder):
        yield error("store.data_dir", f"store.data_dir: {fault}")
        return
    if there == folder and there.stat().st_uid != os.geteuid():
        owner = _user(there.stat().st_uid)
        yield warning(
            "store.data_dir",
            f"store.data_dir: {folder} belongs to {owner}, this command runs as {_user(os.geteuid())}; "
            f"files made now may be closed to {owner}",
        )
    free, needed = shutil.disk_usage(there).free, settings.receive.minimum_free_bytes
    if free < needed:
        yield warning(
            "store.data_dir",
            f"store.data_dir: {free / _GIGABYTE:.1f} GB are free on the disk of {folder}; below "
            f"receive.minimum_free_bytes ({needed / _GIGABYTE:.1f} GB) the node refuses every image (status 0xA700)",
        )


def folder_fault(folder: Path) -> str:
    """Why a folder cannot be made or written; empty: it can."""
    there = _nearest(folder)
    if not there.is_dir():
        return f"{there} is not a folder"
    if os.access(there, os.W_OK | os.X_OK):
        return ""
    what = f"{folder} cannot be used" if there == folder else f"{folder} cannot be made in {there}"
    return f"{what}: no write permission for {_user(os.geteuid())}"


def _nearest(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return next(path for path in (folder, *folder.parents) if path.exists())


def _user(number: int) -> str:
    try:
        return f"user {pwd.getpwuid(number).pw_name}"
    except KeyError:
        return f"user {number}"


def _service(settings: Settings) -> Iterator[Found]:
    if pid := running_service(settings.store.data_dir):
        yield note(
            "store.data_dir",
            f"a dicomnode service (process {pid}) is using {settings.store.data_dir}; stop it before you start another",
        )


def running_service(data_dir: Path) -> str:
    """Process of the service that holds the data folder; empty: none does."""
    try:
        with (data_dir / "service.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return (data_dir / "service.lock").read_text(encoding="ascii", errors="replace").strip() or "unknown"
    except OSError:  # no service has run here, or its folder is closed to us
        return ""
    return ""


def _database(settings: Settings) -> Iterator[Found]:
    from dicomnode.store.engine import revisions

    try:
        found, needed = revisions(settings.store)
    except NodeError as wrong:
        yield error("store.database_url", str(wrong))
        return
    if found is not None and found > needed:
        yield error(
            "store.database_url",
            f"store.database_url: the database was made by a newer dicomnode (revision {found}, this one knows "
            f"{needed}); update dicomnode",
        )
    elif found is not None and found < needed:
        yield note(
            "store.database_url",
            f"the database was made by an older dicomnode (revision {found}); `dicomnode serve` upgrades it",
        )


def _port(settings: Settings) -> Iterator[Found]:
    from dicomnode.receive.address import check_listening, listening_address

    is_running = running_service(settings.store.data_dir) != ""  # then it listens there itself
    try:
        (listening_address if is_running else check_listening)(settings.receive)
    except SettingsError as wrong:
        yield error("receive.host" if "receive.host" in str(wrong) else "receive.port", str(wrong))


def _senders(settings: Settings) -> Iterator[Found]:
    from dicomnode.receive.address import exposure

    try:
        yield from (warning("receive.allowed_calling_ae_titles", says) for says in exposure(settings.receive))
    except SettingsError:
        return  # told by `_port`


def _zone(settings: Settings) -> Iterator[Found]:
    from dicomnode.dicom.times import is_zone_unknown

    if is_zone_unknown(settings.compose.timezone):
        yield note(
            "compose.timezone",
            "no time zone is set, so results are dated in UTC; set compose.timezone or the environment variable TZ",
        )


CHECKS: tuple[Check, ...] = (_data_folder, _service, _database, _port, _senders, _zone)
