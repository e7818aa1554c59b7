"""Every command, put together."""

from __future__ import annotations

import typer

from dicomnode import __version__
from dicomnode.cli import (
    alerts,
    bundle,
    config,
    demo,
    destinations,
    explain,
    init,
    jobs,
    model,
    priors,
    routes,
    samples,
    send,
    serve,
    studies,
)

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
for noun in (config, destinations, routes, studies, jobs, priors, alerts, explain, bundle, model, samples):
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
