"""The encoders of a run, one after the other: teacher, student, pruned; each kept as a checkpoint."""

from __future__ import annotations

from pathlib import Path

import structlog
import torch
from torch import Generator, Tensor

from dicomnode.errors import SettingsError
from dicomnode.train.compress.prune import pruned
from dicomnode.train.decoder import Decoder
from dicomnode.train.encoding import fit_stages, make_batch
from dicomnode.train.fit import masked_loss
from dicomnode.train.hyperparameters import EncoderRecipe
from dicomnode.train.model import Encoder, encoder_of, only_findings
from dicomnode.train.pool import Pool
from dicomnode.train.recipe import Recipe
from dicomnode.train.speaking import sentences_of

log = structlog.get_logger(__name__)

STAGES = ("teacher", "student", "pruned")
"""Names of the kept encoders; a recipe without a teacher or without pruning leaves them out."""


def fit_encoders(recipe: Recipe, pool: Pool, decoder: Decoder, folder: Path) -> Encoder:
    """Train all encoders that the recipe asks for, and return the last.

    Parameters
    ----------
    decoder
        The pretrained language decoder, whose sentences the images are contrasted with.
    folder
        Where checkpoints lie.
    """
    sentences = sentences_of(recipe, decoder)
    if recipe.teacher is None or recipe.distill is None:
        torch.manual_seed(recipe.fit.seed)
        encoder = fit_stages(
            recipe, encoder_of(recipe), recipe.fit.stages, pool, sentences, name="student", folder=folder
        )
    else:
        torch.manual_seed(recipe.fit.seed)
        large = encoder_of(recipe, recipe.teacher)
        teacher = fit_stages(recipe, large, recipe.fit.stages, pool, sentences, name="teacher", folder=folder)
        keep_stage(teacher, recipe, "teacher", folder)
        torch.manual_seed(recipe.fit.seed)
        encoder = fit_stages(
            recipe,
            encoder_of(recipe),
            recipe.distill.stages,
            pool,
            sentences,
            name="student",
            folder=folder,
            teacher=teacher,
        )
    keep_stage(encoder, recipe, "student", folder)
    return encoder if recipe.prune is None else _pruned(recipe, encoder, pool, decoder, folder)


def _pruned(recipe: Recipe, encoder: Encoder, pool: Pool, decoder: Decoder, folder: Path) -> Encoder:
    if recipe.prune is None:
        return encoder
    stage = recipe.prune.stages[-1]
    here = pool.resized(stage.side)

    def loss(model: Encoder, generator: Generator) -> Tensor:
        batch = make_batch(recipe, here, stage, generator)
        return masked_loss(model(batch.pixel_values).logits, batch.labels, recipe.fit.label_smoothing)

    smaller = pruned(encoder, loss, transformer=recipe.prune.transformer, convolution=recipe.prune.convolution)
    log.info("pruned", parameters=_size(smaller), before=_size(encoder))
    sentences = sentences_of(recipe, decoder)
    healed = fit_stages(recipe, smaller, recipe.prune.stages, pool, sentences, name="pruned", folder=folder)
    keep_stage(healed, recipe, "pruned", folder)
    return healed


def _size(encoder: Encoder) -> int:
    return sum(parameter.numel() for parameter in encoder.parameters())


def keep_stage(encoder: Encoder, recipe: Recipe, name: str, folder: Path) -> None:
    """Keep a finished encoder and its sizes as `<name>.pt`."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {"recipe": recipe.digest, "shape": encoder.shape.model_dump_json(), "weights": encoder.state_dict()}
    torch.save(state, folder / f"{name}.pt")


def load_stage(recipe: Recipe, name: str, folder: Path) -> Encoder | None:
    """A kept encoder; None where the run has none of that name.

    Raises
    ------
    SettingsError
        If it was made by another recipe.
    """
    path = folder / f"{name}.pt"
    if not path.is_file():
        return None
    saved = torch.load(path, weights_only=True)
    if saved["recipe"] != recipe.digest:
        raise SettingsError(f"{path} was made by another recipe; remove {folder} to start over")
    encoder = encoder_of(recipe, EncoderRecipe.model_validate_json(saved["shape"]))
    encoder.load_state_dict(saved["weights"])
    encoder.eval()
    return encoder


def trained_encoders(recipe: Recipe, folder: Path) -> dict[str, Encoder]:
    """The kept encoders of a run by name, the last one last, each with the findings that the bundle reports.

    Raises
    ------
    SettingsError
        If there is none, or they were made by another recipe.
    """
    found = {name: encoder for name in STAGES if (encoder := load_stage(recipe, name, folder)) is not None}
    if not found:
        raise SettingsError(f"{folder} has no trained encoder; run `dicomnode model train` with this recipe first")
    kept = [recipe.keys.index(key) for key in recipe.reported.keys]
    return {name: only_findings(encoder, kept) for name, encoder in found.items()}


def language_folder(recipe: Recipe, folder: Path) -> Path:
    """Where a run keeps the language side that ships: apart where the bundle reports only some of the findings."""
    return folder / "reported" if recipe.bundle.reports else folder
