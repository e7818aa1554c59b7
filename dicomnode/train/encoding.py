"""Training of the image encoder: what a batch holds, and what the encoder then says of images."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor
from torch.nn import functional

from dicomnode.infer.manifest import PixelRecipe
from dicomnode.records import FloatArray
from dicomnode.train.augment import varied, with_opacities, without_patient
from dicomnode.train.data import Split
from dicomnode.train.fit import Plan, fitted, masked_loss
from dicomnode.train.model import Encoder
from dicomnode.train.recipe import EncoderStage, Recipe

# N images, B batch, S side, K findings

_READ_BATCH = 32


def draw_weights(split: Split, main_finding: int) -> NDArray[np.float64]:
    """How often each image is drawn, so that nothing but the lungs tells the main finding.

    Sources weigh the same, views weigh the same within a source, and within each of these cells the main finding is
    present in half of the draws: neither the look of a source nor the projection predicts it.

    Returns
    -------
    NDArray[np.float64]
        (N,), sum 1.
    """
    chance: dict[tuple[str, ...], float] = {(): 1.0}
    cells = [(film.source, film.view, str(film.labels[main_finding])) for film in split.films]
    for depth in range(1, 4):
        branches = sorted({cell[:depth] for cell in cells})
        siblings = Counter(branch[:-1] for branch in branches)
        chance |= {branch: chance[branch[:-1]] / siblings[branch[:-1]] for branch in branches}
    sizes = Counter(cells)
    return np.array([chance[cell] / sizes[cell] for cell in cells])


def fit_encoder(recipe: Recipe, split: Split, folder: Path) -> Encoder:
    """Train the encoder, one stage after the other.

    Parameters
    ----------
    split
        The training split.
    folder
        Where checkpoints lie.
    """
    torch.manual_seed(recipe.fit.seed)
    encoder = Encoder(recipe)
    weights = torch.from_numpy(draw_weights(split, recipe.keys.index(recipe.card.main_finding)))
    labels = torch.from_numpy(split.labels)
    for number, stage in enumerate(recipe.fit.stages):
        images = _resized(torch.from_numpy(split.images), stage.side)

        def loss(model: Encoder, generator: Generator, images: Tensor = images, stage: EncoderStage = stage) -> Tensor:
            chosen = torch.multinomial(weights, stage.batch, replacement=True, generator=generator)
            drawn, known = _drawn(images[chosen], labels[chosen], recipe, stage, generator)
            batch, truth = _batch(drawn, known, recipe, generator)
            return masked_loss(model(batch)[0], truth, recipe.fit.label_smoothing)

        encoder = fitted(encoder, loss, _plan(recipe, number, stage, folder))
    encoder.eval()
    return encoder


def _plan(recipe: Recipe, number: int, stage: EncoderStage, folder: Path) -> Plan:
    return Plan(
        name=f"encoder-{number}",
        steps=stage.steps,
        learning_rate=stage.learning_rate,
        weight_decay=recipe.fit.weight_decay,
        average_decay=recipe.fit.average_decay,
        checkpoint_steps=recipe.fit.checkpoint_steps,
        seed=recipe.fit.seed + number,
        recipe=recipe.digest,
        folder=folder,
    )


def _resized(images: Tensor, side: int) -> Tensor:
    if images.shape[-1] == side:
        return images
    return functional.interpolate(images[:, None], size=(side, side), mode="bilinear", antialias=True)[:, 0]


def _drawn(
    images: Tensor, labels: Tensor, recipe: Recipe, stage: EncoderStage, generator: Generator
) -> tuple[Tensor, Tensor]:
    """Draw opacities into some films without the main finding; of other findings nothing is known then."""
    main = recipe.keys.index(recipe.card.main_finding)
    lucky = torch.rand(len(images), generator=generator) < stage.drawn_opacities
    chosen = lucky & (labels[:, main] == 0)
    truth = torch.where(chosen[:, None], torch.full((), float("nan")), labels)
    truth[chosen, main] = 1.0
    return with_opacities(images, chosen, generator), truth


def _batch(images: Tensor, labels: Tensor, recipe: Recipe, generator: Generator) -> tuple[Tensor, Tensor]:
    """Vary the images and put some without a patient behind them."""
    count = round(recipe.fit.negatives * len(images))
    nobody = without_patient(count, images.shape[-1], generator)
    truth = torch.cat([labels, torch.zeros(count, labels.shape[1])])
    return normalised(torch.cat([varied(images, recipe.augment, generator), nobody]), recipe.pixels), truth


def normalised(images: Tensor, pixels: PixelRecipe) -> Tensor:
    """(B, S, S) in [0, 1] to pixel values (B, 1, S, S)."""
    return (images[:, None] - pixels.mean) / pixels.std


def logits_of(encoder: Encoder, images: FloatArray, pixels: PixelRecipe) -> FloatArray:
    """(N, K) logits of images (N, S, S) in [0, 1]."""
    with torch.inference_mode():
        parts = [
            encoder(normalised(torch.from_numpy(images[start : start + _READ_BATCH]), pixels))[0].numpy()
            for start in range(0, len(images), _READ_BATCH)
        ]
    return np.concatenate(parts)
