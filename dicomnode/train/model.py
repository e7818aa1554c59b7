"""The image encoder.

A convolutional stem, a few transformer blocks at 1/16 of the image, a top-down fusion of three scales at 1/8, and a
head that attends to a place for each finding; its class maps add up to the logits exactly. A second head outlines
the anatomy, a third tells upright images from turned, inverted and foreign ones. All attention is written out, so
that the ONNX graph takes any batch.
"""

from __future__ import annotations

import copy
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from dicomnode.train.hyperparameters import EncoderRecipe
from dicomnode.train.recipe import Recipe

# B batch, K findings, M structures, C channels, D features, H heads, W head width

DOMAINS = ("upright", "turned left", "upside down", "turned right", "inverted", "foreign")
"""What the third head tells apart."""


class ConvBlock(nn.Module):  # type: ignore[misc]  # torch is not seen by mypy
    """Two convolutions around a residual path, `inner` channels between them."""

    def __init__(self, width: int, inner: int | None = None) -> None:
        super().__init__()
        inner = inner or width
        self.layers = nn.Sequential(
            nn.Conv2d(width, inner, 3, padding=1, bias=False),
            nn.BatchNorm2d(inner),
            nn.ReLU(),
            nn.Conv2d(inner, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) to the same."""
        return torch.relu(x + self.layers(x))


def halving(before: int, after: int) -> nn.Sequential:
    """Convolution that halves rows and columns."""
    convolution = nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(after), nn.ReLU())


class VisionBlock(nn.Module):  # type: ignore[misc]
    """Transformer block whose positions come from a depthwise convolution, so any image side works.

    Linear layers are 1 x 1 convolutions, and batch normalisation and ReLU stand for layer normalisation and GELU (as
    in LeViT, arXiv 2104.01136): in INT8 the block then needs no transposition and no detour through floats.
    """

    def __init__(self, width: int, heads: int, dropout: float, inner: int | None = None) -> None:
        super().__init__()
        self.heads = heads
        inner = inner or 3 * width
        self.place = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for _ in range(2))
        self.query_key_value = nn.Conv2d(width, 3 * width, 1)
        self.out = nn.Conv2d(width, width, 1)
        self.up, self.down = nn.Conv2d(width, inner, 1), nn.Conv2d(inner, width, 1)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) to the same."""
        x = x + self.place(x)
        batch, width, rows, columns = x.shape
        shape = (batch, 3, self.heads, width // self.heads, rows * columns)
        query, key, value = self.query_key_value(self.norms[0](x)).view(shape).unbind(1)  # (B, H, W, h*w)
        weights = torch.softmax(query.transpose(-1, -2) @ key * (width // self.heads) ** -0.5, -1)
        mixed = (value @ weights.transpose(-1, -2)).reshape(batch, width, rows, columns)
        x = x + self.drop(self.out(mixed))
        return x + self.drop(self.down(torch.relu(self.up(self.norms[1](x)))))


def attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Scaled dot-product attention.

    Parameters
    ----------
    query, key, value
        (B, H, length, W).
    mask
        Added to the scores.

    Returns
    -------
    tuple[Tensor, Tensor]
        (B, query length, H * W) and the weights (B, H, query length, key length).
    """
    scores = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5
    weights = torch.softmax(scores if mask is None else scores + mask, dim=-1)
    mixed = (weights @ value).transpose(1, 2)  # (B, length, H, W)
    return mixed.reshape(mixed.shape[0], mixed.shape[1], query.shape[1] * query.shape[3]), weights


class Encoded(NamedTuple):
    """What the encoder says of a batch of images, side S; maps are at S/8."""

    logits: Tensor
    """(B, K)."""
    class_maps: Tensor
    """(B, K, h, w), which sum to logits - bias."""
    features: Tensor
    """(B, 2 * D), pooled from the fused and from the deepest map."""
    segmentation: Tensor
    """(B, M, h, w) log-odds of the anatomy."""
    tokens: Tensor
    """(B, h/2 * w/2, D)."""
    attended: Tensor
    """(B, K, D), the features where each finding was looked for."""
    places: Tensor
    """(B, K, h, w), lesion attention, sums to 1."""
    evidence: Tensor
    """(B, K, h, w), log-odds of the finding at each place."""
    fused: Tensor
    """(B, D, h, w)."""
    domains: Tensor
    """(B, 6) log-odds over `DOMAINS`."""


class Encoder(nn.Module):  # type: ignore[misc]
    """Image to findings.

    Parameters
    ----------
    shape
        Sizes.
    channels
        Of the images.
    findings, structures
        How many of each.
    """

    def __init__(self, shape: EncoderRecipe, channels: int, findings: int, structures: int) -> None:
        super().__init__()
        self.shape = shape
        half, quarter, eighth, sixteenth = shape.widths
        inner = iter(shape.convolution_inner or (None,) * 4)
        self.stem = nn.Sequential(halving(channels, half), halving(half, quarter), ConvBlock(quarter, next(inner)))
        self.eighth = nn.Sequential(
            halving(quarter, eighth), ConvBlock(eighth, next(inner)), ConvBlock(eighth, next(inner))
        )
        self.sixteenth = nn.Sequential(halving(eighth, sixteenth), ConvBlock(sixteenth, next(inner)))
        hidden = shape.transformer_inner or (None,) * shape.layers
        self.blocks = nn.Sequential(*(VisionBlock(sixteenth, shape.heads, shape.dropout, n) for n in hidden))
        self.from_quarter = nn.Sequential(
            nn.Conv2d(quarter, quarter, 3, stride=2, padding=1, groups=quarter), nn.Conv2d(quarter, sixteenth, 1)
        )
        self.from_eighth = nn.Conv2d(eighth, sixteenth, 1)
        self.from_sixteenth = nn.Conv2d(sixteenth, sixteenth, 1)
        self.norm = nn.BatchNorm2d(sixteenth)
        self.drop = nn.Dropout(shape.dropout)
        self.place = nn.Conv2d(sixteenth, findings, 1)
        self.evidence = nn.Conv2d(sixteenth, findings, 1, bias=False)
        self.bias = nn.Parameter(torch.full((findings,), -1.0))
        self.structure = nn.Conv2d(sixteenth, structures, 1)
        self.domain = nn.Linear(2 * sixteenth, len(DOMAINS))

    def forward(self, pixel_values: Tensor) -> Encoded:
        """Read images (B, C, side, side), normalised."""
        quarter = self.stem(pixel_values)
        eighth = self.eighth(quarter)
        deep = self.blocks(self.sixteenth(eighth))
        wide = functional.interpolate(self.from_sixteenth(deep), scale_factor=2.0, mode="nearest")
        fused = torch.relu(self.norm(self.from_quarter(quarter) + self.from_eighth(eighth) + wide))
        dropped = self.drop(fused)
        evidence = self.evidence(dropped)
        places = torch.softmax(self.place(dropped).flatten(2), -1)  # (B, K, h*w)
        class_maps = places * evidence.flatten(2)
        features = torch.cat([fused.mean((2, 3)), deep.mean((2, 3))], 1)
        maps = evidence.shape
        return Encoded(
            logits=class_maps.sum(-1) + self.bias,
            class_maps=class_maps.view(maps),
            features=features,
            segmentation=self.structure(fused),
            tokens=functional.avg_pool2d(fused, 2).flatten(2).transpose(1, 2),
            attended=places @ fused.flatten(2).transpose(1, 2),
            places=places.view(maps),
            evidence=evidence + self.bias[:, None, None],
            fused=fused,
            domains=self.domain(features),
        )


def encoder_of(recipe: Recipe, shape: EncoderRecipe | None = None) -> Encoder:
    """A fresh encoder for a recipe; of another size than the recipe's where `shape` says so."""
    return Encoder(
        shape or recipe.encoder, recipe.pixels.channels, len(recipe.findings), len(recipe.phantoms.structures)
    )


def only_findings(encoder: Encoder, kept: list[int]) -> Encoder:
    """A copy of an encoder whose head looks for some of the findings only; nothing else changes."""
    smaller = copy.deepcopy(encoder)
    for head in (smaller.place, smaller.evidence):
        head.weight = nn.Parameter(head.weight[kept].detach().clone())
        head.out_channels = len(kept)
    smaller.place.bias = nn.Parameter(smaller.place.bias[kept].detach().clone())
    smaller.bias = nn.Parameter(smaller.bias[kept].detach().clone())
    return smaller
