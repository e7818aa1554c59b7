"""`dicomnode destinations`."""

from __future__ import annotations

from typing import Annotated

import typer

from dicomnode.cli.common import JsonOption, SettingsOption, err, read_settings, show_rows
from dicomnode.errors import NodeError, SettingsError

app = typer.Typer(name="destinations", help="The peers that receive results.", no_args_is_help=True)


@app.command("list")
def list_(settings: SettingsOption = None, as_json: JsonOption = False) -> None:
    """List the destinations of the settings."""
    peers = read_settings(settings).send.destinations
    rows = [{"name": name} | peer.model_dump() for name, peer in peers.items()]
    columns = ("name", "ae_title", "host", "port", "is_default")
    show_rows(rows, columns, as_json=as_json, empty="no destinations: see [send.destinations.NAME] in the settings")


@app.command()
def echo(
    names: Annotated[list[str] | None, typer.Argument(help="Destinations to test. Default: all.")] = None,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send a C-ECHO to destinations and show which of them respond."""
    from dicomnode.send.echo import echo as c_echo

    send = read_settings(settings).send
    wanted = names or list(send.destinations)
    unknown = [name for name in wanted if name not in send.destinations]
    if unknown:
        known = ", ".join(send.destinations) or "none"
        raise SettingsError(f"{unknown[0]!r} is not a destination; known: {known}")
    rows = []
    for name in wanted:
        try:
            c_echo(send.destinations[name], send)
            rows.append({"name": name, "answers": True, "why": ""})
        except NodeError as error:
            rows.append({"name": name, "answers": False, "why": str(error)})
    show_rows(rows, ("name", "answers", "why"), as_json=as_json, empty="no destinations to try")
    if not all(row["answers"] for row in rows):
        err.print("not every destination answers")
        raise typer.Exit(1)
