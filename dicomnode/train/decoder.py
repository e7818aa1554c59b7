"""What stands between image and words: study aggregation, instance-specific prompts, and the language decoder.

The decoder is a causal transformer that is pretrained on the report grammar alone and then frozen. The image reaches
it by two ways, which train while it is frozen: prompts before the text, scaled and shifted for each image (after
MRG-LLM, arXiv 2506.15477, in FiLM form), and cross-attention to the image's cells, biased towards the anatomy with a
kernel that shrinks from layer to layer (after arXiv 2512.16841), at every step of the decoding.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from dicomnode.train.recipe import Recipe

# B studies, N images of a study, K findings, M structures, D features, S memory positions, L layers, T new tokens,
# P prompts, H heads, W head width, V vocabulary

_POSITIONS = 4
"""Row and column of the finding's map, its spread, and its area."""


class Told(NamedTuple):
    """What the decoder is told of each study."""

    prompt_embeds: Tensor
    """(B, P, width)."""
    encoder_key_values: Tensor
    """(L, 2, B, H, S, W); the image's cells come first, then one position for each finding."""
    anatomical_bias: Tensor
    """(B, L, S), added to the scores of the cross-attention."""


class Prompter(nn.Module):  # type: ignore[misc]  # torch is not seen by mypy
    """Encodings of studies to what the decoder is told.

    Parameters
    ----------
    recipe
        Its tables `decoder` and `encoder`; the width of a pruned or distilled encoder does not change.
    """

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        shape, features, findings = recipe.decoder, recipe.encoder.widths[-1], len(recipe.findings)
        self.shape = shape
        width = shape.width
        self.from_token = nn.Linear(features, width)
        self.from_attended = nn.Linear(features, width)
        self.from_position = nn.Linear(_POSITIONS, width)
        self.finding = nn.Parameter(torch.randn(findings, width) * 0.5)
        self.from_margin = nn.Sequential(nn.Linear(3, width), nn.GELU(approximate="tanh"), nn.Linear(width, width))
        self.norm = nn.LayerNorm(width)
        self.key_value = nn.Linear(width, 2 * shape.layers * width)
        self.prompts = nn.Parameter(torch.randn(shape.prompts, width) * 0.3)
        changed = {"none": 0, "static": 0, "prompt_wise": shape.prompts, "promptbook_wise": 1}[shape.prompting]
        self.affine = self._affine(2 * features + 3 * findings, changed) if changed else None

    def _affine(self, features: int, changed: int) -> nn.Sequential:
        """Features to scale and shift; starts at none, as plain prompt tuning."""
        width = self.shape.width
        last = nn.Linear(2 * width, 2 * changed * width)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        return nn.Sequential(nn.Linear(features, 2 * width), nn.GELU(approximate="tanh"), last)

    def forward(
        self, margins: Tensor, features: Tensor, segmentation: Tensor, tokens: Tensor, attended: Tensor, maps: Tensor
    ) -> Told:
        """Tell the decoder of studies.

        Parameters
        ----------
        margins
            (B, K) calibrated log-odds above each finding's threshold.
        features
            (B, 2 * D).
        segmentation
            (B, M, h, w) probabilities.
        tokens
            (B, cells, D).
        attended
            (B, K, D).
        maps
            (B, K, h, w) class maps.
        """
        # Steep around the two borders that the words depend on: absent to possible, possible to present.
        border = self.shape.possible_margin
        steps = torch.stack((0.2 * margins, torch.tanh(4 * margins), torch.tanh(4 * (margins - border))), -1)
        memory = self.from_token(tokens)
        bias = anatomical_bias(segmentation, tokens.shape[1], self.shape.layers) * self.shape.anatomical_bias
        if self.shape.finding_tokens:
            found = self.from_attended(attended) + self.from_position(positions(maps)) + self.from_margin(steps)
            memory = torch.cat([memory, found + self.finding], 1)
            # Findings lie in the anatomy.
            beside = torch.full_like(bias[..., :1], self.shape.anatomical_bias).expand(-1, -1, found.shape[1])
            bias = torch.cat([bias, beside], 2)
        return Told(self._prompted(features, steps), self._key_values(memory), bias)

    def _key_values(self, memory: Tensor) -> Tensor:
        batch, length, width = memory.shape
        heads, layers = self.shape.heads, self.shape.layers
        split = self.key_value(self.norm(memory)).view(batch, length, layers, 2, heads, width // heads)
        return split.permute(2, 3, 0, 4, 1, 5)

    def _prompted(self, features: Tensor, steps: Tensor) -> Tensor:
        book = self.prompts[None]
        if self.shape.prompting == "none":
            book = torch.zeros_like(book)
        if self.affine is None:
            return book.expand(features.shape[0], -1, -1)
        seen = torch.cat([features, steps.flatten(1)], 1)
        scale, shift = self.affine(seen).view(features.shape[0], -1, 2, book.shape[2]).unbind(2)
        return book * (1 + scale) + shift


def positions(maps: Tensor) -> Tensor:
    """Where the evidence of each finding lies.

    Parameters
    ----------
    maps
        (B, K, h, w) class maps; what speaks against the finding does not count.

    Returns
    -------
    Tensor
        (B, K, 4): mean row and column in [-1, 1], spread, and share of the image from half of the largest value.
    """
    rows, columns = maps.shape[2:]
    weight = torch.relu(maps) + 1e-6
    weight = weight / weight.sum((2, 3), keepdim=True)
    down = torch.linspace(-1, 1, rows).view(1, 1, rows, 1)
    across = torch.linspace(-1, 1, columns).view(1, 1, 1, columns)
    row, column = (weight * down).sum((2, 3)), (weight * across).sum((2, 3))
    apart = (weight * (across - column[..., None, None]) ** 2).sum((2, 3))
    area = torch.sigmoid(40 * (weight / weight.amax((2, 3), keepdim=True) - 0.5)).mean((2, 3))
    return torch.stack([row, column, apart, area], -1)


def anatomical_bias(segmentation: Tensor, cells: int, layers: int) -> Tensor:
    """Bias of each layer towards the anatomy, in [0, 1] (arXiv 2512.16841, here for cross-attention).

    Parameters
    ----------
    segmentation
        (B, M, h, w) probabilities; the anatomy is their union, on a grid of `cells` = h/2 * w/2.
    layers
        The first layer's kernel is the widest.

    Returns
    -------
    Tensor
        (B, layers, cells).
    """
    union = functional.avg_pool2d(segmentation.amax(1, keepdim=True), 2)  # (B, 1, rows, columns)
    shown = []
    for layer in range(layers):
        reach = layers - layer
        axis = torch.arange(-reach, reach + 1, dtype=union.dtype)
        kernel = torch.exp(-0.5 * (axis / ((2 * reach + 1) / 6)) ** 2)
        kernel = kernel / kernel.sum()
        soft = functional.conv2d(union, kernel.view(1, 1, -1, 1), padding=(reach, 0))
        soft = functional.conv2d(soft, kernel.view(1, 1, 1, -1), padding=(0, reach)).flatten(1)
        shown.append(soft / (soft.amax(1, keepdim=True) + 1e-3))
    return torch.stack(shown, 1).view(-1, layers, cells)


def slice_attention(logits: Tensor) -> Tensor:
    """Which slices a study's findings are read from: the more conspicuous, the more.

    Nothing is learned here: a few dozen patients are too few for it.

    Parameters
    ----------
    logits
        (N, K) of all slices.

    Returns
    -------
    Tensor
        (K, N), which sum to 1 over N; the study's logit is the mean of the slices' logits, so weighted.
    """
    return torch.softmax(logits.transpose(0, 1), -1)


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
        nn.init.zeros_(self.cross_out.weight)  # until the image is joined, the language stands as pretrained
        nn.init.zeros_(self.cross_out.bias)

    def forward(
        self, x: Tensor, cross: tuple[Tensor, Tensor], bias: Tensor, past: tuple[Tensor, Tensor], mask: Tensor
    ) -> tuple[Tensor, tuple[Tensor, Tensor], Tensor]:
        """One layer; keys and values keep the leading axis of the cache, which saves the graph most of its nodes.

        Parameters
        ----------
        x
            (B, T, width).
        cross, past
            Keys and values, (1, B, H, S, W) and (1, B, H, P, W) each.
        bias
            (1, B, 1, 1, S), added to the scores of the cross-attention.
        mask
            (T, P + T), 0 where a token may look and very negative elsewhere.

        Returns
        -------
        tuple[Tensor, tuple[Tensor, Tensor], Tensor]
            (B, T, width); keys and values (1, B, H, P + T, W); cross-attention weights (1, B, H, T, S).
        """
        batch, length, width = x.shape
        wide = width // self.heads
        shape = (batch, length, 3 * self.heads, wide)
        query, key, value = self.query_key_value(self.norms[0](x)).view(shape).transpose(1, 2).split(self.heads, 1)
        present = (torch.cat([past[0], key[None]], 3), torch.cat([past[1], value[None]], 3))
        x = x + self.out(_mixed(query, present, mask, wide)[0])
        asked = self.cross_query(self.norms[1](x)).view(batch, length, self.heads, wide).transpose(1, 2)
        seen, weights = _mixed(asked, cross, bias, wide)
        x = x + self.cross_out(seen)
        return x + self.down(functional.gelu(self.up(self.norms[2](x)), approximate="tanh")), present, weights


def _mixed(query: Tensor, key_value: tuple[Tensor, Tensor], mask: Tensor, wide: int) -> tuple[Tensor, Tensor]:
    """Scaled dot-product attention: (B, T, H * W) and the weights (1, B, H, T, S)."""
    weights = torch.softmax(query @ key_value[0].transpose(-1, -2) * wide**-0.5 + mask, -1)
    mixed = (weights @ key_value[1]).squeeze(0).transpose(1, 2)  # (B, T, H, W)
    return mixed.reshape(mixed.shape[0], mixed.shape[1], mixed.shape[2] * wide), weights


class Decoder(nn.Module):  # type: ignore[misc]
    """What it is told, to words."""

    def __init__(self, recipe: Recipe, vocabulary: int) -> None:
        super().__init__()
        shape = recipe.decoder
        self.shape = shape
        self.token = nn.Embedding(vocabulary, shape.width)
        self.position = nn.Embedding(shape.prompts + shape.max_new_tokens + 1, shape.width)
        self.layers = nn.ModuleList(DecoderLayer(shape.width, shape.heads) for _ in range(shape.layers))
        self.norm = nn.LayerNorm(shape.width)
        self.head = nn.Linear(shape.width, vocabulary)
        nn.init.normal_(self.token.weight, std=0.1)
        nn.init.normal_(self.position.weight, std=0.1)

    def language(self) -> list[nn.Parameter]:
        """The parameters that know the grammar and are frozen when the image is joined."""
        bridge = {id(parameter) for parameter in self.bridge()}
        return [parameter for parameter in self.parameters() if id(parameter) not in bridge]

    def bridge(self) -> list[nn.Parameter]:
        """The parameters of the cross-attention."""
        parts = [part for layer in self.layers for part in (layer.cross_query, layer.cross_out, layer.norms[1])]
        return [parameter for part in parts for parameter in part.parameters()]

    def hidden(self, decoder_input_ids: Tensor) -> Tensor:
        """Last hidden states (B, T, width) of text (B, T) by itself."""
        batch, length = decoder_input_ids.shape
        places = torch.arange(length)
        mask = (places[None, :] > places[:, None]).float() * -1e9
        x = self.token(decoder_input_ids) + self.position(places + self.shape.prompts)
        nothing = torch.zeros(1, batch, self.shape.heads, 1, self.shape.width // self.shape.heads)
        for layer in self.layers:
            empty = nothing[:, :, :, :0]
            x, _, _ = layer(x, (nothing, nothing), torch.zeros(1, batch, 1, 1, 1), (empty, empty), mask)
        return self.norm(x)

    def forward(
        self,
        decoder_input_ids: Tensor,
        prompt_embeds: Tensor,
        encoder_key_values: Tensor,
        anatomical_bias: Tensor,
        past_key_values: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Score the next tokens.

        Parameters
        ----------
        decoder_input_ids
            (B, T), the tokens that are not in the cache.
        prompt_embeds
            (B, P, width) in the first call, (B, 0, width) afterwards.
        encoder_key_values
            (L, 2, B, H, S, W) of `Prompter`.
        anatomical_bias
            (B, L, S) of `Prompter`.
        past_key_values
            (L, 2, B, H, cached, W); cached is 0 at first.

        Returns
        -------
        tuple[Tensor, Tensor, Tensor]
            logits (B, T, V); present_key_values (L, 2, B, H, cached + P + T, W); cross_attentions (B, T, S), the
            mean over layers and heads.
        """
        cached, prompts = past_key_values.shape[4], prompt_embeds.shape[1]
        length = prompts + decoder_input_ids.shape[1]
        places = torch.arange(cached + length)
        queries = places[cached:]
        mask = (places[None, :] > queries[:, None]).float() * -1e9  # (P + T, cached + P + T)
        x = torch.cat([prompt_embeds, self.token(decoder_input_ids)], 1) + self.position(queries)
        cross = encoder_key_values.flatten(0, 1).split(1, 0)  # key, value, key, ... of (1, B, H, S, W)
        past = past_key_values.flatten(0, 1).split(1, 0)
        biases = anatomical_bias[:, :, None, None].split(1, 1)  # (B, 1, 1, 1, S)
        presents: list[Tensor] = []
        weights: list[Tensor] = []
        for n, layer in enumerate(self.layers):
            pair = slice(2 * n, 2 * n + 2)
            x, present, weight = layer(x, cross[pair], biases[n].transpose(0, 1), past[pair], mask)
            presents += present
            weights.append(weight)
        logits = self.head(self.norm(x[:, prompts:]))
        kept = torch.cat(presents).view(len(self.layers), 2, *presents[0].shape[1:])
        return logits, kept, torch.cat(weights, 2).mean((0, 2))[:, prompts:]


def no_past(recipe: Recipe, batch: int) -> Tensor:
    """An empty cache (L, 2, B, H, 0, W)."""
    shape = recipe.decoder
    return torch.zeros(shape.layers, 2, batch, shape.heads, 0, shape.width // shape.heads)


def nothing_told(recipe: Recipe, batch: int) -> Told:
    """No prompt and an empty image, as in the pretraining of the language."""
    shape = recipe.decoder
    return Told(
        torch.zeros(batch, 0, shape.width),
        torch.zeros(shape.layers, 2, batch, shape.heads, 1, shape.width // shape.heads),
        torch.zeros(batch, shape.layers, 1),
    )
