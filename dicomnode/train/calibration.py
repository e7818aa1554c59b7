"""From logits to probabilities and thresholds, on the validation split."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import matthews_corrcoef

from dicomnode.errors import PermanentError
from dicomnode.records import FloatArray

# N images, K findings


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What turns one finding's logit into a probability and a decision."""

    slope: float
    offset: float
    """probability = sigmoid(slope * logit + offset)."""
    threshold: float
    """Probability from which the finding counts as present."""

    def margins(self, logits: FloatArray) -> FloatArray:
        """Log-odds above the threshold."""
        border = np.log(self.threshold / (1 - self.threshold))
        return np.asarray(self.slope * logits + self.offset - border, np.float32)


def probabilities(logits: FloatArray, slope: float, offset: float) -> NDArray[np.float64]:
    """sigmoid(slope * logit + offset)."""
    return np.asarray(1 / (1 + np.exp(-(slope * logits.astype(np.float64) + offset))))


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
        If the split does not hold both present and absent films of the finding.
    """
    known = ~np.isnan(labels)
    if len(set(labels[known])) < 2:
        raise PermanentError(f"the validation split needs films with and without {key}; leave the finding out")
    truth = labels[known].astype(int)
    model = LogisticRegression(C=1e4).fit(logits[known, None], truth)
    slope, offset = float(model.coef_[0, 0]), float(model.intercept_[0])
    scores = probabilities(logits[known], slope, offset)
    return Calibration(slope=slope, offset=offset, threshold=_threshold(scores, truth, sources[known]))


def _threshold(scores: NDArray[np.float64], truth: NDArray[np.int_], sources: NDArray[np.str_]) -> float:
    # Candidates lie between neighbouring scores, so that no film stands exactly on the border.
    ordered = np.unique(scores)
    candidates = (ordered[1:] + ordered[:-1]) / 2

    def merit(candidate: float) -> float:
        parts = [sources == source for source in sorted(set(sources))]
        return float(np.mean([matthews_corrcoef(truth[part], scores[part] >= candidate) for part in parts]))

    merits = np.array([merit(candidate) for candidate in candidates])
    # The middle of all nearly best candidates: one split's luck moves it less than the single best one.
    return float(np.median(candidates[merits >= merits.max() - 0.02]))
