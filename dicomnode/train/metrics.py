"""Figures with intervals."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

# N images

Statistic = Callable[[NDArray[np.intp]], float]
"""A figure of the images at these indices; NaN where they do not allow one."""


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

    def figure(self, statistic: Statistic, among: NDArray[np.bool_]) -> dict[str, float | list[float]]:
        """A figure of the images in `among` (N,), with its interval.

        Returns
        -------
        dict[str, float | list[float]]
            `value`, and `interval` as [low, high].
        """
        chosen = np.flatnonzero(among)
        groups = [chosen[self._patients[chosen] == patient] for patient in np.unique(self._patients[chosen])]
        generator = np.random.default_rng(self._seed)
        drawn = [
            statistic(np.concatenate([groups[index] for index in generator.integers(len(groups), size=len(groups))]))
            for _ in range(self._resamples)
        ]
        low, high = np.nanpercentile(drawn, (2.5, 97.5))
        return {"value": _rounded(statistic(chosen)), "interval": [_rounded(low), _rounded(high)]}


def auc(truth: NDArray[np.float32], scores: NDArray[np.float32], chosen: NDArray[np.intp]) -> float:
    """Area under the ROC curve; NaN where only one class is among the chosen."""
    if len(set(truth[chosen])) < 2:
        return float("nan")
    return float(roc_auc_score(truth[chosen], scores[chosen]))


def share(hits: NDArray[np.bool_], chosen: NDArray[np.intp]) -> float:
    """Share of the chosen that are hits; NaN where none is chosen."""
    return float(hits[chosen].mean()) if len(chosen) else float("nan")


def f1(truth: NDArray[np.bool_], said: NDArray[np.bool_], chosen: NDArray[np.intp]) -> float:
    """Harmonic mean of precision and recall; NaN where nothing is true or said."""
    hits = (truth[chosen] & said[chosen]).sum()
    total = truth[chosen].sum() + said[chosen].sum()
    return float(2 * hits / total) if total else float("nan")


def calibration_error(truth: NDArray[np.float32], probabilities: NDArray[np.float32], bins: int = 10) -> float:
    """Expected calibration error over bins of equal width."""
    places = np.minimum((probabilities * bins).astype(int), bins - 1)
    gaps = [
        abs(truth[places == place].mean() - probabilities[places == place].mean()) * (places == place).mean()
        for place in np.unique(places)
    ]
    return _rounded(sum(gaps))


def _rounded(value: float) -> float:
    return round(float(value), 4)
