"""Joining image and language: prompts and cross-attention are trained while the language decoder stands still.

The encoder knows its training images too well, so the margins it hands over are shaken, and now and then drawn
anew: the decoder learns to word any mixture of findings, and to follow the numbers that serving will give it.
Which findings are spoken of follows the labels that an image's source has; where they lie follows the masks of
synthetic lesions and, where no mask is known, the encoder's own class maps.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import structlog
import torch
from torch import Generator, Tensor, nn

from dicomnode.errors import SettingsError
from dicomnode.measure.calibration import Calibration
from dicomnode.train.augment import varied
from dicomnode.train.decoder import Decoder, Prompter, Told, no_past
from dicomnode.train.encoding import normalised
from dicomnode.train.fit import Plan, fitted
from dicomnode.train.language import Fact, Wording, report, vocabulary, wording
from dicomnode.train.model import Encoder
from dicomnode.train.pool import Origin, Pool
from dicomnode.train.recipe import Recipe
from dicomnode.train.speaking import next_word_loss, padded, token_ids

log = structlog.get_logger(__name__)

# M views of images, B batch, K findings, D features, T tokens, V vocabulary

_READ_BATCH = 32
_SHAKEN = 0.5
"""Standard deviation of the noise on margins, in log-odds."""
_REDRAWN = 0.3
"""Share of margins that are drawn anew from a normal distribution of standard deviation 2."""
_SYNTHETIC = 800
"""At most so many synthetic images beside the real ones."""
_ONE_SIDE = 0.7
"""Share of a finding's map from which it lies on one side."""
_TOP, _BOTTOM = 0.15, 0.80
"""Rows between which the zones lie, as fractions of the side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Views:
    """What the encoder says of many views; half precision, as there are many."""

    features: Tensor
    """(M, 2 * D)."""
    segmentation: Tensor
    """(M, structures, h, w) probabilities."""
    tokens: Tensor
    """(M, cells, D)."""
    attended: Tensor
    """(M, K, D)."""
    class_maps: Tensor
    """(M, K, h, w)."""
    where: Tensor
    """(M, K, 3): share of the finding on image left, mean row from 0 to 1, share of the image."""
    logits: Tensor
    """(M, K)."""
    is_known: Tensor
    """(M, K): the label is known, so the finding is spoken of."""


class Drafter(nn.Module):  # type: ignore[misc]  # torch is not seen by mypy
    """Prompter and decoder, of which the language stands still."""

    def __init__(self, recipe: Recipe, decoder: Decoder) -> None:
        super().__init__()
        self.prompter, self.decoder = Prompter(recipe), decoder
        for parameter in decoder.bridge():
            parameter.requires_grad_(True)
        for parameter in decoder.language():
            parameter.requires_grad_(False)

    def told(self, views: Views, chosen: Tensor, margins: Tensor) -> Told:
        """What the decoder is told of the chosen views."""
        parts = (views.features, views.segmentation, views.tokens, views.attended, views.class_maps)
        told: Told = self.prompter(margins, *(part[chosen].float() for part in parts))
        return told


def fit_drafter(
    recipe: Recipe, encoder: Encoder, decoder: Decoder, pool: Pool, calibrations: tuple[Calibration, ...], folder: Path
) -> Drafter:
    """Train prompts and cross-attention.

    Parameters
    ----------
    encoder
        Finished; not changed.
    decoder
        Pretrained; its language is not changed.
    pool
        Training images.
    calibrations
        One for each finding, of single images.
    folder
        Where checkpoints lie.
    """
    views = encoded_views(recipe, encoder, pool)
    return joined(recipe, decoder, views, calibrations, folder)


def joined(
    recipe: Recipe, decoder: Decoder, views: Views, calibrations: tuple[Calibration, ...], folder: Path
) -> Drafter:
    """Train prompts and cross-attention on what the encoder said."""
    vocab = vocabulary(recipe)
    lines = torch.tensor([calibration.line for calibration in calibrations])  # (K, 2)
    margins_of_views = views.logits.float() * lines[:, 0] + lines[:, 1]
    torch.manual_seed(recipe.fit.seed)

    def loss(model: Drafter, generator: Generator) -> Tensor:
        chosen = torch.randint(len(views.logits), (recipe.fit.decoder_batch,), generator=generator)
        margins = shaken(margins_of_views[chosen], generator)
        texts = [
            report(facts_of(recipe, *row), recipe, generator)
            for row in zip(margins.tolist(), views.where[chosen].tolist(), views.is_known[chosen].tolist(), strict=True)
        ]
        ids = padded([token_ids(text, vocab) for text in texts])
        told = model.told(views, chosen, margins)
        logits, _, _ = model.decoder(ids[:, :-1], *told, no_past(recipe, len(ids)))
        return next_word_loss(logits, ids)

    plan = Plan(
        name="decoder",
        steps=recipe.fit.decoder_steps,
        learning_rate=recipe.fit.decoder_learning_rate,
        weight_decay=recipe.fit.weight_decay,
        average_decay=recipe.fit.average_decay,
        checkpoint_steps=recipe.fit.checkpoint_steps,
        seed=recipe.fit.seed,
        recipe=recipe.digest,
        folder=folder,
    )
    drafter = fitted(Drafter(recipe, decoder), loss, plan)
    drafter.eval()
    return drafter


def load_drafter(recipe: Recipe, folder: Path) -> Drafter:
    """The drafter that `joined` left in a folder of checkpoints.

    Raises
    ------
    SettingsError
        If there is none, or it was made by another recipe.
    """
    path = folder / "decoder.pt"
    if not path.is_file():
        raise SettingsError(f"{folder} has no trained decoder; run `dicomnode model train` with this recipe first")
    saved = torch.load(path, weights_only=True)
    if saved["recipe"] != recipe.digest:
        raise SettingsError(f"{path} was made by another recipe; remove {folder} to start over")
    drafter = Drafter(recipe, Decoder(recipe, len(vocabulary(recipe))))
    drafter.load_state_dict(saved["average"])
    drafter.eval()
    return drafter


def encoded_views(recipe: Recipe, encoder: Encoder, pool: Pool) -> Views:
    """Encode the real and some synthetic training images several times: once as they are, then varied."""
    synthetic = torch.isin(pool.origin, torch.tensor([Origin.PASTED, Origin.SKETCH])).nonzero()[:, 0]
    generator = Generator().manual_seed(recipe.fit.seed)
    some = synthetic[torch.randperm(len(synthetic), generator=generator)[:_SYNTHETIC]]
    used = torch.cat([(pool.origin == Origin.REAL).nonzero()[:, 0], some])
    read: list[Views] = []
    for view in range(recipe.fit.views):
        generator = Generator().manual_seed(recipe.fit.seed * 7919 + view)
        read += [_read(recipe, encoder, pool, part, generator, is_varied=view > 0) for part in used.split(_READ_BATCH)]
        log.info("encoded", view=view + 1, views=recipe.fit.views)
    parts = {field.name: torch.cat([getattr(one, field.name) for one in read]) for field in fields(Views)}
    return Views(**parts)


def _read(
    recipe: Recipe, encoder: Encoder, pool: Pool, used: Tensor, generator: Generator, *, is_varied: bool
) -> Views:
    images, masks = pool.images[used].float() / 255, pool.masks[used].float() / 255
    if is_varied:
        images, masks = varied(images, masks, recipe.augment, generator)
    with torch.no_grad():
        said = encoder(normalised(images, recipe.pixels))
    has_mask = pool.has_mask[used] & (pool.labels[used] == 1)
    return Views(
        features=said.features.half(),
        segmentation=torch.sigmoid(said.segmentation).half(),
        tokens=said.tokens.half(),
        attended=said.attended.half(),
        class_maps=said.class_maps.half(),
        where=_where(torch.where(has_mask[:, :, None, None], masks, torch.relu(said.class_maps)), said.evidence),
        logits=said.logits,
        is_known=~torch.isnan(pool.labels[used]),
    )


def _where(maps: Tensor, evidence: Tensor) -> Tensor:
    """(B, K, 3) of maps (B, K, h, w): share on image left, mean row, share of the image with evidence."""
    rows, columns = maps.shape[2:]
    total = maps.sum((2, 3)) + 1e-6
    left = maps[..., : columns // 2].sum((2, 3)) / total
    down = ((torch.arange(rows) + 0.5) / rows).view(1, 1, rows, 1)
    return torch.stack([left, (maps * down).sum((2, 3)) / total, (evidence > 0).float().mean((2, 3))], -1)


def shaken(margins: Tensor, generator: Generator) -> Tensor:
    """Margins (B, K) with noise, and now and then drawn anew."""
    noisy = margins + _SHAKEN * torch.randn(margins.shape, generator=generator)
    anew = 2 * torch.randn(margins.shape, generator=generator)
    redrawn = torch.rand(margins.shape, generator=generator) < _REDRAWN
    return torch.where(redrawn, anew, noisy)


def facts_of(recipe: Recipe, margins: list[float], where: list[list[float]], is_known: list[bool]) -> dict[str, Fact]:
    """What the report says of one image.

    Parameters
    ----------
    margins
        K log-odds above the thresholds.
    where
        K times the three numbers of `Views.where`.
    is_known
        K; of the others nothing is said.
    """
    facts = {}
    for key, margin, (left, row, area), spoken in zip(recipe.keys, margins, where, is_known, strict=True):
        if not spoken:
            continue
        stance = wording(margin, recipe.decoder.possible_margin)
        facts[key] = Fact(wording=stance) if margin < 0 else placed_fact(recipe, stance, left, row, area)
    return facts


def placed_fact(recipe: Recipe, stance: Wording, left: float, row: float, area: float) -> Fact:
    """A finding that is there, with its side, zone and extent."""
    language = recipe.language
    side = 0 if left > _ONE_SIDE else 1 if left < 1 - _ONE_SIDE else 2
    zone = None
    if language.zones and side < len(language.sides):
        place = (row - _TOP) / (_BOTTOM - _TOP) * len(language.zones)
        zone = min(max(int(place), 0), len(language.zones) - 1)
    extent = sum(area > border for border in language.extent_borders)
    return Fact(wording=stance, side=side, zone=zone, extent=extent)
