"""What each part of the language side is worth: the same encoder, the same texts, one part left out at a time.

Every variant starts from the same pretrained language decoder and sees the same batches. It is measured on the
validation split, so that the test split stays untouched.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import structlog
import torch

from dicomnode.errors import SettingsError
from dicomnode.records import FindingSpec
from dicomnode.report.languages import words_of
from dicomnode.train.calibration import Calibration, calibrations
from dicomnode.train.data import read_auxiliary
from dicomnode.train.decoder import Decoder, Told, no_past
from dicomnode.train.dicom_data import read_any_split
from dicomnode.train.drafting import Drafter, Views, encoded_views, facts_of, joined
from dicomnode.train.encoding import logits_of
from dicomnode.train.evaluation.entities import Entity, entities
from dicomnode.train.language import BOS, EOS, PAD, report, vocabulary
from dicomnode.train.model import Encoder
from dicomnode.train.pool import build_pool
from dicomnode.train.recipe import Recipe
from dicomnode.train.speaking import fit_speaker, next_word_loss, padded, token_ids
from dicomnode.train.stages import STAGES, load_stage

log = structlog.get_logger(__name__)

VARIANTS: dict[str, dict[str, object]] = {
    "as shipped": {},
    "no prompts": {"prompting": "none"},
    "static prompts": {"prompting": "static"},
    "prompt-wise": {"prompting": "prompt_wise"},
    "promptbook-wise": {"prompting": "promptbook_wise"},
    "prompt-wise, no finding tokens": {"prompting": "prompt_wise", "finding_tokens": False},
    "promptbook-wise, no finding tokens": {"prompting": "promptbook_wise", "finding_tokens": False},
    "static prompts, no finding tokens": {"prompting": "static", "finding_tokens": False},
    "no anatomical bias": {"anatomical_bias": 0.0},
    "no anatomical bias, no finding tokens": {"anatomical_bias": 0.0, "finding_tokens": False},
}
"""Changes to the recipe's table [decoder]."""
_BATCH = 32


def ablate_language(recipe: Recipe, data_dir: Path, out_dir: Path) -> dict[str, Any]:
    """Train and measure every variant, and leave the table as `ablations.json` beside the checkpoints.

    Parameters
    ----------
    data_dir, out_dir
        As in `run.train_bundle`, which must have trained the encoder.

    Returns
    -------
    dict[str, Any]
        By variant: `next_word_loss`, and shares of the findings spoken of whose stance, side and extent are right.

    Raises
    ------
    SettingsError
        If the encoder is not trained yet.
    """
    torch.set_num_threads(recipe.fit.threads)
    folder = out_dir.with_name(out_dir.name + ".training")
    encoder = _last_encoder(recipe, folder)
    train, validation = (read_any_split(data_dir, name, recipe.keys, recipe, recipe.data) for name in ("train", "val"))
    of_images = calibrations(validation, logits_of(encoder, validation.images, recipe.pixels), recipe.keys)
    auxiliary = read_auxiliary(data_dir, recipe.keys, recipe.pixels, recipe.data)
    seen = encoded_views(recipe, encoder, build_pool(recipe, train, auxiliary))
    once = recipe.model_copy(update={"fit": recipe.fit.model_copy(update={"views": 1})})
    unseen = encoded_views(once, encoder, build_pool(once, validation, None))
    language = fit_speaker(recipe, folder)
    table = {}
    for name, change in VARIANTS.items():
        variant = recipe.model_copy(update={"decoder": recipe.decoder.model_copy(update=change)})
        place = folder / "ablations" / name.replace(" ", "_").replace(",", "")
        drafter = joined(variant, copy.deepcopy(language), seen, of_images, place)
        table[name] = measured(variant, drafter, unseen, of_images)
        log.info("measured", variant=name, **table[name])
    (folder / "ablations.json").write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    return table


def _last_encoder(recipe: Recipe, folder: Path) -> Encoder:
    for name in reversed(STAGES):
        encoder = load_stage(recipe, name, folder)
        if encoder is not None:
            return encoder
    raise SettingsError(f"{folder} holds no trained encoder; run dicomnode model train with this recipe first")


def measured(recipe: Recipe, drafter: Drafter, views: Views, of_images: tuple[Calibration, ...]) -> dict[str, float]:
    """How well a drafter says what it should of views that it has not seen.

    Returns
    -------
    dict[str, float]
        `next_word_loss`; `stance_right`: share of the findings spoken of that are stated as they should be;
        `side_right` and `extent_right`: share of those that should be stated with it.
    """
    vocab = vocabulary(recipe)
    lines = torch.tensor([calibration.line for calibration in of_images])
    margins = views.logits.float() * lines[:, 0] + lines[:, 1]
    losses, pairs = [], []
    for chosen in torch.arange(len(margins)).split(_BATCH):
        rows = zip(margins[chosen].tolist(), views.where[chosen].tolist(), views.is_known[chosen].tolist(), strict=True)
        texts = [report(facts_of(recipe, *row), recipe, None) for row in rows]
        ids = padded([token_ids(text, vocab) for text in texts])
        with torch.no_grad():
            told = drafter.told(views, chosen, margins[chosen])
            logits, _, _ = drafter.decoder(ids[:, :-1], *told, no_past(recipe, len(ids)))
            losses.append(float(next_word_loss(logits, ids)) * len(chosen))
            pairs += list(zip(texts, _greedy(recipe, drafter.decoder, told, vocab), strict=True))
    return {"next_word_loss": round(sum(losses) / len(margins), 4), **_agreement(recipe, pairs)}


def _greedy(recipe: Recipe, decoder: Decoder, told: Told, vocab: dict[str, int]) -> list[str]:
    """One draft for each study, without a cache: a check on the other way, and fast enough here."""
    words = {index: word for word, index in vocab.items()}
    ids = torch.full((len(told.prompt_embeds), 1), BOS)
    is_over = torch.zeros(len(ids), dtype=torch.bool)
    for _ in range(recipe.decoder.max_new_tokens):
        logits, _, _ = decoder(ids, *told, no_past(recipe, len(ids)))
        chosen = torch.where(is_over, torch.full((), PAD), logits[:, -1].argmax(-1))
        ids = torch.cat([ids, chosen[:, None]], 1)
        is_over |= chosen == EOS
        if bool(is_over.all()):
            break
    return [" ".join(words[token] for token in row if token not in (BOS, EOS, PAD)) for row in ids.tolist()]


def _agreement(recipe: Recipe, pairs: list[tuple[str, str]]) -> dict[str, float]:
    right = {"stance": [0, 0], "side": [0, 0], "extent": [0, 0]}
    for text, draft in pairs:
        said = {entity.finding: entity for entity in _entities(recipe, draft)}
        for wanted in _entities(recipe, text):
            found = said.get(wanted.finding)
            for name, count in right.items():
                if name == "stance" or getattr(wanted, name):
                    count[1] += 1
                    count[0] += found is not None and getattr(found, name) == getattr(wanted, name)
    return {f"{name}_right": round(hits / max(total, 1), 4) for name, (hits, total) in right.items()}


def _entities(recipe: Recipe, text: str) -> tuple[Entity, ...]:
    specs = [
        FindingSpec(key=f.key, code=f.code, site=f.site, threshold=0.5, acuity=f.acuity, terms=f.terms)
        for f in recipe.findings
    ]
    sentences = [part.strip() + "." for part in text.split(".") if part.strip()]
    return entities(sentences, specs, words_of("en").cues, recipe.language)
