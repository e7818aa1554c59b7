"""A frozen Hugging Face causal language model in the decoder's place.

It keeps the contract of decoder.onnx. Prompts stand before the text, in the cache. The memory `encoder_key_values`
takes no part in the cache: its positions are keys and values that every layer's self-attention finds in front of all
others (prefix tuning), with `anatomical_bias` added to their scores at every step, and without a place in the text,
so that rotary models see them unturned. With no memory position, the prompts say all.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from dicomnode.errors import BundleError
from dicomnode.train.decoder import Prompter, Told
from dicomnode.train.imports.checkpoints import LANGUAGE_CLASSES, offline_transformers, open_checkpoint
from dicomnode.train.recipe import Recipe

# B batch, T new tokens, P prompts, S memory positions, L layers, H key-value heads, W head width, V vocabulary

_ATTENTION = "dicomnode_memory"
_ROPE_TYPES = ("default", "linear", "llama3")
"""Rotary embeddings whose frequencies do not depend on the length of the text."""
_CLOSED = -3.0
"""Bias of each layer's memory at first, so that the frozen language starts almost as it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageShape:
    """Sizes of a language model, as bundle.toml's [decoder] has them."""

    layers: int
    heads: int
    """Key-value heads: fewer than query heads where queries are grouped."""
    head_width: int
    width: int
    """Of prompts and embeddings."""
    vocabulary: int
    positions: int
    """Prompts and tokens that fit."""

    def as_table(self, prompts: int) -> dict[str, object]:
        """The table [decoder] of bundle.toml."""
        sizes = {"layers": self.layers, "heads": self.heads, "head_width": self.head_width, "width": self.width}
        return {**sizes, "prompts": prompts}


class _Memory(NamedTuple):
    """What the attention of every layer is handed beside its own tensors."""

    key_values: Tensor
    """(L, 2, B, H, S, W)."""
    bias: Tensor
    """(B, L, S)."""
    seen: list[Tensor]
    """Attention (B, T, S) of each layer, mean over heads; filled as the layers run."""


class _Cache:
    """Keys and values of all positions in the text; takes the place of transformers' cache."""

    def __init__(self, past: Tensor) -> None:
        self._past = past
        self.presents: list[Tensor] = []

    def get_seq_length(self, _layer: int = 0) -> int:
        """Positions before the new ones."""
        return self._past.shape[4]  # type: ignore[no-any-return]

    def update(self, key: Tensor, value: Tensor, layer: int, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Append the new keys and values (B, H, T, W) of a layer."""
        present = torch.cat([self._past[layer], torch.stack([key, value])], 3)
        self.presents.append(present)
        return present[0], present[1]


def _attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor,
    scaling: float,
    dropout: float = 0.0,  # transformers passes it by name; a frozen model drops nothing
    memory: _Memory | None = None,
    **_: Any,
) -> tuple[Tensor, Tensor]:
    """Attention over memory and text, in the form that transformers calls (its AttentionInterface)."""
    if memory is None:
        raise TypeError("this attention is called by CausalLanguage, which hands it the memory")
    layer, (batch, heads, length, width) = module.layer_idx, query.shape
    key = torch.cat([memory.key_values[layer, 0], key], 2)
    value = torch.cat([memory.key_values[layer, 1], value], 2)
    groups = heads // key.shape[1]
    key, value = (x[:, :, None].expand(-1, -1, groups, -1, -1).reshape(batch, heads, -1, width) for x in (key, value))
    bias = memory.bias[:, layer, None, None].expand(-1, -1, length, -1)  # (B, 1, T, S)
    mask = torch.cat([bias, attention_mask.expand(batch, -1, -1, -1)], 3)
    weights = torch.softmax(query @ key.transpose(2, 3) * scaling + mask, -1)
    memory.seen.append(weights[..., : bias.shape[3]].mean(1))
    return (weights @ value).transpose(1, 2), weights


class CausalLanguage(nn.Module):  # type: ignore[misc]  # torch is not seen by mypy
    """What it is told, to words; every weight is frozen.

    Parameters
    ----------
    model
        A transformers model of one of `LANGUAGE_CLASSES`.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        offline_transformers().AttentionInterface.register(_ATTENTION, _attend)
        model.set_attn_implementation(_ATTENTION)
        self.model = model.requires_grad_(requires_grad=False).eval()
        config = model.config
        heads = config.num_attention_heads
        self.shape = LanguageShape(
            layers=config.num_hidden_layers,
            heads=getattr(config, "num_key_value_heads", None) or heads,
            head_width=getattr(config, "head_dim", None) or config.hidden_size // heads,
            width=config.hidden_size,
            vocabulary=config.vocab_size,
            positions=config.max_position_embeddings,
        )

    def train(self, mode: bool = True) -> CausalLanguage:  # torch's signature
        """Stay as in evaluation: dropout in a frozen model would blur what the prompts are trained for."""
        super().train(mode)
        self.model.eval()
        return self

    def no_past(self, batch: int) -> Tensor:
        """An empty cache (L, 2, B, H, 0, W)."""
        return torch.zeros(self.shape.layers, 2, batch, self.shape.heads, 0, self.shape.head_width)

    def embedding_spread(self) -> float:
        """Standard deviation of the token embeddings: how large a prompt should be."""
        return float(self.model.get_input_embeddings().weight.std())

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
            (L, 2, B, H, S, W), S from 0.
        anatomical_bias
            (B, L, S).
        past_key_values
            (L, 2, B, H, cached, W); cached is 0 at first.

        Returns
        -------
        tuple[Tensor, Tensor, Tensor]
            logits (B, T, V); present_key_values (L, 2, B, H, cached + P + T, W); cross_attentions (B, T, S), how the
            attention to the memory spreads over it, mean over layers and heads.
        """
        prompts = prompt_embeds.shape[1]
        queries, mask = text_places(past_key_values, prompts + decoder_input_ids.shape[1])
        embeds = torch.cat([prompt_embeds, self.model.get_input_embeddings()(decoder_input_ids)], 1)
        cache, memory = _Cache(past_key_values), _Memory(encoder_key_values, anatomical_bias, [])
        told = self.model.base_model(
            inputs_embeds=embeds,
            position_ids=queries[None],
            attention_mask=mask[None, None],
            past_key_values=cache,
            use_cache=False,
            memory=memory,
        )
        logits = self.model.lm_head(told.last_hidden_state[:, prompts:])
        seen = torch.stack(memory.seen).mean(0)[:, prompts:]
        return logits, torch.stack(cache.presents), seen / (seen.sum(2, keepdim=True) + 1e-9)


def text_places(past_key_values: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """Positions (length,) of what is new after a cache, and the causal mask (length, cached + length) of its scores."""
    cached = past_key_values.shape[4]
    places = torch.arange(cached + length, device=past_key_values.device)
    queries = places[cached:]
    return queries, (places[None, :] > queries[:, None]).float() * -1e9


def language_from(folder: Path) -> CausalLanguage:
    """A frozen causal language model of a local folder, with the contract of decoder.onnx.

    Raises
    ------
    BundleError
        If the folder holds another kind of checkpoint, or one whose attention the contract cannot carry.
    """
    model = open_checkpoint(folder, LANGUAGE_CLASSES, "the decoder's place")
    config = model.config
    if "sliding_attention" in (getattr(config, "layer_types", None) or ()):
        raise BundleError(f"{folder.name} uses sliding-window attention, which a bundle's cache does not support")
    rope = (getattr(config, "rope_parameters", None) or {}).get("rope_type", "default")
    if rope not in _ROPE_TYPES:
        raise BundleError(f"{folder.name} has rotary embeddings of type {rope!r}; known: {', '.join(_ROPE_TYPES)}")
    return CausalLanguage(model)


class LanguagePrompter(Prompter):
    """Encodings of studies to what a frozen language model is told.

    Parameters
    ----------
    recipe
        Of the encoder and of how to prompt; sizes in its table `decoder` that the language model decides are not read.
    language
        The frozen model.

    Raises
    ------
    BundleError
        If prompts and the longest report do not fit into the model's positions.
    """

    def __init__(self, recipe: Recipe, language: CausalLanguage) -> None:
        shape, asked = language.shape, recipe.decoder
        if asked.prompts + asked.max_new_tokens + 1 > shape.positions:
            raise BundleError(
                f"{asked.prompts} prompts and {asked.max_new_tokens} tokens exceed "
                f"the model's {shape.positions} positions"
            )
        decides = {"width": shape.width, "layers": shape.layers, "heads": shape.heads}
        super().__init__(recipe.model_copy(update={"decoder": asked.model_copy(update=decides)}))
        self.sizes = shape
        self.key_value = nn.Linear(shape.width, 2 * shape.layers * shape.heads * shape.head_width)
        self.opened = nn.Parameter(torch.full((shape.layers,), _CLOSED))
        with torch.no_grad():
            self.prompts.mul_(language.embedding_spread() / self.prompts.std().clamp_min(1e-6))

    def forward(self, *encoded: Tensor) -> Told:
        """Tell the decoder of studies: inputs as of `Prompter`."""
        told = super().forward(*encoded)
        return told._replace(anatomical_bias=told.anatomical_bias + self.opened[None, :, None])

    def _key_values(self, memory: Tensor) -> Tensor:
        shape = self.sizes
        split = self.key_value(self.norm(memory)).view(*memory.shape[:2], shape.layers, 2, shape.heads, -1)
        return split.permute(2, 3, 0, 4, 1, 5)
