"""One training run from data to bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import structlog
import torch

from dicomnode.records import FloatArray
from dicomnode.train.bundle import write_manifest, write_words
from dicomnode.train.calibration import Calibration, calibrated
from dicomnode.train.card import card, write_cards, write_unmeasured
from dicomnode.train.data import Split, films, read_split
from dicomnode.train.drafting import fit_drafter
from dicomnode.train.encoding import fit_encoder, logits_of
from dicomnode.train.evaluate import evaluate_bundle, groups
from dicomnode.train.export import Exported, Reader, export
from dicomnode.train.metrics import auc
from dicomnode.train.recipe import Recipe

log = structlog.get_logger(__name__)

# N images, K findings, S side


def train_bundle(recipe: Recipe, data_dir: Path, out_dir: Path) -> None:
    """Train, export, calibrate and measure a bundle.

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
    checkpoints = out_dir.with_name(out_dir.name + ".training")
    train, validation = (read_split(data_dir, name, recipe.keys, recipe.pixels) for name in ("train", "val"))
    encoder = fit_encoder(recipe, train, checkpoints)
    calibrations = _calibrations(recipe, validation, logits_of(encoder, validation.images, recipe.pixels))
    drafter = fit_drafter(recipe, encoder, train, calibrations, checkpoints)

    out_dir.mkdir(parents=True, exist_ok=True)
    pixel_values = ((validation.images[:, None] - recipe.pixels.mean) / recipe.pixels.std).astype(np.float32)
    exported = export(Reader(encoder, drafter, calibrations), drafter, recipe, pixel_values, out_dir)
    write_words(recipe, calibrations, out_dir)
    write_unmeasured(out_dir)
    write_manifest(recipe, calibrations, out_dir)
    log.info("exported", bundle=str(out_dir))
    figures: dict[str, Any] = evaluate_bundle(out_dir, data_dir, bootstrap=recipe.card.bootstrap, seed=recipe.fit.seed)
    figures["export"] = _compression(recipe, validation, exported, out_dir)
    command = f"dicomnode model train conf/train/{recipe.bundle.name}.toml --data DIR --out BUNDLE_DIR"
    write_cards(card(recipe, films(data_dir, recipe.keys), figures, command), out_dir)
    write_manifest(recipe, calibrations, out_dir)
    log.info("measured", bundle=str(out_dir))


def _calibrations(recipe: Recipe, validation: Split, logits: FloatArray) -> tuple[Calibration, ...]:
    sources = np.array([film.source for film in validation.films])
    return tuple(calibrated(logits[:, k], validation.labels[:, k], sources, key) for k, key in enumerate(recipe.keys))


def _compression(recipe: Recipe, validation: Split, exported: Exported, folder: Path) -> dict[str, Any]:
    """What INT8 changed, on the validation split."""
    main = recipe.keys.index(recipe.card.main_finding)
    truth = validation.labels[:, main]
    table: dict[str, Any] = {
        "megabytes": {
            name: round((folder / name).stat().st_size / 1e6, 2) for name in ("encoder.onnx", "decoder.onnx")
        },
        "largest_difference_fp32_onnx_to_pytorch": float(f"{exported.float_difference:.2g}"),
        "mean_logit_difference_int8_to_fp32": round(exported.int8_logit_difference, 4),
    }
    for name, among in groups(validation, truth).items():
        chosen = np.flatnonzero(among)
        table[f"validation_auc_{recipe.card.main_finding}: {name}"] = {
            "fp32": round(auc(truth, exported.float_logits[:, main], chosen), 4),
            "int8": round(auc(truth, exported.int8_logits[:, main], chosen), 4),
        }
    return table
