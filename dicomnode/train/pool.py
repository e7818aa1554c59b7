"""All images that train an encoder: real ones, real ones with a pasted lesion, sketches, and foreign ones."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
import structlog
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor
from torch.nn import functional

from dicomnode.train.data import Split
from dicomnode.train.hyperparameters import EncoderStage
from dicomnode.train.phantoms import Drawn, drawn_on, foreign_images, sketched
from dicomnode.train.recipe import Recipe

log = structlog.get_logger(__name__)

# N images, B batch, K findings, M structures, C channels, S side, s = S/8

CELL = 8
"""Pixels along one side of a cell of the encoder's maps."""


class Origin(IntEnum):
    """Where an image comes from."""

    REAL = 0
    PASTED = 1
    SKETCH = 2
    AUXILIARY = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Images, and what is known of each."""

    images: Tensor
    """(N, C, S, S) of 0 to 255."""
    labels: Tensor
    """(N, K), NaN where unknown."""
    masks: Tensor
    """(N, K, s, s) covered share of each cell, of 0 to 255."""
    has_mask: Tensor
    """(N, K): the place is known; for an absent finding it is nowhere."""
    structures: Tensor
    """(N, M, s, s) covered share of each cell, of 0 to 255."""
    origin: Tensor
    """(N,) of `Origin`."""
    weights: Tensor
    """(N,) how often an image is drawn among those of its origin."""
    foreign: Tensor
    """(F, C, S, S) of 0 to 255: images of another body part."""

    def resized(self, side: int) -> Pool:
        """The same pool at another image side."""
        if self.images.shape[-1] == side:
            return self
        images, foreign = (_scaled(part, side) for part in (self.images, self.foreign))
        masks, structures = (_scaled(part, side // CELL) for part in (self.masks, self.structures))
        return replace(self, images=images, foreign=foreign, masks=masks, structures=structures)

    def only_findings(self, kept: list[int]) -> Pool:
        """The same images with what is known of some of the findings."""
        return replace(self, labels=self.labels[:, kept], masks=self.masks[:, kept], has_mask=self.has_mask[:, kept])

    def draw(self, stage: EncoderStage, generator: Generator) -> Tensor:
        """Indices (B,) of one batch, as the stage's shares say; what the pool lacks is drawn from the real images."""
        shares = {Origin.PASTED: stage.pasted, Origin.SKETCH: stage.sketches, Origin.AUXILIARY: stage.auxiliary}
        counts = {
            origin: round(share * stage.batch)
            for origin, share in shares.items()
            if bool((self.origin == origin).any())
        }
        counts = {Origin.REAL: stage.batch - sum(counts.values()), **counts}
        # Drawn within each origin, so that more synthetic images change nothing for the real ones.
        chosen = []
        for origin, count in counts.items():
            members = (self.origin == origin).nonzero()[:, 0]
            drawn = torch.multinomial(self.weights[members], max(count, 1), replacement=True, generator=generator)
            chosen.append(members[drawn[:count]])
        return torch.cat(chosen)


def _scaled(maps: Tensor, side: int) -> Tensor:
    parts = [
        functional.interpolate(part.float(), size=(side, side), mode="bilinear", antialias=True).round().byte()
        for part in maps.split(256)
    ]
    return torch.cat(parts)


def build_pool(recipe: Recipe, split: Split, auxiliary: Split | None) -> Pool:
    """Gather and draw everything that the recipe asks for.

    Parameters
    ----------
    split
        The real training images.
    auxiliary
        Further real images, if any.
    """
    rngs = np.random.default_rng(recipe.fit.seed).spawn(3)
    parts = [_real(recipe, split, Origin.REAL)]
    if auxiliary is not None:
        parts.append(_real(recipe, auxiliary, Origin.AUXILIARY))
    for origin, drawn in (
        (Origin.PASTED, drawn_on(recipe, split, recipe.phantoms.pasted, rngs[0])),
        (Origin.SKETCH, sketched(recipe, recipe.phantoms.sketches, rngs[1])),
    ):
        if drawn is not None:
            parts.append(_drawn(drawn, origin))
        log.info("drawn", origin=origin.name.lower(), images=0 if drawn is None else len(drawn.images))
    joined = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    return Pool(foreign=_bytes(foreign_images(recipe, rngs[2])), **joined)


def _real(recipe: Recipe, split: Split, origin: Origin) -> dict[str, Tensor]:
    labels = torch.from_numpy(split.labels)
    count, cells = len(labels), recipe.pixels.rows // CELL
    weights = draw_weights(split, recipe.keys.index(recipe.card.main_finding))
    return {
        "images": _bytes(split.images),
        "labels": labels,
        "masks": torch.zeros(count, labels.shape[1], cells, cells, dtype=torch.uint8),
        "has_mask": labels == 0,
        "structures": torch.zeros(count, len(recipe.phantoms.structures), cells, cells, dtype=torch.uint8),
        "origin": torch.full((count,), int(origin)),
        "weights": torch.from_numpy(weights).float(),
    }


def _drawn(drawn: Drawn, origin: Origin) -> dict[str, Tensor]:
    labels = torch.from_numpy(drawn.labels)
    return {
        "images": _bytes(drawn.images),
        "labels": labels,
        "masks": torch.from_numpy(_cells(drawn.masks)),
        "has_mask": torch.from_numpy(drawn.has_mask),
        "structures": torch.from_numpy(_cells(drawn.structures)),
        "origin": torch.full((len(labels),), int(origin)),
        "weights": torch.full((len(labels),), 1 / len(labels)),
    }


def _bytes(images: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(np.rint(images * 255).astype(np.uint8))


def _cells(masks: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """(N, X, S, S) masks to covered shares of cells."""
    count, kinds, side = masks.shape[:3]
    parts = masks.reshape(count, kinds, side // CELL, CELL, side // CELL, CELL)
    shares: NDArray[np.uint8] = np.rint(255 * parts.mean((3, 5), dtype=np.float32)).astype(np.uint8)
    return shares


def draw_weights(split: Split, main_finding: int) -> NDArray[np.float64]:
    """How often each image is drawn, so that nothing but the anatomy tells the main finding.

    Sources weigh the same, views weigh the same within a source, volumes of slices within these, and within each of
    these cells the main finding is present in half of the draws, where both kinds are: neither the look of a source or
    of a patient nor the projection predicts it.

    Returns
    -------
    NDArray[np.float64]
        (N,), sum 1.
    """
    chance: dict[tuple[str, ...], float] = {(): 1.0}
    sizes_of_volumes = Counter(film.volume for film in split.films)
    cells = [
        (
            film.source,
            film.view,
            film.volume if sizes_of_volumes[film.volume] > 1 else "",
            str(film.labels[main_finding]),
        )
        for film in split.films
    ]
    for depth in range(1, 5):
        branches = sorted({cell[:depth] for cell in cells})
        siblings = Counter(branch[:-1] for branch in branches)
        chance |= {branch: chance[branch[:-1]] / siblings[branch[:-1]] for branch in branches}
    sizes = Counter(cells)
    return np.array([chance[cell] / sizes[cell] for cell in cells])
