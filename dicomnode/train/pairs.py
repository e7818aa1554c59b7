"""Films with a known change: the same film twice, with a drawn lesion that is not there, smaller or larger.

One film, one drawn lesion in one place, six views: twice without it, twice with it small and twice with it larger, each
view turned, zoomed, shifted and toned by itself. Any two views are a pair, and the drawn areas say what has changed.
Films with a real finding are varied six times as they are: in them nothing has changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from dicomnode.errors import PermanentError
from dicomnode.infer.sessions import COMPARED_OUTPUTS, open_session, run
from dicomnode.records import Change, FloatArray
from dicomnode.train.augment import varied
from dicomnode.train.data import Split
from dicomnode.train.encoding import normalised
from dicomnode.train.pasting import Mask, paste_chest_lesion
from dicomnode.train.pool import CELL
from dicomnode.train.recipe import Recipe

# R series, V views, K findings, C channels, S side, s = S/8, T cells, D token width

VIEWS = 6
"""Two without the lesion, two with it, two with it larger."""
CHANGES = tuple(Change)
"""In the order of the comparer's logits."""
UNKNOWN = -1
_PAIRS = ((0, 1), (2, 3), (4, 5), (0, 2), (1, 4), (3, 0), (5, 1), (2, 4), (3, 5), (4, 3), (5, 2))
"""Prior and current view of the pairs that a series is measured on."""
_SMALLEST, _LARGEST = 0.6, 1.1
_LEAST_GROWTH, _MOST_GROWTH = 1.15, 1.9
"""Of length and width, so that areas grow by about a third to three and a half times."""
_TRIES = 20
_REAL = "real"


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Six views of one film."""

    images: Tensor
    """(V, C, S, S) in [0, 1]."""
    areas: FloatArray
    """(V, K) share of the film that shows the finding: 0 absent, NaN unknown; a real finding counts as 1 throughout."""
    masks: Tensor
    """(V, K, s, s) of 0 to 255: covered share of each cell; empty for a real finding, whose place is not known."""
    film: int
    """Index in the split."""
    kind: str
    """Of the drawn lesion, or `real`."""


class Seen(NamedTuple):
    """What the encoder says of images, or of one side of pairs; B of them."""

    logits: Tensor
    """(B, K)."""
    class_maps: Tensor
    """(B, K, s, s)."""
    tokens: Tensor
    """(B, T, D)."""
    attended: Tensor
    """(B, K, D)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenSeries:
    """What the served encoder says of many series, and what is known of them."""

    seen: Seen
    """(R * V, ...) in half precision."""
    areas: FloatArray
    """(R, V, K)."""
    masks: Tensor
    """(R, V, K, s, s)."""
    patients: NDArray[np.str_]
    """(R,)."""
    kinds: NDArray[np.str_]
    """(R,)."""

    def side(self, series: Tensor, views: Tensor) -> Seen:
        """One view (B,) of each series (B,), in single precision."""
        return Seen(*(part[series * VIEWS + views].float() for part in self.seen))

    def of_measured_pairs(self) -> tuple[Tensor, Tensor, Tensor]:
        """Series, prior view and current view (P,) of all pairs that are measured."""
        prior, current = torch.tensor(_PAIRS).T
        count = len(self.areas)
        return torch.arange(count).repeat_interleave(len(_PAIRS)), prior.repeat(count), current.repeat(count)

    def changes(self, series: Tensor, prior: Tensor, current: Tensor, growth: float) -> NDArray[np.intp]:
        """(P, K) index into `CHANGES`, `UNKNOWN` where it is not known."""
        return changes(self.areas[series, prior], self.areas[series, current], growth)


def changes(before: FloatArray, after: FloatArray, growth: float) -> NDArray[np.intp]:
    """What changed between two areas of the same finding.

    Parameters
    ----------
    before, after
        Shares of the image; 0: absent, NaN: unknown.
    growth
        From this ratio of the areas on a finding has increased, from its inverse on decreased.

    Returns
    -------
    NDArray[np.intp]
        Index into `CHANGES`; what is absent in both is unchanged, what is unknown in one is `UNKNOWN`.
    """
    places = {change: index for index, change in enumerate(CHANGES)}
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = after / before
    conditions = {
        UNKNOWN: np.isnan(before) | np.isnan(after),
        places[Change.UNCHANGED]: (before == 0) & (after == 0),
        places[Change.NEW]: before == 0,
        places[Change.RESOLVED]: after == 0,
        places[Change.INCREASED]: ratio >= growth,
        places[Change.DECREASED]: ratio <= 1 / growth,
    }
    return np.asarray(np.select([*conditions.values()], [*conditions], places[Change.UNCHANGED]), np.intp)


def seen_series(recipe: Recipe, split: Split, encoder: Path, count: int, seed: int) -> SeenSeries:
    """Draw series on a split and read them as serving does.

    Parameters
    ----------
    encoder
        The bundle's graph.
    count
        How many series.

    Raises
    ------
    PermanentError
        If the split has no film without a finding to draw on, or too few lesions find a place.
    BundleError
        If the graph fails.
    """
    session = open_session(encoder, recipe.fit.threads)
    read: list[list[Tensor]] = []
    known: list[tuple[FloatArray, Tensor, int, str]] = []  # without the images, of which there are many
    for series in drawn_series(recipe, split, count, np.random.default_rng(seed)):
        feeds = {"pixel_values": normalised(series.images, recipe.pixels).numpy()}
        read.append([torch.from_numpy(part).half() for part in run(session, COMPARED_OUTPUTS, feeds)])
        known.append((series.areas, series.masks, series.film, series.kind))
    areas, masks, films, kinds = zip(*known, strict=True)
    return SeenSeries(
        seen=Seen(*(torch.cat(parts) for parts in zip(*read, strict=True))),
        areas=np.stack(areas),
        masks=torch.stack(masks),
        patients=split.patients[[*films]],
        kinds=np.array(kinds),
    )


def drawn_series(recipe: Recipe, split: Split, count: int, rng: Generator) -> Iterator[Series]:
    """Draw series one after the other; lesions of the recipe's findings come twice as often as others.

    Raises
    ------
    PermanentError
        As `seen_series`.
    """
    labels = split.labels
    normal = np.flatnonzero(np.nan_to_num(labels).max(1) == 0)
    if len(normal) == 0:
        raise PermanentError("pairs with a known change need images without findings to draw on; the split has none")
    positive = np.flatnonzero(np.nan_to_num(labels).max(1) == 1)
    kinds = [kind for kind, given in recipe.phantoms.lesions.items() for _ in range(2 if 1 in given.values() else 1)]
    kinds += [_REAL] if len(positive) else []
    drawn, tries = 0, 0
    while drawn < count:
        kind = kinds[drawn % len(kinds)]
        film = int(rng.choice(positive if kind == _REAL else normal))
        sized = _as_it_is(split, film) if kind == _REAL else _sized(recipe, split.images[film], kind, rng)
        tries += 1
        if tries > _TRIES * count:
            raise PermanentError(f"only {drawn} of {count} lesions could be placed on the images")
        if sized is not None:
            yield _views(recipe, sized, film, kind, rng)
            drawn += 1


class _Sized(NamedTuple):
    """A film three times: without the lesion, with it, and with it larger."""

    images: FloatArray
    """(3, C, S, S)."""
    areas: FloatArray
    """(3, K)."""
    masks: Mask
    """(3, K, S, S)."""


def _as_it_is(split: Split, film: int) -> _Sized:
    """A film whose findings are real: known to be there or not, and never another size."""
    image, labels = split.images[film], split.labels[film]
    empty = np.zeros((3, len(labels), *image.shape[1:]), bool)
    return _Sized(np.stack([image] * 3), np.stack([labels] * 3), empty)


def _sized(recipe: Recipe, image: FloatArray, kind: str, rng: Generator) -> _Sized | None:
    """Draw one lesion at two sizes; None where one of them has no place."""
    seed = int(rng.integers(1 << 31))
    small = np.exp(rng.uniform(np.log(_SMALLEST), np.log(_LARGEST)))
    images, masks = [image], [np.zeros(image.shape[1:], bool)]
    for scale in (small, small * rng.uniform(_LEAST_GROWTH, _MOST_GROWTH)):
        pasted = paste_chest_lesion(np.random.default_rng(seed), image[0], kind, scale)
        if pasted is None:
            return None
        images.append(pasted[0][None])
        masks.append(pasted[1])
    given = recipe.phantoms.lesions[kind]
    labels = np.array([given.get(key, np.nan) for key in recipe.keys], np.float32)
    marked = np.array([kind in recipe.phantoms.mask_of.get(key, ()) for key in recipe.keys])
    areas = np.stack([mask.mean() * labels for mask in masks]).astype(np.float32)
    return _Sized(np.stack(images), areas, np.stack(masks)[:, None] & marked[None, :, None, None])


def _views(recipe: Recipe, sized: _Sized, film: int, kind: str, rng: Generator) -> Series:
    """Vary each of the three twice; nothing is mirrored or hidden, which no second film of a patient is."""
    augment = recipe.augment.model_copy(update={"mirror": False, "erased": 0.0})
    twice = np.repeat(np.arange(3), 2)
    images, masks = torch.from_numpy(sized.images[twice]), torch.from_numpy(sized.masks[twice]).float()
    generator = torch.Generator().manual_seed(int(rng.integers(1 << 62)))
    images, masks = varied(images, masks, augment, generator)
    cells = (functional.avg_pool2d(masks, CELL) * 255).round().byte()
    return Series(images=images, areas=sized.areas[twice], masks=cells, film=film, kind=kind)
