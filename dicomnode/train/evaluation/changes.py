"""Whether a drawn change is seen: a bundle's comparer on pairs of views with a known change, against plain controls.

The baseline knows the encoder's logits alone: it calls a finding there from a threshold on, and another size from a
difference on, both chosen on the validation split.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dicomnode.infer.contract import COMPARER, ENCODER
from dicomnode.infer.sessions import COMPARED_OUTPUTS, COMPARER_OUTPUTS, open_session, run
from dicomnode.measure.metrics import Figure, PatientBootstrap, Statistic, auroc, ece, f1, macro, mean
from dicomnode.records import Change, FloatArray
from dicomnode.train.data import Split
from dicomnode.train.evaluation.maps import Overlap, overlap
from dicomnode.train.hyperparameters import ComparerRecipe
from dicomnode.train.pairs import CHANGES, UNKNOWN, SeenSeries, seen_series
from dicomnode.train.recipe import Recipe

# P pairs, K findings, h, w cells

_BATCH = 64
_SEED = 40_009
"""Added to the table's seed, so that no series of the measurement was seen in training."""
_STEPS = 40
_FEWEST = 5
"""Patients of whom a share is told."""
_PLACE = {change: index for index, change in enumerate(CHANGES)}
_SIZES = (_PLACE[Change.INCREASED], _PLACE[Change.DECREASED])

Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Pairs of one split, and what the bundle says of them."""

    truth: Indices
    """(P, K) index into `CHANGES`, or `UNKNOWN`."""
    logits: tuple[FloatArray, FloatArray]
    """(P, K) of the encoder on the prior and on the current image."""
    masks: NDArray[np.bool_]
    """(P, K, 2, s, s) of the drawn lesion in the current and in the prior image."""
    is_drawn: NDArray[np.bool_]
    """(P,) a lesion was drawn, or the film is as it was."""
    has_finding: NDArray[np.bool_]
    """(P, K) it is there in one of the images."""
    patients: NDArray[np.str_]
    """(P,)."""
    said: FloatArray
    """(P, K, 5) change logits."""
    attentions: FloatArray
    """(P, K, 2, h, w)."""
    without_prior: FloatArray
    """(P, K, 5) change logits where the prior image is left out."""
    wrong_prior: FloatArray
    """(P, K, 5) change logits where the prior image is another patient's."""


def change_figures(
    folder: Path, recipe: Recipe, split: Split, validation: Split | None, bootstrap: tuple[int, int]
) -> dict[str, Any]:
    """Draw pairs with a known change on the split's own films, and have the bundle compare them.

    Parameters
    ----------
    folder
        Of the bundle.
    validation
        Sets the thresholds of the baseline; None: the baseline is left out.
    bootstrap
        Resamples and seed.

    Returns
    -------
    dict[str, Any]
        Tables by finding: `findings` (accuracy, macro F1, AUROC of increased against decreased, each with that of the
        baseline, and the calibration error of the likeliest change), `confusion`, `false_alarms`, `attention` and
        `controls`. Empty where recipe or bundle have no comparer, or no film of the split is without a finding.

    Raises
    ------
    PermanentError
        As `pairs.seen_series`.
    BundleError
        If a graph fails.
    """
    table = recipe.comparer
    if table is None or not (folder / COMPARER).is_file() or not (np.nan_to_num(split.labels).max(1) == 0).any():
        return {}
    pairs = compared(folder, recipe, table, split)
    tuned = None if validation is None else compared(folder, recipe, table, validation)
    figures: dict[str, Any] = {"pairs": len(pairs.truth), "growth": table.growth}
    for k, key in enumerate(recipe.keys):
        for name, figure in _of_finding(pairs, tuned, k, bootstrap):
            figures.setdefault(name, {})[key] = figure
    return figures


def compared(folder: Path, recipe: Recipe, table: ComparerRecipe, split: Split) -> Pairs:
    """Draw series on a split and compare the pairs that are measured, by the bundle's own graphs."""
    seed = table.seed + _SEED
    data = seen_series(recipe, split, folder / ENCODER, table.measured_series, seed)
    series, prior, current = data.of_measured_pairs()
    session = open_session(folder / COMPARER, recipe.fit.threads)

    def asked(prior_series: torch.Tensor, *, has_prior: bool = True) -> tuple[FloatArray, FloatArray]:
        parts = []
        for rows in torch.arange(len(series)).split(_BATCH):
            sides = {
                "current": data.side(series[rows], current[rows]),
                "prior": data.side(prior_series[rows], prior[rows]),
            }
            feeds = {
                f"{side}_{name}": part.numpy()
                for side, seen in sides.items()
                for name, part in zip(COMPARED_OUTPUTS, seen, strict=True)
            }
            feeds["has_prior"] = np.full(len(rows), has_prior, np.float32)
            parts.append(run(session, COMPARER_OUTPUTS, feeds))
        logits, attentions = (np.concatenate(part) for part in zip(*parts, strict=True))
        return logits, attentions

    said, attentions = asked(series)
    others = _others(data, np.random.default_rng(seed))
    areas = np.maximum(data.areas[series, prior], data.areas[series, current])
    return Pairs(
        truth=data.changes(series, prior, current, table.growth),
        logits=(data.side(series, prior).logits.numpy(), data.side(series, current).logits.numpy()),
        masks=torch.stack([data.masks[series, current], data.masks[series, prior]], 2).numpy() >= 128,
        is_drawn=(data.kinds != "real")[series.numpy()],
        has_finding=areas > 0,
        patients=data.patients[series.numpy()],
        said=said,
        attentions=attentions,
        without_prior=asked(series, has_prior=False)[0],
        wrong_prior=asked(torch.from_numpy(others)[series])[0],
    )


def _others(data: SeenSeries, rng: np.random.Generator) -> Indices:
    """(R,) of each series one of another patient; itself where there is only one patient."""
    everything = np.arange(len(data.patients))
    strangers = [everything[data.patients != patient] for patient in data.patients]
    return np.array([rng.choice(one) if len(one) else index for index, one in enumerate(strangers)], np.intp)


def _of_finding(
    pairs: Pairs, tuned: Pairs | None, k: int, bootstrap: tuple[int, int]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """All tables of one finding."""
    truth, answer = pairs.truth[:, k], pairs.said[:, k].argmax(1)
    is_known = truth != UNKNOWN
    if not is_known.any():
        return
    intervals = PatientBootstrap(pairs.patients, *bootstrap)
    is_sized = np.isin(truth, _SIZES)
    grown = (truth == _SIZES[0]).astype(np.float32)
    lean = pairs.said[:, k, _SIZES[0]] - pairs.said[:, k, _SIZES[1]]
    row: dict[str, Any] = {
        "pairs": int(is_known.sum()),
        "films": len(set(pairs.patients[is_known])),
        "accuracy": intervals.figure(mean(answer == truth), is_known),
        "macro_f1": intervals.figure(macro_f1(truth, answer), is_known),
        "auroc_increased_against_decreased": intervals.figure(auroc(grown, lean), is_sized),
        "ece": intervals.figure(ece(answer == truth, _largest(pairs.said[:, k])), is_known),
    }
    if tuned is not None:
        simple = baseline(tuned, k)(*(side[:, k] for side in pairs.logits))
        difference = pairs.logits[1][:, k] - pairs.logits[0][:, k]
        row |= {
            "baseline_accuracy": intervals.figure(mean(simple == truth), is_known),
            "baseline_macro_f1": intervals.figure(macro_f1(truth, simple), is_known),
            "baseline_auroc": intervals.figure(auroc(grown, difference), is_sized),
        }
    yield "findings", row
    yield (
        "confusion",
        {
            change.value: [int(((truth == _PLACE[change]) & (answer == place)).sum()) for place in range(len(CHANGES))]
            for change in CHANGES
        },
    )
    yield "false_alarms", _false_alarms(pairs, answer, k, intervals)
    yield "attention", _attention(pairs, k, intervals)
    yield "controls", _controls(pairs, k, intervals, is_known)


def macro_f1(truth: Indices, answer: Indices) -> Statistic:
    """Mean F1 over the five changes."""
    return macro([f1(truth == place, answer == place) for place in range(len(CHANGES))])


class _Baseline:
    """Two thresholds on the encoder's logits of one finding."""

    def __init__(self, present: float, apart: float) -> None:
        self._present, self._apart = present, apart

    def __call__(self, before: FloatArray, after: FloatArray) -> Indices:
        """(P,) logits of the prior and of the current image to what changed."""
        was, is_now, difference = before >= self._present, after >= self._present, after - before
        conditions = {
            _PLACE[Change.UNCHANGED]: (np.abs(difference) < self._apart) | ~(was | is_now),
            _PLACE[Change.NEW]: ~was,
            _PLACE[Change.RESOLVED]: ~is_now,
            _PLACE[Change.INCREASED]: difference > 0,
        }
        return np.asarray(np.select([*conditions.values()], [*conditions], _PLACE[Change.DECREASED]), np.intp)


def baseline(tuned: Pairs, k: int) -> _Baseline:
    """The thresholds of the best macro F1 on these pairs."""
    truth, (before, after) = tuned.truth[:, k], (side[:, k] for side in tuned.logits)
    is_known = np.flatnonzero(truth != UNKNOWN)
    shares = np.linspace(0.02, 0.98, _STEPS)
    present = np.quantile(np.concatenate([before, after]), shares)
    apart = np.quantile(np.abs(after - before), shares)
    once = np.ones((1, len(is_known)))

    def merit(one: _Baseline) -> float:
        return float(macro_f1(truth, one(before, after))(is_known, once)[0])

    return max((_Baseline(float(p), float(a)) for p in present for a in apart), key=merit)


def _false_alarms(pairs: Pairs, answer: Indices, k: int, intervals: PatientBootstrap) -> dict[str, Figure]:
    """Share of the unchanged pairs that are called changed, of groups of a few patients at the least."""
    is_same = pairs.truth[:, k] == _PLACE[Change.UNCHANGED]
    groups = {
        "absent_in_both": is_same & ~pairs.has_finding[:, k],
        "drawn_lesion_of_the_same_size": is_same & pairs.has_finding[:, k] & pairs.is_drawn,
        "real_finding_same_film_varied": is_same & pairs.has_finding[:, k] & ~pairs.is_drawn,
    }
    wrong = mean(answer != _PLACE[Change.UNCHANGED])
    return {
        name: intervals.figure(wrong, among)
        for name, among in groups.items()
        if len(set(pairs.patients[among])) >= _FEWEST
    }


def _attention(pairs: Pairs, k: int, intervals: PatientBootstrap) -> dict[str, Any]:
    """Where the comparer looks in the image that shows more of a lesion that has changed."""
    sizes = pairs.masks[:, k].sum((2, 3))  # (P, 2)
    marked = (sizes.max(1) > 0) & ~np.isin(pairs.truth[:, k], (UNKNOWN, _PLACE[Change.UNCHANGED]))
    if not marked.any():
        return {}
    more = sizes.argmax(1)
    rows = np.arange(len(more))
    maps, masks = pairs.attentions[rows, k, more], pairs.masks[rows, k, more]
    nowhere = Overlap(is_pointing=False, energy=0.0, iou=0.0, area=0.0)
    found = [overlap(one, mask) if is_it else nowhere for one, mask, is_it in zip(maps, masks, marked, strict=True)]
    return {
        "marked": int(marked.sum()),
        "pointing_game": intervals.figure(mean(np.array([one.is_pointing for one in found])), marked),
        "energy_inside": intervals.figure(mean(np.array([one.energy for one in found])), marked),
        "marked_area": intervals.figure(mean(np.array([one.area for one in found])), marked),
        "share_on_that_image": intervals.figure(mean(maps.sum((1, 2))), marked),
    }


def _controls(pairs: Pairs, k: int, intervals: PatientBootstrap, is_known: NDArray[np.bool_]) -> dict[str, Figure]:
    """What is left without the right prior image; of five answers that are all alike each has 0.2."""
    truth = pairs.truth[:, k]
    wrong = pairs.wrong_prior[:, k].argmax(1)
    return {
        "accuracy_with_wrong_patients_prior": intervals.figure(mean(wrong == truth), is_known),
        "macro_f1_with_wrong_patients_prior": intervals.figure(macro_f1(truth, wrong), is_known),
        "largest_probability": intervals.figure(mean(_largest(pairs.said[:, k])), is_known),
        "largest_probability_without_prior": intervals.figure(mean(_largest(pairs.without_prior[:, k])), is_known),
    }


def _largest(logits: FloatArray) -> FloatArray:
    """(P, 5) to the probability (P,) of the likeliest answer."""
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(1 / powers.sum(1), np.float32)
