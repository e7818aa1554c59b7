"""A head CT volume in Hounsfield units.

Every voxel is computed from where it lies in the head: x to the patient's left, y backwards, z upwards,
in millimetres, the origin in the middle of the skull base. Thick slices average thin planes, so edges
have the partial volume of a real scan. Bleeds lie on the patient's left, which is image right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dicomnode.phantoms.drawing import Plane, Points, blur, clouds, unit

SIDE_PX = 256
SLICES = 24
PIXEL_SPACING_MM = 0.9
SLICE_THICKNESS_MM = 5.0
BLEED_HU = 68.0

_PLANES_PER_SLICE = 3
_FOLD_PERIOD_MM = 40.0  # the folded cortex repeats itself after this height, which no slice pair shows
_LATERAL_VENTRICLE = np.array(
    [(7.0, -34, 58), (8, -22, 63), (10, -8, 71), (14, 8, 75), (20, 22, 72), (25, 32, 65), (23, 44, 61), (18, 56, 60)]
)
_VENTRICLE_RADII_MM = np.array([3.0, 4.6, 4.8, 4.6, 5.2, 5.8, 4.6, 2.2])
_BLEED_CENTRE_MM = (29.0, 2.0, 62.0)
_BLEED_AXES_MM = (13.0, 19.0, 15.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadCT:
    """One volume and what is abnormal in it."""

    hounsfield: NDArray[np.int16]
    """(slices, rows, columns), the lowest slice first; row 0 is anterior, column 0 the patient's right."""
    bleed_mask: NDArray[np.bool_]
    """(slices, rows, columns), True where more than half of the voxel is blood."""


def head_ct(seed: int, *, has_bleed: bool = False) -> HeadCT:
    """Draw one volume.

    Parameters
    ----------
    seed
        Decides the folds of the brain, the bleed's edge and the noise; the same seed gives the same volume.
    has_bleed
        Puts fresh blood with a rim of oedema into the left basal ganglia and changes nothing else.
    """
    rng = np.random.default_rng(seed)
    head = _Head(rng)
    hounsfield = np.empty((SLICES, SIDE_PX, SIDE_PX), dtype=np.int16)
    blood = np.zeros((SLICES, SIDE_PX, SIDE_PX))
    for index in range(SLICES):
        heights = SLICE_THICKNESS_MM * (index + (np.arange(_PLANES_PER_SLICE) - 1) / _PLANES_PER_SLICE)
        planes = np.stack([head.plane(z) for z in heights])
        if has_bleed:
            bleeds = np.stack([head.bleed(z) for z in heights])
            oedema = np.stack([head.oedema(z) for z in heights])
            planes = np.where(oedema & (planes > 10) & (planes < 45), 19, planes)
            planes = np.where(bleeds, BLEED_HU, planes)
            blood[index] = bleeds.mean(axis=0)
        noise = unit(blur(rng.standard_normal((SIDE_PX, SIDE_PX)), 0.6))
        values = blur(planes.mean(axis=0), 0.6) + 3.4 * noise
        hounsfield[index] = np.clip(np.rint(values), -1024, 3071)
    return HeadCT(hounsfield=hounsfield, bleed_mask=blood > 0.5)


class _Head:
    """One person's head, asked plane by plane."""

    def __init__(self, rng: np.random.Generator) -> None:
        axis = (np.arange(SIDE_PX) - (SIDE_PX - 1) / 2) * PIXEL_SPACING_MM
        tilt = rng.normal(0, 0.03)  # nobody lies perfectly straight
        self.x = axis[None, :] + tilt * axis[:, None] + rng.normal(0, 1.5)
        self.y = axis[:, None] - tilt * axis[None, :]
        self._folds = [clouds(rng, SIDE_PX, 2.0) for _ in range(2)]
        self._folds = [_band(fold) for fold in self._folds]
        self._ragged = blur(clouds(rng, SIDE_PX, 3.0), 1.0)
        self._trabeculae = blur(clouds(rng, SIDE_PX, 1.0), 0.8)

    def depth(self, z: float) -> Plane:
        """Millimetres below the skin, negative outside."""
        half_width = 73 + 5 * np.tanh((self.y - 5) / 35)
        flat = (np.abs(self.x) / half_width) ** 2.25 + (np.abs(self.y) / 95) ** 2.25
        up = max(z - 38, 0) / 84
        waist = 1 - 0.10 * (max(38 - z, 0) / 38) ** 2
        depth: Plane = (waist - (flat + up**2.25) ** (1 / 2.25)) * 84
        return depth

    def plane(self, z: float) -> Plane:
        """Hounsfield units of the thin plane at height z."""
        depth = self.depth(z)
        brain = self._brain(z, depth - 13)
        bone = np.where((depth > 8) & (depth < 10.5), 620 + 130 * self._trabeculae, 1250)
        scalp = np.where(depth < 1.8, 35, np.where(self.y > 30 + 0.5 * z, 50, -85))
        layers = np.select([depth < 0, depth < 6, depth < 13], [self._outside(z), scalp, bone], brain)
        return self._skull_base(z, layers, depth)

    def _outside(self, z: float) -> Plane:
        """Air and the head rest below the occiput."""
        radius = np.hypot(self.x, self.y + 5)
        rest = (np.abs(radius - 108) < 1.3) & (self.y > 55) & (z < 100)
        return np.where(rest, -120.0, -1000.0)

    def _fold(self, z: float) -> Plane:
        """Smooth field that changes slowly with height; its zero lines are the sulci."""
        phase = 2 * np.pi * z / _FOLD_PERIOD_MM
        fold: Plane = np.cos(phase) * self._folds[0] + np.sin(phase) * self._folds[1]
        return fold

    def _brain(self, z: float, depth: Plane) -> Plane:
        fold = np.abs(self._fold(z))
        cortical = depth < 17 - 7 * np.clip(fold, 0, 1)
        tissue = np.where(cortical & (fold < 0.75), 38.0, 29.0)
        tissue = np.where(depth < 4.5, 38.0, tissue)
        tissue = np.where(self._is_deep_grey(z), 39.0, tissue)
        if z < 34:
            cerebellum = (self.y > 2 + 0.3 * np.abs(self.x)) & (depth > 1)
            tissue = np.where(cerebellum, 36 + 2.5 * np.sin(self.y * 1.3 + 3 * fold), tissue)
            tissue = np.where(_inside(self.x, self.y, z, (0, 6, 15), (15, 13, 40)), 32, tissue)
        fluid = (depth < 1.2) | ((fold < 0.13) & (depth < 13) & (z > 32)) | self._is_fluid(z)
        tissue = np.where(fluid, 9.0, tissue)
        falx = (np.abs(self.x) < 0.9) & (z > 52) & ((np.abs(self.y) > 45) | (z > 84))
        hardened: Plane = np.where(falx, 52.0, tissue) + 4 * np.exp(-np.clip(depth, 0, None) / 5)  # by the skull
        return hardened

    def _is_deep_grey(self, z: float) -> NDArray[np.bool_]:
        x = np.abs(self.x)
        caudate = _inside(x, self.y, z, (13, -24, 62), (5, 9, 12))
        lentiform = _inside(x, self.y, z, (25, -6, 56), (7, 16, 10))
        thalamus = _inside(x, self.y, z, (11, 12, 58), (8, 13, 11))
        return caudate | lentiform | thalamus

    def _is_fluid(self, z: float) -> NDArray[np.bool_]:
        """Ventricles, cisterns and the large fissures."""
        x = np.abs(self.x)
        lateral = _near(x, self.y, z, _LATERAL_VENTRICLE, _VENTRICLE_RADII_MM)
        third = _inside(x, self.y, z, (0, 4, 52), (2.6, 13, 9))
        fourth = _inside(x, self.y, z, (0, 27, 18), (7, 5, 11))
        cistern = _inside(x, self.y, z, (0, -12, 34), (13 - 0.3 * np.abs(self.y + 12), 12, 6))
        ambient = (np.abs(np.hypot(x, self.y - 4) - 18) < 1.8) & (abs(z - 38) < 8) & (self.y > -2)
        sylvian = (np.abs(self.y + 8 + 0.25 * (x - 45)) < 1.8) & (x > 36) & (abs(z - 50) < 13)
        fissure = (x < 1.3) & (z > 45) & (self.y < -28)
        fluid: NDArray[np.bool_] = lateral | third | fourth | cistern | ambient | sylvian | fissure
        return fluid

    def _skull_base(self, z: float, plane: Plane, depth: Plane) -> Plane:
        """Orbits, petrous bones and air cells of the lowest slices."""
        x, y = np.abs(self.x), self.y
        inside = depth > 6
        path = np.array([(14.0, -2, 10), (28, 4, 11), (42, 12, 11), (56, 20, 10)])
        petrous = _near(x, y, z, path, np.array([5.0, 7, 9, 13])) & inside
        cells = _near(x, y, z, path[2:], np.array([4.0, 8])) & (self._trabeculae > 0.1)
        floor = inside & (z < 22) & (np.abs(y + 34 + 0.25 * x) < 3.2) & (x < 62)
        sella = inside & (z < 20) & (x < 12) & (y > -36) & (y < -6)
        sinus = _inside(x, y, z, (6, -26, 4), (8, 12, 11)) | _inside(x, y, z, (8, -76, 14), (9, 5, 13))
        wall = _inside(x, y, z, (31, -58, -4), (23, 25, 24)) & inside
        orbit = _inside(x, y, z, (31, -58, -4), (20, 22, 21)) & inside
        eye = _inside(x, y, z, (32, -66, -3), (12.5, 12.5, 12.5)) & inside
        nose = (x < 9) & (y < -38) & (z < 10) & inside
        conditions = [eye, orbit, sinus & inside, cells & petrous, nose, petrous | floor | sella | wall]
        return np.select(conditions, [12.0, -75.0, -950.0, -600.0, -700 + 900.0 * (x < 1.2), 950.0], plane)

    def _bleed_radius(self, z: float) -> Plane:
        """Distance from the bleed's centre, 1 at its ragged edge."""
        (cx, cy, cz), (ax, ay, az) = _BLEED_CENTRE_MM, _BLEED_AXES_MM
        squared = ((self.x - cx) / ax) ** 2 + ((self.y - cy) / ay) ** 2 + ((z - cz) / az) ** 2
        radius: Plane = np.sqrt(squared) + 0.16 * self._ragged
        return radius

    def bleed(self, z: float) -> NDArray[np.bool_]:
        """Where the thin plane at height z is blood."""
        return self._bleed_radius(z) < 1

    def oedema(self, z: float) -> NDArray[np.bool_]:
        """Where it is blood or swollen brain around it."""
        return self._bleed_radius(z) < 1.32


def _inside(
    x: Plane, y: Plane, z: float, centre: tuple[float, float, float], axes: tuple[float | Plane, float, float]
) -> NDArray[np.bool_]:
    """Inside an ellipsoid."""
    distance = ((x - centre[0]) / axes[0]) ** 2 + ((y - centre[1]) / axes[1]) ** 2 + ((z - centre[2]) / axes[2]) ** 2
    return distance < 1


def _near(x: Plane, y: Plane, z: float, path: Points, radii_mm: Plane) -> NDArray[np.bool_]:
    """Within the radius of a path through these points."""
    at = np.linspace(0, len(path) - 1, 8 * len(path))
    points = [np.interp(at, np.arange(len(path)), axis) for axis in path.T]
    near = np.zeros(np.broadcast_shapes(x.shape, y.shape), dtype=bool)
    for px, py, pz, radius in zip(*points, np.interp(at, np.arange(len(path)), radii_mm), strict=True):
        if abs(z - pz) < radius:
            near |= (x - px) ** 2 + (y - py) ** 2 < radius**2 - (z - pz) ** 2
    return near


def _band(noise: Plane) -> Plane:
    """Keep the waves of about a gyrus' width, deviation 1."""
    return unit(blur(noise, 3.8) - blur(noise, 11))
