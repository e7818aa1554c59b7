"""From logits to probabilities and thresholds, on the validation split."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import matthews_corrcoef

from dicomnode.errors import PermanentError
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
class Calibration:
    """What turns one finding's logit into a probability and a decision."""

    slope: float
    offset: float
    """probability = sigmoid(slope * logit + offset)."""
    threshold: float
    """Probability from which the finding counts as present."""

    @property
    def line(self) -> tuple[float, float]:
        """Slope and offset from the logit to the log-odds above the threshold."""
        return self.slope, self.offset - float(np.log(self.threshold / (1 - self.threshold)))

    def margins(self, logits: FloatArray) -> FloatArray:
        """Log-odds above the threshold."""
        slope, offset = self.line
        return np.asarray(slope * logits + offset, np.float32)


def probabilities(logits: FloatArray, slope: float, offset: float) -> NDArray[np.float64]:
    """sigmoid(slope * logit + offset)."""
    return np.asarray(1 / (1 + np.exp(-(slope * logits.astype(np.float64) + offset))))


def calibrations(split: Split, logits: FloatArray, keys: tuple[str, ...]) -> tuple[Calibration, ...]:
    """Calibrate every finding on single images.

    Parameters
    ----------
    split
        The validation split.
    logits
        (N, K) of its images.

    Raises
    ------
    PermanentError
        As `calibrated`.
    """
    return tuple(calibrated(logits[:, k], split.labels[:, k], split.sources, key) for k, key in enumerate(keys))


def study_calibrations(split: Split, logits: FloatArray, keys: tuple[str, ...], seed: int) -> tuple[Calibration, ...]:
    """Calibrate every finding on studies.

    A study of slices is seen as many random runs of at least half of them: the validation split holds too few whole
    ones. Where every image is a study this is `calibrations`.

    Raises
    ------
    PermanentError
        As `calibrated`.
    """
    volumes = split.volumes
    if all(len(slices) == 1 for slices in volumes.values()):
        return calibrations(split, logits, keys)
    rng = np.random.default_rng(seed)
    runs = [_run(slices, rng) for slices in volumes.values() for _ in range(_PARTS)]
    found = []
    for k, key in enumerate(keys):
        scores = np.array([study_logit(logits[run, k]) for run in runs], np.float32)
        truth = np.array([split.labels[run, k].max() for run in runs], np.float32)
        found.append(calibrated(scores, truth, np.array([split.sources[run[0]] for run in runs]), key))
    return tuple(found)


def _run(slices: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.intp]:
    length = int(rng.integers((len(slices) + 1) // 2, len(slices) + 1))
    start = int(rng.integers(len(slices) - length + 1))
    return slices[start : start + length]


def study_logit(logits: FloatArray) -> float:
    """The logit of a study from those (N,) of its slices, as `decoder.slice_attention` weighs them."""
    weights = np.exp(logits - logits.max())
    return float((weights * logits).sum() / weights.sum())


def calibrated(logits: FloatArray, labels: FloatArray, sources: NDArray[np.str_], key: str) -> Calibration:
    """Fit Platt's two numbers, then the threshold of the best mean Matthews correlation over the sources.

    Parameters
    ----------
    logits, labels
        (N,) of one finding; labels NaN where unknown.
    sources
        (N,) data set of each image.
    key
        Name of the finding, for the error.

    Raises
    ------
    PermanentError
        If the split does not hold both present and absent images of the finding.
    """
    known = ~np.isnan(labels)
    if len(set(labels[known])) < 2:
        raise PermanentError(f"the validation split needs images with and without {key}; leave the finding out")
    truth = labels[known].astype(int)
    model = LogisticRegression(C=1.0).fit(logits[known, None], truth)
    slope, offset = float(model.coef_[0, 0]), float(model.intercept_[0])
    if slope < _LEAST_SLOPE:
        slope, offset = _LEAST_SLOPE, _balanced(logits[known], truth)
    scores = probabilities(logits[known], slope, offset)
    return Calibration(slope=slope, offset=offset, threshold=_threshold(scores, truth, sources[known]))


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
