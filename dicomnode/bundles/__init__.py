"""The model bundles that ship, one folder each.

Does: say where a shipped bundle lies.
Does not: read it.
"""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent


def shipped_bundle(name: str) -> Path | None:
    """Folder of the shipped bundle of this name, None where there is none."""
    folder = _FOLDER / name
    return folder if Path(name).name == name and (folder / "bundle.toml").is_file() else None
