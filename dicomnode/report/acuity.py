"""How soon a physician should know: one table, read by triage, report, objects and queue alike."""

from __future__ import annotations

from collections.abc import Sequence

from dicomnode.records import Acuity, FindingSpec, FloatArray, Presence
from dicomnode.settings import AcuitySettings


def presence(spec: FindingSpec, probability: float) -> Presence:
    """Whether a finding of this calibrated probability counts as there."""
    return Presence.PRESENT if probability >= spec.threshold else Presence.ABSENT


def finding_acuity(spec: FindingSpec, settings: AcuitySettings) -> Acuity:
    """Acuity of the finding where it is present: the settings' word, else the bundle's."""
    return settings.findings.get(spec.key, spec.acuity)


def study_acuity(
    specs: Sequence[FindingSpec], probabilities: Sequence[float] | FloatArray, settings: AcuitySettings
) -> Acuity:
    """Acuity of the study: that of its most acute present finding.

    Parameters
    ----------
    probabilities
        (K,) one for each of `specs`, in their order.

    Returns
    -------
    Acuity
        NON_ACTIONABLE where no finding is present.
    """
    present = [
        finding_acuity(spec, settings)
        for spec, probability in zip(specs, probabilities, strict=True)
        if presence(spec, float(probability)) is Presence.PRESENT
    ]
    return min(present, key=lambda acuity: acuity.rank, default=Acuity.NON_ACTIONABLE)
