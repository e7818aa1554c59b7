"""Whether maps lie on the finding: better than a random place and better than the maps of other images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dicomnode.measure.metrics import Figure, PatientBootstrap, mean
from dicomnode.train.evaluation.maps import Overlap
from dicomnode.train.evaluation.marked import MarkedImage

Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """One map of one method on one marked image."""

    marked: MarkedImage
    overlap: Overlap
    peak: int
    """Flat index of its strongest pixel."""


def mean_figure(
    values: Sequence[float], patients: Sequence[str] | NDArray[np.str_], bootstrap: tuple[int, int]
) -> Figure:
    """Mean with its interval over patients; empty where there are no values."""
    if not len(values):
        return {}
    return PatientBootstrap(np.array(patients), *bootstrap).figure(mean(np.array(values)), np.ones(len(values), bool))


def places(found: Sequence[Found], bootstrap: tuple[int, int]) -> Figures:
    """Where maps lie, and where the maps of other images would."""
    if not found:
        return {}
    patients = [one.marked.patient for one in found]
    columns = {
        "pointing_game": [float(one.overlap.is_pointing) for one in found],
        "energy_inside": [one.overlap.energy for one in found],
        "iou": [one.overlap.iou for one in found],
        "marked_area": [one.overlap.area for one in found],
    }
    elsewhere = _of_others(found)
    known = ~np.isnan(elsewhere)
    row: Figures = {"marked": len(found)}
    row |= {name: mean_figure(values, patients, bootstrap) for name, values in columns.items()}
    row["pointing_of_another_image"] = mean_figure(elsewhere[known].tolist(), np.array(patients)[known], bootstrap)
    return row


def _of_others(found: Sequence[Found]) -> NDArray[np.float64]:
    """How often the peaks of other patients' maps of the same finding lie in each mask; NaN where there are none."""
    shares = np.full(len(found), np.nan)
    for n, one in enumerate(found):
        peaks = [
            other.peak
            for other in found
            if other.marked.finding == one.marked.finding and other.marked.patient != one.marked.patient
        ]
        if peaks:
            shares[n] = one.marked.mask.ravel()[peaks].mean()
    return shares


def is_better(found: Mapping[str, Sequence[Found]], bootstrap: tuple[int, int]) -> bool:
    """Whether a method's maps point better than chance in one source at least.

    Better than a random place, and better than the maps of other images, which know where findings usually lie: the
    lower limit of both differences, paired image by image, is above 0.
    """
    return any(beats_chance(maps, bootstrap) for maps in found.values() if maps)


def beats_chance(found: Sequence[Found], bootstrap: tuple[int, int]) -> bool:
    """Whether the maps of one source point better than a random place and than the maps of other images."""
    hits = np.array([one.overlap.is_pointing for one in found], float)
    patients = [one.marked.patient for one in found]
    for chance in (np.array([one.overlap.area for one in found]), _of_others(found)):
        known = ~np.isnan(chance)
        figure = mean_figure((hits - chance)[known].tolist(), np.array(patients)[known], bootstrap)
        if not figure or figure["interval"][0] <= 0:  # type: ignore[index]  # a figure with a value has an interval
            return False
    return True
