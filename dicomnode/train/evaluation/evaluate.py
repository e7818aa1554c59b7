"""What a finished bundle is worth on a split, read as serving reads it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray

from dicomnode.errors import PermanentError
from dicomnode.infer.bundle import Bundle, load_bundle
from dicomnode.infer.contract import COMPARER
from dicomnode.infer.model import Model
from dicomnode.measure.metrics import (
    PatientBootstrap,
    auprc,
    auroc,
    brier,
    ece,
    f1,
    macro,
    mean,
    reliability,
    roc_curve,
)
from dicomnode.report.cues import cues_of
from dicomnode.train.data import Split
from dicomnode.train.dicom_data import read_any_split
from dicomnode.train.evaluation.answers import Answers, answered, studies_of
from dicomnode.train.evaluation.boxes import read_boxes
from dicomnode.train.evaluation.cases import FEWEST_TO_CLAIM, Cases, fewer_class, groups, image_cases, study_cases
from dicomnode.train.evaluation.changes import change_figures
from dicomnode.train.evaluation.controls import poor_figures, spoilt_figures, swapped_figures
from dicomnode.train.evaluation.lesions import lesion_figures
from dicomnode.train.evaluation.maps import map_figures
from dicomnode.train.evaluation.texts import report_figures
from dicomnode.train.evaluation.uncertainty import uncertainty_figures
from dicomnode.train.phantoms import foreign_images
from dicomnode.train.recipe import DataRecipe, Recipe

log = structlog.get_logger(__name__)

__all__ = ["Figures", "evaluate_bundle", "groups"]

# N images or studies, K findings

Figures = dict[str, Any]
_FOREIGN = 20
"""Images of another body part that are shown."""
_OTHER = 1_000_003


@dataclass(frozen=True, slots=True, kw_only=True)
class _Test:
    """One bundle on one split."""

    model: Model
    split: Split
    answers: Answers
    cases: Cases
    """By study."""
    bootstrap: tuple[int, int]
    """Resamples and seed."""

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(finding.key for finding in self.model.bundle.findings)

    @property
    def intervals(self) -> PatientBootstrap:
        return PatientBootstrap(self.cases.patients, *self.bootstrap)


def evaluate_bundle(
    bundle_dir: Path,
    data_dir: Path,
    *,
    recipe: Recipe | None = None,
    split: str = "test",
    bootstrap: int = 1000,
    seed: int = 1,
) -> Figures:
    """Measure a bundle on a split of labelled images.

    Parameters
    ----------
    bundle_dir
        A finished bundle.
    data_dir
        Folder of `labels.csv` and of what it names: `<split>.tar`, or DICOM files.
    recipe
        Which columns name the images, and the grammar and lesions: without it one image a row, no reference texts
        and no synthetic lesions.
    split
        train, val or test.
    bootstrap
        Resamples of patients for each interval.
    seed
        Of the resamples, of what is shuffled and of which patient is swapped for which.

    Returns
    -------
    dict[str, Any]
        `classifier` (of whole studies; of a bundle that reads volumes also `classifier_by_slice`), `not_judged`,
        `uncertainty`, `text`, `report`, `controls`, `heat_maps`, with a recipe `drawn_lesions` and `change`: tables of
        numbers as in card.json, and `curves` for plots.

    Raises
    ------
    BundleError
        If the folder is no bundle.
    PermanentError
        If recipe and bundle do not belong together, or the data are wrong (see `data.read_split`,
        `dicom_data.read_dicom_split` and `boxes.read_boxes`).
    """
    model = Model(load_bundle(bundle_dir))
    bundle = model.bundle
    keys = tuple(finding.key for finding in bundle.findings)
    data = _data_of(recipe, bundle)
    films = read_any_split(data_dir, split, keys, bundle, data)
    answers = answered(model, films.images, studies_of(films, model))
    cases = study_cases(films, answers)
    test = _Test(model=model, split=films, answers=answers, cases=cases, bootstrap=(bootstrap, seed))
    figures: Figures = {
        "split": split,
        "images": len(films.films),
        "studies": len(answers.studies),
        "patients": len(set(films.patients)),
        "classifier": {key: _finding(test, cases, k) for k, key in enumerate(keys)},
        "not_judged": _not_judged(test),
        "uncertainty": uncertainty_figures(cases, bundle.findings, test.intervals, bundle_dir),
        "text": {key: _text(test, k) for k, key in enumerate(keys)},
        "report": _report(test, recipe),
        "controls": _controls(test, recipe),
        "heat_maps": _heat_maps(test, data_dir, recipe),
        "curves": {key: _curves(cases, k) for k, key in enumerate(keys)},
    }
    if recipe is not None:
        figures["drawn_lesions"] = lesion_figures(model, films, answers, recipe, test.bootstrap)
        figures["change"] = change_figures(
            bundle_dir, recipe, films, _tuned_on(data_dir, recipe, bundle), test.bootstrap
        )
    if bundle.is_volume:
        by_slice = image_cases(films, answers)
        figures["classifier_by_slice"] = {key: _finding(test, by_slice, k) for k, key in enumerate(keys)}
    return figures


def _tuned_on(data_dir: Path, recipe: Recipe, bundle: Bundle) -> Split | None:
    """The validation split, for a bundle that compares; None where the folder has none."""
    if not bundle.optional & {COMPARER} or not (data_dir / "val.tar").is_file():
        return None
    return read_any_split(data_dir, "val", recipe.keys, bundle, recipe.data)


def _data_of(recipe: Recipe | None, bundle: Bundle) -> DataRecipe:
    """Columns of the labels; refuses a recipe of another bundle."""
    if recipe is None:
        return DataRecipe()
    keys = tuple(finding.key for finding in bundle.findings)
    sizes = [(pixels.channels, pixels.rows, pixels.columns) for pixels in (recipe.pixels, bundle.pixels)]
    if recipe.keys != keys or sizes[0] != sizes[1]:
        raise PermanentError(
            f"the recipe is of {', '.join(recipe.keys)} on images of {sizes[0]}, the bundle of {', '.join(keys)} "
            f"on {sizes[1]} (channels, rows, columns): recipe and bundle do not match"
        )
    return recipe.data


def _finding(test: _Test, cases: Cases, k: int) -> Figures:
    """Figures of one finding in each group, and its calibration over all."""
    truth, scores = cases.labels[:, k], cases.probabilities[:, k]
    threshold = float(test.model.bundle.findings[k].threshold)
    intervals = PatientBootstrap(cases.patients, *test.bootstrap)
    said, known = scores >= threshold, ~np.isnan(truth)
    figures: Figures = {}
    for name, among in groups(cases, truth).items():
        present, absent = among & (truth == 1), among & (truth == 0)
        figures[name] = {
            "cases": int(among.sum()),
            "patients": len(set(cases.patients[among])),
            "positives": int(present.sum()),
            "claim": fewer_class(truth, among) >= FEWEST_TO_CLAIM,
            "auroc": intervals.figure(auroc(truth, scores), among),
            "auprc": intervals.figure(auprc(truth, scores), among),
            "f1": intervals.figure(f1(truth == 1, said), among),
            "sensitivity": intervals.figure(mean(said), present),
            "specificity": intervals.figure(mean(~said), absent),
            "ppv": intervals.figure(mean(truth == 1), among & said),
            "ece": intervals.figure(ece(truth, scores), among),
        }
    return {
        "threshold": round(threshold, 4),
        "positives": int((truth[known] == 1).sum()),
        "cases": int(known.sum()),
        "ece": intervals.figure(ece(truth, scores), known),
        "brier": intervals.figure(brier(truth, scores), known),
        "groups": figures,
    }


def _not_judged(test: _Test) -> Figures:
    """Share of each source's studies that serving would call out of distribution."""
    sources = np.array([film.source for film in test.cases.films])
    strange = ~test.answers.is_judged
    return {str(name): test.intervals.figure(mean(strange), sources == name) for name in np.unique(sources)}


def _text(test: _Test, k: int) -> Figures:
    """Whether the words follow the classifier, and how well both follow the labels."""
    truth, claims = test.cases.labels[:, k], test.answers.claims[:, k]
    decided = test.cases.probabilities[:, k] >= test.model.bundle.findings[k].threshold
    spoken, known = ~np.isnan(claims), ~np.isnan(truth)
    return {
        "spoken_of_where_label_known": test.intervals.figure(mean(spoken), known),
        "f1_classifier": test.intervals.figure(f1(truth == 1, decided), known),
        "f1_text": test.intervals.figure(f1(truth == 1, claims == 1), known),
        "agrees_with_classifier": test.intervals.figure(mean((claims == 1) == decided), spoken),
    }


def _report(test: _Test, recipe: Recipe | None) -> Figures:
    """The whole text: labels over all findings, and with a recipe its words and entities."""
    truth, claims = test.cases.labels, test.answers.claims
    thresholds = np.array([finding.threshold for finding in test.model.bundle.findings])
    known, everything = ~np.isnan(truth), np.ones(len(truth), bool)

    def label_f1(said: NDArray[np.bool_]) -> Any:
        parts = [f1(truth[:, k] == 1, said[:, k] & known[:, k]) for k in range(truth.shape[1])]
        return test.intervals.figure(macro(parts), everything)

    figures: Figures = {
        "label_f1_text": label_f1(claims == 1),
        "label_f1_classifier": label_f1(test.cases.probabilities >= thresholds),
    }
    if recipe is not None:
        specs, cues = test.model.bundle.findings, cues_of(test.model.bundle.languages[0])
        figures |= report_figures(test.answers.drafts, truth, specs, cues, recipe, test.intervals)
    return figures


def _controls(test: _Test, recipe: Recipe | None) -> Figures:
    seed = test.bootstrap[1]
    foreign = None
    if recipe is not None:
        few = recipe.phantoms.model_copy(update={"foreign": _FOREIGN})
        # Another seed than that of training, which draws foreign images, too.
        foreign = foreign_images(recipe.model_copy(update={"phantoms": few}), np.random.default_rng(seed + _OTHER))
    return {
        "spoilt_images": spoilt_figures(test.model, test.split.images, test.answers, seed, foreign),
        "poor_images": poor_figures(test.model, test.split.images, test.answers, seed),
        "swapped_patients": swapped_figures(test.cases, test.answers, test.keys, test.intervals, seed),
    }


def _heat_maps(test: _Test, data_dir: Path, recipe: Recipe | None) -> Figures:
    if test.model.bundle.pixels.fit != "pad":
        log.warning("boxes not measured", why="they are fractions of whole images, and the model sees parts")
        return {"boxes": {}}
    column = _data_of(recipe, test.model.bundle).files[0]
    marked = read_boxes(data_dir, test.split, test.model.bundle.findings, column)
    return {"boxes": map_figures(marked, test.answers.class_maps, test.keys, test.split.patients, test.bootstrap)}


def _curves(cases: Cases, k: int) -> Figures:
    """Points of the plots: ROC by source, reliability over all."""
    truth, scores = cases.labels[:, k], cases.probabilities[:, k]
    known = ~np.isnan(truth)
    sources = {film.source for film in cases.films}
    return {
        "roc": {
            name: roc_curve(truth[among], scores[among])
            for name, among in groups(cases, truth).items()
            if name in sources
        },
        "reliability": reliability(truth[known], scores[known]) if known.any() else [],
    }
