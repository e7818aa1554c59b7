"""How far two versions of one model say the same: trained and pruned, float and rounded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dicomnode.records import FloatArray
from dicomnode.train.evaluation.maps import overlap

# N images, K findings, S side, h, w cells


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What one version says of images."""

    logits: FloatArray
    """(N, K)."""
    class_maps: FloatArray
    """(N, K, h, w)."""
    drafts: tuple[tuple[int, ...], ...] = ()
    """Token ids of each image's draft; empty for a version that writes none."""


def agreement(reference: Said, other: Said) -> dict[str, float]:
    """Hold one version against another, image by image.

    Returns
    -------
    dict[str, float]
        `mean_logit_difference`; `map_correlation`, Pearson's over all cells of all class maps; `same_drafts`, the
        share of images about which both write the same words, where both write.
    """
    maps = np.corrcoef(reference.class_maps.ravel(), other.class_maps.ravel())[0, 1]
    figures = {
        "mean_logit_difference": round(float(np.abs(reference.logits - other.logits).mean()), 4),
        "map_correlation": round(float(maps), 4),
    }
    if reference.drafts and other.drafts:
        pairs = list(zip(reference.drafts, other.drafts, strict=True))
        figures["same_drafts"] = round(sum(one == two for one, two in pairs) / len(pairs), 3)
    return figures


def pointing(class_maps: FloatArray, masks: NDArray[np.bool_]) -> float:
    """Share of the masks (N, K, S, S) that are not empty in which the strongest place of their map lies.

    Raises
    ------
    ValueError
        If all masks are empty.
    """
    marked = np.argwhere(masks.any((2, 3)))
    if not len(marked):
        raise ValueError("the pointing game needs a non-empty mask")
    hits = [overlap(class_maps[n, k], masks[n, k]).is_pointing for n, k in marked]
    return round(float(np.mean(hits)), 3)
