"""The image encoder and the language decoder.

The encoder is a convolutional stem, a few transformer blocks at 1/16 of the image, and a head that attends to
a place for each finding; its class maps add up to the logits exactly. The decoder is a small causal transformer
with cross-attention to 1/32-scale image tokens and one token for each finding. All attention is written out, so
that one ONNX graph serves any batch, text and cache length.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from dicomnode.train.recipe import Recipe

# B batch, K findings, C channels, D features, S memory tokens, T new tokens, P cached tokens, H heads, W head width


class ConvBlock(nn.Module):  # type: ignore[misc]  # torch is not seen by mypy
    """Two convolutions around a residual path."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
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
    """Transformer block whose positions come from a depthwise convolution, so any image side works."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.place = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.query_key_value = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 3 * width), nn.Linear(3 * width, width)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) to the same."""
        x = x + self.place(x)
        batch, width, rows, columns = x.shape
        t = x.flatten(2).transpose(1, 2)  # (B, h*w, C)
        shape = (batch, rows * columns, 3, self.heads, width // self.heads)
        query, key, value = self.query_key_value(self.norms[0](t)).view(shape).permute(2, 0, 3, 1, 4).unbind(0)
        mixed, _ = attention(query, key, value)
        t = t + self.drop(self.out(mixed))
        t = t + self.drop(self.down(functional.gelu(self.up(self.norms[1](t)), approximate="tanh")))
        return t.transpose(1, 2).reshape(batch, width, rows, columns)


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


class Encoder(nn.Module):  # type: ignore[misc]
    """Image to findings."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        half, quarter, eighth, sixteenth = recipe.encoder.widths
        self.stem = nn.Sequential(halving(1, half), halving(half, quarter), ConvBlock(quarter))
        self.eighth = nn.Sequential(halving(quarter, eighth), ConvBlock(eighth), ConvBlock(eighth))
        self.sixteenth = nn.Sequential(halving(eighth, sixteenth), ConvBlock(sixteenth))
        blocks = (
            VisionBlock(sixteenth, recipe.encoder.heads, recipe.encoder.dropout) for _ in range(recipe.encoder.layers)
        )
        self.blocks = nn.Sequential(*blocks)
        self.from_eighth = nn.Conv2d(eighth, sixteenth, 1)
        self.from_sixteenth = nn.Conv2d(sixteenth, sixteenth, 1)
        self.norm = nn.BatchNorm2d(sixteenth)
        self.drop = nn.Dropout(recipe.encoder.dropout)
        self.place = nn.Conv2d(sixteenth, len(recipe.findings), 1)
        self.evidence = nn.Conv2d(sixteenth, len(recipe.findings), 1, bias=False)
        self.bias = nn.Parameter(torch.zeros(len(recipe.findings)))

    def forward(self, pixel_values: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Read images.

        Parameters
        ----------
        pixel_values
            (B, 1, side, side), normalised.

        Returns
        -------
        tuple[Tensor, Tensor, Tensor, Tensor, Tensor]
            logits (B, K); class_maps (B, K, side/8, side/8), which sum to logits - bias; features (B, D);
            grid (B, side/32 * side/32, D); attended (B, K, D), the features where each finding was looked for.
        """
        eighth = self.eighth(self.stem(pixel_values))
        deep = self.blocks(self.sixteenth(eighth))
        wide = functional.interpolate(self.from_sixteenth(deep), scale_factor=2.0, mode="nearest")
        fused = torch.relu(self.norm(self.from_eighth(eighth) + wide))
        dropped = self.drop(fused)
        places = torch.softmax(self.place(dropped).flatten(2), -1)  # (B, K, h*w)
        class_maps = places * self.evidence(dropped).flatten(2)
        logits = class_maps.sum(-1) + self.bias
        attended = places @ fused.flatten(2).transpose(1, 2)
        grid = functional.avg_pool2d(fused, 4).flatten(2).transpose(1, 2)
        maps = class_maps.view(*class_maps.shape[:2], *fused.shape[2:])
        return logits, maps, fused.mean((2, 3)), grid, attended


class Memory(nn.Module):  # type: ignore[misc]
    """What the decoder attends to: image tokens, and one token for each finding that knows its margin."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        width, features = recipe.decoder.width, recipe.encoder.widths[-1]
        self.heads, self.layers = recipe.decoder.heads, recipe.decoder.layers
        self.margin_step = recipe.decoder.possible_margin
        self.from_grid = nn.Linear(features, width)
        self.from_attended = nn.Linear(features, width)
        self.finding = nn.Parameter(torch.randn(len(recipe.findings), width) * 0.5)
        self.from_margin = nn.Sequential(nn.Linear(3, width), nn.GELU(approximate="tanh"), nn.Linear(width, width))
        self.norm = nn.LayerNorm(width)
        self.key_value = nn.Linear(width, 2 * self.layers * width)

    def forward(self, grid: Tensor, attended: Tensor, margins: Tensor) -> Tensor:
        """Build the decoder's cross-attention keys and values.

        Parameters
        ----------
        grid
            (B, cells, D) of the encoder.
        attended
            (B, K, D) of the encoder.
        margins
            (B, K) calibrated log-odds above each finding's threshold.

        Returns
        -------
        Tensor
            (layers, 2, B, H, cells + K, W); the cells come first.
        """
        # Steep around the two borders that the words depend on: absent to possible, possible to present.
        steps = (0.2 * margins, torch.tanh(4 * margins), torch.tanh(4 * (margins - self.margin_step)))
        found = self.from_attended(attended) + self.finding + self.from_margin(torch.stack(steps, -1))
        tokens = self.norm(torch.cat([self.from_grid(grid), found], 1))  # (B, S, width)
        batch, length, width = tokens.shape
        shape = (batch, length, self.layers, 2, self.heads, width // self.heads)
        return self.key_value(tokens).view(shape).permute(2, 3, 0, 4, 1, 5)


class DecoderLayer(nn.Module):  # type: ignore[misc]
    """Causal self-attention, cross-attention, feed-forward."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.query_key_value = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.cross_query, self.cross_out = nn.Linear(width, width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor, cross: Tensor, past: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """One layer.

        Parameters
        ----------
        x
            (B, T, width).
        cross, past
            (2, B, H, S, W) and (2, B, H, P, W).
        mask
            (T, P + T), 0 where a token may look and very negative elsewhere.

        Returns
        -------
        tuple[Tensor, Tensor, Tensor]
            (B, T, width); present (2, B, H, P + T, W); cross-attention weights (B, H, T, S).
        """
        batch, length, width = x.shape
        shape = (batch, length, 3, self.heads, width // self.heads)
        query, key, value = self.query_key_value(self.norms[0](x)).view(shape).permute(2, 0, 3, 1, 4).unbind(0)
        present = torch.cat([past, torch.stack([key, value])], 3)
        x = x + self.out(attention(query, present[0], present[1], mask)[0])
        asked = self.cross_query(self.norms[1](x)).view(batch, length, self.heads, -1).transpose(1, 2)
        seen, weights = attention(asked, cross[0], cross[1])
        x = x + self.cross_out(seen)
        return x + self.down(functional.gelu(self.up(self.norms[2](x)), approximate="tanh")), present, weights


class Decoder(nn.Module):  # type: ignore[misc]
    """Memory to words."""

    def __init__(self, recipe: Recipe, vocabulary: int) -> None:
        super().__init__()
        width = recipe.decoder.width
        self.token = nn.Embedding(vocabulary, width)
        self.position = nn.Embedding(recipe.decoder.max_new_tokens + 1, width)
        self.layers = nn.ModuleList(DecoderLayer(width, recipe.decoder.heads) for _ in range(recipe.decoder.layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary)
        nn.init.normal_(self.token.weight, std=0.1)
        nn.init.normal_(self.position.weight, std=0.1)

    def forward(
        self, decoder_input_ids: Tensor, encoder_key_values: Tensor, past_key_values: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Score the next tokens.

        Parameters
        ----------
        decoder_input_ids
            (B, T), the tokens that are not in the cache.
        encoder_key_values
            (layers, 2, B, H, S, W) of `Memory`.
        past_key_values
            (layers, 2, B, H, P, W); P is 0 at first.

        Returns
        -------
        tuple[Tensor, Tensor, Tensor]
            logits (B, T, V); present_key_values (layers, 2, B, H, P + T, W); cross_attentions (B, T, S), the mean
            over layers and heads.
        """
        cached, length = past_key_values.shape[4], decoder_input_ids.shape[1]
        places = torch.arange(cached + length)
        queries = places[cached:]
        mask = (places[None, :] > queries[:, None]).float() * -1e9  # (T, P + T)
        x = self.token(decoder_input_ids) + self.position(queries)
        presents, weights = [], []
        for index, layer in enumerate(self.layers):
            x, present, weight = layer(x, encoder_key_values[index], past_key_values[index], mask)
            presents.append(present)
            weights.append(weight.mean(1))
        return self.head(self.norm(x)), torch.stack(presents), torch.stack(weights).mean(0)


def no_past(recipe: Recipe, batch: int) -> Tensor:
    """An empty cache (layers, 2, B, H, 0, W)."""
    shape = recipe.decoder
    return torch.zeros(shape.layers, 2, batch, shape.heads, 0, shape.width // shape.heads)
