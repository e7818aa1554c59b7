"""Both halves of a Hugging Face image captioner: a vision transformer and a GPT-2 that attends to its tokens.

A captioner has no classifier. It is asked: the logit of a finding is the log-likelihood that the decoder gives a
sentence that states it, less that of one that denies it. The class map is that logit, spread over the image as the
decoder's cross-attention was while it read the stating sentence, so it sums to the logit.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from dicomnode.errors import BundleError
from dicomnode.infer.manifest import PixelRecipe
from dicomnode.train.imports.checkpoints import CAPTIONER_CLASSES, SpecialTokens, open_checkpoint, special_tokens
from dicomnode.train.imports.language import LanguageShape, text_places
from dicomnode.train.imports.vision import Backbone, backbone_of
from dicomnode.train.model import attention

# B batch, N images, K findings, T tokens, P prompts, S memory positions, L layers, H heads, W head width, g grid side


class CaptionDecoder(nn.Module):  # type: ignore[misc]  # torch is not seen by mypy
    """GPT-2 with cross-attention, written out with the keys and values of the image as an input.

    Parameters
    ----------
    model
        A transformers GPT2LMHeadModel with cross-attention.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        config = model.config
        self.body, self.head = model.transformer, model.lm_head
        self.shape = LanguageShape(
            layers=config.n_layer,
            heads=config.n_head,
            head_width=config.n_embd // config.n_head,
            width=config.n_embd,
            vocabulary=config.vocab_size,
            positions=config.n_positions,
        )

    def key_values(self, tokens: Tensor) -> Tensor:
        """Image tokens (B, S, width) to encoder_key_values (L, 2, B, H, S, W)."""
        return torch.stack([torch.stack(self._split(block.crossattention.c_attn(tokens), 2)) for block in self.body.h])

    def _split(self, mixed: Tensor, parts: int) -> tuple[Tensor, ...]:
        """(B, T, parts * width) to each part's (B, H, T, W)."""
        shape = (*mixed.shape[:2], parts, self.shape.heads, self.shape.head_width)
        return mixed.view(shape).permute(2, 0, 3, 1, 4).unbind(0)  # type: ignore[no-any-return]

    def _looked(self, module: Any, query: Tensor, key_value: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """One attention, with GPT-2's own scale in the place of ours."""
        scaled = query * (module.scaling * self.shape.head_width**0.5)
        mixed, weights = attention(scaled, key_value[0], key_value[1], mask)
        return module.c_proj(mixed), weights

    def forward(
        self,
        decoder_input_ids: Tensor,
        prompt_embeds: Tensor,
        encoder_key_values: Tensor,
        anatomical_bias: Tensor,
        past_key_values: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Score the next tokens: inputs and outputs as of `decoder.Decoder`."""
        prompts = prompt_embeds.shape[1]
        queries, mask = text_places(past_key_values, prompts + decoder_input_ids.shape[1])
        x = torch.cat([prompt_embeds, self.body.wte(decoder_input_ids)], 1) + self.body.wpe(queries)
        presents, seen = [], []
        for index, block in enumerate(self.body.h):
            query, key, value = self._split(block.attn.c_attn(block.ln_1(x)), 3)
            present = torch.cat([past_key_values[index], torch.stack([key, value])], 3)
            x = x + self._looked(block.attn, query, present, mask)[0]
            (asked,) = self._split(block.crossattention.q_attn(block.ln_cross_attn(x)), 1)
            bias = anatomical_bias[:, index, None, None]
            said, weights = self._looked(block.crossattention, asked, encoder_key_values[index], bias)
            x = x + said
            x = x + block.mlp(block.ln_2(x))
            presents.append(present)
            seen.append(weights.mean(1))
        logits = self.head(self.body.ln_f(x[:, prompts:]))
        return logits, torch.stack(presents), torch.stack(seen).mean(0)[:, prompts:]


class CaptionEncoder(nn.Module):  # type: ignore[misc]
    """Images to the encoder's outputs of the contract.

    Parameters
    ----------
    backbone
        The captioner's image half.
    projection
        From its width to the decoder's; identity where they are equal.
    decoder
        Asked for the findings.
    phrases
        For each finding the token ids of a sentence that states it and of one that denies it.
    bos_token_id
        Every text begins with it.
    """

    def __init__(
        self,
        backbone: Backbone,
        projection: nn.Module,
        decoder: CaptionDecoder,
        phrases: Sequence[tuple[Sequence[int], Sequence[int]]],
        bos_token_id: int,
    ) -> None:
        super().__init__()
        self.backbone, self.projection, self.decoder = backbone, projection, decoder
        texts = [list(text) for side in (0, 1) for text in (pair[side] for pair in phrases)]  # all stating, all denying
        longest = max(len(text) for text in texts)
        padded = torch.tensor([text + [bos_token_id] * (longest - len(text)) for text in texts])
        counted = torch.tensor([[1.0] * len(text) + [0.0] * (longest - len(text)) for text in texts])
        self.register_buffer("targets", padded)
        self.register_buffer("counted", counted)
        self.register_buffer("given", torch.cat([torch.full((len(texts), 1), bos_token_id), padded[:, :-1]], 1))

    def forward(self, pixel_values: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
        """(B, C, rows, columns) to logits, class_maps, features, segmentation of nothing, tokens and attended."""
        leading, patches = self.backbone(pixel_values)
        # The order does not matter to cross-attention; the cells come first, as the contract has them.
        tokens = self.projection(torch.cat([patches, leading], 1))
        logits, places = self._asked(tokens, patches.shape[1])
        maps = functional.interpolate(
            self.backbone.map_of((places * logits[..., None]).transpose(1, 2)), scale_factor=2.0, mode="nearest"
        )
        segmentation = maps[:, :0]
        return logits, maps / 4, leading[:, 0], segmentation, tokens, places @ tokens[:, : patches.shape[1]]

    def _asked(self, tokens: Tensor, cells: int) -> tuple[Tensor, Tensor]:
        """Logits (B, K) and places (B, K, cells), which sum to 1."""
        batch, (texts, length) = tokens.shape[0], self.targets.shape
        key_values = self.decoder.key_values(tokens)  # (L, 2, B, H, S, W)
        layers, _, _, heads, positions, width = key_values.shape
        # Every text is read beside every image: (B * texts) in one batch.
        asked = key_values[:, :, :, None].expand(-1, -1, -1, texts, -1, -1, -1)
        asked = asked.reshape(layers, 2, batch * texts, heads, positions, width)
        given = self.given[None].expand(batch, -1, -1).reshape(batch * texts, length)
        nothing = asked[:, :, :, :, :0]
        none = asked.new_zeros(1, layers, positions).expand(batch * texts, -1, -1)
        scores, _, seen = self.decoder(
            given, asked.new_zeros(1, 0, heads * width).expand(batch * texts, -1, -1), asked, none, nothing
        )
        likely = torch.log_softmax(scores, 2).view(batch, texts, length, -1)
        wanted = self.targets[None, :, :, None].expand(batch, -1, -1, 1)
        spoken = (likely.gather(3, wanted)[..., 0] * self.counted).sum(2)  # (B, texts)
        weights = (seen.view(batch, texts, length, positions) * self.counted[None, :, :, None]).sum(2)
        places = weights[:, : texts // 2, :cells]
        return spoken[:, : texts // 2] - spoken[:, texts // 2 :], places / places.sum(2, keepdim=True)


class CaptionPrompter(nn.Module):  # type: ignore[misc]
    """The most conspicuous image of a reading to the decoder's memory; a captioner has learned to read one image."""

    def __init__(self, decoder: CaptionDecoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(
        self,
        logits: Tensor,
        class_maps: Tensor,
        features: Tensor,
        segmentation: Tensor,
        tokens: Tensor,
        attended: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Encodings of N images to the prompter's outputs of the contract."""
        attended_slices = torch.softmax(logits, 0)  # (N, K)
        conspicuous = logits.amax(1).argmax(0, keepdim=True)
        memory = self.decoder.key_values(tokens.index_select(0, conspicuous))
        width = self.decoder.shape.width
        return (
            (attended_slices * logits).sum(0),
            attended_slices.transpose(0, 1),
            torch.zeros_like(logits[:, 0]),  # what usual images look like is not known of a foreign model
            tokens.new_zeros(1, 0, width),
            memory,
            memory.new_zeros(1, memory.shape[0], memory.shape[4]),
        )


class Captioner(NamedTuple):
    """What an imported captioner is made of."""

    encoder: CaptionEncoder
    prompter: CaptionPrompter
    decoder: CaptionDecoder
    tokens: SpecialTokens


def captioner_from(folder: Path, pixels: PixelRecipe, phrases: Sequence[tuple[str, str]]) -> Captioner:
    """An image captioner of a local folder.

    Parameters
    ----------
    phrases
        For each finding a sentence that states it and one that denies it, in the captioner's own words.

    Raises
    ------
    BundleError
        If the folder holds another kind of checkpoint, or a captioner whose decoder is no GPT-2.
    """
    model = open_checkpoint(folder, CAPTIONER_CLASSES, "an hf-captioner")
    words = type(model.decoder).__name__
    if words != "GPT2LMHeadModel":
        raise BundleError(f"{folder.name} has a {words} as decoder; an hf-captioner needs a GPT2LMHeadModel")
    tokens = special_tokens(folder, "decoder_start_token_id")
    decoder = CaptionDecoder(model.decoder)
    projection = getattr(model, "enc_to_dec_proj", None) or nn.Identity()
    backbone = backbone_of(model, folder, pixels)
    encoded = [(_phrase(folder, states), _phrase(folder, denies)) for states, denies in phrases]
    encoder = CaptionEncoder(backbone, projection, decoder, encoded, tokens.bos)
    for part in (encoder, decoder):
        part.requires_grad_(requires_grad=False).eval()
    return Captioner(encoder, CaptionPrompter(decoder), decoder, tokens)


def _phrase(folder: Path, text: str) -> list[int]:
    from tokenizers import Tokenizer

    # What the checkpoint adds around a text is added here by hand.
    ids: list[int] = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(text, add_special_tokens=False).ids
    return ids
