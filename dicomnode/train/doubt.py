"""How certain a bundle is: limits of its probabilities, conformal bounds, usual image quality.

All of it comes from the finished graphs on the validation split, the limits of quality from the training split.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray

from dicomnode.infer.bundle import Bundle, load_bundle
from dicomnode.infer.calibrate import calibrated
from dicomnode.infer.model import Model
from dicomnode.infer.quality import MEASURES, measures
from dicomnode.train.bundle import renew_digests
from dicomnode.train.calibration import Examples, platt, study_examples, whole_studies
from dicomnode.train.data import Split
from dicomnode.train.dicom_data import read_any_split
from dicomnode.train.evaluation.answers import prepared
from dicomnode.train.recipe import Recipe

log = structlog.get_logger(__name__)

# N images, K findings, E examples, R resamples

COVERAGE = 0.9
"""Promised share of present, and of absent, findings that are not called the opposite."""
_ENOUGH = 9
"""Cases of a class from which a tenth of them can be told."""
RESAMPLES = 100
_TRIES = 1000
_OUTSIDE = 0.002
"""Share of the training images that lies beyond each limit of quality, before the limit is widened."""
_WIDER = 1.25
_BLANK = 0.5
"""An image is blank if its contrast is below this share of the least usual one."""


def add_doubt(recipe: Recipe, data_dir: Path, out_dir: Path) -> None:
    """Measure the uncertainty of a finished bundle and write it into `calibration.json`.

    Raises
    ------
    BundleError
        If the folder is no bundle.
    PermanentError
        If the data are wrong (see `data.read_split`).
    """
    recipe = recipe.reported
    bundle = load_bundle(out_dir)
    train, validation = (read_any_split(data_dir, name, recipe.keys, recipe, recipe.data) for name in ("train", "val"))
    model = Model(bundle)
    logits = np.stack([one.logits for one in model.encode_many([prepared(model, one) for one in validation.images])])
    path = out_dir / "calibration.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["platt_resamples"] = {
        one.key: resampled(one, recipe.fit.seed)
        for one in study_examples(validation, logits, recipe.keys, recipe.fit.seed)
    }
    content["conformal"] = _conformal(bundle, whole_studies(validation, logits, recipe.keys))
    content["quality"] = usual_quality(train, is_film=not bundle.is_volume)
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    renew_digests(out_dir)
    log.info("uncertainty measured", bundle=str(out_dir), conformal=content["conformal"])


def resampled(examples: Examples, seed: int) -> list[list[float]]:
    """Platt's two numbers, fitted to `RESAMPLES` resamples of the patients.

    Where hardly a resample has both classes, fewer than `RESAMPLES` differ from each other.
    """
    known = examples.of(np.flatnonzero(~np.isnan(examples.truth)))
    patients = np.unique(known.patients)
    members = {patient: np.flatnonzero(known.patients == patient) for patient in patients}
    rng = np.random.default_rng(seed)
    found: list[list[float]] = []
    for _ in range(_TRIES):
        drawn = np.concatenate([members[patient] for patient in rng.choice(patients, len(patients))])
        one = known.of(drawn)
        if len(set(one.truth)) == 2:
            found.append([round(number, 5) for number in platt(one.logits, one.truth)])
        if len(found) == RESAMPLES:
            return found
    return [found[index % len(found)] for index in range(RESAMPLES)]


def _conformal(bundle: Bundle, examples: Sequence[Examples]) -> dict[str, Any]:
    lines = bundle.calibration if bundle.drafting is None else bundle.drafting.study_calibration
    return {
        one.key: conformal_bounds(calibrated(one.logits[:, None], lines[[k]])[:, 0], one.truth, one.sources)
        for k, one in enumerate(examples)
    }


def conformal_bounds(
    probabilities: NDArray[np.float32], truth: NDArray[np.float32], sources: NDArray[np.str_]
) -> dict[str, list[float]]:
    """Split conformal prediction for each class (Vovk 2012), as two bounds of the probability.

    A finding is called absent only below what all but a tenth of the present ones reach, and present only above what
    all but a tenth of the absent ones stay under: in every source that holds enough cases of the class, lest an easy
    source pay for a hard one. Where none does, all cases count together, and the promise is what they allow:
    n / (n + 1).

    Parameters
    ----------
    probabilities, truth, sources
        (E,) of studies; truth NaN where unknown.

    Returns
    -------
    dict[str, list[float]]
        `certain`: absent below, present from; `promised`: coverage of present and of absent findings.
    """
    absent_below, of_present = _reached(probabilities, truth == 1, sources)
    highest_absent, of_absent = _reached(-probabilities, truth == 0, sources)
    present_from = float(np.nextafter(np.float32(-highest_absent), np.float32(2)))
    return {"certain": [absent_below, present_from], "promised": [of_present, of_absent]}


def _reached(scores: NDArray[np.float32], among: NDArray[np.bool_], sources: NDArray[np.str_]) -> tuple[float, float]:
    """What the promised share of the cases reaches at least, in every large source, and that share."""
    parts = [scores[among & (sources == source)] for source in np.unique(sources)]
    large = [part for part in parts if len(part) >= _ENOUGH] or [scores[among]]
    found = []
    for part in large:
        miss = max(1 - COVERAGE, 1 / (len(part) + 1))
        found.append((float(np.sort(part)[int(np.floor(miss * (len(part) + 1) + 1e-9)) - 1]), round(1 - miss, 3)))
    return min(found)


def usual_quality(train: Split, *, is_film: bool) -> dict[str, list[float]]:
    """Lowest and highest usual value of each measure; of volumes, whose median slice counts, without exposure."""
    values = {name: [] for name in (MEASURES if is_film else ("contrast", "detail"))}  # type: dict[str, list[float]]
    for members in train.volumes.values():
        each = [measures(train.images[index]) for index in members]
        for name, kept in values.items():
            kept.append(float(np.median([one[name] for one in each])))
    limits = {}
    for name, kept in values.items():
        low, high = np.quantile(kept, (_OUTSIDE, 1 - _OUTSIDE))
        low = low * _BLANK if name == "contrast" else low / _WIDER
        limits[name] = [round(float(low), 5), round(float(min(high * _WIDER, 1.0)), 5)]
    return limits
