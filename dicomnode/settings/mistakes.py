"""Mistakes in settings as sentences: which setting, what is wrong, where it was written."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError

from dicomnode.redaction import redacted
from dicomnode.settings.secrets import SECRET_TYPES
from dicomnode.settings.types import ENVIRONMENT_PREFIX
from dicomnode.settings.whole import Settings

Place = tuple[int | str, ...]
"""A setting by the names of its tables, its key, and positions in lists."""

_NOT_SHOWN = re.compile("secret|password|token", re.IGNORECASE)
_CHANNELS = ("send", "alerts")
_NO_TABLE = frozenset(("dict_type", "model_type", "model_attributes_type"))
"""pydantic's names of a value where a table belongs; it may be one of the secrets of that table."""
_WORDS = (
    ("Value error, ", ""),
    ("Input should be", "must be"),
    ("Input should have", "must have"),
    ("String should", "must"),
    ("Tuple should", "must"),
    ("List should", "must"),
    ("Dictionary should", "must"),
    (" after validation, not 0", ""),
    ("Field required", "is missing"),
    ("must be a valid tuple", 'must be a list, for example ["A", "B"]'),
    ("Input is not a valid path for <class 'pathlib.Path'>", "must be a path"),
    (", unable to parse string as a number", ""),
    (", unable to parse string as an integer", ""),
    (", unable to interpret input", ""),
)
"""pydantic's words, and how they read behind the name of a setting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One setting that is wrong."""

    place: Place
    sentence: str
    """What is wrong, and where it was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where settings were read from."""

    file: str
    """Path of the settings file; empty: there is none."""
    text: str
    """Its content."""
    variables: Mapping[tuple[str, ...], str]
    """Settings that an environment variable overrides, with its name."""

    def of(self, place: Place) -> str:
        """Name the source of a setting: a variable, or the file and its line."""
        for path, variable in self.variables.items():
            if place[: len(path)] == path:
                return f"environment variable {variable}"
        line = line_of(self.text, place)
        if line is None:
            for path, variable in self.variables.items():
                if path[: len(place)] == place or path[:-1] == place[:-1]:  # the variables alone make this table
                    return f"environment variable {variable}"
        if not self.file:
            return "environment"
        return f"{self.file}, line {line}" if line else self.file


def mistakes_of(error: ValidationError, sources: Sources) -> list[Mistake]:
    """Every mistake that validation found, in the order of the tables."""
    found = []
    for one in error.errors(include_url=False):
        if one["type"] == "default_factory_not_called":  # it follows from another mistake
            continue
        place = _plain(one["loc"])
        if one["type"].startswith("union_tag"):
            place = (*place, "kind")
        found.append(Mistake(place=place, sentence=f"{sources.of(place)}: {_said(one, place, sources)}"))
    return found


def _plain(loc: Sequence[int | str]) -> Place:
    """The place without what pydantic adds: the kind of an alert channel, and marks of keys."""
    kept = tuple(part for part in loc if part != "[key]")
    return kept[:3] + kept[4:] if kept[:2] == _CHANNELS and len(kept) > 3 else kept  # noqa: PLR2004


def _said(one: Any, place: Place, sources: Sources) -> str:
    key = name_of(place)
    if one["type"] == "extra_forbidden":
        return _unknown(place, sources)
    if one["type"].startswith("union_tag"):
        kinds = one["ctx"].get("expected_tags", "'hl7', 'webhook', 'email'")
        return f"{key} must be one of {kinds}"
    if one["type"] in _NO_TABLE:
        return f"{key} must be a table"
    words = in_words(str(one["msg"]))
    if one["type"] in ("rule", "name") or not key:
        return words
    return f"{key} {words}{_shown(one['input'], place, one['type'])}"


def in_words(message: str) -> str:
    """What pydantic says, as the end of a sentence that begins with the name of a setting."""
    for theirs, ours in _WORDS:
        message = message.replace(theirs, ours)
    return message


def _shown(value: Any, place: Place, kind: str) -> str:
    """What was written instead, where it is a plain value that cannot be a secret."""
    if kind == "missing" or is_secret(place) or _NOT_SHOWN.search(str(place[-1])):
        return ""
    if isinstance(value, list) and not any(isinstance(one, dict | list) for one in value):
        return f" (got {redacted(repr(value))})"
    return f" (got {redacted(repr(value))})" if isinstance(value, str | int | float | bool) else ""


def _unknown(place: Place, sources: Sources) -> str:
    kind = "table" if len(place) == 1 else "setting"
    near = suggestion(place)
    if not near:
        return f"{name_of(place)} is not a known {kind}"
    if sources.of(place).startswith("environment variable"):
        variable = f"{ENVIRONMENT_PREFIX}{'__'.join(str(part) for part in near).upper()}"
        return f"{name_of(place)} is not a known {kind}; did you mean {variable}?"
    return f"{name_of(place)} is not a known {kind}; did you mean {name_of(near)}?"


def suggestion(place: Place) -> Place:
    """The known setting that an unknown one most resembles; () where none does."""
    *tables, key = place
    model: Any = Settings
    for part in tables:
        model = _below(model, part)
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return ()
    near = get_close_matches(str(key), list(model.model_fields), n=1)
    if near:
        return (*tables, near[0])
    elsewhere = [
        (name, str(key))
        for name, field in Settings.model_fields.items()
        if isinstance(field.annotation, type)
        and issubclass(field.annotation, BaseModel)
        and str(key) in field.annotation.model_fields
    ]
    return elsewhere[0] if len(elsewhere) == 1 else ()


def is_secret(place: Place) -> bool:
    """Whether the setting at this place is one whose value is never shown."""
    model: Any = Settings
    for part in place:
        model = _below(model, part)
    return any(kind in (model, *_arguments(model)) for kind in SECRET_TYPES)


def _below(model: Any, part: int | str) -> Any:
    """The type of a key of a table, or of an element of a list or dictionary."""
    if isinstance(model, type) and issubclass(model, BaseModel):
        field = model.model_fields.get(str(part))
        return field.annotation if field is not None else None
    if isinstance(model, _Several):
        fields = (one.model_fields.get(str(part)) for one in model.__args__)
        return next((field.annotation for field in fields if field is not None), None)
    models = [one for one in _arguments(model) if isinstance(one, type) and issubclass(one, BaseModel)]
    return models[0] if len(models) == 1 else _Several(tuple(models)) if models else None


class _Several:
    """One of several tables."""

    def __init__(self, models: tuple[type[BaseModel], ...]) -> None:
        self.__args__ = models


def _arguments(model: Any) -> tuple[Any, ...]:
    """Types that a type is made of, at any depth."""
    found: list[Any] = []
    for one in getattr(model, "__args__", ()):
        found += [one, *_arguments(one)]
    return tuple(found)


def name_of(place: Place) -> str:
    """Name of a setting as the documents write it, for example `rules[2].when`; rules count from 1."""
    name = ""
    for part in place:
        name += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if name else str(part)
    return name


def line_of(text: str, place: Place) -> int | None:
    """Line (from 1) of a settings file that sets this setting; else that of its table; None where it has neither."""
    table: Place = ()
    of_table: int | None = None
    counts: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        written = line.strip()
        if written.startswith("["):
            table = _header(written, counts)
            if table and table == place[: len(table)]:
                of_table = number
        elif (key := _key(written)) and (*table, *key) == place[: len(table) + len(key)]:
            return number
    return of_table


def _header(written: str, counts: dict[str, int]) -> Place:
    """The table that a line `[table]` or `[[rules]]` begins."""
    path = _parsed(re.sub(r"\]\s*(#.*)?$", "]", written))
    if written.startswith("[["):
        counts[name_of(path)] = counts.get(name_of(path), -1) + 1
    if path[:1] == ("rules",) and "rules" in counts:
        return ("rules", counts["rules"], *path[1:])
    return path


def _key(written: str) -> Place:
    key, equals, _ = written.partition("=")
    return _parsed(f"{key}= 0") if equals and not written.startswith("#") else ()


def _parsed(line: str) -> Place:
    """Names in a line of TOML, quoted and dotted ones as TOML reads them; () where it is part of a longer value."""
    try:
        found: Any = tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return ()
    path: list[str] = []
    while isinstance(found, dict) and found:
        path.append(next(iter(found)))
        found = found[path[-1]]
        found = found[0] if isinstance(found, list) and found else found
    return tuple(path)
