"""A frozen Hugging Face language model joined to an encoder: only the prompter between them is trained.

It learns the report grammar's texts as `drafting` teaches them to our own decoder, in the language model's tokens.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Generator, Tensor, nn
from torch.export import Dim
from torch.nn import functional

from dicomnode.measure.calibration import Calibration
from dicomnode.train.bundle import Tables
from dicomnode.train.compress.export import StudyPrompter
from dicomnode.train.compress.graphs import PROMPTER, compare, write_graph
from dicomnode.train.drafting import Views, facts_of, shaken
from dicomnode.train.fit import Plan, fitted
from dicomnode.train.imports.checkpoints import read_tokenizer, special_tokens
from dicomnode.train.imports.graph import write_language
from dicomnode.train.imports.language import CausalLanguage, LanguagePrompter
from dicomnode.train.imports.pack import digests_of
from dicomnode.train.language import report
from dicomnode.train.recipe import Recipe

# B batch, T tokens

_NOT_ASKED = -100
"""Target of the places after the end of a text."""


class LanguageWords:
    """Texts in the tokens of a language model.

    Parameters
    ----------
    folder
        Of its checkpoint.

    Raises
    ------
    BundleError
        If its tokenizer is not one that serving can decode, or the checkpoint does not say how texts end.
    """

    def __init__(self, folder: Path) -> None:
        self.content = read_tokenizer(folder)
        self.special = special_tokens(folder, "bos_token_id")
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        parts = {"config": (folder / "config.json").read_text(), "weights": digests_of(folder)}
        self.digest = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
        """Of the whole model."""

    def token_ids(self, text: str) -> list[int]:
        """Ids of a text with begin and end."""
        ids = self._tokenizer.encode(text, add_special_tokens=False).ids
        return [self.special.bos, *ids, self.special.eos]


def fit_joined(
    recipe: Recipe,
    language: CausalLanguage,
    words: LanguageWords,
    views: Views,
    calibrations: tuple[Calibration, ...],
    folder: Path,
) -> LanguagePrompter:
    """Train what tells the language model of images, while it stands still.

    Parameters
    ----------
    recipe
        As it fits the encoder (see `imports_vision.recipe_for`).
    views
        What the encoder says of the training images.
    calibrations
        One for each finding, of single images.
    folder
        Where checkpoints lie.
    """
    lines = torch.tensor([calibration.line for calibration in calibrations])  # (K, 2)
    margins_of_views = views.logits.float() * lines[:, 0] + lines[:, 1]
    parts = (views.features, views.segmentation, views.tokens, views.attended, views.class_maps)
    torch.manual_seed(recipe.fit.seed)

    def loss(model: LanguagePrompter, generator: Generator) -> Tensor:
        chosen = torch.randint(len(views.logits), (recipe.fit.decoder_batch,), generator=generator)
        margins = shaken(margins_of_views[chosen], generator)
        rows = zip(margins.tolist(), views.where[chosen].tolist(), views.is_known[chosen].tolist(), strict=True)
        texts = [words.token_ids(report(facts_of(recipe, *row), recipe, generator)) for row in rows]
        told = model(margins, *(part[chosen].float() for part in parts))
        return spoken_loss(language, told, texts)

    plan = Plan(
        name="joined",
        steps=recipe.fit.decoder_steps,
        learning_rate=recipe.fit.decoder_learning_rate,
        weight_decay=recipe.fit.weight_decay,
        average_decay=recipe.fit.average_decay,
        checkpoint_steps=recipe.fit.checkpoint_steps,
        seed=recipe.fit.seed,
        recipe=f"{recipe.digest}-{words.digest}",
        folder=folder,
    )
    prompter = fitted(LanguagePrompter(recipe, language), loss, plan)
    prompter.eval()
    return prompter


def spoken_loss(language: CausalLanguage, told: tuple[Tensor, Tensor, Tensor], texts: list[list[int]]) -> Tensor:
    """Cross-entropy of texts, as token ids with begin and end, by a language model that was told of B images."""
    rows = [torch.tensor(text) for text in texts]
    given = nn.utils.rnn.pad_sequence([row[:-1] for row in rows], batch_first=True)
    wanted = nn.utils.rnn.pad_sequence([row[1:] for row in rows], batch_first=True, padding_value=_NOT_ASKED)
    logits = language(given, *told, language.no_past(len(rows)))[0]
    return functional.cross_entropy(logits.flatten(0, 1), wanted.flatten(), ignore_index=_NOT_ASKED)


def write_joined(
    prompter: StudyPrompter,
    language: CausalLanguage,
    words: LanguageWords,
    encoded: tuple[Tensor, ...],
    recipe: Recipe,
    folder: Path,
) -> Tables:
    """Write `prompter.onnx`, `decoder.onnx` and `tokenizer.json`.

    Parameters
    ----------
    prompter
        Around the `LanguagePrompter` of `fit_joined`.
    encoded
        The encoder's outputs, in the order of the prompter's inputs, of at least two images.
    recipe
        The one that it was trained by.

    Returns
    -------
    Tables
        The tables `tokens` and `decoder` of bundle.toml.

    Raises
    ------
    BundleError
        If a graph is too large or differs from its module.
    """
    images = Dim("images", min=1, max=4096)
    path = folder / "prompter.onnx"
    write_graph(prompter, encoded, PROMPTER, {name: {0: images} for name in PROMPTER[0]}, path)
    compare(prompter, [encoded, tuple(one[:1] for one in encoded)], PROMPTER, path)
    shape = language.shape
    longest = recipe.decoder.prompts + recipe.decoder.max_new_tokens + 1
    write_language(language, shape, longest, folder / "decoder.onnx")
    (folder / "tokenizer.json").write_text(json.dumps(words.content, ensure_ascii=False) + "\n", encoding="utf-8")
    return {"tokens": words.special.as_table(), "decoder": shape.as_table(recipe.decoder.prompts)}
