"""Synthetic lesions on real images: the mask is known, the texture around it is real."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import expit

from dicomnode.records import FloatArray

# S side

Mask = NDArray[np.bool_]
_BONE = 99.0
"""Hounsfield units from which a brain window shows bone."""
_LEAST_BRAIN = 0.06
"""Share of the image that must be brain for blood to be drawn."""
_LEAST_LESION = 0.002
"""Share of the film that a lesion must change."""


def clouds(rng: Generator, side: int, grain: float) -> FloatArray:
    """(S, S) smooth noise of standard deviation 1 and about `grain` pixels a wave."""
    noise = ndimage.gaussian_filter(rng.standard_normal((side, side)), grain)
    return np.asarray(noise / noise.std(), np.float32)


def _blob(rng: Generator, side: int, centre: tuple[float, float], radii: tuple[float, float]) -> FloatArray:
    """(S, S) distance from a turned ellipse's centre, 1 at its ragged border; all in fractions of the side."""
    axis = (np.arange(side) + 0.5) / side
    down, across = axis[:, None] - centre[0], axis[None, :] - centre[1]
    angle = rng.uniform(0, np.pi)
    along = (down * np.cos(angle) + across * np.sin(angle)) / radii[0]
    beside = (across * np.cos(angle) - down * np.sin(angle)) / radii[1]
    return np.asarray(np.hypot(along, beside) + 0.18 * clouds(rng, side, side * min(radii) / 2 + 1), np.float32)


def intracranial(hounsfield: FloatArray) -> Mask:
    """(S, S) what lies inside the skull of an axial slice in a brain window; nothing where no bone closes a ring."""
    reach = max(1, len(hounsfield) // 100)
    bone = ndimage.binary_closing(hounsfield >= _BONE, iterations=reach)
    inside = ndimage.binary_fill_holes(bone) & ~bone
    soft = inside & (hounsfield > -15)
    parts, count = ndimage.label(ndimage.binary_opening(soft, iterations=reach))
    if count == 0:
        return np.zeros_like(bone)
    sizes = ndimage.sum_labels(soft, parts, np.arange(1, count + 1))
    return np.asarray(ndimage.binary_dilation(parts == 1 + int(np.argmax(sizes)), iterations=reach) & inside)


def paste_head_lesion(rng: Generator, hounsfield: FloatArray, kind: str) -> tuple[FloatArray, Mask] | None:
    """Draw fresh blood into a slice.

    Parameters
    ----------
    hounsfield
        (S, S), clipped to what a brain window shows.
    kind
        iph, ivh, sah, edh or sdh.

    Returns
    -------
    tuple[FloatArray, Mask] | None
        The slice and where the blood is; None where the slice has no place for it.
    """
    brain = intracranial(hounsfield)
    if brain.mean() < _LEAST_BRAIN:
        return None
    shape = {"iph": _within, "ivh": _in_fluid, "sah": _in_fluid, "edh": _along_bone, "sdh": _along_bone}[kind]
    cover = shape(rng, hounsfield, brain, kind)
    mask = cover > 0.5
    if mask.sum() < 12:
        return None
    texture = clouds(rng, len(hounsfield), 1.0) * 3 + clouds(rng, len(hounsfield), 4.0) * 3
    blood = rng.uniform(50, 82) + texture
    soft = ndimage.gaussian_filter(cover, rng.uniform(0.5, 1.1))
    if kind == "iph" and rng.random() < 0.6:  # a rim of oedema
        rim = ndimage.gaussian_filter(
            (ndimage.binary_dilation(mask, iterations=int(rng.integers(2, 6))) & brain) * 1.0, 1.2
        )
        hounsfield = hounsfield - rng.uniform(4, 12) * rim
    drawn = (
        np.maximum(hounsfield, hounsfield * (1 - soft) + blood * soft)
        if kind == "sah"
        else hounsfield * (1 - soft) + blood * soft
    )
    return np.clip(drawn, -20, 100).astype(np.float32), mask


def _within(rng: Generator, hounsfield: FloatArray, brain: Mask, kind: str) -> FloatArray:
    """A ragged ellipse anywhere in the brain."""
    side = len(brain)
    row, column = rng.choice(np.argwhere(ndimage.binary_erosion(brain, iterations=max(2, side // 40))))
    radius = np.exp(rng.uniform(np.log(0.015), np.log(0.11)))
    centre = ((row + 0.5) / side, (column + 0.5) / side)
    return (_blob(rng, side, centre, (radius, radius * rng.uniform(0.5, 1.0))) < 1).astype(np.float32) * brain


def _in_fluid(rng: Generator, hounsfield: FloatArray, brain: Mask, kind: str) -> FloatArray:
    """Fluid spaces fill up: the deep ones are ventricles, the shallow ones sulci and cisterns."""
    smooth = ndimage.gaussian_filter(hounsfield, 0.8)
    depth = ndimage.distance_transform_edt(brain) / len(brain)
    deep = depth > 0.09
    fluid = brain & (smooth < rng.uniform(15, 21)) & (deep if kind == "ivh" else ~deep)
    parts, count = ndimage.label(fluid)
    if count == 0:
        return np.zeros(brain.shape, np.float32)
    near = _within(rng, hounsfield, brain, kind)  # somewhere, and whatever fluid lies around it
    reach = ndimage.binary_dilation(near > 0, iterations=int(rng.integers(6, 26)))
    chosen = (
        fluid & reach
        if kind == "sah"
        else np.isin(parts, [n for n in range(1, count + 1) if (reach & (parts == n)).any()])
    )
    if kind == "ivh" and rng.random() < 0.6:  # blood settles at the back
        rows = np.flatnonzero(chosen.any(1))
        if len(rows):
            chosen = chosen & (np.arange(len(brain))[:, None] >= rng.uniform(rows[0], rows[-1]))
    return np.asarray(ndimage.binary_dilation(chosen, iterations=1) & brain, np.float32)


def _along_bone(rng: Generator, hounsfield: FloatArray, brain: Mask, kind: str) -> FloatArray:
    """A lens (epidural) or a thin sickle (subdural) on the inner table."""
    side = len(brain)
    depth = ndimage.distance_transform_edt(brain) / side
    middle = np.array(ndimage.center_of_mass(brain))
    down, across = np.indices(brain.shape)
    angle = np.arctan2(down - middle[0], across - middle[1])
    away = np.abs((angle - rng.uniform(-np.pi, np.pi) + np.pi) % (2 * np.pi) - np.pi)
    width, thick = (
        (rng.uniform(0.2, 0.6), rng.uniform(0.02, 0.11))
        if kind == "edh"
        else (rng.uniform(0.5, 1.5), rng.uniform(0.012, 0.05))
    )
    profile = np.clip(1 - (away / width) ** 2, 0, 1) ** (1.0 if kind == "edh" else 0.4)
    edge = thick * profile * (1 + 0.12 * clouds(rng, side, side * 0.04))
    return np.asarray(brain & (depth < edge), np.float32)


def paste_chest_lesion(
    rng: Generator, image: FloatArray, kind: str, scale: float = 1.0
) -> tuple[FloatArray, Mask] | None:
    """Draw a lesion into a frontal chest film.

    Parameters
    ----------
    image
        (S, S) in [0, 1], white is dense.
    kind
        consolidation, infiltrate, edema, effusion or atelectasis.
    scale
        How many times as long and wide as drawn by chance; the same draws with another scale give the same lesion in
        the same place, smaller or larger.

    Returns
    -------
    tuple[FloatArray, Mask] | None
        The film, and where the lesion changes it visibly; None where it would hardly be seen.
    """
    lungs = _lung_zone(image)
    if kind == "effusion":
        cover = _meniscus(rng, lungs > 0.5, scale)
    else:
        shape = {"consolidation": _patch, "infiltrate": _haze, "edema": _bat_wing, "atelectasis": _band}[kind]
        cover = shape(rng, len(image), scale) * lungs
    strength = rng.uniform(0.35, 0.85) if kind in ("consolidation", "effusion") else rng.uniform(0.25, 0.6)
    level = np.quantile(image[image > 0.02], rng.uniform(0.7, 0.9)) if (image > 0.02).any() else 0.7
    cover = np.clip(cover, 0, 1) * strength
    drawn = image + cover * np.clip(level + 0.05 * clouds(rng, len(image), 1.5) - image, 0.0, 1.0)
    mask = np.asarray((drawn - image) > 0.04)
    if mask.mean() < _LEAST_LESION:
        return None
    return np.clip(drawn, 0, 1).astype(np.float32), mask


def _lung_zone(image: FloatArray) -> FloatArray:
    """(S, S) in [0, 1]: dark on both sides of the middle, roughly where lungs lie."""
    side = len(image)
    axis = (np.arange(side) + 0.5) / side
    boxes = [((axis[:, None] - 0.46) / 0.34) ** 4 + ((axis[None, :] - column) / 0.20) ** 4 for column in (0.28, 0.72)]
    near = np.minimum(*boxes) < 1
    smooth = ndimage.gaussian_filter(image, side / 40)
    inside = smooth[near & (image > 0.02)]
    border = np.quantile(inside, 0.72) if inside.size else 1.0
    return np.asarray(
        ndimage.gaussian_filter((near & (smooth < border) & (smooth > 0.02)) * 1.0, side / 90), np.float32
    )


def _zone(rng: Generator) -> tuple[float, float]:
    """A place in one lung, any height."""
    return rng.uniform(0.2, 0.68), 0.5 + rng.choice([-1, 1]) * rng.uniform(0.13, 0.31)


def _soft(distance: FloatArray, edge: float) -> FloatArray:
    return np.asarray(expit((1 - distance) / edge), np.float32)


def _patch(rng: Generator, side: int, scale: float) -> FloatArray:
    """Consolidation: dense, mottled, ragged, sometimes bounded by a fissure."""
    radius = scale * np.exp(rng.uniform(np.log(0.045), np.log(0.16)))
    centre = _zone(rng)
    cover = _soft(_blob(rng, side, centre, (radius, radius * rng.uniform(0.55, 1.0))), rng.uniform(0.06, 0.25))
    cover = cover * np.clip(1 + 0.25 * clouds(rng, side, side * 0.015), 0.3, 1.3)
    if rng.random() < 0.3:
        cover = cover * (np.arange(side)[:, None] / side > centre[0] - radius * rng.uniform(0, 0.6))
    return np.asarray(cover, np.float32)


def _haze(rng: Generator, side: int, scale: float) -> FloatArray:
    """Infiltrate: faint, patchy or reticular, over a wide area."""
    radius = scale * rng.uniform(0.10, 0.24)
    area = _soft(_blob(rng, side, _zone(rng), (radius, radius * rng.uniform(0.6, 1.0))), 0.3)
    grain = clouds(rng, side, side * rng.choice([0.008, 0.02]))
    return np.asarray(area * np.clip(0.55 + 0.45 * grain, 0, 1.2), np.float32)


def _bat_wing(rng: Generator, side: int, scale: float) -> FloatArray:
    """Edema: haze around both hila, more below."""
    row, reach = rng.uniform(0.4, 0.52), scale * rng.uniform(0.12, 0.24)
    wings = [
        _soft(_blob(rng, side, (row, 0.5 + sign * rng.uniform(0.1, 0.16)), (reach, reach * 0.75)), 0.35)
        for sign in (-1, 1)
    ]
    grain = np.clip(0.75 + 0.35 * clouds(rng, side, side * 0.012), 0.2, 1.3)
    return np.asarray(np.maximum(*wings) * grain, np.float32)


def _meniscus(rng: Generator, lungs: Mask, scale: float) -> FloatArray:
    """Effusion: dense below a line that rises towards the outer wall, at the base of one lung or of both."""
    side = len(lungs)
    axis = np.arange(side)
    cover = np.zeros((side, side), np.float32)
    for sign in (-1, 1) if rng.random() < 0.3 else (rng.choice([-1, 1]),):
        half = (axis < side / 2) if sign < 0 else (axis >= side / 2)
        rows, columns = np.flatnonzero(lungs[:, half].any(1)), np.flatnonzero(lungs.any(0) & half)
        if not len(rows):
            continue
        base, width = rows[-1], len(columns)
        outwards = (sign * (axis - side / 2) - np.abs(columns - side / 2).min()) / width  # 0 to 1 across the lung
        depth = rng.uniform(0.05, 0.4) + rng.uniform(0.1, 0.3) * np.clip(outwards, 0, 1) ** 2
        level = base - len(rows) * scale * depth
        inside = (outwards > 0)[None, :] & (outwards <= 1)[None, :] & (axis[:, None] <= base + 0.02 * side)
        cover = np.maximum(cover, inside * expit((axis[:, None] - level[None, :]) / (0.012 * side)))
    return np.asarray(ndimage.gaussian_filter(cover, side / 110), np.float32)


def _band(rng: Generator, side: int, scale: float) -> FloatArray:
    """Atelectasis: plates, mostly low and nearly level."""
    axis = (np.arange(side) + 0.5) / side
    cover = np.zeros((side, side), np.float32)
    for _ in range(rng.integers(1, 4)):
        row, column = rng.uniform(0.4, 0.68), 0.5 + rng.choice([-1, 1]) * rng.uniform(0.14, 0.28)
        slope, length = rng.uniform(-0.5, 0.5), scale * rng.uniform(0.05, 0.13)
        thick = scale * rng.uniform(0.004, 0.014)
        across = axis[None, :] - column
        line = np.exp(-(((axis[:, None] - row - slope * across) / thick) ** 2) / 2) * np.exp(-((across / length) ** 4))
        cover = np.maximum(cover, line)
    return np.asarray(1.4 * cover, np.float32)


def head_structures(hounsfield: FloatArray) -> Mask:
    """(3, S, S) brain, ventricles and skull of a slice in a brain window, by threshold and depth."""
    brain = intracranial(hounsfield)
    depth = ndimage.distance_transform_edt(brain) / len(brain)
    fluid = brain & (ndimage.gaussian_filter(hounsfield, 0.8) < 18) & (depth > 0.09)
    return np.stack([brain, ndimage.binary_opening(fluid), hounsfield >= _BONE])


def chest_structures(image: FloatArray) -> Mask:
    """(3, S, S) lung fields at image left and image right of a frontal film, and the mediastinum.

    Lungs are what is dark where they usually lie, the mediastinum what is bright between them: rough, but enough to
    tell the decoder where to look first.
    """
    lungs = _lung_zone(image) > 0.5
    axis = (np.arange(len(image)) + 0.5) / len(image)
    right = axis[None, :] < 0.5
    between = (np.abs(axis[None, :] - 0.5) < 0.13) & (np.abs(axis[:, None] - 0.47) < 0.26)
    return np.stack([lungs & right, lungs & ~right, between & ~lungs & (image > 0.1)])
