"""Synthetic images for training, in the form of the recipe: windows as channels, lesions as findings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from dicomnode.phantoms.chest import chest_film
from dicomnode.phantoms.ctpa import ctpa
from dicomnode.phantoms.head_ct import head_ct
from dicomnode.records import FloatArray
from dicomnode.train.data import Split
from dicomnode.train.pasting import chest_structures, head_structures, paste_chest_lesion, paste_head_lesion
from dicomnode.train.recipe import Recipe

# N images, K findings, M structures, C channels, S side

Mask = NDArray[np.bool_]
Pasted = tuple[FloatArray, Mask, Mask]
"""An image (C, S, S) with a lesion, the lesion's mask (S, S), and the structures (M, S, S)."""
_SLICES = 24
_TRIES = 20
_WINDOWS = 10
"""How often one foreign film is shown, each time with another window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """Synthetic images and all that is known of them."""

    images: FloatArray
    """(N, C, S, S) in [0, 1]."""
    labels: FloatArray
    """(N, K), NaN where unknown."""
    masks: Mask
    """(N, K, S, S)."""
    has_mask: Mask
    """(N, K)."""
    structures: Mask
    """(N, M, S, S)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _One:
    """One image: channels, masks by kind of lesion, structures."""

    image: FloatArray
    lesions: dict[str, Mask]
    structures: Mask


def windows(hounsfield: FloatArray, recipe: Recipe) -> FloatArray:
    """Hounsfield units (S, S) to channels (C, S, S) in [0, 1]."""
    channels = [(hounsfield - (centre - width / 2)) / width for centre, width in recipe.pixels.windows]
    return np.clip(np.stack(channels), 0, 1).astype(np.float32)


def sketched(recipe: Recipe, count: int, rng: Generator) -> Drawn | None:
    """Slices of whole synthetic volumes; None where none is asked for."""
    if count == 0:
        return None
    return _gathered(_ctpa_slices(recipe, count, rng), recipe)


def _ctpa_slices(recipe: Recipe, count: int, rng: Generator) -> list[_One]:
    (kind,) = recipe.phantoms.lesions
    found: list[_One] = []
    while len(found) < count:
        volume = ctpa(rng, recipe.pixels.rows, _SLICES, has_embolus=bool(rng.random() < 0.7))
        for index in rng.permutation(_SLICES)[: _SLICES // 2]:
            mask = volume.embolus_mask[index]
            found.append(
                _One(
                    image=windows(volume.hounsfield[index].astype(np.float32), recipe),
                    lesions={kind: mask} if mask.any() else {},
                    structures=volume.structures[:, index],
                )
            )
    return found[:count]


def drawn_on(recipe: Recipe, split: Split, count: int, rng: Generator) -> Drawn | None:
    """Real images without any finding, each with one synthetic lesion; None where none is asked for.

    Parameters
    ----------
    split
        The training images; those whose known labels are all 0 are drawn on.
    """
    normal = np.flatnonzero(np.nan_to_num(split.labels, nan=0.0).max(1) == 0)
    if count == 0 or len(normal) == 0:
        return None
    paste = _PASTE[recipe.phantoms.kind]
    kinds = list(recipe.phantoms.lesions)
    found: list[_One] = []
    for _ in range(_TRIES * count):
        kind = kinds[len(found) % len(kinds)]
        pasted = paste(rng, split.images[rng.choice(normal)], kind)
        if pasted is not None:
            found.append(_One(image=pasted[0], lesions={kind: pasted[1]}, structures=pasted[2]))
        if len(found) == count:
            break
    return _gathered(found, recipe)


def _paste_chest(rng: Generator, image: FloatArray, kind: str) -> Pasted | None:
    pasted = paste_chest_lesion(rng, image[0], kind)
    if pasted is None:
        return None
    return pasted[0][None], pasted[1], chest_structures(image[0])


def _paste_head(rng: Generator, image: FloatArray, kind: str) -> Pasted | None:
    """The first channel is the brain window, centre 40, width 120; blood changes no other visibly."""
    hounsfield = image[0] * 120 - 20
    pasted = paste_head_lesion(rng, hounsfield, kind)
    if pasted is None:
        return None
    brain = np.clip((pasted[0] + 20) / 120, 0, 1).astype(np.float32)
    return np.concatenate([brain[None], image[1:]]), pasted[1], head_structures(hounsfield)


_PASTE: dict[str, Callable[[Generator, FloatArray, str], Pasted | None]] = {
    "chest": _paste_chest,
    "head_ct": _paste_head,
}


def _gathered(drawn: Sequence[_One], recipe: Recipe) -> Drawn:
    facts = [_facts(one, recipe) for one in drawn]
    return Drawn(
        images=np.stack([one.image for one in drawn]),
        labels=np.stack([labels for labels, _, _ in facts]),
        masks=np.stack([masks for _, masks, _ in facts]),
        has_mask=np.stack([known for _, _, known in facts]),
        structures=np.stack([one.structures for one in drawn]),
    )


def _facts(one: _One, recipe: Recipe) -> tuple[FloatArray, Mask, Mask]:
    """Labels (K,), masks (K, S, S), and which of the masks are known (K,)."""
    kinds = {kind for kind, mask in one.lesions.items() if mask.any()}
    labels = np.array(
        [_label([recipe.phantoms.lesions[kind].get(key) for kind in kinds]) for key in recipe.keys], np.float32
    )
    masks = np.zeros((len(recipe.keys), *one.image.shape[1:]), bool)
    known = labels == 0
    for k, key in enumerate(recipe.keys):
        for kind in kinds & set(recipe.phantoms.mask_of.get(key, ())):
            masks[k] |= one.lesions[kind]
            known[k] = labels[k] == 1
    return labels, masks, known


def _label(given: list[int | None]) -> float:
    """Present where one lesion says so, unknown where one does not say, else absent."""
    if 1 in given:
        return 1.0
    return float("nan") if None in given else 0.0


def foreign_images(recipe: Recipe, rng: Generator) -> FloatArray:
    """Images (N, C, S, S) of a body part that the model does not read: heads for a chest, chests for a head."""
    draw = _foreign_chest if recipe.phantoms.kind == "head_ct" else _foreign_head
    shape = (recipe.pixels.rows, recipe.pixels.columns)
    found: list[FloatArray] = []
    while len(found) < recipe.phantoms.foreign:
        for frame in draw(rng):
            image = np.asarray(Image.fromarray(frame).resize(shape, Image.Resampling.BILINEAR))
            found.append(np.stack([image] * recipe.pixels.channels))
    return np.stack(found[: recipe.phantoms.foreign])


def _foreign_head(rng: Generator) -> list[FloatArray]:
    volume = head_ct(int(rng.integers(1 << 31)), has_bleed=bool(rng.random() < 0.5)).hounsfield.astype(np.float32)
    return [_window(plane, rng.uniform(-100, 400), rng.uniform(80, 2000)) for plane in volume]


def _foreign_chest(rng: Generator) -> list[FloatArray]:
    film = chest_film(int(rng.integers(1 << 31)), has_opacity=bool(rng.random() < 0.5)).pixels.astype(np.float32)
    return [_window(film, rng.uniform(1200, 2600), rng.uniform(1500, 5000)) for _ in range(_WINDOWS)]


def _window(frame: FloatArray, centre: float, width: float) -> FloatArray:
    shown: FloatArray = np.clip((frame - centre) / width + 0.5, 0, 1).astype(np.float32)
    return shown
