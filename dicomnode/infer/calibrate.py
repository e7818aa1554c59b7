"""From logits to calibrated probabilities."""

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


def limits_of(logits: FloatArray, resamples: FloatArray) -> FloatArray:
    """Limits of the calibrated probabilities, 95 %: how far calibration on other patients would have moved them.

    Parameters
    ----------
    logits
        (K,), one for each finding.
    resamples
        (K, R, 2): slope and offset of each finding, fitted to R resamples of the validation split's patients.

    Returns
    -------
    (K, 2), in [0, 1].
    """
    lines = resamples[..., 0] * logits[:, np.newaxis] + resamples[..., 1]  # (K, R)
    low, high = np.percentile(0.5 * (1 + np.tanh(0.5 * lines)), (2.5, 97.5), axis=1)
    return np.stack([low, high], axis=1).astype(np.float32)
