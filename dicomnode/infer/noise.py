"""What pixels tell about a CT if its header does not: noise, and whether values are Hounsfield units."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dicomnode.records import FloatArray, KernelClass

_TISSUE_HU = (0.0, 90.0)
_SMOOTH = 5
"""Pixels across which tissue is averaged before it is looked for: noise of a bone kernel is wider than tissue is."""
_LEVEL_HU = 15.0
"""Tissue is level where averages of neighbours differ by less."""
_LEAST_PIXELS = 200
SHARP_NOISE_HU = 18.0
"""Chosen between what soft kernels give (3 to 15 HU) and what bone kernels give (25 HU and more)."""
AIR_HU = -200.0
"""Every slice of a patient has some air around or within: without a value below this, values are no HU."""


def tissue_noise(hounsfield: FloatArray) -> float | None:
    """Standard deviation of the noise in level soft tissue, HU (Immerkaer, 1996).

    Parameters
    ----------
    hounsfield
        One slice (rows, columns).

    Returns
    -------
    None where too little level tissue is seen.
    """
    if min(hounsfield.shape) < 3 * _SMOOTH:
        return None
    mean = _box_mean(hounsfield.astype(np.float64))
    here, above, before = mean[_SMOOTH:, _SMOOTH:], mean[:-_SMOOTH, _SMOOTH:], mean[_SMOOTH:, :-_SMOOTH]
    slope = np.maximum(np.abs(here - above), np.abs(here - before))
    # The pixel in the middle of the box that `here` is the mean of.
    detail = _detail(hounsfield)[_SMOOTH + 1 :, _SMOOTH + 1 :][: here.shape[0], : here.shape[1]]
    tissue = (here > _TISSUE_HU[0]) & (here < _TISSUE_HU[1])
    if tissue.sum() < _LEAST_PIXELS:
        return None
    # Means keep a little of the noise: where there is much, neighbours differ by it.
    tissue &= slope < _LEVEL_HU + 0.1 * np.median(detail[tissue])
    if tissue.sum() < _LEAST_PIXELS:
        return None
    return float(np.median(detail[tissue]) / 0.6745 / 6)  # median to deviation; the mask's norm is 6


def _detail(values: FloatArray) -> FloatArray:
    """Size of the difference of two Laplacians, (rows - 2, columns - 2): edges cancel out, noise does not."""
    across = values[:, :-2] - 2 * values[:, 1:-1] + values[:, 2:]
    both: FloatArray = np.abs(across[:-2] - 2 * across[1:-1] + across[2:])
    return both


def _box_mean(values: np.ndarray) -> np.ndarray:
    """Mean over boxes of _SMOOTH x _SMOOTH pixels that lie wholly inside."""
    for axis in (0, 1):
        sums = np.cumsum(values, axis=axis)
        sums = np.concatenate([np.zeros_like(np.take(sums, [0], axis)), sums], axis)
        size = sums.shape[axis]
        values = np.take(sums, range(_SMOOTH, size), axis) - np.take(sums, range(size - _SMOOTH), axis)
    return values / _SMOOTH**2


def measured_class(slices: Sequence[FloatArray]) -> KernelClass:
    """Soft or sharp by the median noise of some slices; unknown where it cannot be measured."""
    noises = [noise for one in slices if (noise := tissue_noise(one)) is not None]
    if not noises:
        return KernelClass.UNKNOWN
    return KernelClass.SHARP if float(np.median(noises)) > SHARP_NOISE_HU else KernelClass.SOFT


def is_hounsfield_like(slices: Sequence[FloatArray]) -> bool:
    """Whether values can be Hounsfield units: there is air, and nothing denser than metal (PS3.3 C.11.1.1.2)."""
    return any(float(one.min()) < AIR_HU for one in slices)
