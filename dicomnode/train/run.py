"""One training run from data to bundle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import structlog
import torch

from dicomnode.errors import SettingsError
from dicomnode.infer.contract import COMPARER, ENCODER
from dicomnode.measure.calibration import Calibration
from dicomnode.measure.metrics import auc
from dicomnode.records import FloatArray
from dicomnode.train.bundle import Tables, renew_digests, write_manifest, write_words
from dicomnode.train.calibration import calibrations, image_examples, study_examples
from dicomnode.train.comparing import fit_comparer
from dicomnode.train.compress.export import (
    ExportedEncoder,
    ReadImage,
    StudyPrompter,
    export_comparer,
    export_encoder,
    export_language,
    read_images,
)
from dicomnode.train.compress.gradients import export_gradients, gradient_figures
from dicomnode.train.data import Split, films, read_auxiliary
from dicomnode.train.dicom_data import read_any_split
from dicomnode.train.doubt import add_doubt
from dicomnode.train.drafting import fit_drafter
from dicomnode.train.evaluation.card import card, write_cards, write_unmeasured
from dicomnode.train.evaluation.changes import change_figures
from dicomnode.train.evaluation.evaluate import evaluate_bundle, groups
from dicomnode.train.hyperparameters import ComparerRecipe
from dicomnode.train.model import Encoder, only_findings
from dicomnode.train.pairs import seen_series
from dicomnode.train.pool import build_pool
from dicomnode.train.recipe import Recipe
from dicomnode.train.speaking import fit_speaker
from dicomnode.train.stages import fit_encoders, language_folder, trained_encoders

log = structlog.get_logger(__name__)

# N images, C channels, K findings, S side

_MEASURED_BESIDE = ("compression", "ablations", "gradients", "explanations", "change")
"""Tables that other commands leave in the folder of checkpoints, and that the card takes."""
_COMPARED = 64
"""Images on which gradients and encoder are compared."""


def train_bundle(recipe: Recipe, data_dir: Path, out_dir: Path) -> None:
    """Train, compress, calibrate and measure a bundle.

    Checkpoints go to a folder beside the bundle, `<out_dir>.training`; a run that was stopped goes on from them.

    Parameters
    ----------
    data_dir
        Folder of `labels.csv`, `train.tar`, `val.tar` and `test.tar`.
    out_dir
        The bundle's folder; files in it are replaced.

    Raises
    ------
    PermanentError
        If the data are wrong (see `data.read_split`).
    SettingsError
        If the checkpoints are of another recipe.
    BundleError
        If an exported graph differs too much from its model.
    """
    torch.set_num_threads(recipe.fit.threads)
    checkpoints = _beside(out_dir)
    train, validation = (read_any_split(data_dir, name, recipe.keys, recipe, recipe.data) for name in ("train", "val"))
    pool = build_pool(recipe, train, read_auxiliary(data_dir, recipe.keys, recipe.pixels, recipe.data))
    decoder = fit_speaker(recipe, checkpoints)
    encoder = fit_encoders(recipe, pool, decoder, checkpoints)
    if recipe.bundle.reports:
        kept = [recipe.keys.index(key) for key in recipe.reported.keys]
        checkpoints = language_folder(recipe, checkpoints)
        recipe, encoder, pool = recipe.reported, only_findings(encoder, kept), pool.only_findings(kept)
        train, validation = (
            read_any_split(data_dir, name, recipe.keys, recipe, recipe.data) for name in ("train", "val")
        )
        decoder = fit_speaker(recipe, checkpoints)

    out_dir.mkdir(parents=True, exist_ok=True)
    seen, unseen = pixel_values(recipe, train), pixel_values(recipe, validation)
    exported = export_encoder(encoder, recipe, seen[:: max(1, len(seen) // 128)], unseen, out_dir)
    write_gradients(encoder, unseen, out_dir)
    of_images = calibrations(image_examples(validation, exported.int8_logits, recipe.keys))
    of_studies = calibrations(study_examples(validation, exported.int8_logits, recipe.keys, recipe.fit.seed))
    drafter = fit_drafter(recipe, encoder, decoder, pool, of_images, checkpoints)
    usual = tuple(features_of(read_images(out_dir / "encoder.onnx", images)) for images in (seen, unseen))
    prompter = StudyPrompter(drafter.prompter, encoder.domain, of_studies, (usual[0], usual[1]))
    difference = max(exported.float_difference, export_language(prompter, drafter, recipe, out_dir))
    write_words(recipe, of_images, of_studies, out_dir)
    (out_dir / COMPARER).unlink(missing_ok=True)
    if recipe.comparer is not None:
        difference = max(difference, write_comparer(recipe, recipe.comparer, (train, validation), out_dir))
    command = f"dicomnode model train conf/train/{recipe.bundle.name}.toml --data DIR --out BUNDLE_DIR"
    export = _compression(recipe, validation, exported, difference)
    write_measured(recipe, data_dir, out_dir, of_studies, export, command)


def write_measured(
    recipe: Recipe,
    data_dir: Path,
    out_dir: Path,
    thresholds: tuple[Calibration, ...],
    export: dict[str, Any],
    command: str,
    language: Tables | None = None,
) -> None:
    """Measure the finished graphs on the test split and write cards and manifest.

    Parameters
    ----------
    export
        What the export changed, for the card.
    command
        How to make the bundle again.
    language
        As in `bundle.write_manifest`.
    """
    write_unmeasured(out_dir)
    write_manifest(recipe, thresholds, out_dir, language)
    log.info("exported", bundle=str(out_dir))
    add_doubt(recipe, data_dir, out_dir)
    figures: dict[str, Any] = evaluate_bundle(
        out_dir, data_dir, recipe=recipe, bootstrap=recipe.card.bootstrap, seed=recipe.fit.seed
    )
    figures["export"] = export
    figures |= _measured_beside(out_dir)
    write_cards(card(recipe, films(data_dir, recipe.keys, recipe.data), figures, command), out_dir)
    write_manifest(recipe, thresholds, out_dir, language)
    log.info("measured", bundle=str(out_dir))


def add_doubt_to_trained(recipe: Recipe, data_dir: Path, out_dir: Path) -> None:
    """Measure anew how sure a trained bundle is, on validation and test split, and write its cards.

    Raises
    ------
    SettingsError
        If the bundle has no figures, or another recipe made it.
    BundleError, PermanentError
        As `doubt.add_doubt`.
    """
    content = _own_card(recipe, out_dir)
    add_doubt(recipe, data_dir, out_dir)
    figures = evaluate_bundle(
        out_dir, data_dir, recipe=recipe.reported, bootstrap=recipe.card.bootstrap, seed=recipe.fit.seed
    )
    write_cards(content | {name: figures[name] for name in ("uncertainty", "controls")}, out_dir)
    renew_digests(out_dir)


def renew_card(recipe: Recipe, out_dir: Path) -> None:
    """Write a bundle's cards anew: its own figures, the recipe's words as they are now, and what was measured since.

    Raises
    ------
    SettingsError
        If the bundle has no figures, or another recipe made it.
    """
    content = _own_card(recipe, out_dir)
    words = {"description": recipe.bundle.description, "warning": recipe.card.warning}
    lists = {"licences": list(recipe.card.licences), "limits": list(recipe.card.limits)}
    write_cards(content | words | lists | _measured_beside(out_dir), out_dir)
    renew_digests(out_dir)


def add_comparer(recipe: Recipe, data_dir: Path, out_dir: Path) -> dict[str, Any]:
    """Train the comparer of a bundle anew and measure it; no other graph of the bundle changes.

    The table stays beside the checkpoints as `change.json`, from where `renew_card` takes it as well.

    Returns
    -------
    dict[str, Any]
        As `changes.change_figures`, of the test split.

    Raises
    ------
    SettingsError
        If the recipe has no table [comparer], or another recipe made the bundle.
    PermanentError, BundleError
        As `train_bundle`.
    """
    table, recipe = recipe.comparer, recipe.reported
    if table is None:
        raise SettingsError(f"the recipe of {recipe.bundle.name} has no table [comparer]; conf/train/cxr.toml has one")
    content = _own_card(recipe, out_dir)
    torch.set_num_threads(recipe.fit.threads)
    train, validation, test = (
        read_any_split(data_dir, name, recipe.keys, recipe, recipe.data) for name in ("train", "val", "test")
    )
    write_comparer(recipe, table, (train, validation), out_dir)
    bootstrap = (recipe.card.bootstrap, recipe.fit.seed)
    figures = {"change": change_figures(out_dir, recipe, test, validation, bootstrap)}
    path = _beside(out_dir) / "change.json"
    path.write_text(json.dumps(figures["change"], indent=1) + "\n", encoding="utf-8")
    write_cards(content | figures, out_dir)
    renew_digests(out_dir)
    return figures["change"]


def write_comparer(recipe: Recipe, table: ComparerRecipe, splits: tuple[Split, Split], out_dir: Path) -> float:
    """Train the comparer on what the bundle's encoder says of the two splits, and write its graph.

    Returns
    -------
    float
        Largest difference between PyTorch and the FP32 graph.
    """
    counts = (table.series, table.measured_series)
    seen, unseen = (
        seen_series(recipe, split, out_dir / ENCODER, count, table.seed)
        for split, count in zip(splits, counts, strict=True)
    )
    folder = _beside(out_dir)
    comparer = fit_comparer(recipe, table, seen, unseen, folder)
    log.info("compared", temperature=round(float(comparer.temperature), 3))
    return export_comparer(comparer, recipe, out_dir)


def _own_card(recipe: Recipe, out_dir: Path) -> dict[str, Any]:
    """A bundle's card; refuses one that another recipe made."""
    path = out_dir / "card.json"
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if content.get("made", {}).get("recipe_digest") != recipe.reported.digest:
        raise SettingsError(f"{out_dir} was not made by this recipe; run `dicomnode model train` with it first")
    return content


def renew_gradients(recipe: Recipe, data_dir: Path, out_dir: Path) -> None:
    """Give a trained bundle its graph of gradients, or a new one, from the checkpoints beside it.

    Raises
    ------
    SettingsError
        If there are no checkpoints, or another recipe made them or the bundle.
    BundleError
        If the graph differs too much from its model.
    """
    encoder = [*trained_encoders(recipe, _beside(out_dir)).values()][-1]
    reported = recipe.reported
    validation = read_any_split(data_dir, "val", reported.keys, reported, reported.data)
    write_gradients(encoder, pixel_values(reported, validation), out_dir)
    renew_card(recipe, out_dir)


def write_gradients(encoder: Encoder, images: FloatArray, out_dir: Path) -> None:
    """Write `gradients.onnx`, and beside the checkpoints what the card says of it.

    Parameters
    ----------
    images
        (N, C, S, S) pixel values to compare the graphs on.
    """
    difference = export_gradients(encoder, images[:2], out_dir / "gradients.onnx")
    figures = {"largest_difference_fp32_onnx_to_pytorch": float(f"{difference:.2g}")}
    figures |= gradient_figures(out_dir, images[:_COMPARED])
    _beside(out_dir).mkdir(exist_ok=True)
    (_beside(out_dir) / "gradients.json").write_text(json.dumps(figures), encoding="utf-8")
    log.info("gradients", **figures)


def _beside(out_dir: Path) -> Path:
    """Folder of the checkpoints of a bundle."""
    return out_dir.with_name(out_dir.name + ".training")


def _measured_beside(out_dir: Path) -> dict[str, Any]:
    paths = {name: _beside(out_dir) / f"{name}.json" for name in _MEASURED_BESIDE}
    found = {name: json.loads(path.read_text(encoding="utf-8")) for name, path in paths.items() if path.is_file()}
    if "explanations" in found:  # its curves are for the page alone
        found["explanations"] = {name: part for name, part in found["explanations"].items() if name != "curves"}
    return found


def pixel_values(recipe: Recipe, split: Split) -> FloatArray:
    """(N, C, S, S), normalised."""
    return ((split.images - recipe.pixels.mean) / recipe.pixels.std).astype(np.float32)


def features_of(read: list[ReadImage]) -> FloatArray:
    """(N, D)."""
    return np.concatenate([one.features for one in read])


def _compression(recipe: Recipe, validation: Split, exported: ExportedEncoder, difference: float) -> dict[str, Any]:
    """What INT8 changed, on the validation split."""
    main = recipe.keys.index(recipe.card.main_finding)
    truth = validation.labels[:, main]
    table: dict[str, Any] = {
        "largest_difference_fp32_onnx_to_pytorch": float(f"{difference:.2g}"),
        "mean_logit_difference_int8_to_fp32": round(exported.int8_logit_difference, 4),
    }
    for name, among in groups(validation, truth).items():
        chosen = np.flatnonzero(among)
        table[f"validation_auc_{recipe.card.main_finding}: {name}"] = {
            "fp32": round(auc(truth, exported.float_logits[:, main], chosen), 4),
            "int8": round(auc(truth, exported.int8_logits[:, main], chosen), 4),
        }
    return table
