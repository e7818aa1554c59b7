"""Training of the language decoder on what the finished encoder says of many views of each image.

The encoder knows its training films too well, so the margins it hands over are shaken, and now and then drawn
anew: the decoder learns to word any mixture of findings, and to follow the numbers that serving will give it.
Which findings are spoken of follows the labels that a film's source has.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import structlog
import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from dicomnode.train.augment import varied, without_patient
from dicomnode.train.calibration import Calibration
from dicomnode.train.data import Split
from dicomnode.train.encoding import normalised
from dicomnode.train.fit import Plan, fitted
from dicomnode.train.language import BOS, EOS, PAD, report, vocabulary, wording, words
from dicomnode.train.model import Decoder, Encoder, Memory, no_past
from dicomnode.train.recipe import Recipe

log = structlog.get_logger(__name__)

# M views of images, B batch, K findings, D features, T tokens, V vocabulary

_READ_BATCH = 32
_SHAKEN = 0.5
"""Standard deviation of the noise on margins, in log-odds."""
_REDRAWN = 0.3
"""Share of margins that are drawn anew from a normal distribution of standard deviation 2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Views:
    """What the encoder says of many views; half precision, as there are many."""

    grid: Tensor
    """(M, cells, D)."""
    attended: Tensor
    """(M, K, D)."""
    margins: Tensor
    """(M, K)."""
    is_known: Tensor
    """(M, K): the label is known, so the finding is spoken of."""
    has_patient: Tensor
    """(M,)."""


class Drafter(nn.Module):  # type: ignore[misc]  # torch is not seen by mypy
    """Memory and decoder, trained together."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.memory = Memory(recipe)
        self.decoder = Decoder(recipe, len(vocabulary(recipe)))


def fit_drafter(
    recipe: Recipe, encoder: Encoder, split: Split, calibrations: tuple[Calibration, ...], folder: Path
) -> Drafter:
    """Train memory and decoder.

    Parameters
    ----------
    encoder
        Finished; not changed.
    split
        The training split.
    calibrations
        One for each finding.
    folder
        Where checkpoints lie.
    """
    views = _views(recipe, encoder, split, calibrations)
    vocab = vocabulary(recipe)
    torch.manual_seed(recipe.fit.seed)

    def loss(model: Drafter, generator: Generator) -> Tensor:
        chosen = torch.randint(len(views.margins), (recipe.fit.decoder_batch,), generator=generator)
        margins = _shaken(views.margins[chosen], views.has_patient[chosen], generator)
        ids = _targets(recipe, vocab, margins, views.is_known[chosen], views.has_patient[chosen], generator)
        memory = model.memory(views.grid[chosen].float(), views.attended[chosen].float(), margins)
        logits, _, _ = model.decoder(ids[:, :-1], memory, no_past(recipe, len(ids)))
        return functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), ignore_index=PAD)

    plan = Plan(
        name="decoder",
        steps=recipe.fit.decoder_steps,
        learning_rate=recipe.fit.decoder_learning_rate,
        weight_decay=recipe.fit.weight_decay,
        average_decay=recipe.fit.average_decay,
        checkpoint_steps=recipe.fit.checkpoint_steps,
        seed=recipe.fit.seed + len(recipe.fit.stages),
        recipe=recipe.digest,
        folder=folder,
    )
    drafter = fitted(Drafter(recipe), loss, plan)
    drafter.eval()
    return drafter


def _views(recipe: Recipe, encoder: Encoder, split: Split, calibrations: tuple[Calibration, ...]) -> Views:
    """Encode every training image several times: once as it is, then varied."""
    images = torch.from_numpy(split.images)
    known = ~torch.isnan(torch.from_numpy(split.labels))
    nobody = max(1, round(recipe.fit.negatives * len(images)))
    read: list[tuple[Tensor, Tensor, Tensor]] = []
    for view in range(recipe.fit.views):
        generator = Generator().manual_seed(recipe.fit.seed * 7919 + view)
        shown = images if view == 0 else varied(images, recipe.augment, generator)
        read.append(_read(recipe, encoder, torch.cat([shown, without_patient(nobody, images.shape[-1], generator)])))
        log.info("encoded", view=view + 1, views=recipe.fit.views)
    logits, grid, attended = (torch.cat(parts) for parts in zip(*read, strict=True))
    margins = [torch.from_numpy(c.margins(logits[:, k].numpy())) for k, c in enumerate(calibrations)]
    everything = torch.ones(nobody, known.shape[1], dtype=torch.bool)
    return Views(
        grid=grid,
        attended=attended,
        margins=torch.stack(margins, 1),
        is_known=torch.cat([known, everything]).repeat(recipe.fit.views, 1),
        has_patient=(torch.arange(len(images) + nobody) < len(images)).repeat(recipe.fit.views),
    )


def _read(recipe: Recipe, encoder: Encoder, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    logits, grids, found = [], [], []
    with torch.no_grad():
        for start in range(0, len(images), _READ_BATCH):
            pixel_values = normalised(images[start : start + _READ_BATCH], recipe.pixels)
            logit, _, _, grid, attended = encoder(pixel_values)
            logits.append(logit)
            grids.append(grid.half())
            found.append(attended.half())
    return torch.cat(logits), torch.cat(grids), torch.cat(found)


def _shaken(margins: Tensor, has_patient: Tensor, generator: Generator) -> Tensor:
    noisy = margins + _SHAKEN * torch.randn(margins.shape, generator=generator)
    anew = 2 * torch.randn(margins.shape, generator=generator)
    redrawn = torch.rand(margins.shape, generator=generator) < _REDRAWN
    return torch.where(has_patient[:, None], torch.where(redrawn, anew, noisy), margins)


def _targets(
    recipe: Recipe, vocab: dict[str, int], margins: Tensor, known: Tensor, has_patient: Tensor, generator: Generator
) -> Tensor:
    """Reports as token ids (B, T), padded."""
    rows = []
    for margin, is_known, somebody in zip(margins.tolist(), known.tolist(), has_patient.tolist(), strict=True):
        wordings = {
            key: wording(value, recipe.decoder.possible_margin)
            for key, value, spoken in zip(recipe.keys, margin, is_known, strict=True)
            if spoken
        }
        text = report(wordings, recipe.findings, generator) if somebody else recipe.non_chest[0]
        rows.append(torch.tensor([BOS, *(vocab[word] for word in words(text)), EOS]))
    return nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=PAD)
