"""`dicomnode explain`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dicomnode.cli.bundle import BundleArgument, bundle_folder
from dicomnode.cli.common import JsonOption, SettingsOption, err, read_settings, show_rows
from dicomnode.cli.model import require_training
from dicomnode.node.rooms import open_stores

app = typer.Typer(name="explain", help="Where the model looked, and how far to trust that.", no_args_is_help=True)

MethodOption = Annotated[list[str] | None, typer.Option("--method", help="Method; may be given several times.")]


@app.command()
def study(  # noqa: PLR0913  # one option a parameter
    study_uid: Annotated[str, typer.Argument(help="Study Instance UID.")],
    method: MethodOption = None,
    finding: Annotated[list[str] | None, typer.Option(help="Key of a finding; without it those suspected.")] = None,
    out: Annotated[Path, typer.Option(help="Folder of the pictures.")] = Path("explanations"),
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read a kept study again and write its heat maps as PNG and .npz, by any method."""
    from dicomnode.node.explaining import explain_study

    loaded = read_settings(settings)
    rows = explain_study(loaded, open_stores(loaded), study_uid, method or (), finding or (), out)
    columns = ("finding", "method", "probability", "picture", "why")
    show_rows(rows, columns, as_json=as_json, empty="no finding is suspected; --finding asks for one all the same")


@app.command()
def evaluate(  # noqa: PLR0913  # one option a parameter
    bundle: BundleArgument,
    data: Annotated[Path, typer.Argument(help="Folder with labels.csv and the images it names.")],
    recipe: Annotated[Path, typer.Option(help="Recipe of the bundle: its columns and its synthetic lesions.")],
    out: Annotated[Path, typer.Option(help="Folder for explanations.json and explanations.html.")],
    method: MethodOption = None,
    images: Annotated[int, typer.Option(min=4, help="Images of each kind, at most.")] = 48,
    dear_images: Annotated[int, typer.Option(min=2, help="The same for methods that take seconds.")] = 12,
    split: Annotated[str, typer.Option(help="train, val or test.")] = "test",
) -> None:
    """Measure how far the maps of a bundle can be trusted, each method beside chance (extra: train)."""
    require_training()
    from dicomnode.train.evaluation.explanations import evaluate_explanations
    from dicomnode.train.evaluation.page import write_explanations
    from dicomnode.train.recipe import read_recipe

    figures = evaluate_explanations(
        bundle_folder(bundle),
        data,
        read_recipe(recipe),
        chosen=tuple(method or ()),
        counts=(images, dear_images),
        split=split,
    )
    write_explanations(f"Explanations of {bundle} on {data.name}, {split} split", figures, out)
    err.print(f"wrote {out / 'explanations.html'} and explanations.json")
