"""`dicomnode init`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from dicomnode.errors import SettingsError

DEFAULT = Path("dicomnode.toml")


def init(
    path: Annotated[Path, typer.Argument(help="File to write.")] = DEFAULT,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing and write the defaults.")] = False,
) -> None:
    """Write a settings file: ask for the essential settings, and explain all others with their defaults.

    Without a terminal nothing is asked.
    """
    if path.exists() and not force:
        raise SettingsError(f"{path} exists; --force overwrites it")
    is_asking = not yes and sys.stdin.isatty() and sys.stderr.isatty()
    values: dict[str, Any] = {}
    if is_asking:
        from dicomnode.cli.questions import ask

        values = ask(path)
    from dicomnode.cli.settings_file import settings_text

    _write(path, settings_text(values))
    typer.echo(f"wrote {path}", err=True)
    if values.get("send", {}).get("destinations"):
        _offer_echo(path)
    option = "" if path == DEFAULT else f" --settings {path}"
    typer.echo(f"next: dicomnode config check{option}\nthen: dicomnode serve{option}", err=True)


def _write(path: Path, text: str) -> None:
    """Write a file that only its owner can read: it may come to hold passwords."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.part")
        part.unlink(missing_ok=True)
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123
            file.write(text)
        part.replace(path)
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}") from None


def _offer_echo(path: Path) -> None:
    if not typer.confirm("Test the connection to the PACS now (C-ECHO)?", default=True, err=True):
        return
    from dicomnode.errors import NodeError
    from dicomnode.send.echo import echo
    from dicomnode.settings import load

    send = load(path).send
    for peer in send.destinations.values():
        try:
            echo(peer, send)
        except NodeError as error:
            typer.echo(f"no answer: {error}\n`dicomnode destinations echo` tests it again", err=True)
        else:
            typer.echo(f"{peer.ae_title} at {peer.host}:{peer.port} answers", err=True)
