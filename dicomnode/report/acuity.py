"""How soon a physician should know: one table, read by triage, report, objects and queue alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dicomnode.records import Acuity, AlertContent, AlertFinding, Finding, FindingSpec, FloatArray, Report
from dicomnode.report.verdict import verdicts
from dicomnode.settings import AcuitySettings


def finding_acuity(spec: FindingSpec, settings: AcuitySettings) -> Acuity:
    """Acuity of the finding where it is present: the settings' word, else the bundle's."""
    return settings.findings.get(spec.key, spec.acuity)


def study_acuity(
    specs: Sequence[FindingSpec], probabilities: Sequence[float] | FloatArray, settings: AcuitySettings
) -> Acuity:
    """Acuity of the study: that of its most acute suspected finding, even where it is not certain.

    Limits of the probabilities are not asked for: they decide how certain a suspicion is, not whether there is one, so
    that triage and report agree.

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
        for spec, verdict in zip(specs, verdicts(specs, probabilities), strict=True)
        if verdict.is_suspected
    ]
    return min(suspected, key=lambda acuity: acuity.rank, default=Acuity.NON_ACTIONABLE)


def alerts_due(report: Report, settings: AcuitySettings, channels: Iterable[str]) -> dict[str, AlertContent]:
    """What each channel is to be told of a report: the suspected findings that call it, the most acute first.

    Parameters
    ----------
    channels
        Names of the channels that there are.

    Returns
    -------
    dict
        Channel to content; channels that are to be told nothing are left out.
    """
    if report.bundle is None:
        return {}
    due = {}
    for channel in channels:
        findings = [f for f in report.suspected if {channel, "*"} & set(_channels_of(f, settings))]
        if findings:
            due[channel] = AlertContent(
                findings=tuple(_told(f) for f in sorted(findings, key=lambda f: (f.acuity.rank, -f.probability))),
                model=report.bundle.name,
                model_version=report.bundle.version,
            )
    return due


def _channels_of(finding: Finding, settings: AcuitySettings) -> tuple[str, ...]:
    return settings.alerts.get(finding.spec.key, settings.levels[finding.acuity].alerts)


def _told(finding: Finding) -> AlertFinding:
    return AlertFinding(
        key=finding.spec.key,
        code=finding.spec.code,
        verdict=finding.verdict,
        estimate=finding.estimate,
        acuity=finding.acuity,
    )
