"""A CT pulmonary angiogram in Hounsfield units, small and quick to compute.

x runs to the patient's left, y backwards, both from -1 to 1 over the image; z runs upwards from 0 to 1 over the
volume. Pulmonary arteries are trees of tubes filled with contrast medium; an embolus is a stretch of such a tube that
the contrast medium does not fill.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from dicomnode.phantoms.drawing import Plane, Points, blur, clouds, resampled

SIDE_MM = 360.0
HEIGHT_MM = 150.0

_RISE = HEIGHT_MM / (SIDE_MM / 2)  # from z to the units of x and y
_STEP = 0.02
_PLEURA = 0.9
_TRUNK = np.array([(0.10, -0.30, 0.36), (0.07, -0.22, 0.52), (0.03, -0.12, 0.60)])
_MAIN = {-1: np.array([(0.03, -0.12, 0.60), (-0.10, -0.04, 0.58), (-0.26, 0.02, 0.54)]),
         1: np.array([(0.03, -0.12, 0.60), (0.16, -0.06, 0.62), (0.28, 0.06, 0.58)])}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class CtpaVolume:
    """One volume and what is in it; row 0 is anterior, column 0 the patient's right, the lowest slice comes first."""

    hounsfield: NDArray[np.int16]
    """(slices, side, side)."""
    embolus_mask: NDArray[np.bool_]
    """(slices, side, side)."""
    structures: NDArray[np.bool_]
    """(3, slices, side, side): lungs, heart, pulmonary arteries."""


@dataclass(frozen=True, slots=True)
class _Tube:
    """Points (n, 3) along a vessel and its radius at each."""

    path: Points
    radius: Plane


def ctpa(rng: Generator, side: int, slices: int, *, has_embolus: bool) -> CtpaVolume:
    """Draw one volume.

    Parameters
    ----------
    rng
        Decides build, vessels, contrast and noise.
    side, slices
        Size of the volume.
    has_embolus
        Leaves one to four stretches of the arteries unfilled and changes nothing else that is drawn.
    """
    chest = _Chest(rng, side)
    arteries = _arteries(rng)
    emboli = _emboli(rng, arteries)
    contrast, clot = rng.uniform(230, 430), rng.uniform(25, 85)
    hounsfield = np.empty((slices, side, side), np.int16)
    mask = np.zeros((slices, side, side), bool)
    structures = np.zeros((3, slices, side, side), bool)
    for index in range(slices):
        z = (index + 0.5) / slices
        values, lungs, heart = chest.plane(z, contrast)
        vessels = chest.drawn(arteries, z)
        filled = chest.drawn(emboli, z) & vessels
        values = np.where(vessels, contrast, values)
        if has_embolus:
            values = np.where(filled, clot, values)
            mask[index] = filled
        noise = rng.uniform(8, 22) * blur(rng.standard_normal((side, side)), 0.7)
        hounsfield[index] = np.clip(np.rint(blur(values, 0.5) + noise), -1024, 3071)
        structures[:, index] = lungs & ~vessels, heart, vessels
    return CtpaVolume(hounsfield=hounsfield, embolus_mask=mask, structures=structures)


class _Chest:
    """One person's chest, asked plane by plane."""

    def __init__(self, rng: Generator, side: int) -> None:
        axis = (np.arange(side) + 0.5) / side * 2 - 1
        self.zoom = zoom = rng.uniform(0.85, 1.15)
        tilt = float(np.clip(rng.normal(0, 0.03), -0.06, 0.06))
        across, down = axis[None, :] * zoom + rng.normal(0, 0.03), axis[:, None] * zoom + rng.normal(0, 0.03)
        self.x = np.broadcast_to(across + tilt * down, (side, side))
        self.y = np.broadcast_to(down - tilt * across, (side, side))
        self.inner = (np.abs(self.x) / 0.80) ** 2.2 + (np.abs(self.y + 0.02) / 0.53) ** 2.2  # 1 on the ribs' inside
        self.fat = rng.uniform(0.04, 0.12)
        self.texture = clouds(rng, side, 1.6)
        self.heart_at = rng.normal((0.12, -0.12, 0.22), 0.02)
        self.heart_filled = rng.uniform(0.5, 1.0)
        self.aorta_filled = rng.uniform(0.4, 1.0)
        self.ribs = rng.uniform(0, 1)

    def plane(self, z: float, contrast: float) -> tuple[Plane, NDArray[np.bool_], NDArray[np.bool_]]:
        """Hounsfield units at height z without the pulmonary arteries, the lungs and the heart."""
        x, y, inner = self.x, self.y, self.inner
        wall = (np.abs(x) / 0.92) ** 2.4 + (np.abs(y) / 0.66) ** 2.4
        narrow = np.sqrt(np.clip(1 - ((z - 0.25) / 0.95) ** 2, 0.2, 1))
        lungs = (
            sum(((x - s * 0.42) / (0.33 * narrow)) ** 2 + ((y - 0.02) / (0.50 * narrow)) ** 2 < 1 for s in (-1, 1)) > 0
        )
        heart = self._inside(z, self.heart_at, (0.33, 0.27, 0.30))
        aorta = np.hypot(x - 0.10, y - 0.30) < 0.075
        if z > 0.35:
            aorta = aorta | (np.hypot(x + 0.06, y + 0.14) < 0.09)
        vein = (np.hypot(x + 0.17, y + 0.10) < 0.055) if z > 0.4 else np.zeros_like(aorta)
        spine = np.hypot(x / 1.15, y - 0.42) < 0.11
        rib = (np.abs(inner - 1.06) < 0.05) & (np.sin(9 * np.arctan2(y, x) + 6.28 * (3 * z + self.ribs)) > 0.35)
        values = np.full(x.shape, -1000.0)
        for where, value in (
            (wall < 1, -95.0), (wall < 1 - self.fat, 45.0), (inner < 1, 20.0), (lungs & (inner < 1), -830.0),
            (rib, 380.0), (spine, 320.0), (heart, 45 + self.heart_filled * (contrast - 60)),
            (aorta, 45 + self.aorta_filled * (contrast - 80)), (vein, contrast + 120),
        ):  # fmt: skip
            values = np.where(where, value, values)
        lungs = lungs & (inner < 1) & ~heart & ~aorta
        return values + np.where(lungs, 28 * self.texture, 4 * self.texture), lungs, heart

    def _inside(self, z: float, centre: Points, axes: tuple[float, float, float]) -> NDArray[np.bool_]:
        apart = ((self.x - centre[0]) / axes[0]) ** 2 + ((self.y - centre[1]) / axes[1]) ** 2
        inside: NDArray[np.bool_] = apart + ((z - centre[2]) / axes[2]) ** 2 < 1
        return inside

    def drawn(self, tubes: list[_Tube], z: float) -> NDArray[np.bool_]:
        """Where the tubes cross the plane at height z; branches end before they reach the chest wall."""
        inside = np.zeros(self.x.shape, bool)
        for tube in tubes:
            left = tube.radius**2 - ((tube.path[:, 2] - z) * _RISE) ** 2
            for (px, py, _), squared in zip(tube.path[left > 0], left[left > 0], strict=True):
                near = self._window(px, py, float(np.sqrt(squared)))
                inside[near] |= (self.x[near] - px) ** 2 + (self.y[near] - py) ** 2 < squared
        return inside & (self.inner < _PLEURA)

    def _window(self, px: float, py: float, radius: float) -> tuple[slice, slice]:
        """Rows and columns around a place: only these need to be looked at."""
        row = int(np.searchsorted(self.y[:, len(self.y) // 2], py))
        column = int(np.searchsorted(self.x[len(self.x) // 2], px))
        reach = int(0.6 * radius * len(self.x) / self.zoom) + 6  # room for the tilt
        return slice(max(row - reach, 0), row + reach), slice(max(column - reach, 0), column + reach)


def _arteries(rng: Generator) -> list[_Tube]:
    """Trunk, both main arteries, and trees of branches in both lungs."""
    tubes = [_tube(_TRUNK, 0.095, 0.085)]
    for side, corners in _MAIN.items():
        main = corners + rng.normal(0, 0.01, corners.shape) * [1, 1, 0.5]
        tubes.append(_tube(main, 0.075, 0.06))
        for fall in (-0.35, -0.1, 0.2):
            heading = np.array([side * rng.uniform(0.5, 0.9), rng.uniform(-0.6, 0.8), fall + rng.normal(0, 0.08)])
            tubes += _grown(rng, main[-1], heading, rng.uniform(0.038, 0.05))
    return tubes


def _tube(corners: Points, start: float, end: float) -> _Tube:
    path = resampled(corners, _STEP)
    return _Tube(path, np.linspace(start, end, len(path)))


def _grown(rng: Generator, start: Points, heading: Points, radius: float) -> list[_Tube]:
    """A branch and those that part from it, until they are too thin to be seen."""
    if radius < 0.014:
        return []
    length = rng.uniform(0.10, 0.2)
    end = start + length * heading / np.linalg.norm(heading) * [1, 1, 1 / _RISE]
    found = [_tube(np.stack([start, (start + end) / 2 + rng.normal(0, 0.01, 3), end]), radius, radius * 0.85)]
    for turn in (-1, 1):
        aside = heading + turn * rng.uniform(0.3, 0.7) * rng.normal(0, 1, 3) * [0.6, 0.9, 0.6]
        found += _grown(rng, end, aside, radius * rng.uniform(0.62, 0.8))
    return found


def _emboli(rng: Generator, arteries: list[_Tube]) -> list[_Tube]:
    """Stretches inside the larger arteries, in the middle or at the wall; now and then astride the trunk's end."""
    large = [tube for tube in arteries[1:] if tube.radius[0] > 0.03]
    found = []
    for _ in range(rng.integers(2, 7)):
        tube = large[rng.integers(len(large))]
        first = rng.integers(max(1, len(tube.path) // 2))
        part = slice(first, first + int(rng.integers(4, 10)))
        share = rng.uniform(0.5, 0.95)
        aside = rng.normal(0, 1, 3) * (1 - share) * tube.radius[part].mean() * [1, 1, 0.5]
        found.append(_Tube(tube.path[part] + aside, tube.radius[part] * share))
    if rng.random() < 0.15:
        found += [
            _Tube(tube.path[:5], tube.radius[:5] * 0.7) for tube in arteries if np.allclose(tube.radius[0], 0.075)
        ]
    return found
