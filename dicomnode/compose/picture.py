"""The picture of a heat map on its image, with a legend below."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dicomnode.compose.typeface import SHIPPED
from dicomnode.records import ByteArray, FloatArray, Heatmap

MOST_OPACITY = 0.6
"""Opacity of the colour where the weight is 1; it falls with the weight, and the image is never rescaled."""
LEAST_FONT_PX = 9
BACKGROUND = (0, 0, 0)
INK = (255, 255, 255)
ALARM = (178, 24, 24)


class Picture(NamedTuple):
    """An overlay as drawn."""

    pixels: ByteArray
    """(rows + legend, columns, 3) RGB."""
    rows: int
    """Of the image part, above the legend."""
    columns: int


def drawn(heatmap: Heatmap, lines: tuple[str, ...], longest_side_px: int, banner: str = "") -> Picture:
    """Draw the heat map in one colour scale for all images, on the frame as it is displayed, in square pixels.

    Parameters
    ----------
    lines
        Legend, put below the image so that it hides nothing of it.
    longest_side_px
        Larger frames are scaled down to this.
    banner
        How urgent it is, above the legend in a colour of its own; empty: nothing.
    """
    rows, columns = heatmap.weights.shape
    aspect = heatmap.image.placement.pixel_aspect
    square = (columns * max(1.0, 1 / aspect), rows * max(1.0, aspect))  # no line of the frame is lost
    scale = min(1.0, longest_side_px / max(square))
    size = (max(1, round(square[0] * scale)), max(1, round(square[1] * scale)))
    grey = np.asarray(Image.fromarray(heatmap.image.display).resize(size, Image.Resampling.BOX, reducing_gap=1.0))
    weights = np.asarray(Image.fromarray(heatmap.weights).resize(size, Image.Resampling.BILINEAR, reducing_gap=1.0))
    image = blended(grey, weights)
    parts = [image, *([_banner(banner, size[0])] if banner.strip() else []), _legend(lines, size[0])]
    return Picture(np.concatenate(parts), image.shape[0], image.shape[1])


def blended(grey: ByteArray, weights: FloatArray) -> ByteArray:
    """Colour (rows, columns) `grey` by (rows, columns) `weights`; where the weight is 0 it stays as it was.

    Returns
    -------
    ByteArray
        (rows, columns, 3) RGB.
    """
    steps = np.clip(np.round(weights * 255), 0, 255).astype(np.uint8)
    return _BLENDS[steps, grey]


def _colours() -> FloatArray:
    """(256, 3): yellow over orange to red, all bright enough to be told from grey anatomy at low opacity."""
    step = np.linspace(0, 1, 256, dtype=np.float32)
    return np.stack([np.full_like(step, 255), 230 * (1 - step), np.zeros_like(step)], axis=1)


def _blends() -> ByteArray:
    """(256 weights, 256 grey levels, 3): every blend there can be, so that a picture is one look-up."""
    opacity = (MOST_OPACITY * np.arange(256, dtype=np.float32) / 255)[:, None, None]
    grey = np.arange(256, dtype=np.float32)[None, :, None]
    mixed = grey * (1 - opacity) + COLOURS[:, None] * opacity
    return np.asarray(np.round(mixed), dtype=np.uint8)


COLOURS = _colours()
_BLENDS = _blends()


def _banner(line: str, width: int) -> ByteArray:
    """A line in alarm colours over the whole width; below the image, so that its pixels stay where they lie."""
    font_px = max(LEAST_FONT_PX, width // 32)
    canvas = Image.new("RGB", (width, round(font_px * 1.6)), ALARM)
    font = ImageFont.truetype(SHIPPED, font_px)
    ImageDraw.Draw(canvas).text((4, round(font_px * 0.8)), line, fill=INK, font=font, anchor="lm")
    return np.asarray(canvas)


def _legend(lines: tuple[str, ...], width: int) -> ByteArray:
    """Text lines, broken to the width, above a bar of the colour scale from 0 to 1."""
    font_px = max(LEAST_FONT_PX, width // 48)
    font = ImageFont.truetype(SHIPPED, font_px)
    broken = [part for line in lines for part in _broken(line, font, width - 8)]
    line_height = round(font_px * 1.35)
    bar_height = line_height
    canvas = Image.new("RGB", (width, line_height * (len(broken) + 1) + bar_height), BACKGROUND)
    draw = ImageDraw.Draw(canvas)
    for number, line in enumerate(broken):
        draw.text((4, number * line_height + 2), line, fill=INK, font=font)
    left, right = round(font_px * 1.2), width - round(font_px * 1.2)
    top = len(broken) * line_height + bar_height // 2
    draw.text((4, top), "0", fill=INK, font=font)
    draw.text((width - 4, top), "1", fill=INK, font=font, anchor="ra")
    pixels = np.array(canvas)
    if right > left:
        bar = np.tile(np.linspace(0, 1, right - left, dtype=np.float32), (bar_height, 1))
        pixels[top : top + bar_height, left:right] = blended(np.full(bar.shape, 96, np.uint8), bar)
    return pixels


def _broken(line: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> list[str]:
    """Break a line at spaces so that it fits; a word that alone is too long is cut by the edge."""
    rows: list[str] = []
    for word in line.split():
        if rows and font.getlength(f"{rows[-1]} {word}") <= width:
            rows[-1] += f" {word}"
        else:
            rows.append(word)
    return rows
