"""From a coarse map on the model's grid to the frame as it was stored."""

from __future__ import annotations

import numpy as np

from dicomnode.records import FloatArray, PreparedImage

# h, w cells of the map; rows, columns of the model's grid; R, C of the upright frame


def on_stored_frame(cells: FloatArray, image: PreparedImage) -> FloatArray:
    """Interpolate `cells` bilinearly onto the frame as stored.

    Parameters
    ----------
    cells
        (h, w) values that cover the model's grid evenly.

    Returns
    -------
    FloatArray
        (rows, columns) of the frame as stored; 0 where the model saw nothing of it.
    """
    placement = image.placement
    rows, columns = image.pixel_values.shape[1:]
    turned = placement.rotate_quarters % 2 == 1
    upright_rows, upright_columns = image.display.shape[::-1] if turned else image.display.shape
    down = _interpolation(cells.shape[0], rows, upright_rows, placement.scale, placement.top)  # (R, h)
    across = _interpolation(cells.shape[1], columns, upright_columns, placement.column_scale, placement.left)  # (C, w)
    upright = down @ cells.astype(np.float32) @ across.T  # (R, C)
    if placement.flip_columns:
        upright = upright[:, ::-1]
    return np.ascontiguousarray(np.rot90(upright, -placement.rotate_quarters), dtype=np.float32)


def _interpolation(n_cells: int, n_model: int, n_source: int, scale: float, first: float) -> FloatArray:
    """Weights (n_source, n_cells) with which each source line takes from the cells, along one axis."""
    model = (np.arange(n_source) - first) * scale  # source line centre in model pixels
    seen = (model >= -0.5) & (model <= n_model - 0.5)
    # Cell i is centred at model pixel (i + 0.5) * n_model / n_cells - 0.5; beyond the outer centres it is level.
    place = np.clip((model + 0.5) * n_cells / n_model - 0.5, 0, n_cells - 1)
    low = np.minimum(place.astype(np.intp), max(n_cells - 2, 0))
    high = np.minimum(low + 1, n_cells - 1)
    fraction = (place - low).astype(np.float32)
    weights = np.zeros((n_source, n_cells), dtype=np.float32)
    lines = np.arange(n_source)
    weights[lines, low] = 1 - fraction
    weights[lines, high] += fraction
    weights[~seen] = 0
    return weights
