"""What every command shares."""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from dicomnode.settings import PLACES, Settings, find_settings, load

SettingsOption = Annotated[
    Path | None,
    typer.Option(
        "--settings",
        envvar="DICOMNODE_SETTINGS",
        help=f"Settings file. Default: the first that exists of {', '.join(map(str, PLACES))}; else built-in defaults.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of a table.")]

# A pipe has no width: rows stay whole for grep and mail.
out = Console(width=None if sys.stdout.isatty() else 240)
err = Console(stderr=True)


def read_settings(path: Path | None) -> Settings:
    """Settings of the named file, of the first one that exists where they are looked for, or the defaults."""
    return load(find_settings(path))


def show_rows(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool, empty: str) -> None:
    """Print rows as a table of some columns, or all of them as JSON."""
    if as_json:
        show_json(list(rows))
        return
    if not rows:
        err.print(empty)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row[column]) for column in columns))
    out.print(table)


def show_json(value: Any) -> None:
    """Print a value as JSON, times in ISO 8601."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=_plain))


def _plain(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    return str(value)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, dt.datetime):
        return value.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, list | tuple):
        return ", ".join(str(v) for v in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
