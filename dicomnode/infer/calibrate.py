"""From logits to probabilities that mean what they say."""

from __future__ import annotations

import numpy as np

from dicomnode.records import FloatArray


def calibrated(logits: FloatArray, platt: FloatArray) -> FloatArray:
    """Platt scaling: the sigmoid of a line in the logit.

    Parameters
    ----------
    logits
        (..., K), one for each finding.
    platt
        (K, 2): slope and offset of each finding.

    Returns
    -------
    Probabilities, (..., K), in [0, 1].
    """
    line = platt[:, 0] * logits + platt[:, 1]
    return np.asarray(0.5 * (1 + np.tanh(0.5 * line)), dtype=np.float32)  # the sigmoid, without overflow
