"""A Hugging Face vision encoder in the encoder's place: ViT, DINOv2 with or without registers, DINOv3.

`vision_from` puts our finding, anatomy and domain heads on a frozen backbone, to be trained. The backbone alone serves
`imports_classifier` and `imports_caption`, which take a checkpoint as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from dicomnode.errors import BundleError
from dicomnode.infer.manifest import PixelRecipe
from dicomnode.train.imports.checkpoints import (
    CAPTIONER_CLASSES,
    CLASSIFIER_CLASSES,
    VISION_CLASSES,
    open_checkpoint,
    read_json,
)
from dicomnode.train.model import DOMAINS, Encoded
from dicomnode.train.recipe import Recipe

# B batch, C channels, D features, K findings, g cells of the backbone's grid by side


class Normaliser(nn.Module):  # type: ignore[misc]  # torch is not seen by mypy
    """The bundle's one mean and spread to those of each channel that a checkpoint was trained with.

    Parameters
    ----------
    pixels
        What `pixel_values` were normalised by.
    channels
        Of the checkpoint; a single channel of the bundle is repeated.
    mean, std
        Of each channel, for values in [0, 1]; empty: as `pixels` has them.
    """

    def __init__(
        self, pixels: PixelRecipe, channels: int, mean: Sequence[float] = (), std: Sequence[float] = ()
    ) -> None:
        super().__init__()
        if pixels.channels not in (1, channels):
            raise BundleError(f"pixels.channels is {pixels.channels}, the model needs {channels}")
        if {len(mean), len(std)} - {0, 1, channels}:
            raise BundleError(f"the model has {channels} channels, but mean has {len(mean)} values and std {len(std)}")
        self.channels = channels
        means, spreads = torch.tensor(mean or [pixels.mean]), torch.tensor(std or [pixels.std])
        self.register_buffer("scale", (pixels.std / spreads).expand(channels).reshape(-1, 1, 1).clone())
        self.register_buffer("shift", ((pixels.mean - means) / spreads).expand(channels).reshape(-1, 1, 1).clone())

    def forward(self, pixel_values: Tensor) -> Tensor:
        """(B, 1 or C, rows, columns) to (B, C, rows, columns)."""
        return pixel_values.expand(-1, self.channels, -1, -1) * self.scale + self.shift


def normaliser_of(folder: Path, pixels: PixelRecipe, channels: int) -> Normaliser:
    """What `preprocessor_config.json` says of a checkpoint's pixels; without one they are taken as the bundle's."""
    path = folder / "preprocessor_config.json"
    said = read_json(path) if path.is_file() else {}
    if said.get("do_normalize") is False:
        return Normaliser(pixels, channels, [0.0], [1.0])
    return Normaliser(pixels, channels, said.get("image_mean") or (), said.get("image_std") or ())


class Backbone(nn.Module):  # type: ignore[misc]
    """Images to the tokens of a vision transformer.

    Parameters
    ----------
    model
        A transformers vision model that gives `last_hidden_state` (B, 1 + registers + cells, D).
    normaliser
        In front of it.
    pixels
        Size of the images.
    """

    def __init__(self, model: Any, normaliser: Normaliser, pixels: PixelRecipe) -> None:
        super().__init__()
        self.model, self.normaliser = model, normaliser
        config = model.config
        patch = _pair(config.patch_size)
        sides = (pixels.rows, pixels.columns)
        if config.model_type == "vit" and sides != _pair(config.image_size):
            wanted = "x".join(str(side) for side in _pair(config.image_size))
            raise BundleError(f"pixels are {sides[0]}x{sides[1]}, this ViT reads only {wanted}")
        if any(side % step for side, step in zip(sides, patch, strict=True)):
            raise BundleError(
                f"pixels of {sides[0]}x{sides[1]} cannot be divided into patches of {patch[0]}x{patch[1]}"
            )
        self.grid = (sides[0] // patch[0], sides[1] // patch[1])
        self.width = int(config.hidden_size)

    def forward(self, pixel_values: Tensor) -> tuple[Tensor, Tensor]:
        """The class and register tokens (B, n, D), and the patches' tokens (B, cells, D) row by row."""
        states = self.model(pixel_values=self.normaliser(pixel_values)).last_hidden_state
        cells = self.grid[0] * self.grid[1]
        return states[:, :-cells], states[:, -cells:]

    def map_of(self, tokens: Tensor) -> Tensor:
        """(B, cells, n) to (B, n, g, g)."""
        return tokens.transpose(1, 2).reshape(tokens.shape[0], tokens.shape[2], *self.grid)


def _pair(size: Any) -> tuple[int, int]:
    return (int(size[0]), int(size[1])) if isinstance(size, list | tuple) else (int(size), int(size))


class VisionEncoder(nn.Module):  # type: ignore[misc]
    """A frozen backbone under the heads of our own encoder, with the same outputs.

    Maps have twice the backbone's grid, each of its cells four times, so that `tokens` are the patches' own.

    Parameters
    ----------
    backbone
        Frozen here; `backbone.requires_grad_(True)` fine-tunes it.
    findings, structures
        How many of each.
    """

    def __init__(self, backbone: Backbone, findings: int, structures: int) -> None:
        super().__init__()
        self.backbone = backbone.requires_grad_(requires_grad=False)
        width = backbone.width
        self.norm = nn.LayerNorm(width)
        self.place = nn.Linear(width, findings)
        self.evidence = nn.Linear(width, findings, bias=False)
        self.bias = nn.Parameter(torch.full((findings,), -1.0))
        self.structure = nn.Linear(width, structures)
        self.domain = nn.Linear(2 * width, len(DOMAINS))

    def forward(self, pixel_values: Tensor) -> Encoded:
        """Read images (B, C, rows, columns), normalised as the bundle's."""
        leading, patches = self.backbone(pixel_values)
        tokens = self.norm(patches)
        evidence = self.evidence(tokens)
        places = torch.softmax(self.place(tokens), 1)  # (B, cells, K)
        class_maps = places * evidence
        features = torch.cat([tokens.mean(1), leading[:, 0]], 1)
        return Encoded(
            logits=class_maps.sum(1) + self.bias,
            class_maps=self._wide(class_maps) / 4,
            features=features,
            segmentation=self._wide(self.structure(tokens)),
            tokens=tokens,
            attended=places.transpose(1, 2) @ tokens,
            places=self._wide(places) / 4,
            evidence=self._wide(evidence + self.bias),
            fused=self._wide(tokens),
            domains=self.domain(features),
        )

    def _wide(self, cells: Tensor) -> Tensor:
        return functional.interpolate(self.backbone.map_of(cells), scale_factor=2.0, mode="nearest")


def vision_from(folder: Path, recipe: Recipe) -> VisionEncoder:
    """An encoder of ours on the frozen backbone of a checkpoint, also that of a classifier or a captioner.

    Raises
    ------
    BundleError
        If the folder holds another kind of checkpoint, or one that does not take the recipe's pixels.
    """
    model = open_checkpoint(folder, (*VISION_CLASSES, *CAPTIONER_CLASSES), "the encoder's place")
    backbone = backbone_of(model, folder, recipe.pixels)
    return VisionEncoder(backbone, len(recipe.findings), len(recipe.phantoms.structures))


def recipe_for(recipe: Recipe, encoder: VisionEncoder) -> Recipe:
    """The recipe as a prompter needs it: with the width of this encoder's features."""
    widths = (*recipe.encoder.widths[:-1], encoder.backbone.width)
    return recipe.model_copy(update={"encoder": recipe.encoder.model_copy(update={"widths": widths})})


def backbone_of(model: Any, folder: Path, pixels: PixelRecipe) -> Backbone:
    """The image half of a checkpoint, on the bundle's pixels.

    Raises
    ------
    BundleError
        If it does not take them.
    """
    if type(model).__name__ in CAPTIONER_CLASSES:
        vision = model.encoder
    else:  # DINOv3 calls a part of itself its base model
        vision = model.base_model if type(model).__name__ in CLASSIFIER_CLASSES else model
    if vision.config.model_type not in ("vit", "dinov2", "dinov2_with_registers", "dinov3_vit"):
        raise BundleError(
            f"{folder.name} has an encoder of type {vision.config.model_type}; known: vit, dinov2,"
            " dinov2_with_registers, dinov3_vit"
        )
    return Backbone(vision, normaliser_of(folder, pixels, vision.config.num_channels), pixels)
