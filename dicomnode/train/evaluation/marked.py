"""Images on which a finding's place is known: drawn lesions, phantoms, and the boxes of readers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from dicomnode.infer.bundle import Bundle
from dicomnode.infer.grid import fitted, region_of, stretched
from dicomnode.phantoms.chest import chest_film
from dicomnode.phantoms.head_ct import head_ct
from dicomnode.records import FloatArray
from dicomnode.train.data import Split
from dicomnode.train.evaluation.boxes import read_boxes
from dicomnode.train.phantoms import Drawn, drawn_on, sketched, windows
from dicomnode.train.recipe import Recipe

# C channels, K findings, S side

Mask = NDArray[np.bool_]
DRAWN, PHANTOMS, BOXES = "drawn lesions", "phantoms", "boxes of readers"
NO_BOXES = (
    "The model sees only the part of each image that holds the patient, while boxes are fractions of whole images: "
    "readers' boxes were not used."
)
_KINDS = {"chest": "consolidation", "head_ct": "iph"}
"""What the phantom of a body part shows, among the kinds of lesions of recipes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedImage:
    """One image with one finding whose place is known."""

    image: FloatArray
    """(C, S, S) in [0, 1]."""
    finding: int
    """Index of the finding."""
    mask: Mask
    """(S, S)."""
    patient: str
    """What is resampled together."""


def marked_images(
    recipe: Recipe, bundle: Bundle, data_dir: Path, split: Split, count: int, seed: int
) -> dict[str, tuple[MarkedImage, ...]]:
    """Images of each source, at most so many; sources without any are left out.

    Parameters
    ----------
    recipe
        With the bundle's findings alone.
    split
        Its normal images are drawn on, its boxes are read.
    seed
        Of what is drawn.
    """
    rng = np.random.default_rng(seed)
    found = {
        DRAWN: _of_drawn(None if recipe.phantoms.kind == "ctpa" else drawn_on(_with_place(recipe), split, count, rng)),
        PHANTOMS: list(_phantoms(recipe, bundle, count, rng)),
        BOXES: _in_boxes(bundle, data_dir, split, recipe.data.files[0])[:count],
    }
    return {source: tuple(images) for source, images in found.items() if images}


def _with_place(recipe: Recipe) -> Recipe:
    """The recipe with those lesions alone that are the place of a finding."""
    shown = {kind for kinds in recipe.phantoms.mask_of.values() for kind in kinds}
    lesions = {kind: labels for kind, labels in recipe.phantoms.lesions.items() if kind in shown}
    return recipe.model_copy(update={"phantoms": recipe.phantoms.model_copy(update={"lesions": lesions})})


def _of_drawn(drawn: Drawn | None) -> list[MarkedImage]:
    if drawn is None:
        return []
    known = (drawn.labels == 1) & drawn.has_mask & drawn.masks.any((2, 3))
    return [
        MarkedImage(image=drawn.images[n], finding=k, mask=drawn.masks[n, k], patient=str(n))
        for n, k in np.argwhere(known).tolist()
    ]


def _phantoms(recipe: Recipe, bundle: Bundle, count: int, rng: Generator) -> Iterator[MarkedImage]:
    if recipe.phantoms.kind == "ctpa":
        # About half of the slices show an embolus.
        yield from _of_drawn(sketched(recipe, 2 * count, rng))[:count]
        return
    kind = _KINDS[recipe.phantoms.kind]
    shown = [k for k, key in enumerate(recipe.keys) if kind in recipe.phantoms.mask_of.get(key, ())]
    for number in range(-(-count // len(shown)) if shown else 0):
        image, mask = _DRAW[recipe.phantoms.kind](recipe, bundle, int(rng.integers(1 << 31)))
        if mask.any():
            yield from (MarkedImage(image=image, finding=k, mask=mask, patient=f"phantom {number}") for k in shown)


def _chest(_recipe: Recipe, bundle: Bundle, seed: int) -> tuple[FloatArray, Mask]:
    film = chest_film(seed, has_opacity=True)
    grey = stretched(film.pixels.astype(np.float32), np.ones(film.pixels.shape, bool), bundle.pixels)
    return _on_grid(grey[None], film.opacity_mask, bundle)


def _head(recipe: Recipe, bundle: Bundle, seed: int) -> tuple[FloatArray, Mask]:
    """The slice that shows most of the bleed."""
    volume = head_ct(seed, has_bleed=True)
    best = int(volume.bleed_mask.sum((1, 2)).argmax())
    return _on_grid(windows(volume.hounsfield[best].astype(np.float32), recipe), volume.bleed_mask[best], bundle)


_DRAW = {"chest": _chest, "head_ct": _head}


def _on_grid(channels: FloatArray, mask: Mask, bundle: Bundle) -> tuple[FloatArray, Mask]:
    """Channels and mask as serving would put them on the model's grid."""
    region = region_of(channels[0], bundle.pixels)
    planes = [
        fitted(plane, bundle.pixels, rotate_quarters=0, flip_columns=False, region=region)[0]
        for plane in (*channels, mask.astype(np.float32))
    ]
    return np.stack(planes[:-1]), planes[-1] > 0.5


def _in_boxes(bundle: Bundle, data_dir: Path, split: Split, column: str) -> list[MarkedImage]:
    if bundle.pixels.fit != "pad":
        return []
    marked = read_boxes(data_dir, split, bundle.findings, column)
    return [
        MarkedImage(image=split.images[n], finding=k, mask=mask, patient=str(split.patients[n]))
        for (n, k), mask in marked.items()
        if mask.any()
    ]
