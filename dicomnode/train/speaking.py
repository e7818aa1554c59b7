"""Pretraining of the language decoder on the report grammar, before it is frozen."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from dicomnode.train.decoder import Decoder, no_past, nothing_told
from dicomnode.train.encoding import Sentences
from dicomnode.train.fit import Plan, fitted
from dicomnode.train.language import BOS, EOS, PAD, any_facts, coded, fact_width, reference, report, vocabulary, words
from dicomnode.train.recipe import Recipe

# B batch, K findings, P prompts, T tokens, V vocabulary

_UNTOLD = 0.15
"""Share of texts that are written without being told anything."""
_LEARNING_RATE = 3e-3
_BATCH = 64


class Speaker(nn.Module):  # type: ignore[misc]  # torch is not seen by mypy
    """The language decoder, and what tells it facts while there is no image yet."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.decoder = Decoder(recipe, len(vocabulary(recipe)))
        self.shape = recipe.decoder
        length = fact_width(recipe) * len(recipe.findings)
        self.tell = nn.Linear(length, recipe.decoder.prompts * recipe.decoder.width)
        for parameter in self.decoder.bridge():
            parameter.requires_grad_(False)

    def forward(self, facts: Tensor, ids: Tensor, recipe: Recipe) -> Tensor:
        """Facts (B, ...) of `language.coded` and token ids (B, T) to logits (B, T, V)."""
        told = nothing_told(recipe, len(ids))
        prompts = self.tell(facts).view(len(ids), self.shape.prompts, self.shape.width)
        logits, _, _ = self.decoder(
            ids, prompts, told.encoder_key_values, told.anatomical_bias, no_past(recipe, len(ids))
        )
        return logits


def fit_speaker(recipe: Recipe, folder: Path) -> Decoder:
    """Pretrain the language decoder.

    Parameters
    ----------
    folder
        Where checkpoints lie.
    """
    vocab = vocabulary(recipe)
    torch.manual_seed(recipe.fit.seed)

    def loss(model: Speaker, generator: Generator) -> Tensor:
        drawn = [any_facts(recipe, generator) for _ in range(_BATCH)]
        facts = torch.tensor([coded(one, recipe) for one in drawn])
        untold = torch.rand((_BATCH, 1), generator=generator) < _UNTOLD
        ids = padded([token_ids(report(one, recipe, generator), vocab) for one in drawn])
        return next_word_loss(model(facts * ~untold, ids[:, :-1], recipe), ids)

    plan = Plan(
        name="language",
        steps=recipe.fit.language_steps,
        learning_rate=_LEARNING_RATE,
        weight_decay=recipe.fit.weight_decay,
        average_decay=recipe.fit.average_decay,
        checkpoint_steps=recipe.fit.checkpoint_steps,
        seed=recipe.fit.seed,
        recipe=recipe.digest,
        folder=folder,
    )
    return fitted(Speaker(recipe), loss, plan).decoder


def token_ids(text: str, vocab: dict[str, int]) -> Tensor:
    """(T,) with begin and end."""
    return torch.tensor([BOS, *(vocab[word] for word in words(text)), EOS])


def padded(rows: list[Tensor]) -> Tensor:
    """(B, T)."""
    return nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=PAD)


def next_word_loss(logits: Tensor, ids: Tensor) -> Tensor:
    """Cross-entropy of logits (B, T - 1, V) with the tokens (B, T) that follow."""
    return functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), ignore_index=PAD)


def sentences_of(recipe: Recipe, decoder: Decoder) -> tuple[Sentences, int]:
    """The frozen decoder's embedding of the sentences for labels: the mean of its last hidden states.

    Returns
    -------
    tuple[Sentences, int]
        The function, and the width of what it gives.
    """
    vocab = vocabulary(recipe)
    known: dict[str, Tensor] = {}

    def embedded(text: str) -> Tensor:
        if text not in known:
            with torch.no_grad():
                known[text] = decoder.hidden(token_ids(text, vocab)[None]).mean(1)[0]
        return known[text]

    def embed(labels: Tensor) -> tuple[Tensor, Tensor]:
        texts = [reference(row, recipe) for row in labels.tolist()]
        distinct = sorted(set(texts))
        own = torch.tensor([distinct.index(text) for text in texts])
        return torch.stack([embedded(text) for text in distinct]), own

    return embed, recipe.decoder.width
