"""Whether heat maps lie where the findings are marked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dicomnode.measure.metrics import Figure, PatientBootstrap, mean
from dicomnode.records import FloatArray
from dicomnode.train.evaluation.boxes import Marked

# N images, K findings, S side of the model image, h, w cells of a map

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """How one map lies on one mask."""

    is_pointing: bool
    """Its strongest place is inside."""
    energy: float
    """Share of the evidence for the finding that lies inside."""
    iou: float
    """Intersection over union of the mask with as many of the strongest pixels."""
    area: float
    """Share of the image that is marked: what pointing and energy of a random map would be."""


def overlap(class_map: FloatArray, mask: Mask) -> Overlap:
    """Lay a class map (h, w) on a mask (S, S).

    Only what speaks for the finding counts, as in the heat maps that are drawn; a map without such evidence lies
    nowhere.
    """
    evidence = np.maximum(class_map, 0).astype(np.float32)
    size = (mask.shape[1], mask.shape[0])
    weights = np.asarray(Image.fromarray(evidence).resize(size, Image.Resampling.BILINEAR))
    area = float(mask.mean())
    total = float(weights.sum())
    if total <= 0:
        return Overlap(is_pointing=False, energy=0.0, iou=0.0, area=area)
    strongest = weights >= np.partition(weights.ravel(), -int(mask.sum()))[-int(mask.sum())]
    return Overlap(
        is_pointing=bool(mask.ravel()[weights.argmax()]),
        energy=float(weights[mask].sum()) / total,
        iou=float((strongest & mask).sum() / (strongest | mask).sum()),
        area=area,
    )


def map_figures(
    marked: Marked,
    class_maps: FloatArray,
    keys: tuple[str, ...],
    patients: NDArray[np.str_],
    bootstrap: tuple[int, int],
) -> dict[str, Mapping[str, Figure | int]]:
    """Pointing game, energy inside and IoU of each finding over its marked images.

    Parameters
    ----------
    marked
        Masks by image and finding; an empty mask is left out.
    class_maps
        (N, K, h, w).
    patients
        (N,) patient of each image.
    bootstrap
        Resamples and seed.

    Returns
    -------
    dict[str, Mapping[str, Figure | int]]
        By finding: `marked`, `pointing_game`, `energy_inside`, `iou`, `marked_area`. Every marked image counts,
        whether or not the finding was detected.
    """
    figures: dict[str, Mapping[str, Figure | int]] = {}
    for k, key in enumerate(keys):
        indices = [index for (index, finding), mask in marked.items() if finding == k and mask.any()]
        if not indices or not class_maps.size:
            continue
        found = [overlap(class_maps[index, k], marked[index, k]) for index in indices]
        intervals = PatientBootstrap(patients[indices], *bootstrap)
        everything = np.ones(len(indices), bool)
        figures[key] = {
            "marked": len(indices),
            "pointing_game": intervals.figure(mean(np.array([one.is_pointing for one in found])), everything),
            "energy_inside": intervals.figure(mean(np.array([one.energy for one in found])), everything),
            "iou": intervals.figure(mean(np.array([one.iou for one in found])), everything),
            "marked_area": intervals.figure(mean(np.array([one.area for one in found])), everything),
        }
    return figures
