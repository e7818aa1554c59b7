"""Every command, put together.

`app` holds all of them, for whoever walks the parser. A call of `dicomnode` loads only the command that it names
(`app_for`): what reads images or models takes seconds to load, and a listing needs none of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any

import typer

from dicomnode import __version__

_HELP = (
    "A DICOM-native AI node: studies in over C-STORE, draft reports and heat maps back to the PACS. "
    "Research use only, not for diagnosis."
)
_EPILOG = "Exit status: 0 success; 1 failure, explained by the message; 2 the command line or the settings are wrong."

COMMANDS = {
    "serve": "Run the node until it is stopped (SIGTERM or Ctrl-C).",
    "init": "Write a settings file: ask for the essential settings, and explain all others with their defaults.",
    "send": "Send DICOM files to a peer over C-STORE, unchanged if the peer accepts their transfer syntax.",
    "demo": "Run the whole node on synthetic studies and collect the results that reach a sandbox PACS.",
    "config": "Check and show the settings.",
    "destinations": "The peers that receive results.",
    "routes": "Test the routing rules.",
    "studies": "The studies that the node keeps.",
    "jobs": "What is queued, running and done.",
    "priors": "Earlier studies that new studies are compared with.",
    "alerts": "Who was notified of acute findings, and when they acknowledged.",
    "explain": "Heat maps: where the model looked, and how reliable they are.",
    "bundle": "Model bundles.",
    "model": "Train and measure models (extra: train).",
    "samples": "Synthetic sample studies.",
}
"""Each command, a module of `cli` of the same name, with its help; the help of one that is loaded is its own."""


def app_for(words: Sequence[str]) -> typer.Typer:
    """A parser of a command line that knows the command it names, and of the others what they are for."""
    named = next((word for word in words if not word.startswith("-")), "")
    parser = _parser()
    for name, about in COMMANDS.items():
        if name == named:
            _add(parser, name)
        elif named not in COMMANDS:
            parser.command(name, help=about)(_not_loaded)
    return parser


def _not_loaded() -> None:
    """Stand in for a command in the list of them."""


def _whole() -> typer.Typer:
    parser = _parser()
    for name in COMMANDS:
        _add(parser, name)
    return parser


def _add(parser: typer.Typer, name: str) -> None:
    module = import_module(f"dicomnode.cli.{name}")
    if hasattr(module, "app"):
        parser.add_typer(module.app)
    else:
        parser.command(name)(getattr(module, name))


def _parser() -> typer.Typer:
    parser = typer.Typer(
        name="dicomnode",
        help=_HELP,
        epilog=_EPILOG,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    parser.callback()(_root)
    return parser


def _show_version(value: bool) -> None:  # noqa: FBT001  # typer calls it so
    if value:
        typer.echo(f"dicomnode {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options before the command."""


def __getattr__(name: str) -> Any:
    """`app`, made when somebody asks for it."""
    if name != "app":
        raise AttributeError(name)
    globals()["app"] = _whole()
    return globals()["app"]
