"""What phantoms are drawn with: soft masks, tubes, blur and noise.

Points are (row, column) as fractions of the image's side; lengths are in pixels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Plane = NDArray[np.float64]
Points = NDArray[np.float64]

_STEPS_PER_SEGMENT = 16


def blur(image: Plane, sigma_px: float) -> Plane:
    """Gaussian blur that continues the border outwards."""
    margin = _fast_margin(image.shape[0], int(np.ceil(3 * sigma_px)))
    padded = np.pad(image, margin, mode="edge")
    frequencies = [np.fft.fftfreq(padded.shape[0])[:, None], np.fft.rfftfreq(padded.shape[1])[None, :]]
    transfer = np.exp(-2 * (np.pi * sigma_px) ** 2 * (frequencies[0] ** 2 + frequencies[1] ** 2))
    blurred = np.fft.irfft2(np.fft.rfft2(padded) * transfer, s=padded.shape)
    return blurred[margin : margin + image.shape[0], margin : margin + image.shape[1]]


def _fast_margin(side_px: int, least_px: int) -> int:
    """Margin that makes a side a multiple of 64, which a Fourier transform is quick on."""
    return least_px + -(side_px + 2 * least_px) % 64 // 2


def closed_curve(corners: Points) -> Points:
    """Catmull-Rom curve through the corners, back to the first."""
    before, start, end, after = (np.roll(corners, shift, axis=0)[:, None, :] for shift in (1, 0, -1, -2))
    t = np.linspace(0, 1, _STEPS_PER_SEGMENT, endpoint=False)[None, :, None]
    curve = start + 0.5 * t * (
        end - before + t * (2 * before - 5 * start + 4 * end - after + t * (3 * (start - end) + after - before))
    )
    return curve.reshape(-1, 2)


def filled(outlines: list[Points], side_px: int) -> Plane:
    """1 inside the outlines, 0 outside, the edge smoothed over one pixel."""
    canvas = Image.new("L", (2 * side_px, 2 * side_px))
    for outline in outlines:
        corners = [(column * 2 * side_px, row * 2 * side_px) for row, column in outline]
        ImageDraw.Draw(canvas).polygon(corners, fill=255)
    doubled = np.asarray(canvas, dtype=np.float64) / 255
    single: Plane = doubled.reshape(side_px, 2, side_px, 2).mean(axis=(1, 3))
    return single


def pillow(mask: Plane, sigma_px: float) -> Plane:
    """Thickness of a rounded body with this silhouette: 0 at the edge, 1 deep inside."""
    return mask * np.sqrt(np.clip(2 * blur(mask, sigma_px) - 1, 0, 1))


def resampled(path: Points, step: float) -> Points:
    """Points at equal distance along a path of any dimension."""
    lengths = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    at = np.arange(0, lengths[-1], step)
    return np.stack([np.interp(at, lengths, axis) for axis in path.T], axis=1)


def deposited(points: Points, weights: Plane, side_px: int) -> Plane:
    """Sum of the weights that fall on each pixel, shared between its neighbours."""
    row, column = points[:, 0] * side_px - 0.5, points[:, 1] * side_px - 0.5
    top, left = np.floor(row).astype(int), np.floor(column).astype(int)
    image = np.zeros((side_px, side_px))
    for down in (0, 1):
        for right in (0, 1):
            share = (1 - np.abs(row - top - down)) * (1 - np.abs(column - left - right)) * weights
            r, c = top + down, left + right
            seen = (r >= 0) & (r < side_px) & (c >= 0) & (c < side_px)
            np.add.at(image, (r[seen], c[seen]), share[seen])
    return image


def convolved(image: Plane, kernel: Plane) -> Plane:
    """Convolve with a small square kernel of odd side, zero outside."""
    margin = kernel.shape[0] // 2
    room = 2 * _fast_margin(image.shape[0], margin)
    shape = (image.shape[0] + room, image.shape[1] + room)
    product = np.fft.irfft2(np.fft.rfft2(image, shape) * np.fft.rfft2(kernel, shape), s=shape)
    return product[margin : margin + image.shape[0], margin : margin + image.shape[1]]


def disc(radius_px: float, half_px: int) -> Plane:
    """Disc with a soft edge in a square of side 2 half_px + 1."""
    axis = np.arange(-half_px, half_px + 1)
    return np.clip(radius_px + 0.5 - np.hypot(axis[:, None], axis[None, :]), 0, 1)


def clouds(rng: np.random.Generator, side_px: int, exponent: float) -> Plane:
    """Noise with a power spectrum 1 / f ** exponent, mean 0 and deviation 1."""
    radius = np.hypot(np.fft.fftfreq(side_px)[:, None], np.fft.rfftfreq(side_px)[None, :])
    radius[0, 0] = np.inf
    spectrum = np.fft.rfft2(rng.standard_normal((side_px, side_px))) * radius ** (-exponent / 2)
    noise: Plane = np.fft.irfft2(spectrum, s=(side_px, side_px))
    return unit(noise)


def unit(noise: Plane) -> Plane:
    """Scale noise to deviation 1."""
    scaled: Plane = noise / noise.std()
    return scaled
