"""Figures with intervals.

Statistics are weighted and come for many resamples at once: a resample of patients is a row of weights, how often
each image was drawn. So a thousand resamples cost as much as a few sorts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

# N images, R resamples, Q bins

Values = NDArray[np.float64]
Truth = NDArray[np.bool_] | NDArray[np.float32]
Statistic = Callable[[NDArray[np.intp], Values], Values]
"""Takes indices (n,) and weights (R, n) of the images there; gives (R,) figures, NaN where they do not allow one."""
Figure = dict[str, float | list[float]]

BINS = 15
"""Bins of equal width in which probabilities are held against what is true."""


class PatientBootstrap:
    """95 % percentile intervals over patients, all images of a patient drawn together.

    Parameters
    ----------
    patients
        (N,) patient of each image.
    resamples
        How many times patients are drawn with replacement.
    seed
        Of the draws.
    """

    def __init__(self, patients: NDArray[np.str_], resamples: int, seed: int) -> None:
        self._patients, self._resamples, self._seed = patients, resamples, seed
        self._drawn: dict[bytes, Values] = {}

    def figure(self, statistic: Statistic, among: NDArray[np.bool_]) -> Figure:
        """A figure of the images in `among` (N,), with its interval.

        Returns
        -------
        dict[str, float | list[float]]
            `value`, and `interval` as [low, high]; empty where there is nothing to measure.
        """
        chosen = np.flatnonzero(among)
        value = float(statistic(chosen, np.ones((1, len(chosen))))[0]) if len(chosen) else float("nan")
        if np.isnan(value):
            return {}
        drawn = statistic(chosen, self._weights(chosen))
        low, high = np.nanpercentile(drawn, (2.5, 97.5))
        return {"value": rounded(value), "interval": [rounded(low), rounded(high)]}

    def _weights(self, chosen: NDArray[np.intp]) -> Values:
        """(R, n) how often each of the chosen images was drawn."""
        key = chosen.tobytes()
        if key not in self._drawn:
            _, patient = np.unique(self._patients[chosen], return_inverse=True)
            count = int(patient.max()) + 1
            draws = np.random.default_rng(self._seed).multinomial(count, np.full(count, 1 / count), self._resamples)
            self._drawn[key] = draws[:, patient].astype(np.float64)
        return self._drawn[key]


def auroc(truth: Truth, scores: NDArray[np.float32]) -> Statistic:
    """Area under the ROC curve, ties counted half; NaN where only one class is among the chosen."""

    def statistic(chosen: NDArray[np.intp], weights: Values) -> Values:
        hits, misses = _by_score(truth, scores, chosen, weights)
        below = np.cumsum(misses, 1) - misses / 2
        return _over((hits * below).sum(1), hits.sum(1) * misses.sum(1))

    return statistic


def auprc(truth: Truth, scores: NDArray[np.float32]) -> Statistic:
    """Average precision; NaN where none of the chosen is true."""

    def statistic(chosen: NDArray[np.intp], weights: Values) -> Values:
        hits, misses = (part[:, ::-1] for part in _by_score(truth, scores, chosen, weights))
        found, said = np.cumsum(hits, 1), np.cumsum(hits + misses, 1)
        return _over((hits * found / np.maximum(said, 1e-9)).sum(1), hits.sum(1))

    return statistic


def _by_score(
    truth: Truth, scores: NDArray[np.float32], chosen: NDArray[np.intp], weights: Values
) -> tuple[Values, Values]:
    """Weights (R, distinct scores) of the true and of the untrue images at each score, from the lowest."""
    order = np.argsort(scores[chosen], kind="stable")
    ordered = scores[chosen][order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    is_true = truth[chosen][order] == 1
    drawn = weights[:, order]
    hits, misses = (np.add.reduceat(drawn * part, starts, axis=1) for part in (is_true, ~is_true))
    return hits, misses


def ratio(above: Values, below: Values) -> Statistic:
    """Sum of one count over the chosen by the sum of another, (N,) each; NaN where there is nothing below."""

    def statistic(chosen: NDArray[np.intp], weights: Values) -> Values:
        return _over(weights @ above[chosen], weights @ below[chosen])

    return statistic


def mean(values: NDArray[np.bool_] | NDArray[np.float32] | Values) -> Statistic:
    """Mean of the chosen values: of hits and misses their share."""
    return ratio(values.astype(np.float64), np.ones(len(values)))


def f1(truth: NDArray[np.bool_], said: NDArray[np.bool_]) -> Statistic:
    """Harmonic mean of precision and recall; NaN where nothing is true or said."""
    return ratio(np.asarray(2 * (truth & said), np.float64), np.asarray(truth.astype(int) + said, np.float64))


def macro(parts: Sequence[Statistic]) -> Statistic:
    """Mean of several statistics, those left out that have no value."""

    def statistic(chosen: NDArray[np.intp], weights: Values) -> Values:
        values = np.stack([part(chosen, weights) for part in parts])
        has_value = ~np.isnan(values)
        return _over(np.where(has_value, values, 0).sum(0), has_value.sum(0).astype(np.float64))

    return statistic


def brier(truth: Truth, probabilities: NDArray[np.float32]) -> Statistic:
    """Mean squared difference between probability and truth."""
    return mean((probabilities.astype(np.float64) - (truth == 1)) ** 2)


def ece(truth: Truth, probabilities: NDArray[np.float32], bins: int = BINS) -> Statistic:
    """Expected calibration error over bins of equal width; a small sample can only make it larger."""
    places = _places(probabilities, bins)
    gaps = (truth == 1) - probabilities.astype(np.float64)

    def statistic(chosen: NDArray[np.intp], weights: Values) -> Values:
        member = (places[chosen][:, None] == np.arange(bins)).astype(np.float64)  # (n, Q)
        return _over(np.abs((weights * gaps[chosen]) @ member).sum(1), weights.sum(1))

    return statistic


def auc(truth: Truth, scores: NDArray[np.float32], chosen: NDArray[np.intp]) -> float:
    """Area under the ROC curve without an interval."""
    return float(auroc(truth, scores)(chosen, np.ones((1, len(chosen))))[0])


def reliability(truth: Truth, probabilities: NDArray[np.float32], bins: int = BINS) -> list[dict[str, float]]:
    """Mean probability, share of true and count in each bin that is not empty."""
    places = _places(probabilities, bins)
    return [
        {
            "probability": rounded(probabilities[places == place].mean()),
            "share": rounded((truth[places == place] == 1).mean()),
            "images": int((places == place).sum()),
        }
        for place in np.unique(places)
    ]


def roc_curve(truth: Truth, scores: NDArray[np.float32], most: int = 100) -> list[list[float]]:
    """Points (1 - specificity, sensitivity) from (0, 0) to (1, 1), at most so many."""
    everything = np.arange(len(scores))
    parts = _by_score(truth, scores, everything, np.ones((1, len(scores))))
    found, wrong = (np.r_[0, np.cumsum(part[0][::-1])] / part.sum() for part in parts)
    kept = np.unique(np.linspace(0, len(found) - 1, min(most, len(found))).astype(int))
    return [[rounded(wrong[index]), rounded(found[index])] for index in kept]


def _places(probabilities: NDArray[np.float32], bins: int) -> NDArray[np.intp]:
    return np.minimum((probabilities * bins).astype(np.intp), bins - 1)


def _over(above: Values, below: Values) -> Values:
    """Quotients, NaN where there is nothing below."""
    return np.asarray(np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0))


def rounded(value: float) -> float:
    """Rounded to four decimals."""
    return round(float(value), 4)
