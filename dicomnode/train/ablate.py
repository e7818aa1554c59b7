"""Ablations: one part of the model is left out at a time, everything else stays the same.

Variants of the language side share the encoder and the pretrained language decoder; variants of the encoder share the
teacher and the stage they are trained in. All see the same batches and are measured on the validation split, so that
the test split stays untouched.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path

import numpy as np
import structlog
import torch
from torch.nn import functional

from dicomnode.measure.calibration import Calibration
from dicomnode.measure.metrics import auc
from dicomnode.records import FindingSpec, FloatArray
from dicomnode.report.cues import cues_of
from dicomnode.train.calibration import calibrations, image_examples
from dicomnode.train.compress.parity import pointing
from dicomnode.train.data import Split, read_auxiliary
from dicomnode.train.decoder import Decoder, Told, no_past
from dicomnode.train.dicom_data import read_any_split
from dicomnode.train.drafting import Drafter, Views, encoded_views, facts_of, joined
from dicomnode.train.encoding import fit_stages, logits_of
from dicomnode.train.evaluation.entities import Entity, entities
from dicomnode.train.language import BOS, EOS, PAD, report, vocabulary
from dicomnode.train.model import Encoder, encoder_of
from dicomnode.train.phantoms import drawn_on
from dicomnode.train.pool import build_pool
from dicomnode.train.recipe import Recipe
from dicomnode.train.speaking import fit_speaker, next_word_loss, padded, sentences_of, token_ids
from dicomnode.train.stages import language_folder, load_stage, trained_encoders

log = structlog.get_logger(__name__)

VARIANTS: dict[str, dict[str, object]] = {
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
_DRAWN = 120
"""Validation images on which lesions are drawn."""


def ablate(recipe: Recipe, data_dir: Path, out_dir: Path, steps: int | None = None) -> dict[str, dict[str, float]]:
    """Train and measure every variant, and leave the table as `ablations.json` beside the checkpoints.

    Parameters
    ----------
    data_dir, out_dir
        As in `run.train_bundle`, which must have made the bundle.
    steps
        Each variant is trained so long; None: as long as the recipe says.

    Returns
    -------
    dict[str, dict[str, float]]
        By variant, see `ablate_language` and `ablate_encoder`.

    Raises
    ------
    SettingsError
        If the encoder is not trained yet.
    """
    torch.set_num_threads(recipe.fit.threads)
    folder = out_dir.with_name(out_dir.name + ".training")
    table = ablate_language(recipe, data_dir, folder, steps) | ablate_encoder(recipe, data_dir, folder, steps)
    (folder / "ablations.json").write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    return table


def ablate_language(recipe: Recipe, data_dir: Path, folder: Path, steps: int | None) -> dict[str, dict[str, float]]:
    """Every variant of the prompts and of the bias.

    Returns
    -------
    dict[str, dict[str, float]]
        By variant: `next_word_loss`, and shares of the findings spoken of whose stance, side and extent are right.
    """
    encoder = [*trained_encoders(recipe, folder).values()][-1]
    folder, recipe = language_folder(recipe, folder), recipe.reported
    train, validation = _splits(recipe, data_dir)
    logits = logits_of(encoder, validation.images, recipe.pixels)
    of_images = calibrations(image_examples(validation, logits, recipe.keys))
    auxiliary = read_auxiliary(data_dir, recipe.keys, recipe.pixels, recipe.data)
    seen = encoded_views(recipe, encoder, build_pool(recipe, train, auxiliary))
    once = recipe.model_copy(update={"fit": recipe.fit.model_copy(update={"views": 1})})
    unseen = encoded_views(once, encoder, build_pool(once, validation, None))
    language = fit_speaker(recipe, folder)
    fit = recipe.fit.model_copy(update={"decoder_steps": steps or recipe.fit.decoder_steps})
    table = {}
    for name, change in VARIANTS.items():
        decoder = recipe.decoder.model_copy(update=change)
        variant = recipe.model_copy(update={"decoder": decoder, "fit": fit})
        drafter = joined(variant, copy.deepcopy(language), seen, of_images, _place(folder, name))
        table[name] = measured(variant, drafter, unseen, of_images)
        log.info("measured", variant=name, **table[name])
    return table


def ablate_encoder(recipe: Recipe, data_dir: Path, folder: Path, steps: int | None) -> dict[str, dict[str, float]]:
    """An encoder as the recipe says, one without its teacher, and one without synthetic images, in the longest stage.

    Returns
    -------
    dict[str, dict[str, float]]
        By variant: `auroc_SOURCE` of the main finding, `auroc_of_drawn_lesions` against the images without finding,
        and `pointing_game_on_drawn_lesions`.
    """
    train, validation = _splits(recipe, data_dir)
    sentences = sentences_of(recipe, fit_speaker(recipe, folder))
    pool = build_pool(recipe, train, read_auxiliary(data_dir, recipe.keys, recipe.pixels, recipe.data))
    longest = max((recipe.distill or recipe.fit).stages, key=lambda stage: stage.steps)
    stage = longest.model_copy(update={"steps": steps or longest.steps})
    teacher = load_stage(recipe, "teacher", folder)
    plain = stage.model_copy(update={"pasted": 0.0, "sketches": 0.0})
    variants = {"encoder": (stage, teacher), "encoder, no synthetic images": (plain, teacher)}
    if teacher is not None:
        variants["encoder, no distillation"] = (stage, None)
    table = {}
    for name, (its_stage, its_teacher) in variants.items():
        torch.manual_seed(recipe.fit.seed)
        place = _place(folder, name)
        encoder = fit_stages(
            recipe, encoder_of(recipe), (its_stage,), pool, sentences, name="encoder", folder=place, teacher=its_teacher
        )
        table[name] = _looked(recipe, encoder, validation, stage.side)
        log.info("measured", variant=name, **table[name])
    return table


def _splits(recipe: Recipe, data_dir: Path) -> tuple[Split, Split]:
    train, validation = (read_any_split(data_dir, name, recipe.keys, recipe, recipe.data) for name in ("train", "val"))
    return train, validation


def _place(folder: Path, name: str) -> Path:
    """Where a variant's checkpoints lie."""
    return folder / "ablations" / name.replace(" ", "_").replace(",", "")


def _looked(recipe: Recipe, encoder: Encoder, validation: Split, side: int) -> dict[str, float]:
    """What an encoder finds on the validation split, and of lesions drawn on it, at the side it was trained at."""
    main = recipe.keys.index(recipe.card.main_finding)
    logits = logits_of(encoder, _resized(validation.images, side), recipe.pixels)[:, main]
    truth = validation.labels[:, main]
    figures = {}
    for source in np.unique(validation.sources):
        chosen = np.flatnonzero((validation.sources == source) & ~np.isnan(truth))
        figures[f"auroc_{source}"] = round(auc(truth, logits, chosen), 4)
    drawn = drawn_on(recipe, validation, _DRAWN, np.random.default_rng(recipe.fit.seed))
    if drawn is None:
        return figures
    marked = drawn.labels[:, main] == 1
    with torch.inference_mode():
        shown = torch.from_numpy(_resized(drawn.images[marked], side))
        said = encoder((shown - recipe.pixels.mean) / recipe.pixels.std)
    normal = np.nan_to_num(validation.labels, nan=0.0).max(1) == 0
    scores = np.concatenate([said.logits[:, main].numpy(), logits[normal]])
    is_drawn = np.arange(len(scores)) < marked.sum()
    figures["auroc_of_drawn_lesions"] = round(auc(is_drawn.astype(np.float32), scores, np.arange(len(scores))), 4)
    maps, masks = said.class_maps[:, main : main + 1].numpy(), drawn.masks[marked, main : main + 1]
    return figures | ({"pointing_game_on_drawn_lesions": pointing(maps, masks)} if masks.any() else {})


def _resized(images: FloatArray, side: int) -> FloatArray:
    small = functional.interpolate(torch.from_numpy(images), size=(side, side), mode="bilinear", antialias=True)
    return np.asarray(small.numpy(), np.float32)


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
    return entities(sentences, specs, cues_of("en"), recipe.language)
