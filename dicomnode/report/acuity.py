"""How soon a physician should know: one table, read by triage, report, objects and queue alike."""

from __future__ import annotations

from collections.abc import Sequence

from dicomnode.records import Acuity, FindingSpec, FloatArray, Presence
from dicomnode.settings import AcuitySettings


def presence(spec: FindingSpec, probability: float) -> Presence:
    """Whether a finding of this calibrated probability is there, is not, or cannot be told."""
    absent_below, present_from = spec.certain or (spec.threshold, spec.threshold)
    if probability >= max(present_from, spec.threshold):
        return Presence.PRESENT
    return Presence.ABSENT if probability < min(absent_below, spec.threshold) else Presence.UNDETERMINED


def finding_acuity(spec: FindingSpec, settings: AcuitySettings) -> Acuity:
    """Acuity of the finding where it is present: the settings' word, else the bundle's."""
    return settings.findings.get(spec.key, spec.acuity)


def study_acuity(
    specs: Sequence[FindingSpec], probabilities: Sequence[float] | FloatArray, settings: AcuitySettings
) -> Acuity:
    """Acuity of the study: that of its most acute suspected finding, even where it is not certain.

    Parameters
    ----------
    probabilities
        (K,) one for each of `specs`, in their order.

    Returns
    -------
    Acuity
        NON_ACTIONABLE where none is suspected.
    """
    suspected = [
        finding_acuity(spec, settings)
        for spec, probability in zip(specs, probabilities, strict=True)
        if float(probability) >= spec.threshold
    ]
    return min(suspected, key=lambda acuity: acuity.rank, default=Acuity.NON_ACTIONABLE)
