"""The place that a report points at."""

from __future__ import annotations

import numpy as np
import pytest

from dicomnode.explain import outline
from dicomnode.records import Heatmap, Placement, PreparedImage


def a_heatmap(weights: np.ndarray) -> Heatmap:
    """Heat map with these weights."""
    image = PreparedImage(
        sop_instance_uid="1.2.3",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.1",
        frame_number=1,
        pixel_values=np.zeros((1, 8, 8), np.float32),
        display=np.zeros(weights.shape, np.uint8),
        placement=Placement(scale=1, top=0, left=0),
    )
    return Heatmap(finding="pneumonia", method="class_activation", image=image, weights=weights.astype(np.float32))


def test_a_block_is_outlined_at_its_edges():
    """The outline of rows 10 to 19 and columns 30 to 49 runs along their outer edges and is closed."""
    weights = np.zeros((100, 120))
    weights[10:20, 30:50] = 0.8

    points = outline(a_heatmap(weights))

    assert {(9.5, 29.5), (9.5, 49.5), (19.5, 29.5), (19.5, 49.5)} == {tuple(point) for point in points}
    assert points[0] == points[-1]
    assert 5 == len(points)


def test_only_the_strongest_area_is_outlined():
    """A second, weaker area that does not touch the strongest is left out."""
    weights = np.zeros((100, 100))
    weights[10:20, 10:20] = 0.9
    weights[60:90, 60:90] = 0.7

    rows = [point.row for point in outline(a_heatmap(weights))]

    assert (9.5, 19.5) == (min(rows), max(rows))


@pytest.mark.parametrize("weight", [0.0, 0.1])
def test_a_pale_map_points_at_nothing(weight):
    """Where nothing stands out there is no region, rather than an arbitrary one."""
    assert () == outline(a_heatmap(np.full((50, 50), weight)))


@pytest.mark.parametrize("shape", [(1, 1), (3, 500), (2001, 1703)])
def test_outlines_stay_within_the_frame(shape):
    """Frames of any size give an outline that does not leave them."""
    points = outline(a_heatmap(np.full(shape, 0.9)))

    assert (-0.5, shape[0] - 0.5) == (min(p.row for p in points), max(p.row for p in points))
    assert (-0.5, shape[1] - 0.5) == (min(p.column for p in points), max(p.column for p in points))
