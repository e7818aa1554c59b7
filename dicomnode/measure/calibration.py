"""From logits to probabilities and decisions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dicomnode.records import FloatArray


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
