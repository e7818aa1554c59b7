"""The command `dicomnode`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click
import typer

from dicomnode import __version__
from dicomnode.cli import bundle, config, demo, destinations, init, jobs, model, routes, samples, send, serve, studies
from dicomnode.cli.common import err
from dicomnode.errors import NodeError, SettingsError

DONE, FAILED, WRONG_USE = 0, 1, 2

app = typer.Typer(
    name="dicomnode",
    help="A DICOM-native AI node: studies in over C-STORE, draft reports and heat maps back to the PACS. "
    "Research use only, not for diagnosis.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("serve")(serve.serve)
app.command("init")(init.init)
app.command("send")(send.send)
app.command("demo")(demo.demo)
for noun in (config, destinations, routes, studies, jobs, bundle, model, samples):
    app.add_typer(noun.app)


def _show_version(value: bool) -> None:  # noqa: FBT001  # typer calls it so
    if value:
        typer.echo(f"dicomnode {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", callback=_show_version, is_eager=True, help="Print the version."),  # noqa: B008, FBT001, FBT003
) -> None:
    """Options before the command."""


def main(argv: Sequence[str] | None = None) -> int:
    """Return 0 done, 1 the node could not do it, 2 the command line or the settings were wrong."""
    try:
        status = app(args=None if argv is None else list(argv), standalone_mode=False)
    except SettingsError as error:
        return _say(error, WRONG_USE)
    except NodeError as error:
        return _say(error, FAILED)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return WRONG_USE
    except click.ClickException as error:
        error.show()
        return WRONG_USE
    except (click.Abort, KeyboardInterrupt):
        return FAILED
    return status if isinstance(status, int) else DONE


def _say(error: NodeError, status: int) -> int:
    err.print(f"error: {error}", markup=False, highlight=False, soft_wrap=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
