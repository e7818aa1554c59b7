"""`dicomnode init`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dicomnode.cli.common import DEFAULT_SETTINGS, err
from dicomnode.cli.settings_file import commented_settings
from dicomnode.errors import SettingsError


def init(
    path: Annotated[Path, typer.Argument(help="File to write.")] = DEFAULT_SETTINGS,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that exists.")] = False,
) -> None:
    """Write a settings file that names and explains every setting with its default."""
    if path.exists() and not force:
        raise SettingsError(f"{path} exists; --force overwrites it")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(commented_settings(), encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}") from None
    err.print(f"wrote {path}; edit it, then: dicomnode config check --settings {path}", soft_wrap=True)
