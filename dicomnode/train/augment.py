"""Varied training images, whole batches at a time.

Images are (B, C, S, S) in [0, 1]; every random number comes from the generator that is passed in, so that
a step gives the same batch whenever it is run.
"""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional as nn

from dicomnode.train.hyperparameters import AugmentRecipe

# B batch, S side


def varied(images: Tensor, maps: Tensor, recipe: AugmentRecipe, generator: Generator) -> tuple[Tensor, Tensor]:
    """Turn, zoom, shift, mirror, and change grey values at random.

    Parameters
    ----------
    images
        (B, C, S, S) in [0, 1].
    maps
        (B, X, s, s): masks that move with their image.

    Returns
    -------
    tuple[Tensor, Tensor]
        Both, of the same shapes.
    """
    grid = _places(len(images), recipe, generator)
    moved, moved_maps = (_sampled(part, grid) for part in (images, maps))
    size = (images.shape[0], 1, 1, 1)
    gamma = torch.exp(_uniform(size, recipe.gamma, generator))
    gain = 1 + _uniform(size, recipe.contrast, generator)
    offset = _uniform(size, recipe.contrast / 2, generator)
    grey = (moved.clamp(1e-4, 1) ** gamma - 0.5) * gain + 0.5 + offset
    grey = grey * (moved > 0)  # margins stay black, as in serving
    spread = torch.rand(size, generator=generator) * recipe.noise
    noisy = grey + spread * torch.randn(images.shape, generator=generator)
    return _erased(noisy, recipe.erased, generator).clamp(0, 1), moved_maps


def _uniform(size: tuple[int, ...], largest: float, generator: Generator) -> Tensor:
    return (torch.rand(size, generator=generator) * 2 - 1) * largest


def _places(count: int, recipe: AugmentRecipe, generator: Generator) -> Tensor:
    """(B, 2, 3) affine maps."""
    angle = _uniform((count,), math.radians(recipe.rotation_degrees), generator)
    spread = recipe.largest_zoom - recipe.smallest_zoom
    zoom = recipe.smallest_zoom + spread * torch.rand(count, generator=generator)
    flip = torch.where(torch.rand(count, generator=generator) < 0.5 * recipe.mirror, -1.0, 1.0)
    down, right = (_uniform((count,), 2 * recipe.shift, generator) for _ in range(2))
    cosine, sine = torch.cos(angle) / zoom, torch.sin(angle) / zoom
    return torch.stack([cosine * flip, -sine, right, sine * flip, cosine, down], 1).view(-1, 2, 3)


def _sampled(images: Tensor, places: Tensor) -> Tensor:
    grid = nn.affine_grid(places, list(images.shape), align_corners=False)
    return nn.grid_sample(images, grid, align_corners=False)


def _erased(images: Tensor, share: float, generator: Generator) -> Tensor:
    """Grey out a rectangle in some images, so that no single place carries the answer."""
    count, side = images.shape[0], images.shape[-1]
    places = torch.arange(side)[None]
    inside = []
    for _ in range(2):
        length = (0.1 + 0.25 * torch.rand(count, 1, generator=generator)) * side
        start = torch.rand(count, 1, generator=generator) * (side - length)
        inside.append((places >= start) & (places < start + length))
    chosen = torch.rand(count, 1, 1, generator=generator) < share
    hole = (chosen & inside[0][:, :, None] & inside[1][:, None, :])[:, None]
    return torch.where(hole, images.mean((2, 3), keepdim=True), images)


def without_patient(count: int, side: int, generator: Generator) -> Tensor:
    """Images that show nobody: even grey, ramps, noise of several grains.

    Returns
    -------
    Tensor
        (count, side, side) in [0, 1].
    """
    level = torch.rand((count, 1, 1), generator=generator)
    direction = _uniform((count, 2, 1, 1), 1, generator)
    axis = torch.linspace(-0.5, 0.5, side)
    ramp = direction[:, 0] * axis[None, :, None] + direction[:, 1] * axis[None, None, :]
    noise = torch.zeros(count, side, side)
    for grain in (1, 4, 16):
        coarse = torch.randn((count, 1, side // grain, side // grain), generator=generator)
        weight = torch.rand((count, 1, 1), generator=generator) * 0.3
        noise += weight * nn.interpolate(coarse, size=(side, side), mode="bilinear")[:, 0]
    parts = torch.rand((count, 2, 1, 1), generator=generator) < 0.5
    images = (level + parts[:, 0] * ramp + parts[:, 1] * noise).clamp(0, 1)
    # One in four is wholly black: what an empty detector or a failed decode looks like.
    return torch.where(torch.rand((count, 1, 1), generator=generator) < 0.25, torch.zeros(()), images)


def turned(images: Tensor, quarters: Tensor) -> Tensor:
    """Square images (B, C, S, S), each turned counter-clockwise by its own number of quarters (B,)."""
    every = torch.stack([torch.rot90(images, quarter, (2, 3)) for quarter in range(4)])
    return every[quarters, torch.arange(len(images))]


def hidden(images: Tensor, share: float, generator: Generator) -> tuple[Tensor, Tensor]:
    """Grey out a share of the 16 x 16 patches.

    Returns
    -------
    tuple[Tensor, Tensor]
        The images (B, C, S, S), and which cells of 8 x 8 pixels are hidden, (B, 1, S/8, S/8).
    """
    count, side = len(images), images.shape[-1]
    patches = (torch.rand((count, 1, side // 16, side // 16), generator=generator) < share).float()
    cover = nn.interpolate(patches, scale_factor=16.0, mode="nearest")
    return images * (1 - cover) + 0.5 * cover, nn.interpolate(patches, scale_factor=2.0, mode="nearest")
