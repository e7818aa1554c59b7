"""`dicomnode model`: train and measure models; needs the extra `train`."""

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

RecipeArgument = Annotated[Path, typer.Argument(help="Recipe, for example conf/train/cxr.toml.")]
TrainedOption = Annotated[Path, typer.Option(help="Folder of the bundle that the recipe trained.")]
ThreadsOption = Annotated[int | None, typer.Option(min=1, help="Number of threads; overrides the recipe.")]


@app.command()
def train(
    recipe: RecipeArgument,
    data: DataOption,
    out: Annotated[Path, typer.Option(help="Folder for the new bundle; an interrupted training continues there.")],
    threads: ThreadsOption = None,
) -> None:
    """Train an encoder-decoder, compress it to INT8 graphs, measure it, and pack it as a bundle."""
    require_training()
    from dicomnode.train.recipe import read_recipe
    from dicomnode.train.run import train_bundle

    logs.configure(level="info", output="console")
    train_bundle(read_recipe(recipe, threads=threads), data, out)
    err.print(f"wrote the bundle {out}")


@app.command()
def ablate(
    recipe: RecipeArgument,
    data: DataOption,
    out: TrainedOption,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Training steps of each variant; overrides the recipe.")
    ] = None,
    threads: ThreadsOption = None,
) -> None:
    """Measure what prompts, anatomical bias, distillation and synthetic images contribute, on the validation split."""
    require_training()
    from dicomnode.train import ablate as ablations
    from dicomnode.train.recipe import read_recipe

    logs.configure(level="info", output="console")
    show_json(ablations.ablate(read_recipe(recipe, threads=threads), data, out, steps))


@app.command()
def join(
    recipe: RecipeArgument,
    data: DataOption,
    trained: TrainedOption,
    language: Annotated[Path, typer.Option(help="Folder of a GPT-2, Llama or Qwen2 checkpoint with its tokenizer.")],
    out: Annotated[Path, typer.Option(help="Folder for the new bundle; an interrupted training continues there.")],
    threads: ThreadsOption = None,
) -> None:
    """Replace a trained bundle's decoder by a frozen language model, and train the prompter between them."""
    require_training()
    from dicomnode.train.join import join_bundle
    from dicomnode.train.recipe import read_recipe

    logs.configure(level="info", output="console")
    join_bundle(read_recipe(recipe, threads=threads), data, trained, language, out)
    err.print(f"wrote the bundle {out}")


@app.command()
def doubt(
    recipe: RecipeArgument,
    data: DataOption,
    out: TrainedOption,
) -> None:
    """Measure how certain a trained bundle is: limits of probabilities, conformal bounds, usual image quality."""
    require_training()
    from dicomnode.train.recipe import read_recipe
    from dicomnode.train.run import add_doubt_to_trained

    logs.configure(level="info", output="console")
    add_doubt_to_trained(read_recipe(recipe), data, out)
    err.print(f"wrote the uncertainty and the card of {out}")


@app.command()
def card(
    recipe: RecipeArgument,
    out: TrainedOption,
) -> None:
    """Rewrite a bundle's card with the recipe's current words and the tables measured since."""
    require_training()
    from dicomnode.train.recipe import read_recipe
    from dicomnode.train.run import renew_card

    renew_card(read_recipe(recipe), out)
    err.print(f"wrote the card of {out}")


@app.command()
def gradients(
    recipe: RecipeArgument,
    data: DataOption,
    out: TrainedOption,
) -> None:
    """Add gradients.onnx, which some heat-map methods need, to a trained bundle without training it again."""
    require_training()
    from dicomnode.train.recipe import read_recipe
    from dicomnode.train.run import renew_gradients

    logs.configure(level="info", output="console")
    renew_gradients(read_recipe(recipe), data, out)
    err.print(f"wrote gradients.onnx of {out}")


@app.command()
def comparer(
    recipe: RecipeArgument,
    data: DataOption,
    out: TrainedOption,
    threads: ThreadsOption = None,
) -> None:
    """Train and measure the head that compares images with earlier ones; the bundle's other graphs stay the same."""
    require_training()
    from dicomnode.train.recipe import read_recipe
    from dicomnode.train.run import add_comparer

    logs.configure(level="info", output="console")
    show_json(add_comparer(read_recipe(recipe, threads=threads), data, out))


@app.command()
def phantoms(
    recipe: RecipeArgument,
    out: Annotated[Path, typer.Option(help="New folder for the data.")],
    train_volumes: Annotated[int, typer.Option("--train", min=1, help="Volumes to train on.")] = 60,
    val_volumes: Annotated[int, typer.Option("--val", min=1, help="Volumes to calibrate on.")] = 24,
    test_volumes: Annotated[int, typer.Option("--test", min=1, help="Volumes to measure on.")] = 40,
) -> None:
    """Write a data folder of synthetic volumes, for a recipe without real data."""
    require_training()
    from dicomnode.train.phantom_data import write_phantoms
    from dicomnode.train.recipe import read_recipe

    logs.configure(level="info", output="console")
    volumes = {"train": train_volumes, "val": val_volumes, "test": test_volumes}
    write_phantoms(read_recipe(recipe), out, volumes)
    err.print(f"wrote {sum(volumes.values())} volumes to {out}")


@app.command()
def evaluate(
    bundle: BundleArgument,
    data: Annotated[Path, typer.Argument(help="Folder with labels.csv and the images or DICOM files it names.")],
    recipe: Annotated[
        Path | None,
        typer.Option(help="Recipe of the bundle: its columns, reference texts and synthetic lesions."),
    ] = None,
    split: Annotated[str, typer.Option(help="train, val or test.")] = "test",
    out: Annotated[
        Path | None, typer.Option(help="Folder for report.json and report.html; without it, JSON is printed.")
    ] = None,
) -> None:
    """Measure a bundle on labeled images: findings, calibration, text, heat maps, controls."""
    require_training()
    from dicomnode.train.evaluation.evaluate import evaluate_bundle
    from dicomnode.train.evaluation.page import write_report
    from dicomnode.train.recipe import read_recipe

    figures = evaluate_bundle(
        bundle_folder(bundle), data, recipe=None if recipe is None else read_recipe(recipe).reported, split=split
    )
    if out is None:
        show_json(figures)
        return
    write_report(f"{bundle} on {data.name}, {split} split", figures, out)
    err.print(f"wrote {out / 'report.html'} and report.json")


def require_training() -> None:
    """Refuse a command that needs torch where there is none.

    Raises
    ------
    PermanentError
        If the extra `train` is not installed.
    """
    if find_spec("torch") is None:
        raise PermanentError("training needs torch: pip install 'dicomnode-ai[train]' -c constraints.txt")
