"""The picture of a heat map on its image, with a legend below."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from dicomnode.compose.ink import SCREEN, Ink
from dicomnode.compose.legend import BAR_LEVEL, Caption, Legend, legend_of
from dicomnode.compose.raster import rasterised
from dicomnode.records import ByteArray, FloatArray, Heatmap, Point

MOST_OPACITY = 0.6
"""Opacity of the colour where the weight is 1; the image itself is never rescaled."""
LEAST_WEIGHT = 0.15
"""Up to this weight the image shows without any colour."""
LEAST_SIDE_PX = 512
"""Frames whose longer side is shorter are enlarged, so that the legend can be read beside them."""
_MOST_FACTOR = 16
_RIM = (0, 0, 0)


class Picture(NamedTuple):
    """An overlay as drawn."""

    pixels: ByteArray
    """(rows + legend, columns or the legend's, 3) RGB; the image lies in the upper left corner."""
    rows: int
    """Of the image part."""
    columns: int


def drawn(heatmap: Heatmap, caption: Caption, longest_side_px: int, region: Sequence[Point] = ()) -> Picture:
    """Draw the heat map in one colour scale for all images, on the frame as it is displayed, in square pixels.

    Parameters
    ----------
    caption
        Words of the legend, which is put below the image so that it hides nothing of it.
    longest_side_px
        Larger frames are scaled down to this.
    region
        Closed outline in the frame as stored; empty: none.
    """
    columns, rows = _size(heatmap, longest_side_px)
    resample = Image.Resampling.BOX if rows < heatmap.weights.shape[0] else Image.Resampling.BICUBIC
    grey = np.asarray(Image.fromarray(heatmap.image.display).resize((columns, rows), resample))
    weights = np.asarray(Image.fromarray(heatmap.weights).resize((columns, rows), Image.Resampling.BILINEAR))
    image = _outlined(blended(grey, weights), region, heatmap.weights.shape)
    below = _drawn_legend(legend_of(caption, columns))
    canvas = np.empty((rows + below.shape[0], max(columns, below.shape[1]), 3), np.uint8)
    canvas[:] = SCREEN[Ink.GROUND]
    canvas[:rows, :columns] = image
    canvas[rows:, : below.shape[1]] = below
    return Picture(canvas, rows, columns)


def _size(heatmap: Heatmap, longest_side_px: int) -> tuple[int, int]:
    """Columns and rows: no line of the frame is lost, a small one is enlarged by a whole factor."""
    rows, columns = heatmap.weights.shape
    aspect = heatmap.image.placement.pixel_aspect
    square = (columns * max(1.0, 1 / aspect), rows * max(1.0, aspect))
    longest = max(square)
    scale = min(1.0, longest_side_px / longest)
    if longest < min(LEAST_SIDE_PX, longest_side_px):
        scale = min(math.ceil(min(LEAST_SIDE_PX, longest_side_px) / longest), _MOST_FACTOR)
    return max(1, round(square[0] * scale)), max(1, round(square[1] * scale))


def blended(grey: ByteArray, weights: FloatArray) -> ByteArray:
    """Colour (rows, columns) `grey` by (rows, columns) `weights`; where the weight is low it stays as it was.

    Returns
    -------
    ByteArray
        (rows, columns, 3) RGB.
    """
    steps = np.clip(np.round(weights * 255), 0, 255).astype(np.uint8)
    return _BLENDS[steps, grey]


def _colours() -> FloatArray:
    """(256, 3): dark red over orange to bright yellow, brighter at each step, so that no colour vision is needed."""
    stops = np.array([[0.0, 150, 30, 50], [0.45, 222, 84, 30], [0.75, 248, 150, 20], [1.0, 255, 216, 60]], np.float32)
    step = np.linspace(0, 1, 256, dtype=np.float32)
    return np.stack([np.interp(step, stops[:, 0], stops[:, band]) for band in (1, 2, 3)], axis=1).astype(np.float32)


def _blends() -> ByteArray:
    """(256 weights, 256 grey levels, 3): every blend there can be, so that a picture is one look-up."""
    weight = np.arange(256, dtype=np.float32) / 255
    opacity = (MOST_OPACITY * np.clip((weight - LEAST_WEIGHT) / (1 - LEAST_WEIGHT), 0, 1))[:, None, None]
    grey = np.arange(256, dtype=np.float32)[None, :, None]
    mixed = grey * (1 - opacity) + COLOURS[:, None] * opacity
    return np.asarray(np.round(mixed), dtype=np.uint8)


COLOURS = _colours()
_BLENDS = _blends()


def _outlined(image: ByteArray, region: Sequence[Point], frame: tuple[int, ...]) -> ByteArray:
    """The image with the outline of a region: a thin light line on a dark rim, told from bone and from the colours."""
    if not region:
        return image
    down, across = image.shape[0] / frame[0], image.shape[1] / frame[1]
    # A region counts from the centre of the first pixel.
    points = [((point.column + 0.5) * across, (point.row + 0.5) * down) for point in region]
    thin = max(2, round(max(image.shape) / 400))
    canvas = Image.fromarray(image)
    draw = ImageDraw.Draw(canvas)
    draw.line(points, fill=_RIM, width=thin + 2, joint="curve")
    draw.line(points, fill=SCREEN[Ink.REGION], width=thin, joint="curve")
    return np.asarray(canvas)


def _drawn_legend(legend: Legend) -> ByteArray:
    """The legend with its colour bar, coloured on grey as the image is."""
    pixels = np.array(rasterised(legend.marks, (legend.width, legend.height), legend.font, SCREEN, 1.0))
    left, top, right, bottom = legend.bar
    weights = np.linspace(0, 1, right - left, dtype=np.float32)[:: -1 if legend.is_right_to_left else 1]
    weights = np.tile(weights, (bottom - top, 1))
    pixels[top:bottom, left:right] = blended(np.full(weights.shape, BAR_LEVEL, np.uint8), weights)
    return pixels
