"""Read the settings once, from TOML and environment."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from dicomnode.errors import SettingsError
from dicomnode.settings.alerts import Channel
from dicomnode.settings.environment import overlay_environment
from dicomnode.settings.mistakes import Mistake, Place, Sources, mistakes_of, suggestion
from dicomnode.settings.whole import Settings

_MISSING = object()
_NAMED = (("send", "destinations"), ("send", "alerts"))
"""Tables of tables, each of which is left out whole: what is missing in it has no default."""
_ROUNDS = 4
"""Times that the rest is looked at again without what is wrong: some checks run only once all else is right."""


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
        If the file is missing or is no TOML, a key is unknown or a value is out of its bounds; one line for each
        mistake.
    """
    settings, mistakes = read(path, environment)
    if mistakes or settings is None:
        raise SettingsError("\n".join(mistake.sentence for mistake in mistakes))
    return settings


def read(path: Path | None, environment: dict[str, str] | None = None) -> tuple[Settings | None, list[Mistake]]:
    """Read the settings as far as they can be read, and every mistake in them.

    Returns
    -------
    The settings with the default wherever there is a mistake, None where that is not possible; and the mistakes.

    Raises
    ------
    SettingsError
        If the file is missing or is no TOML.
    """
    text, tables = _content(path)
    variables, wrong = overlay_environment(tables, dict(os.environ) if environment is None else environment)
    sources = Sources(file=str(path or ""), text=text, variables=variables)
    mistakes = [Mistake(place=(), sentence=sentence) for sentence in wrong]
    for _ in range(_ROUNDS):
        try:
            return _with_paths(Settings.model_validate(tables), path.parent if path is not None else Path()), mistakes
        except ValidationError as error:
            found = mistakes_of(error, sources)
        mistakes += _new(found, mistakes)
        are_left_out = [_left_out(tables, mistake.place) for mistake in found]
        if not all(are_left_out):
            break
    return None, mistakes


def _new(found: Iterable[Mistake], known: Sequence[Mistake]) -> list[Mistake]:
    """Mistakes that are not known, and do not only follow from a destination or channel that was left out as wrong."""
    sentences = {mistake.sentence for mistake in known}
    gone = [mistake.place[2] for mistake in known if len(mistake.place) > 2 and mistake.place[:2] in _NAMED]  # noqa: PLR2004
    return [
        mistake
        for mistake in found
        if mistake.sentence not in sentences and not any(f" names {name!r}, " in mistake.sentence for name in gone)
    ]


def settings_in_doubt(mistakes: Iterable[Mistake]) -> set[Place]:
    """Settings whose value is not what was meant: those with a mistake, and those that a mistyped name stands for."""
    places = [mistake.place for mistake in mistakes]
    return {place[:2] for place in places if place} | {
        near[:2] for place in places if place and (near := suggestion(place))
    }


def _content(path: Path | None) -> tuple[str, dict[str, Any]]:
    if path is None:
        return "", {}
    try:
        text = path.read_text(encoding="utf-8")
        return text, tomllib.loads(text)
    except FileNotFoundError:
        raise SettingsError(f"there is no settings file {path}; `dicomnode init {path}` writes one") from None
    except OSError as error:
        raise SettingsError(f"the settings file {path} cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}") from None


def _left_out(tables: dict[str, Any], place: Place) -> bool:
    """Remove a faulty setting, and say whether the rest can still be looked at: it is there and not needed."""
    place = place[:3] if place[:2] in _NAMED else place
    target: Any = tables
    for part in place[:-1]:
        try:
            target = target[part]
        except (KeyError, IndexError, TypeError):
            return False
    if not place or not isinstance(target, dict):
        return False
    return target.pop(place[-1], _MISSING) is not _MISSING or place[:2] in _NAMED


def _with_paths(settings: Settings, base: Path) -> Settings:
    """The settings with all paths absolute; relative ones count from the folder of the settings file."""
    store = settings.store.model_copy(update={"data_dir": (base / settings.store.data_dir).absolute()})
    bundles = _from(base, settings.infer.bundles)
    ensembles = {name: _from(base, others) for name, others in settings.infer.ensembles.items()}
    infer = settings.infer.model_copy(update={"bundles": bundles, "ensembles": ensembles})
    models = {name: (base / folder).absolute() for name, folder in settings.report.translation_models.items()}
    report = settings.report.model_copy(update={"translation_models": models})
    font = str((base / settings.compose.font).absolute()) if settings.compose.font else ""
    compose = settings.compose.model_copy(update={"font": font})
    alerts = {name: _files_from(base, channel) for name, channel in settings.send.alerts.items()}
    send = settings.send.model_copy(update={"alerts": alerts})
    own = {"store": store, "infer": infer, "report": report, "compose": compose, "send": send}
    return settings.model_copy(update=own)


def _from(base: Path, bundles: tuple[str, ...]) -> tuple[str, ...]:
    """Paths of bundles, counted from the settings file; names as they are."""
    return tuple(str((base / bundle).absolute()) if "/" in bundle else bundle for bundle in bundles)


def _files_from(base: Path, channel: Channel) -> Channel:
    """The channel with its files' paths counted from the folder of the settings."""
    paths = {key: value for key in type(channel).model_fields if isinstance(value := getattr(channel, key), Path)}
    return channel.model_copy(update={key: (base / path).absolute() for key, path in paths.items()})
