"""From logits to probabilities and thresholds, on the validation split."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import matthews_corrcoef

from dicomnode.errors import PermanentError
from dicomnode.measure.calibration import Calibration, probabilities
from dicomnode.records import FloatArray
from dicomnode.train.data import Split

# N images, K findings

_LEAST_SLOPE = 0.1
"""A logit never counts against its own finding, whatever a handful of validation images say."""
_LEAST_SPECIFICITY = 0.75
"""A finding that the model can hardly tell is not said of everybody."""
_PARTS = 40
"""Random runs of slices that each study of the validation split is calibrated on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """What one finding is calibrated on. E examples: images, or runs of slices of studies."""

    key: str
    """Name of the finding, for errors."""
    logits: FloatArray
    """(E,)."""
    truth: FloatArray
    """(E,), NaN where unknown."""
    sources: NDArray[np.str_]
    """(E,) data set of each."""
    patients: NDArray[np.str_]
    """(E,)."""

    def of(self, chosen: NDArray[np.intp]) -> Examples:
        """Some of them, as often as they are chosen."""
        return Examples(
            key=self.key,
            logits=self.logits[chosen],
            truth=self.truth[chosen],
            sources=self.sources[chosen],
            patients=self.patients[chosen],
        )


def image_examples(split: Split, logits: FloatArray, keys: tuple[str, ...]) -> tuple[Examples, ...]:
    """Every image of a split by itself, for each finding; logits (N, K)."""
    return _examples(split, logits, keys, [np.array([index]) for index in range(len(split.films))])


def study_examples(split: Split, logits: FloatArray, keys: tuple[str, ...], seed: int) -> tuple[Examples, ...]:
    """Studies, for each finding.

    A study of slices is seen as many random runs of at least half of them: the validation split holds too few whole
    ones. Where every image is a study this is `image_examples`.
    """
    volumes = split.volumes
    if all(len(slices) == 1 for slices in volumes.values()):
        return image_examples(split, logits, keys)
    rng = np.random.default_rng(seed)
    return _examples(split, logits, keys, [_run(slices, rng) for slices in volumes.values() for _ in range(_PARTS)])


def whole_studies(split: Split, logits: FloatArray, keys: tuple[str, ...]) -> tuple[Examples, ...]:
    """Every study once, for each finding."""
    return _examples(split, logits, keys, list(split.volumes.values()))


def _examples(
    split: Split, logits: FloatArray, keys: tuple[str, ...], runs: list[NDArray[np.intp]]
) -> tuple[Examples, ...]:
    first = np.array([run[0] for run in runs])
    return tuple(
        Examples(
            key=key,
            logits=np.array([study_logit(logits[run, k]) for run in runs], np.float32),
            truth=np.array([split.labels[run, k].max() for run in runs], np.float32),
            sources=split.sources[first],
            patients=split.patients[first],
        )
        for k, key in enumerate(keys)
    )


def calibrations(examples: tuple[Examples, ...]) -> tuple[Calibration, ...]:
    """Calibrate every finding.

    Raises
    ------
    PermanentError
        As `calibrated`.
    """
    return tuple(calibrated(one) for one in examples)


def _run(slices: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.intp]:
    length = int(rng.integers((len(slices) + 1) // 2, len(slices) + 1))
    start = int(rng.integers(len(slices) - length + 1))
    return slices[start : start + length]


def study_logit(logits: FloatArray) -> float:
    """The logit of a study from those (N,) of its slices, as `decoder.slice_attention` weighs them."""
    weights = np.exp(logits - logits.max())
    return float((weights * logits).sum() / weights.sum())


def calibrated(examples: Examples) -> Calibration:
    """Fit Platt's two numbers, then the threshold of the best mean Matthews correlation over the sources.

    Raises
    ------
    PermanentError
        If the examples do not hold both present and absent ones of the finding.
    """
    known = examples.of(np.flatnonzero(~np.isnan(examples.truth)))
    if len(set(known.truth)) < 2:
        raise PermanentError(
            f"the validation split needs images with and without {known.key}; remove the finding from the recipe"
        )
    slope, offset = platt(known.logits, known.truth)
    scores = probabilities(known.logits, slope, offset)
    return Calibration(slope=slope, offset=offset, threshold=_threshold(scores, known.truth.astype(int), known.sources))


def platt(logits: FloatArray, truth: FloatArray) -> tuple[float, float]:
    """Slope and offset of the line that turns logits (E,) into log-odds; truth (E,) holds both 0 and 1."""
    model = LogisticRegression(C=1.0).fit(logits[:, None], truth.astype(int))
    slope, offset = float(model.coef_[0, 0]), float(model.intercept_[0])
    if slope < _LEAST_SLOPE:
        slope, offset = _LEAST_SLOPE, _balanced(logits, truth.astype(int))
    return slope, offset


def _balanced(logits: FloatArray, truth: NDArray[np.int_]) -> float:
    """Offset at which the mean probability is the share of the present, the slope being the least."""
    low, high = -30.0, 30.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (
            (middle, high) if probabilities(logits, _LEAST_SLOPE, middle).mean() < truth.mean() else (low, middle)
        )
    return middle


def _threshold(scores: NDArray[np.float64], truth: NDArray[np.int_], sources: NDArray[np.str_]) -> float:
    # Candidates lie between neighbouring scores, so that no film stands exactly on the border.
    ordered = np.unique(scores)
    candidates = (ordered[1:] + ordered[:-1]) / 2
    specific = [(scores[truth == 0] < candidate).mean() >= _LEAST_SPECIFICITY for candidate in candidates]
    candidates = candidates[specific] if any(specific) else candidates[-1:]

    def merit(candidate: float) -> float:
        parts = [sources == source for source in sorted(set(sources))]
        return float(np.mean([matthews_corrcoef(truth[part], scores[part] >= candidate) for part in parts]))

    merits = np.array([merit(candidate) for candidate in candidates])
    # The middle of all nearly best candidates: one split's luck moves it less than the single best one.
    return float(np.median(candidates[merits >= merits.max() - 0.02]))
