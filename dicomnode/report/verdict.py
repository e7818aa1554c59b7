"""The one verdict on each finding: present, absent, or neither, and then whether it is suspected.

Triage, report, comparison, maps and alerts all ask here, so that nothing of a study says otherwise than the rest.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dicomnode.measure.hierarchy import coherent
from dicomnode.records import FindingSpec, FloatArray, Reading, ReviewReason, Verdict

WIDEST = 0.5
"""A verdict on a wider interval is not certain: the interval spans more than half of all that a probability can be."""


def verdict(spec: FindingSpec, probability: float, interval: Sequence[float] | None = None) -> Verdict:
    """What a calibrated probability alone says of a finding.

    Present from the threshold on, absent below it; not certain between the conformal bounds, where the interval of the
    probability holds the threshold, so that the true one may as well lie on its other side, and where the interval is
    wider than `WIDEST`. An interval that holds another one of the same probability never gives a more certain verdict.

    Parameters
    ----------
    interval
        Lower and upper limit of the probability, 95 %; None: not known.
    """
    absent_below, present_from = spec.certain or (spec.threshold, spec.threshold)
    low, high = (probability, probability) if interval is None else (float(interval[0]), float(interval[1]))
    is_narrow = high - low <= WIDEST
    if probability >= spec.threshold:
        is_sure = is_narrow and probability >= present_from and low >= spec.threshold
        return Verdict.PRESENT if is_sure else Verdict.POSSIBLE
    is_sure = is_narrow and probability < absent_below and high < spec.threshold
    return Verdict.ABSENT if is_sure else Verdict.UNDETERMINED


def verdicts(
    specs: Sequence[FindingSpec],
    probabilities: Sequence[float] | FloatArray,
    intervals: FloatArray | None = None,
    cannot_exclude: Sequence[ReviewReason] = (),
) -> tuple[Verdict, ...]:
    """Judge all findings of one study, on coherent figures.

    What is of a kind is of the whole: a finding is judged at least as high as each of the findings that imply it, in
    the order absent, undetermined, possible, present. Raising the whole is the safe direction; lowering the kind would
    hide what was seen. Thresholds of the two differ, so that this does not follow from the probabilities. Nothing is
    called absent where something forbids it.

    Parameters
    ----------
    probabilities
        (K,) one for each of `specs`, in their order.
    intervals
        (K, 2); None: not known.
    cannot_exclude
        Why nothing may be called absent; empty: it may.

    Returns
    -------
    tuple[Verdict, ...]
        (K,).

    Raises
    ------
    ValueError
        If there are not as many probabilities as findings.
    """
    if len(probabilities) != len(specs):
        raise ValueError(f"{len(specs)} findings need as many probabilities, got {len(probabilities)}")
    # The model gives coherent figures; a reading of other making may not.
    raised = coherent(specs, np.asarray(probabilities))
    limits = None if intervals is None else coherent(specs, intervals)
    found = {
        spec.key: verdict(spec, float(raised[k]), None if limits is None else limits[k]) for k, spec in enumerate(specs)
    }
    if cannot_exclude:
        found = {key: Verdict.UNDETERMINED if one is Verdict.ABSENT else one for key, one in found.items()}
    # As many rounds as findings: a chain of kinds is no longer than that.
    for _ in specs:
        for spec in specs:
            for whole in spec.implies:
                if whole in found and found[whole].rank < found[spec.key].rank:
                    found[whole] = found[spec.key]
    return tuple(found.values())


def verdicts_of(specs: Sequence[FindingSpec], reading: Reading) -> tuple[Verdict, ...]:
    """Judge all findings of a reading: (K,)."""
    return verdicts(specs, reading.probabilities, reading.intervals, reading.cannot_exclude)
