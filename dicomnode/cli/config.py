"""`dicomnode config`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dicomnode.cli.common import JsonOption, SettingsOption, out, read_settings, show_json
from dicomnode.cli.settings_file import toml_value
from dicomnode.settings import Settings, find_settings, others, read, settings_in_doubt

if TYPE_CHECKING:
    from dicomnode.node.checks import Found

app = typer.Typer(name="config", help="Check and show the settings.", no_args_is_help=True)

WRONG = 2


@app.command()
def check(
    settings: SettingsOption = None,
    echo: Annotated[bool, typer.Option("--echo", help="Also send a C-ECHO to every destination.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Check the settings and everything they need, and list all problems.

    Exit status 2 if there are errors: `dicomnode serve` would not start.
    """
    chosen = find_settings(settings)
    found = _found(chosen, has_echo=echo)
    errors = sum(one["level"] == "error" for one in found)
    file = str(chosen.absolute()) if chosen is not None else None
    if as_json:
        show_json({"file": file, "is_right": not errors, "found": found})
    else:
        _tell(file, found, errors)
    if errors:
        raise typer.Exit(WRONG)


def _tell(file: str | None, found: Sequence[dict[str, str]], errors: int) -> None:
    for one in found:
        typer.echo(f"{one['level']}: {one['says']}", err=True)
    checked = f"checked {file}" if file else "there is no settings file: checked the defaults"
    more = len(found) - errors
    result = _counted(errors, "error") if errors else "the settings are right"
    remarks = f", {_counted(more, 'remark')}" if more else ""
    typer.echo(f"{checked}: {result}{remarks}", err=True)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _found(chosen: Path | None, *, has_echo: bool) -> list[dict[str, str]]:
    """Everything that is wrong or worth knowing, as rows with a level, a setting and a sentence."""
    from dicomnode.node.checks import check as check_all

    loaded, mistakes = read(chosen)
    rows = [_row("error", mistake.place, mistake.sentence) for mistake in mistakes]
    rows += [_row("note", (), f"{path} also exists and is not read") for path in others(chosen)]
    if loaded is None:
        return [*rows, _row("note", (), "further checks run once these errors are corrected")]
    checked: list[Found] = check_all(loaded, in_doubt=settings_in_doubt(mistakes))
    rows += [_row(one.level.value, one.setting, one.says) for one in checked]
    rows += _unanswered(loaded) if has_echo else []
    return sorted(rows, key=lambda row: ("error", "warning", "note").index(row["level"]))


def _row(level: str, setting: Sequence[int | str], says: str) -> dict[str, str]:
    return {"level": level, "setting": ".".join(str(part) for part in setting if part != ""), "says": says}


def _unanswered(settings: Settings) -> Iterator[dict[str, str]]:
    """A warning for each destination that does not answer a C-ECHO: it may be off, and the node waits for it."""
    from dicomnode.errors import NodeError
    from dicomnode.send.echo import echo

    for name, peer in settings.send.destinations.items():
        try:
            echo(peer, settings.send)
        except NodeError as error:
            yield _row("warning", ("send", "destinations", name), f"send.destinations.{name}: {error}")


@app.command()
def show(settings: SettingsOption = None, as_json: JsonOption = False) -> None:
    """Show every setting with its value from file, environment and defaults; secrets are masked."""
    tables = read_settings(settings).model_dump(mode="json")  # in which secrets are masked
    if as_json:
        show_json(tables)
        return
    for line in _lines("", tables):
        out.print(line, markup=False, highlight=False, soft_wrap=True)


def _lines(prefix: str, value: object) -> list[str]:
    if isinstance(value, dict) and value:
        return [line for key, v in value.items() for line in _lines(f"{prefix}.{key}" if prefix else key, v)]
    if isinstance(value, list) and any(isinstance(v, dict) for v in value):
        return [line for i, v in enumerate(value) for line in _lines(f"{prefix}[{i}]", v)]
    return [f"{prefix} = {toml_value(value)}"]
