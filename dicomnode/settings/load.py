"""Read the settings once, from TOML and environment."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from dicomnode.errors import SettingsError
from dicomnode.settings.alerts import Channel
from dicomnode.settings.compose import ComposeSettings
from dicomnode.settings.environment import overlay_environment
from dicomnode.settings.whole import Settings


def _sentence(error: ValidationError, source: str) -> str:
    """Say the first mistake in one sentence, and how many more there are."""
    first, *others = error.errors()
    key = ".".join(str(part) for part in first["loc"]) or "settings"
    wrong = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        wrong = "is not a known setting"
    shown = "" if first["type"] in ("extra_forbidden", "rule") or not first["loc"] else f" (got {first['input']!r})"
    more = f"; {len(others)} more mistakes follow" if others else ""
    return f"{source}: {key}: {wrong}{shown}{more}"


def _from(base: Path, bundles: tuple[str, ...]) -> tuple[str, ...]:
    """Paths of bundles, counted from the settings file; names as they are."""
    return tuple(str((base / bundle).absolute()) if "/" in bundle else bundle for bundle in bundles)


def load(path: Path | None, environment: dict[str, str] | None = None) -> Settings:
    """Read the settings.

    Parameters
    ----------
    path
        TOML file; None: defaults and environment only.
    environment
        Variables to read instead of the process's.

    Raises
    ------
    SettingsError
        If the file is missing or is no TOML, a key is unknown or a value is out of its bounds.
    """
    tables: dict[str, Any] = {}
    if path is not None:
        try:
            tables = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise SettingsError(f"no settings file {path}; `dicomnode init` writes one") from None
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise SettingsError(f"{path} is not a readable TOML file: {error}") from None
    overlay_environment(tables, dict(os.environ) if environment is None else environment)
    try:
        settings = Settings.model_validate(tables)
    except ValidationError as error:
        raise SettingsError(_sentence(error, str(path or "environment"))) from None
    base = path.parent if path is not None else Path()
    store = settings.store.model_copy(update={"data_dir": (base / settings.store.data_dir).absolute()})
    bundles = _from(base, settings.infer.bundles)
    ensembles = {name: _from(base, others) for name, others in settings.infer.ensembles.items()}
    infer = settings.infer.model_copy(update={"bundles": bundles, "ensembles": ensembles})
    models = {name: (base / folder).absolute() for name, folder in settings.report.translation_models.items()}
    report = settings.report.model_copy(update={"translation_models": models})
    compose = _with_font(settings.compose, base)
    alerts = {name: _files_from(base, channel) for name, channel in settings.send.alerts.items()}
    send = settings.send.model_copy(update={"alerts": alerts})
    own = {"store": store, "infer": infer, "report": report, "compose": compose, "send": send}
    return settings.model_copy(update=own)


def _with_font(settings: ComposeSettings, base: Path) -> ComposeSettings:
    if not settings.font:
        return settings
    path = (base / settings.font).absolute()
    if not path.is_file():
        raise SettingsError(f"compose.font: there is no file {path}")
    return settings.model_copy(update={"font": str(path)})


def _files_from(base: Path, channel: Channel) -> Channel:
    """The channel with its files' paths counted from the folder of the settings."""
    paths = {key: value for key in type(channel).model_fields if isinstance(value := getattr(channel, key), Path)}
    return channel.model_copy(update={key: (base / path).absolute() for key, path in paths.items()})
