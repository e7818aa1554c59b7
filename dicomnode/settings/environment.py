"""Environment variables `DICOMNODE_<TABLE>__<KEY>` over the settings file."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any

from dicomnode.errors import SettingsError
from dicomnode.settings.types import ENVIRONMENT_PREFIX

SETTINGS_FILE = "DICOMNODE_SETTINGS"
"""Names the settings file; the one variable with our prefix that is no setting."""


def overlay_environment(tables: dict[str, Any], environment: Mapping[str, str]) -> None:
    """Put `DICOMNODE_TABLE__KEY` variables over what the file said; lists and tables are TOML values."""
    for variable, value in environment.items():
        path = variable.removeprefix(ENVIRONMENT_PREFIX).lower().split("__")
        if not variable.startswith(ENVIRONMENT_PREFIX) or variable == SETTINGS_FILE:
            continue
        if len(path) < 2 and path != ["rules"]:
            raise SettingsError(f"environment: {variable} is not a known setting; they read DICOMNODE_<TABLE>__<KEY>")
        target: Any = tables
        for name in path[:-1]:
            target = target.setdefault(name, {}) if isinstance(target, dict) else None
        if not isinstance(target, dict):
            raise SettingsError(f"environment: {variable}: {'.'.join(path[:-1])} is no table")
        target[path[-1]] = _toml_value(value)


def _toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
