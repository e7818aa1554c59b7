"""A frontal chest film, computed as a projection.

Each structure is drawn as the depth of water, in centimetres, that attenuates like it; depths add up along
the ray, and the film shows their sum as a digital detector's software would. Patient right is image left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dicomnode.phantoms.drawing import (
    Plane,
    Points,
    blur,
    closed_curve,
    clouds,
    convolved,
    deposited,
    disc,
    filled,
    pillow,
    resampled,
)

SIDE_PX = 1024
PIXEL_SPACING_MM = 0.4
BITS_STORED = 12
_CM_PER_PX = PIXEL_SPACING_MM / 10
_AIR = 0.78  # what inflated lung lacks against water

# Corners are (row, column) in fractions of the side; a `_RIGHT` lung is mirrored for the left with its own base.
_BODY = np.array(
    [(-0.05, 0.40), (0.02, 0.395), (0.055, 0.355), (0.078, 0.25), (0.100, 0.10), (0.150, -0.06), (0.36, -0.05),
     (0.50, 0.035), (0.66, 0.060), (0.85, 0.075), (1.06, 0.070)]
)  # fmt: skip
_RIGHT_LUNG = np.array(
    [(0.20, 0.462), (0.135, 0.440), (0.100, 0.390), (0.115, 0.330), (0.180, 0.270), (0.300, 0.212), (0.440, 0.178),
     (0.580, 0.163), (0.690, 0.160), (0.770, 0.166), (0.738, 0.195), (0.690, 0.255), (0.668, 0.330), (0.680, 0.400),
     (0.705, 0.455), (0.600, 0.478), (0.400, 0.478), (0.280, 0.472)]
)  # fmt: skip
_LEFT_BASE = np.where((_RIGHT_LUNG[:, 0] > 0.65) & (_RIGHT_LUNG[:, 1] > 0.17), 0.022, 0.0)
_MEDIASTINUM = np.array(
    [(-0.05, 0.455), (0.16, 0.462), (0.25, 0.452), (0.38, 0.446), (0.47, 0.432), (0.56, 0.420), (0.64, 0.424),
     (0.72, 0.450), (0.78, 0.540), (0.77, 0.650), (0.72, 0.690), (0.66, 0.675), (0.57, 0.634), (0.48, 0.592),
     (0.43, 0.566), (0.38, 0.570), (0.34, 0.556), (0.30, 0.576), (0.265, 0.574), (0.235, 0.548), (0.16, 0.536),
     (-0.05, 0.540)]
)  # fmt: skip
_OPACITY_CENTRE = (0.53, 0.275)
_OPACITY_SIZE = (0.0825, 0.068)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChestFilm:
    """One film and what is abnormal in it."""

    pixels: NDArray[np.uint16]
    """(rows, columns), 12 bits, 0 black (MONOCHROME2), log of the detector's signal."""
    opacity_mask: NDArray[np.bool_]
    """(rows, columns), True where the opacity adds attenuation; all False in a normal film."""


def chest_film(seed: int, *, has_opacity: bool = False, opacity_scale: float = 1.0) -> ChestFilm:
    """Draw one postero-anterior film.

    Parameters
    ----------
    seed
        Decides the patient's build, vessels and noise; the same seed gives the same film.
    has_opacity
        Puts a consolidation into the right middle zone and changes nothing else.
    opacity_scale
        Its diameter, 1 for what is usual: the same patient's at another time.
    """
    rng = np.random.default_rng(seed)
    build = _Build(rng)
    lungs = _lungs(build)
    air = _AIR * 11.5 * lungs * (1 - 0.92 * _heart(build))
    depth = _soft_tissue(build) - air - _airways(build) - _gas(rng)
    depth += _bones(build, rng) + _vessels(rng, lungs) + 0.30 * clouds(rng, SIDE_PX, 1.8) * np.sqrt(lungs)
    opacity = _opacity(rng, opacity_scale) * lungs
    if has_opacity:
        depth = depth + opacity
    return ChestFilm(pixels=_developed(rng, depth), opacity_mask=(opacity > 0.2) & has_opacity)


class _Build:
    """How this patient differs from the template: scale about the midline and small shifts of corners."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self.scale = np.array([rng.uniform(0.97, 1.03), rng.uniform(0.95, 1.04)])

    def fitted(self, corners: Points) -> Points:
        """Scale about the top of the midline and shift every corner a little."""
        origin = np.array([0.1, 0.5])
        moved: Points = origin + (corners - origin) * self.scale + self._rng.normal(0, 0.0018, corners.shape)
        return moved

    def mask(self, corners: Points) -> Plane:
        return filled([closed_curve(self.fitted(corners))], SIDE_PX)


def _mirrored(corners: Points) -> Points:
    return np.stack([corners[:, 0], 1 - corners[:, 1]], axis=1)


def _soft_tissue(build: _Build) -> Plane:
    outline = np.concatenate([_BODY, _mirrored(_BODY)[::-1]])
    rows = (np.arange(SIDE_PX) / SIDE_PX)[:, None]
    trunk = np.interp(rows, [0, 0.1, 0.3, 0.6, 0.8, 1.0], [10.0, 13.5, 17.0, 18.5, 20.5, 22.0])
    mask = build.mask(outline)
    depth = trunk * (0.5 * pillow(mask, 12) + 0.5 * pillow(mask, 70))
    for side in (-1, 1):  # pectoral muscle and breast
        depth += 1.6 * _blob((0.57, 0.5 + 0.19 * side), (0.11, 0.10)) + 1.3 * _blob(
            (0.30, 0.5 + 0.27 * side), (0.13, 0.09)
        )
    return depth


def _blob(centre: tuple[float, float], size: tuple[float, float]) -> Plane:
    axis = (np.arange(SIDE_PX) + 0.5) / SIDE_PX
    rows, columns = (axis[:, None] - centre[0]) / size[0], (axis[None, :] - centre[1]) / size[1]
    return np.exp(-0.5 * (rows**2 + columns**2))


def _lungs(build: _Build) -> Plane:
    left = _mirrored(_RIGHT_LUNG) + np.stack([_LEFT_BASE, np.zeros_like(_LEFT_BASE)], axis=1)
    masks = [build.mask(_RIGHT_LUNG), build.mask(left)]
    depth = np.maximum(*(blur(0.35 * pillow(m, 14) + 0.65 * pillow(m, 55), 1.2) for m in masks))
    return np.clip(depth, 0, 1)


def _heart(build: _Build) -> Plane:
    mask = build.mask(_MEDIASTINUM)
    return blur(0.55 * pillow(mask, 16) + 0.45 * pillow(mask, 44), 2.2)


def _airways(build: _Build) -> Plane:
    trachea = build.fitted(np.array([(-0.02, 0.497), (0.12, 0.494), (0.22, 0.491), (0.275, 0.489)]))
    right = build.fitted(np.array([(0.27, 0.488), (0.31, 0.468), (0.35, 0.442)]))
    left = build.fitted(np.array([(0.27, 0.490), (0.32, 0.522), (0.345, 0.555)]))
    return 1.9 * _tube([trachea], 20, fade=0.1) + 1.2 * _tube([right, left], 13, fade=0.5)


def _gas(rng: np.random.Generator) -> Plane:
    """Air in the stomach below the left dome."""
    outline = np.array([(0.755, 0.62), (0.735, 0.70), (0.760, 0.765), (0.815, 0.745), (0.83, 0.66), (0.80, 0.615)])
    mask = filled([closed_curve(outline + rng.normal(0, 0.006, outline.shape))], SIDE_PX)
    return 2.6 * blur(pillow(mask, 26), 3)


def _tube(paths: list[Points], radius_px: float, *, wall_px: float = 0, fade: float = 0) -> Plane:
    """Water depth of tubes along paths, relative to the diameter; a wall makes them hollow.

    A path may have depth as a third coordinate: where it runs along the ray, depth piles up.
    `fade` is the last part of each path, over which the tube thins out to nothing.
    """
    lines = [resampled(path, 0.5 / SIDE_PX) for path in paths]
    weights = [np.clip(np.linspace(1, 0, len(line)) / max(fade, 1e-6), 0, 1) / 2 for line in lines]
    half = int(radius_px) + 2
    kernel = disc(radius_px, half) - (0.62 * disc(radius_px - wall_px, half) if wall_px else 0)
    centreline = deposited(np.concatenate(lines)[:, :2], np.concatenate(weights), SIDE_PX)
    return convolved(centreline, kernel) / (2 * radius_px)


def _rib(rng: np.random.Generator, number: int, side: int) -> Points:
    """Half a loop from the spine around the chest to the cartilage, (row, column, depth)."""
    angle = np.linspace(0.06, 0.76 if number else 0.55, 60) * np.pi
    reach = np.interp(number, [0, 1, 2, 4, 6, 10], [0.165, 0.235, 0.275, 0.318, 0.338, 0.342])
    drop = np.interp(number, [0, 3, 10], [0.10, 0.19, 0.25]) + rng.normal(0, 0.008)
    row = 0.092 + 0.0560 * number + rng.normal(0, 0.003) + drop * (1 - np.cos(angle)) / 2 - 0.012 * np.sin(2 * angle)
    column = 0.5 + side * (0.028 + (reach - 0.028) * np.sin(angle) ** 0.92)
    return np.stack([row, column, -0.24 * np.cos(angle)], axis=1)


def _bones(build: _Build, rng: np.random.Generator) -> Plane:
    def placed(path: Points) -> Points:
        flat = build.fitted(path[:, :2])
        smooth = np.stack(
            [np.convolve(np.pad(a, 6, mode="edge"), np.full(13, 1 / 13), "valid") for a in flat.T], axis=1
        )
        return np.concatenate([smooth, path[:, 2:]], axis=1)

    ribs = _tube([placed(_rib(rng, n, side)) for n in range(11) for side in (-1, 1)], 13, wall_px=2.2, fade=0.22)
    t = np.linspace(0, 1, 40)
    clavicles = [
        placed(np.stack([0.158 - 0.045 * t - 0.014 * np.sin(2 * np.pi * t), 0.5 + side * (0.032 + 0.335 * t)], axis=1))
        for side in (-1, 1)
    ]
    return blur(1.45 * ribs + 2.3 * _tube(clavicles, 13, wall_px=3, fade=0.12), 0.9) + _shoulders(build) + _spine(rng)


def _shoulders(build: _Build) -> Plane:
    """Blade and head of the upper arm, on both sides."""
    blade = np.array(
        [(0.145, 0.065), (0.150, 0.150), (0.20, 0.205), (0.33, 0.170), (0.43, 0.120), (0.36, 0.085), (0.25, 0.06)]
    )
    depth = np.zeros((SIDE_PX, SIDE_PX))
    for corners in (blade, _mirrored(blade)):
        mask = build.mask(corners)
        depth += 0.35 * blur(mask, 4) + 0.7 * np.clip(blur(mask, 2.5) - blur(mask, 6), 0, None)
    for side in (-1, 1):
        head = _tube([np.array([(0.165, 0.5 + 0.465 * side), (0.21, 0.5 + 0.475 * side)])], 46, wall_px=4)
        depth += 1.6 * blur(head, 1.5)
    return depth


def _spine(rng: np.random.Generator) -> Plane:
    """Vertebral bodies with end plates, pedicles and spinous processes, hardly seen through the heart."""
    corner = np.array([(-0.42, -1), (-0.47, 0), (-0.42, 1), (0, 0.9), (0.42, 1), (0.47, 0), (0.42, -1), (0, -0.9)])
    bodies, knobs = [], []
    row, pitch = -0.02, 0.042
    while row < 1.02:
        half_width = 0.026 + 0.012 * row
        middle = np.array([row, 0.5]) + rng.normal(0, 0.001, 2)
        bodies.append(
            closed_curve(middle + corner * np.array([pitch, half_width]) + rng.normal(0, 0.0012, corner.shape))
        )
        knobs += [middle + (-0.006, side * 0.76 * half_width) for side in (-1, 1)] + [
            middle + (0.006, 0),
            middle + (0.015, 0),
        ]
        row, pitch = row + pitch, pitch * 1.025
    body = filled(bodies, SIDE_PX)
    plates = np.clip(blur(body, 1.5) - blur(body, 6), 0, None)
    processes = blur(deposited(np.array(knobs), np.full(len(knobs), 2 * np.pi * 5**2), SIDE_PX), 5)
    return 0.9 * blur(body, 5) + 1.5 * plates + 0.8 * processes


def _branches(rng: np.random.Generator, start: Points, angle: float, radius_px: float) -> list[tuple[float, Points]]:
    """Vessel tree as (radius, path), each branch parting in two until it is thinner than a pixel."""
    if radius_px < 0.75:
        return []
    turns = np.cumsum(rng.normal(0, 0.09, 24)) + angle
    step = rng.uniform(0.7, 1.3) * 0.0034 * (0.5 + radius_px / 6)
    path = start + step * np.cumsum(np.stack([np.sin(turns), np.cos(turns)], axis=1), axis=0)
    grown = [(radius_px, path)]
    for turn in (rng.uniform(0.1, 0.6), -rng.uniform(0.1, 0.6)):
        grown += _branches(rng, path[-1], turns[-1] + turn, radius_px * rng.uniform(0.70, 0.86))
    return grown


def _vessels(rng: np.random.Generator, lungs: Plane) -> Plane:
    branches = []
    for side, hilum in ((-1, (0.390, 0.442)), (1, (0.370, 0.566))):
        for fall in (-1.35, -1.1, -0.85, -0.55, -0.2, 0.1, 0.35, 0.6, 0.8, 1.0, 1.2, 1.4):
            angle = (fall if side > 0 else np.pi - fall) + rng.normal(0, 0.12)
            root = np.array(hilum) + rng.normal(0, (0.026, 0.008))
            branches += _branches(rng, root, angle, rng.uniform(3.4, 6.2))
    depth = np.zeros((SIDE_PX, SIDE_PX))
    for radius in (1.0, 1.6, 2.5, 4.0, 6.3):
        paths = [path for r, path in branches if 0.79 * radius < r <= 1.26 * radius]
        depth += 2 * radius * _CM_PER_PX * _tube(paths, radius) if paths else 0
    for centre, width in (((0.405, 0.428), 0.016), ((0.375, 0.580), 0.014)):
        depth += 0.7 * _blob(centre, (0.034, width))
    return 1.4 * blur(depth, 1.3) * np.sqrt(lungs)


def _opacity(rng: np.random.Generator, scale: float) -> Plane:
    """Patchy consolidation with a ragged edge; more than 0 only near its centre."""
    patch = _blob(_OPACITY_CENTRE, (_OPACITY_SIZE[0] * scale, _OPACITY_SIZE[1] * scale))
    ragged = np.clip(patch + 0.16 * clouds(rng, SIDE_PX, 2.6) - 0.30, 0, None)
    near = np.clip(4 * patch - 0.2, 0, 1)
    return blur(5.0 * np.minimum(ragged * near, 0.62), 3.5)


def _developed(rng: np.random.Generator, depth: Plane) -> NDArray[np.uint16]:
    """Turn water depth into stored values: detector noise, range compression and the film's curve."""
    signal_noise = blur(rng.standard_normal((SIDE_PX, SIDE_PX)), 0.65)
    depth = np.clip(depth, 0, None)
    noisy = blur(depth, 0.8) + 0.20 * signal_noise * np.exp((depth - 14) * 0.07)
    equalised = noisy - 0.42 * blur(depth, 60)
    shade = 1 / (1 + np.exp(-(equalised - 6.6) / 2.3))
    stored = np.clip(np.rint(40 + 3980 * shade * np.clip(depth / 3, 0, 1)), 0, 2**BITS_STORED - 1).astype(np.uint16)
    return _with_side_marker(stored)


def _with_side_marker(stored: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Put the lead letter L beside the patient's left shoulder."""
    marked = stored.copy()
    marked[40:86, 958:967] = marked[77:86, 958:988] = 3900
    return marked
