"""`dicomnode config`."""

from __future__ import annotations

from urllib.parse import urlsplit

import typer

from dicomnode.cli.common import JsonOption, SettingsOption, err, out, read_settings, show_json
from dicomnode.cli.settings_file import toml_value
from dicomnode.compose.times import is_zone_unknown
from dicomnode.node import service

app = typer.Typer(name="config", help="Look at the settings.", no_args_is_help=True)


@app.command()
def check(settings: SettingsOption = None) -> None:
    """Check the settings and the bundles they name."""
    loaded = read_settings(settings)
    service.check(loaded)
    if not loaded.send.destinations:
        err.print("note: no destination is set, so results stay in the data folder")
    if is_zone_unknown(loaded.compose.timezone):
        err.print("note: no time zone is named, so results are dated in UTC; compose.timezone or TZ names the house's")
    err.print("the settings are right")


@app.command()
def show(settings: SettingsOption = None, as_json: JsonOption = False) -> None:
    """Show every setting with the value it has, from file, environment and defaults."""
    tables = read_settings(settings).model_dump(mode="json")
    tables["priors"]["dicomweb"] = _without_password(tables["priors"]["dicomweb"])
    if as_json:
        show_json(tables)
        return
    for line in _lines("", tables):
        out.print(line, markup=False, highlight=False, soft_wrap=True)


def _without_password(url: str) -> str:
    """The URL with stars for a password: what is shown ends in tickets and mails."""
    password = urlsplit(url).password
    return url.replace(f":{password}@", ":***@", 1) if password else url


def _lines(prefix: str, value: object) -> list[str]:
    if isinstance(value, dict) and value:
        return [line for key, v in value.items() for line in _lines(f"{prefix}.{key}" if prefix else key, v)]
    if isinstance(value, list) and any(isinstance(v, dict) for v in value):
        return [line for i, v in enumerate(value) for line in _lines(f"{prefix}[{i}]", v)]
    return [f"{prefix} = {toml_value(value)}"]
