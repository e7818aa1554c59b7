"""Environment variables `DICOMNODE_<TABLE>__<KEY>`, which override the settings file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any

from dicomnode.settings.types import ENVIRONMENT_PREFIX

SETTINGS_FILE = "DICOMNODE_SETTINGS"
"""Names the settings file; the one variable with our prefix that is no setting."""

Path = tuple[str, ...]
"""A setting by the names of its tables and its key."""


def overlay_environment(tables: dict[str, Any], environment: Mapping[str, str]) -> tuple[dict[Path, str], list[str]]:
    """Put the values of `DICOMNODE_TABLE__KEY` variables into the tables of the file; lists and tables are TOML values.

    Returns
    -------
    The variable that each overridden setting comes from, and a sentence for each variable that cannot be a setting.
    """
    origins: dict[Path, str] = {}
    mistakes: list[str] = []
    for variable, value in environment.items():
        if not variable.startswith(ENVIRONMENT_PREFIX) or variable == SETTINGS_FILE:
            continue
        path = tuple(variable.removeprefix(ENVIRONMENT_PREFIX).lower().split("__"))
        if len(path) < 2 and path != ("rules",):  # noqa: PLR2004
            mistakes.append(
                f"environment variable {variable} is not a known setting; the names are DICOMNODE_<TABLE>__<KEY>, "
                "for example DICOMNODE_RECEIVE__PORT"
            )
            continue
        target = _table(tables, path[:-1])
        if target is None:
            mistakes.append(f"environment variable {variable}: {'.'.join(path[:-1])} is not a table")
            continue
        target[path[-1]] = _toml_value(value)
        origins[path] = variable
    return origins, mistakes


def _table(tables: dict[str, Any], path: Path) -> dict[str, Any] | None:
    target: Any = tables
    for name in path:
        target = target.setdefault(name, {}) if isinstance(target, dict) else None
    return target if isinstance(target, dict) else None


def _toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
