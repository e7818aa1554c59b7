"""Training of the image encoder: what a batch holds, what it is taught, and what the encoder then says of images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from dicomnode.infer.manifest import PixelRecipe
from dicomnode.records import FloatArray
from dicomnode.train.augment import hidden, turned, varied, without_patient
from dicomnode.train.fit import Plan, fitted, masked_loss
from dicomnode.train.hyperparameters import DistillRecipe, EncoderStage
from dicomnode.train.model import DOMAINS, Encoded, Encoder
from dicomnode.train.pool import CELL, Origin, Pool
from dicomnode.train.recipe import Recipe

# N images, B batch, C channels, S side, s = S/8, K findings, M structures, E width of sentence embeddings

_READ_BATCH = 32
_TEMPERATURE = 0.1
_UPRIGHT, _INVERTED, _FOREIGN = 0, DOMAINS.index("inverted"), DOMAINS.index("foreign")

Sentences = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Labels (B, K) to distinct sentence embeddings (R, E) and which of them belongs to each image (B,)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One step's images and what is known of them."""

    pixel_values: Tensor
    """(B, C, S, S)."""
    labels: Tensor
    """(B, K), NaN where unknown."""
    masks: Tensor
    """(B, K, s, s) in [0, 1]."""
    has_mask: Tensor
    """(B, K)."""
    structures: Tensor
    """(B, M, s, s) in [0, 1]."""
    has_structures: Tensor
    """(B,)."""
    domains: Tensor
    """(B,) index into `DOMAINS`."""
    hidden: Tensor
    """(B, 1, s, s): 1 where the image was hidden."""
    unhidden: Tensor
    """(B, C, s, s): what stood there, on average."""


class Pupil(nn.Module):  # type: ignore[misc]  # torch is not seen by mypy
    """The encoder and the heads that only its training needs."""

    def __init__(self, encoder: Encoder, channels: int, text_width: int, teacher_width: int | None = None) -> None:
        super().__init__()
        width = encoder.shape.widths[-1]
        self.encoder = encoder
        self.restore = nn.Conv2d(width, channels, 1)
        self.say = nn.Linear(2 * width, text_width)
        self.follow = nn.Conv2d(width, teacher_width, 1) if teacher_width else nn.Identity()


def fit_stages(
    recipe: Recipe,
    encoder: Encoder,
    stages: tuple[EncoderStage, ...],
    pool: Pool,
    sentences: tuple[Sentences, int],
    *,
    name: str,
    folder: Path,
    teacher: Encoder | None = None,
) -> Encoder:
    """Train an encoder, one stage after the other.

    Parameters
    ----------
    sentences
        The frozen language decoder's view of labels, and the width of its embeddings.
    name
        Of the checkpoints.
    folder
        Where checkpoints lie.
    teacher
        If given, the encoder also learns to say what the teacher says.
    """
    embed, text_width = sentences
    distill = recipe.distill
    torch.manual_seed(recipe.fit.seed)
    pupil = Pupil(encoder, recipe.pixels.channels, text_width, teacher.shape.widths[-1] if teacher else None)
    for number, stage in enumerate(stages):
        here = pool.resized(stage.side)

        def loss(model: Pupil, generator: Generator, here: Pool = here, stage: EncoderStage = stage) -> Tensor:
            batch = make_batch(recipe, here, stage, generator)
            encoded = model.encoder(batch.pixel_values)
            value = taught(recipe, model, encoded, batch, embed)
            return (
                value
                if teacher is None or distill is None
                else value + followed(distill, model, encoded, batch, teacher)
            )

        pupil = fitted(pupil, loss, _plan(recipe, f"{name}-{number}", number, stage, folder))
    pupil.eval()
    return pupil.encoder


def _plan(recipe: Recipe, name: str, number: int, stage: EncoderStage, folder: Path) -> Plan:
    return Plan(
        name=name,
        steps=stage.steps,
        learning_rate=stage.learning_rate,
        weight_decay=recipe.fit.weight_decay,
        average_decay=recipe.fit.average_decay,
        checkpoint_steps=recipe.fit.checkpoint_steps,
        seed=recipe.fit.seed + number,
        recipe=recipe.digest,
        folder=folder,
    )


def make_batch(recipe: Recipe, pool: Pool, stage: EncoderStage, generator: Generator) -> Batch:
    """Draw images, vary them, and make some of them strange."""
    chosen = pool.draw(stage, generator)
    chosen = chosen[torch.randperm(len(chosen), generator=generator)]
    maps = torch.cat([pool.masks[chosen], pool.structures[chosen]], 1).float() / 255
    images, maps = varied(pool.images[chosen].float() / 255, maps, recipe.augment, generator)
    findings = pool.labels.shape[1]
    masks, structures = maps[:, :findings], maps[:, findings:]
    labels, has_mask = pool.labels[chosen].clone(), pool.has_mask[chosen].clone()
    has_structures = torch.isin(pool.origin[chosen], torch.tensor([Origin.PASTED, Origin.SKETCH]))

    strange = round(stage.strange * len(images))
    domains = torch.zeros(len(images), dtype=torch.long)
    if strange:
        images[:strange], domains[:strange] = _strange(images[:strange], pool, generator)
        # Of a patient who lies wrong nothing is asked; where nobody lies, nothing is found.
        nobody = (domains[:strange] == _FOREIGN)[:, None]
        labels[:strange] = torch.where(nobody, torch.zeros(()), torch.full((), float("nan")))
        has_mask[:strange], has_structures[:strange] = nobody, False
        masks[:strange] = 0
    unhidden = functional.avg_pool2d(images, CELL)
    covered = torch.zeros(len(images), 1, *unhidden.shape[2:])
    if stage.hidden:
        quarter = slice(strange, strange + len(images) // 4)
        images[quarter], covered[quarter] = hidden(images[quarter], stage.hidden, generator)
    return Batch(
        pixel_values=normalised(images, recipe.pixels),
        labels=labels,
        masks=masks,
        has_mask=has_mask,
        structures=structures,
        has_structures=has_structures,
        domains=domains,
        hidden=covered,
        unhidden=unhidden,
    )


def _strange(images: Tensor, pool: Pool, generator: Generator) -> tuple[Tensor, Tensor]:
    """Turn, invert or replace every image."""
    count = len(images)
    kinds = torch.randint(1, len(DOMAINS), (count,), generator=generator)
    images = turned(images, torch.where(kinds < _INVERTED, kinds, torch.zeros_like(kinds)))
    images = torch.where((kinds == _INVERTED)[:, None, None, None], 1 - images, images)
    others = torch.randint(len(pool.foreign), (count,), generator=generator)
    shown = pool.foreign[others].float() / 255
    empty = without_patient(count, images.shape[-1], generator)[:, None].expand_as(images)
    is_empty = torch.rand((count, 1, 1, 1), generator=generator) < 0.5
    images = torch.where((kinds == _FOREIGN)[:, None, None, None], torch.where(is_empty, empty, shown), images)
    return images, kinds


def taught(recipe: Recipe, model: Pupil, encoded: Encoded, batch: Batch, embed: Sentences) -> Tensor:
    """The sum of all losses that need no teacher."""
    weights = recipe.loss
    value = masked_loss(encoded.logits, batch.labels, recipe.fit.label_smoothing)
    value = value + weights.place * placed(encoded, batch)
    value = value + weights.strange * functional.cross_entropy(encoded.domains, batch.domains)
    if bool(batch.has_structures.any()):
        drawn = batch.has_structures
        value = value + weights.structures * functional.binary_cross_entropy_with_logits(
            encoded.segmentation[drawn], batch.structures[drawn]
        )
    if bool(batch.hidden.any()):
        wrong = (torch.sigmoid(model.restore(encoded.fused)) - batch.unhidden) ** 2 * batch.hidden
        value = value + weights.restore * 10 * wrong.sum() / (batch.hidden.sum() * wrong.shape[1])
    if weights.text:
        value = value + weights.text * told_apart(model.say(encoded.features), batch, embed)
    return value


def placed(encoded: Encoded, batch: Batch) -> Tensor:
    """Attention lies on the lesion, and evidence is there and nowhere else.

    Positive and negative cells weigh the same, as lesions are small.
    """
    present = batch.has_mask & (batch.labels == 1)
    inside = (encoded.places * batch.masks).sum((2, 3))
    focus = -torch.log(inside[present] + 1e-3).mean() if bool(present.any()) else torch.zeros(())
    cells = functional.binary_cross_entropy_with_logits(encoded.evidence, batch.masks, reduction="none")
    covered = batch.masks * present[:, :, None, None]
    free = (1 - batch.masks) * batch.has_mask[:, :, None, None]
    return 0.3 * focus + sum((cells * part).sum() / (part.sum() + 1) for part in (covered, free))


def told_apart(said: Tensor, batch: Batch, embed: Sentences) -> Tensor:
    """Contrast of each image with the sentences that speak of the same findings (InfoNCE)."""
    upright = (batch.domains == _UPRIGHT) & (~torch.isnan(batch.labels)).any(1)
    labels = batch.labels[upright]
    texts, own = embed(labels)
    scores = functional.normalize(said[upright], dim=-1) @ functional.normalize(texts, dim=-1).T / _TEMPERATURE
    known = ~torch.isnan(labels)
    speaks_of = torch.zeros(len(texts), known.shape[1], dtype=torch.bool)
    speaks_of[own] = known
    comparable = (known[:, None] == speaks_of[None]).all(-1)
    return functional.cross_entropy(scores.masked_fill(~comparable, -1e9), own)


def followed(distill: DistillRecipe, model: Pupil, encoded: Encoded, batch: Batch, teacher: Encoder) -> Tensor:
    """What the teacher says of upright images: probabilities, places and features (knowledge distillation)."""
    upright = batch.domains == _UPRIGHT
    with torch.no_grad():
        told = teacher(batch.pixel_values[upright])
    said = functional.binary_cross_entropy_with_logits(encoded.logits[upright], torch.sigmoid(told.logits))
    looked = functional.kl_div(
        torch.log(encoded.places[upright].flatten(2) + 1e-6), told.places.flatten(2), reduction="none"
    )
    features = functional.mse_loss(model.follow(encoded.fused[upright]), told.fused)
    return distill.share * said + distill.attention * looked.sum(-1).mean() + distill.features * features


def normalised(images: Tensor, pixels: PixelRecipe) -> Tensor:
    """(B, C, S, S) in [0, 1] to pixel values."""
    return (images - pixels.mean) / pixels.std


def logits_of(encoder: Encoder, images: FloatArray, pixels: PixelRecipe) -> FloatArray:
    """(N, K) logits of images (N, C, S, S) in [0, 1]."""
    with torch.inference_mode():
        parts = [
            encoder(normalised(torch.from_numpy(images[start : start + _READ_BATCH]), pixels)).logits.numpy()
            for start in range(0, len(images), _READ_BATCH)
        ]
    return np.concatenate(parts)
