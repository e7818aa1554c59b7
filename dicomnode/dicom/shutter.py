"""Display shutter: what of a frame is not to be shown (PS3.3 C.7.6.11, C.7.6.16.2.16)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from pydicom import Dataset

from dicomnode.dicom.elements import holder, number, numbers, texts

SHUTTER_ELEMENTS = (
    "ShutterShape",
    "ShutterLeftVerticalEdge",
    "ShutterRightVerticalEdge",
    "ShutterUpperHorizontalEdge",
    "ShutterLowerHorizontalEdge",
    "CenterOfCircularShutter",
    "RadiusOfCircularShutter",
    "VerticesOfThePolygonalShutter",
)
_EDGES = SHUTTER_ELEMENTS[1:5]
_LEAST_SHOWN = 0.01
"""A shutter that leaves less of the frame than this share is a mistake, and is not applied."""

Mask = NDArray[np.bool_]


def shutter_of(ds: Dataset, frame_number: int) -> Dataset:
    """The data set that the shutter of a frame stands in: its functional group, else the header."""
    return holder(ds, frame_number, "FrameDisplayShutterSequence", "ShutterShape")


def shown_by_shutter(ds: Dataset, frame_number: int, shape: tuple[int, int], aspect: float = 1.0) -> Mask:
    """(rows, columns), False where the display shutter covers the frame; True all over where there is none.

    Several shapes cover together. A shape that cannot be read covers nothing.

    Parameters
    ----------
    aspect
        Height of a pixel divided by its width: the radius of a circle counts columns.
    """
    where = shutter_of(ds, frame_number)
    shapes = [one.upper() for one in texts(where, "ShutterShape")]
    shown = np.ones(shape, dtype=np.bool_)
    if "RECTANGULAR" in shapes:
        shown &= _rectangle(where, shape)
    if "CIRCULAR" in shapes:
        shown &= _circle(where, shape, aspect)
    if "POLYGONAL" in shapes:
        shown &= _polygon(where, shape)
    return shown if shown.mean() >= _LEAST_SHOWN else np.ones(shape, dtype=np.bool_)


def _rectangle(where: Dataset, shape: tuple[int, int]) -> Mask:
    """Within the edges, which are shown themselves; an edge that is missing covers nothing."""
    left, right, upper, lower = (number(where, keyword) for keyword in _EDGES)
    rows, columns = np.arange(1, shape[0] + 1), np.arange(1, shape[1] + 1)
    down = (rows >= (1 if upper is None else upper)) & (rows <= (shape[0] if lower is None else lower))
    across = (columns >= (1 if left is None else left)) & (columns <= (shape[1] if right is None else right))
    return down[:, np.newaxis] & across[np.newaxis]


def _circle(where: Dataset, shape: tuple[int, int], aspect: float) -> Mask:
    center, radius = numbers(where, "CenterOfCircularShutter"), number(where, "RadiusOfCircularShutter")
    if len(center) != 2 or radius is None or radius <= 0:
        return np.ones(shape, dtype=np.bool_)
    down = (np.arange(1, shape[0] + 1) - center[0]) * aspect
    across = np.arange(1, shape[1] + 1) - center[1]
    return np.asarray(np.hypot(down[:, np.newaxis], across[np.newaxis]) <= radius)


def _polygon(where: Dataset, shape: tuple[int, int]) -> Mask:
    vertices = numbers(where, "VerticesOfThePolygonalShutter")  # row and column of each, the first joined to the last
    if len(vertices) < 6 or len(vertices) % 2:
        return np.ones(shape, dtype=np.bool_)
    canvas = Image.new("1", (shape[1], shape[0]))
    corners = [(column - 1, row - 1) for row, column in zip(vertices[::2], vertices[1::2], strict=True)]
    ImageDraw.Draw(canvas).polygon(corners, fill=1, outline=1)
    return np.array(canvas, dtype=np.bool_)
