"""The area of a heat map."""

from __future__ import annotations

from dicomnode.records import Heatmap

HALF = 0.5
"""Weight from which a pixel counts; of a class activation it is the same evidence in every image."""


def area_mm2(heatmap: Heatmap, pixel_spacing_mm: tuple[float, float]) -> float:
    """Area of the frame in which the heat map has at least half of its weight.

    Parameters
    ----------
    heatmap
        By a method whose weights mean the same in every image, such as `class_activation`.
    pixel_spacing_mm
        (row, column) of the frame as stored.
    """
    return float((heatmap.weights >= HALF).sum()) * pixel_spacing_mm[0] * pixel_spacing_mm[1]
