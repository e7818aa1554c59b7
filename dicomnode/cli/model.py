"""`dicomnode model`: for those who train and measure; needs the extra `train`."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from dicomnode import logs
from dicomnode.cli.bundle import BundleArgument, bundle_folder
from dicomnode.cli.common import err, show_json
from dicomnode.errors import PermanentError

app = typer.Typer(name="model", help="Train and measure models (extra: train).", no_args_is_help=True)

DataOption = Annotated[Path, typer.Option("--data", help="Folder with labels.csv and the images it names.")]


@app.command()
def train(
    recipe: Annotated[Path, typer.Argument(help="Recipe, for example conf/train/cxr.toml.")],
    data: DataOption,
    out: Annotated[Path, typer.Option(help="Folder of the new bundle; a stopped training goes on there.")],
) -> None:
    """Train an encoder-decoder, export it to ONNX and INT8, measure it, and pack it as a bundle."""
    _require_training()
    from dicomnode.train.recipe import read_recipe
    from dicomnode.train.run import train_bundle

    logs.configure(level="info", output="console")
    train_bundle(read_recipe(recipe), data, out)
    err.print(f"wrote the bundle {out}")


@app.command()
def evaluate(bundle: BundleArgument, data: DataOption) -> None:
    """Measure a bundle on the test split and print the figures as JSON."""
    _require_training()
    from dicomnode.train.evaluate import evaluate_bundle

    show_json(evaluate_bundle(bundle_folder(bundle), data))


def _require_training() -> None:
    if find_spec("torch") is None:
        raise PermanentError("training needs torch: pip install 'dicomnode-ai[train]' -c constraints.txt")
