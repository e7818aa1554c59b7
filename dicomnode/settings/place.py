"""Where the settings file is looked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

PLACES = (Path("dicomnode.toml"), Path("conf/dicomnode.toml"), Path("/etc/dicomnode/dicomnode.toml"))
"""Tried in this order where neither `--settings` nor DICOMNODE_SETTINGS names a file."""


def find_settings(named: Path | None, places: Sequence[Path] = PLACES) -> Path | None:
    """The file that is read: the named one, else the first of `PLACES` that exists; None: the defaults hold."""
    return named if named is not None else next((place for place in places if _exists(place, if_closed=True)), None)


def others(chosen: Path | None, places: Sequence[Path] = PLACES) -> list[Path]:
    """Settings files that exist in `PLACES` but are not read."""
    read = chosen.absolute() if chosen is not None else None
    return [place.absolute() for place in places if _exists(place, if_closed=False) and place.absolute() != read]


def _exists(place: Path, *, if_closed: bool) -> bool:
    """Whether there is such a file; what cannot be told, because the folder is closed to us, is as stated.

    A closed /etc/dicomnode holds the settings of the service: with the defaults we would speak of another node.
    """
    try:
        return place.is_file()
    except OSError:
        return if_closed
