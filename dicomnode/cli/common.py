"""What every command shares."""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dicomnode.cli.plain import harmless, harmless_json
from dicomnode.settings.place import PLACES, find_settings

if TYPE_CHECKING:
    from dicomnode.settings import Settings

SettingsOption = Annotated[
    Path | None,
    typer.Option(
        "--settings",
        envvar="DICOMNODE_SETTINGS",
        help=f"Settings file. Default: the first that exists of {', '.join(map(str, PLACES))}; else built-in defaults.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of a table.")]

_WRAPPED = frozenset(
    (
        "answer", "description", "differs_in", "findings", "kept_as", "reason", "result", "sentence", "state", "title",
        "why", "why_not",
    )
)  # fmt: skip
"""Columns whose text may take several lines; the others stay on one."""
_SPARED = frozenset(("received", "study_date"))
"""Columns that a narrow terminal does without."""
_NARROW = 100
_LEAST = 9
"""Characters on a line of text that is broken: a word like "receiving"."""
_WHOLE_WIDTH = 4000
"""A pipe has no width: rows stay on one line, for grep and mail."""


class PlainConsole(Console):
    """A console that prints text as it is: no markup, and nothing in it drives the terminal."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Print as `rich` does; lines of text are not broken."""
        told = [harmless(one, keeps_lines=True) if isinstance(one, str) else one for one in objects]
        is_text = all(isinstance(one, str) for one in objects)
        options = {"markup": False, "highlight": False, "emoji": False, "soft_wrap": is_text} | options
        super().print(*told, **options)


out = PlainConsole(width=None if sys.stdout.isatty() else _WHOLE_WIDTH)
err = PlainConsole(stderr=True)


def read_settings(path: Path | None) -> Settings:
    """Settings of the named file, of the first one that exists where they are looked for, or the defaults."""
    from dicomnode.settings import load

    return load(find_settings(path))


def show_rows(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool, empty: str, is_wide: bool = False
) -> None:
    """Print rows as a table of some columns, or all of them as JSON.

    Parameters
    ----------
    is_wide
        Let rows be longer than the terminal is wide, with nothing cut or broken.
    """
    if as_json:
        show_json(list(rows))
        return
    if not rows:
        if empty:
            err.print(empty)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    is_whole = is_wide or not out.is_terminal
    shown = [one for one in columns if is_whole or out.width >= _NARROW or one not in _SPARED]
    for column in shown:
        wraps = not is_whole and (column in _WRAPPED or column.casefold().endswith("uid"))
        table.add_column(
            label(column),
            overflow="fold" if wraps else "ellipsis",
            no_wrap=not wraps,
            min_width=max(len(column), _LEAST) if wraps else None,
        )
    for row in rows:
        table.add_row(*(Text(_cell(row[column])) for column in shown))
    out.print(table, width=_WHOLE_WIDTH if is_whole else None)


def label(name: str) -> str:
    """Name of a column or field as people read it."""
    return " ".join({"uid": "UID", "ae": "AE", "id": "ID", "sop": "SOP"}.get(word, word) for word in name.split("_"))


def show_json(value: Any) -> None:
    """Print a value as JSON, times in ISO 8601."""
    typer.echo(harmless_json(json.dumps(value, indent=2, ensure_ascii=False, default=_plain)))


def _plain(value: Any) -> Any:
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    return str(value)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dt.datetime):
        return short_time(value)
    if isinstance(value, list | tuple):
        return ", ".join(harmless(str(one)) for one in value) or "-"
    return "-" if value is None or value == "" else harmless(str(value))


def short_time(value: dt.datetime, *, now: dt.datetime | None = None) -> str:
    """A time of this year as month, day and minute, any other as its date; on the clock of this machine."""
    local = value.astimezone()
    this_year = (now or dt.datetime.now(dt.UTC)).astimezone().year
    return local.strftime("%m-%d %H:%M" if local.year == this_year else "%Y-%m-%d")
