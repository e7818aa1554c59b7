"""Table `[store]`."""

from __future__ import annotations

from pathlib import Path

from dicomnode.settings.secrets import SecretUrl
from dicomnode.settings.types import Table


class StoreSettings(Table):
    """Data folder and database."""

    data_dir: Path = Path("dicomnode-data")
    """Folder for received images, results and the SQLite database. A relative path is relative to the settings file."""
    database_url: SecretUrl = SecretUrl("")
    """Database, for example `postgresql://user:password@host/dicomnode` (needs `pip install
    'dicomnode-ai[postgresql]'`). Empty: SQLite in data_dir. To keep the password out of this file, set the environment
    variable DICOMNODE_STORE__DATABASE_URL."""
