"""`dicomnode explain`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dicomnode.cli.bundle import BundleArgument, bundle_folder
from dicomnode.cli.common import JsonOption, SettingsOption, err, read_settings, show_rows
from dicomnode.cli.looking import index, require_data
from dicomnode.cli.studies import study_of

app = typer.Typer(
    name="explain", help="Heat maps: where the model looked, and how reliable they are.", no_args_is_help=True
)

MethodOption = Annotated[list[str] | None, typer.Option("--method", help="Method of explanation; repeat for several.")]


@app.command()
def study(  # noqa: PLR0913  # one option a parameter
    target: Annotated[
        str, typer.Argument(metavar="STUDY|ACCESSION|JOB", help="Study Instance UID, accession number, or job number.")
    ],
    method: MethodOption = None,
    finding: Annotated[
        list[str] | None, typer.Option(help="Key of a finding; without it, every suspected finding.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder to write to.")] = Path("explanations"),
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the model on a stored study again and write its heat maps as PNG and .npz files, with any method."""
    from dicomnode.node.explaining import explain_study
    from dicomnode.node.rooms import open_stores

    loaded = read_settings(settings)
    require_data(loaded)
    with index(loaded) as engine:
        study_uid = study_of(engine, target)
    rows = explain_study(loaded, open_stores(loaded), study_uid, method or (), finding or (), out)
    columns = ("finding", "method", "probability", "picture", "why")
    show_rows(rows, columns, as_json=as_json, empty="no finding is suspected; --finding KEY explains one anyway")


@app.command()
def evaluate(  # noqa: PLR0913  # one option a parameter
    bundle: BundleArgument,
    data: Annotated[Path, typer.Argument(help="Folder with labels.csv and the images it names.")],
    recipe: Annotated[
        Path, typer.Option(help="The bundle's training recipe: it names the columns and the synthetic lesions.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for explanations.json and explanations.html.")],
    method: MethodOption = None,
    images: Annotated[int, typer.Option(min=4, help="At most this many images of each kind.")] = 48,
    slow_images: Annotated[int, typer.Option(min=2, help="The same for methods that take seconds per image.")] = 12,
    split: Annotated[str, typer.Option(help="Split to measure on: train, val or test.")] = "test",
) -> None:
    """Measure how far the heat maps of a bundle can be trusted, each method compared with chance (extra: train)."""
    from dicomnode.cli.model import require_training

    require_training()
    from dicomnode.train.evaluation.explanations import evaluate_explanations
    from dicomnode.train.evaluation.page import write_explanations
    from dicomnode.train.recipe import read_recipe

    figures = evaluate_explanations(
        bundle_folder(bundle),
        data,
        read_recipe(recipe),
        chosen=tuple(method or ()),
        counts=(images, slow_images),
        split=split,
    )
    write_explanations(f"Explanations of {bundle} on {data.name}, {split} split", figures, out)
    err.print(f"wrote {out / 'explanations.html'} and explanations.json")
