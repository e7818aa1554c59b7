"""Varied training images, whole batches at a time.

Images are (B, S, S) in [0, 1]; every random number comes from the generator that is passed in, so that
a step gives the same batch whenever it is run.
"""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional as nn

from dicomnode.train.recipe import AugmentRecipe

# B batch, S side


def varied(images: Tensor, recipe: AugmentRecipe, generator: Generator) -> Tensor:
    """Turn, zoom, shift, mirror, and change grey values at random.

    Parameters
    ----------
    images
        (B, S, S) in [0, 1].

    Returns
    -------
    Tensor
        (B, S, S) in [0, 1].
    """
    moved = _moved(images, recipe, generator)
    size = (images.shape[0], 1, 1)
    gamma = torch.exp(_uniform(size, recipe.gamma, generator))
    gain = 1 + _uniform(size, recipe.contrast, generator)
    offset = _uniform(size, recipe.contrast / 2, generator)
    grey = (moved.clamp(1e-4, 1) ** gamma - 0.5) * gain + 0.5 + offset
    grey = grey * (moved > 0)  # margins stay black, as in serving
    spread = torch.rand(size, generator=generator) * recipe.noise
    noisy = grey + spread * torch.randn(images.shape, generator=generator)
    return _erased(noisy, recipe.erased, generator).clamp(0, 1)


def _uniform(size: tuple[int, ...], largest: float, generator: Generator) -> Tensor:
    return (torch.rand(size, generator=generator) * 2 - 1) * largest


def _moved(images: Tensor, recipe: AugmentRecipe, generator: Generator) -> Tensor:
    count = (images.shape[0],)
    angle = _uniform(count, math.radians(recipe.rotation_degrees), generator)
    spread = recipe.largest_zoom - recipe.smallest_zoom
    zoom = recipe.smallest_zoom + spread * torch.rand(count, generator=generator)
    flip = torch.where(torch.rand(count, generator=generator) < 0.5 * recipe.mirror, -1.0, 1.0)
    down, right = (_uniform(count, 2 * recipe.shift, generator) for _ in range(2))
    cosine, sine = torch.cos(angle) / zoom, torch.sin(angle) / zoom
    rows = torch.stack([cosine * flip, -sine, right, sine * flip, cosine, down], 1).view(-1, 2, 3)
    grid = nn.affine_grid(rows, [images.shape[0], 1, *images.shape[1:]], align_corners=False)
    return nn.grid_sample(images[:, None], grid, align_corners=False)[:, 0]


def _erased(images: Tensor, share: float, generator: Generator) -> Tensor:
    """Grey out a rectangle in some images, so that no single place carries the answer."""
    count, side = images.shape[0], images.shape[1]
    places = torch.arange(side)[None]
    inside = []
    for _ in range(2):
        length = (0.1 + 0.25 * torch.rand(count, 1, generator=generator)) * side
        start = torch.rand(count, 1, generator=generator) * (side - length)
        inside.append((places >= start) & (places < start + length))
    chosen = torch.rand(count, 1, 1, generator=generator) < share
    hole = chosen & inside[0][:, :, None] & inside[1][:, None, :]
    return torch.where(hole, images.mean((1, 2), keepdim=True), images)


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


def with_opacities(images: Tensor, chosen: Tensor, generator: Generator) -> Tensor:
    """Put one soft, mottled opacity into a lung zone of the chosen images: consolidation, drawn.

    Parameters
    ----------
    images
        (B, S, S) in [0, 1].
    chosen
        (B,) which images get one.

    Returns
    -------
    Tensor
        (B, S, S) in [0, 1].
    """
    count, side = images.shape[0], images.shape[1]
    axis = torch.linspace(0, 1, side)
    row = 0.32 + 0.24 * torch.rand((count, 1), generator=generator)
    column = 0.5 + (0.18 + 0.12 * torch.rand((count, 1), generator=generator)) * torch.where(
        torch.rand((count, 1), generator=generator) < 0.5, -1.0, 1.0
    )
    tall, wide = (0.05 + 0.06 * torch.rand((count, 1), generator=generator) for _ in range(2))
    down = torch.exp(-(((axis[None] - row) / tall) ** 2) / 2)
    across = torch.exp(-(((axis[None] - column) / wide) ** 2) / 2)
    mottle = nn.interpolate(torch.rand((count, 1, 12, 12), generator=generator), size=(side, side), mode="bilinear")
    strength = 0.5 + 0.4 * torch.rand((count, 1, 1), generator=generator)
    cover = strength * down[:, :, None] * across[:, None, :] * (0.6 + 0.4 * mottle[:, 0])
    return torch.where(chosen[:, None, None], images + (1 - images) * cover, images)
