"""English words that objects and alerts share: warnings, certainty, probability.

The report has its own, in every language (`report/locales`); a test holds its English ones against these.
"""

from __future__ import annotations

from dicomnode.records import Estimate, Label, Verdict

DISCLAIMER = "RESEARCH not for diagnostic use"
"""Ends every Series Description."""
WARNING = "AI DRAFT - RESEARCH - NOT VERIFIED BY A PHYSICIAN - NOT FOR DIAGNOSTIC USE"
"""Stands in every document, before what it says."""
PICTURE_WARNING = "AI RESEARCH - not for diagnostic use"
"""Stands in every picture, where there is little room."""
ALERT_WARNING = "AI result, not verified by a physician. Research use only, not for diagnostic use."
"""Stands in every alert."""

LABELS = {
    Label.PATIENT: "Patient",
    Label.PATIENT_ID: "Patient ID",
    Label.BIRTH_DATE: "Date of birth",
    Label.SEX: "Sex",
    Label.ACCESSION_NUMBER: "Accession number",
    Label.STUDY: "Study",
    Label.STUDY_DATE: "Study date",
    Label.REPORT_DATE: "Report date",
    Label.PROBABILITY: "Probability",
    Label.INTERVAL: "95% interval",
    Label.THRESHOLD: "Threshold",
    Label.SCALE: "Relative importance (not a probability)",
    Label.LOW: "low",
    Label.HIGH: "high",
    Label.SLICE: "Slice",
    Label.IMAGE: "Image",
    Label.PAGE: "Page",
    Label.METHOD: "Method",
    Label.MODEL: "Model",
    Label.EMERGENT: "Emergent",
    Label.URGENT: "Urgent",
    Label.NON_CRITICAL: "Non-critical",
    Label.NON_ACTIONABLE: "No change of priority",
    Label.NOT_FOR_DIAGNOSIS: "AI draft for research - not for diagnostic use",
    Label.SUSPECTED: "Suspected",
    Label.POSSIBLE: "Suspected, but not certain",
    Label.UNDETERMINED: "Neither confirmed nor excluded",
    Label.NOT_DETECTED: "Not detected",
    Label.VIEW: "View",
    Label.REGION: "Region of high importance",
}
"""English labels of pages and pictures, for texts that bring none."""

_CERTAINTIES = {
    Verdict.PRESENT: "suspected",
    Verdict.POSSIBLE: "suspected, but not certain",
    Verdict.UNDETERMINED: "can neither be confirmed nor excluded",
    Verdict.ABSENT: "not detected",
}


def certainty(verdict: Verdict) -> str:
    """What follows the name of a finding, with the certainty of its verdict."""
    return _CERTAINTIES[verdict]


def percent(estimate: Estimate) -> str:
    """A probability without its limits."""
    return f"{'about ' if estimate.is_rough else ''}{estimate.percent}%"


def probability(estimate: Estimate) -> str:
    """A probability with its limits, where they are known."""
    said = f"probability {percent(estimate)}"
    if estimate.lower is None or estimate.upper is None:
        return said
    return f"{said}, 95% interval {estimate.lower}% to {estimate.upper}%"
