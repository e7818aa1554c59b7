"""Table `[store]`."""

from __future__ import annotations

from pathlib import Path

from dicomnode.settings.types import Table


class StoreSettings(Table):
    """Where studies, results and the index live."""

    data_dir: Path = Path("dicomnode-data")
    """Folder of everything the node keeps; relative paths count from the settings file."""
    database_url: str = ""
    """SQLAlchemy URL, for example `postgresql+psycopg://user@host/dicomnode`. Empty: SQLite in data_dir."""
