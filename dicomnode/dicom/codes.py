"""Coded concepts by name (PS3.16); one line for each that results use."""

from __future__ import annotations

from collections.abc import Collection

from pydicom.sr.coding import Code

from dicomnode.records import (
    BODY_REGIONS,
    Acuity,
    Change,
    CodedConcept,
    Estimate,
    Outcome,
    Presence,
    QualityFault,
    QualityLevel,
)

# Units
PERCENT = CodedConcept("%", "UCUM", "Percent")

# Document titles: CID 7000, CID 7021, CID 7010
DIAGNOSTIC_IMAGING_REPORT = CodedConcept("18748-4", "LN", "Diagnostic Imaging Report")
IMAGING_MEASUREMENT_REPORT = CodedConcept("126000", "DCM", "Imaging Measurement Report")
OF_INTEREST = CodedConcept("113000", "DCM", "Of Interest")
REJECTED_FOR_PATIENT_SAFETY = CodedConcept("113037", "DCM", "Rejected for Patient Safety Reasons")

# Procedures: CID 100, which may be extended, and LOINC's codes of imaging by body region and view.
CT_PROCEDURE = CodedConcept("25045-6", "LN", "CT unspecified body region")
MRI_PROCEDURE = CodedConcept("25056-3", "LN", "MRI unspecified body region")
XR_PROCEDURE = CodedConcept("43468-8", "LN", "XR unspecified body region")
IMAGING_PROCEDURE = CodedConcept("363679005", "SCT", "Imaging procedure")
PROCEDURES = {
    ("CT", "head"): CodedConcept("24725-4", "LN", "CT Head"),
    ("CT", "chest"): CodedConcept("24627-2", "LN", "CT Chest"),
    ("MR", "head"): CodedConcept("24590-2", "LN", "MR Brain"),
    ("XR", "chest"): CodedConcept("30745-4", "LN", "XR Chest Views"),
}
"""By kind of imaging and region of the body (`records.BODY_REGIONS`)."""
CHEST_FILMS = {
    ("AP",): CodedConcept("36572-6", "LN", "XR Chest AP"),
    ("LATERAL", "PA"): CodedConcept("42272-5", "LN", "XR Chest PA and Lateral"),
}
"""Chest films by their views, sorted; LOINC's code for PA alone says "upright", which a header may not."""

# Sections and their elements: CID 7001, CID 7002, CID 7003
PROCEDURE_DESCRIPTIONS = CodedConcept("55111-9", "LN", "Current Procedure Descriptions")
PRIOR_PROCEDURES = CodedConcept("55114-3", "LN", "Prior Procedure Descriptions")
CRITICAL_RESULTS = CodedConcept("73568-8", "LN", "Communication of Critical Results")
FINDINGS = CodedConcept("59776-5", "LN", "Findings")
IMPRESSIONS = CodedConcept("19005-8", "LN", "Impressions")
QUALITATIVE_EVALUATIONS = CodedConcept("C0034375", "UMLS", "Qualitative Evaluations")
RECOMMENDATIONS = CodedConcept("18783-1", "LN", "Recommendations")
PROCEDURE_DESCRIPTION = CodedConcept("121065", "DCM", "Procedure Description")
FINDING = CodedConcept("121071", "DCM", "Finding")
IMPRESSION = CodedConcept("121073", "DCM", "Impression")
RECOMMENDATION = CodedConcept("121075", "DCM", "Recommendation")
BEST_ILLUSTRATION = CodedConcept("121080", "DCM", "Best illustration of finding")
KEY_OBJECT_DESCRIPTION = CodedConcept("113012", "DCM", "Key Object Description")
PROCEDURE_REPORTED = CodedConcept("121058", "DCM", "Procedure reported")

# Qualities of a finding
CERTAINTY_OF_FINDING = CodedConcept("111012", "DCM", "Certainty of Finding")
PROBABILITY = CodedConcept("122157", "DCM", "Probability")
LEVEL_OF_SIGNIFICANCE = CodedConcept("121403", "DCM", "Level of Significance")
IMAGE_REGION = CodedConcept("111030", "DCM", "Image Region")
VISUAL_EXPLANATION = CodedConcept("130401", "DCM", "Visual explanation")
MEASUREMENT_METHOD = CodedConcept("370129005", "SCT", "Measurement Method")
COMMENT = CodedConcept("121106", "DCM", "Comment")

# Limits of a measured value, as distances from it: CID 225
LOWER_UNCERTAINTY = CodedConcept("371885007", "SCT", "-, range of lower measurement uncertainty")
UPPER_UNCERTAINTY = CodedConcept("371886008", "SCT", "+, range of upper measurement uncertainty")

# The study against an earlier one, its images, and what is asked of a physician: CID 230, CID 7036, CID 7010
COMPARISON_DONE = CodedConcept("122140", "DCM", "Comparison with Prior Study Done")
YES = CodedConcept("373066001", "SCT", "Yes")
NO = CodedConcept("373067005", "SCT", "No")
QUALITATIVE_DIFFERENCE = CodedConcept("111049", "DCM", "Qualitative Difference")
IMAGE_QUALITY = CodedConcept("111101", "DCM", "Image Quality")
QUALITY_ISSUE = CodedConcept("113010", "DCM", "Quality Issue")
FOR_PHYSICIAN_REVIEW = CodedConcept("128201", "DCM", "For Physician Review")

# What segments are: CID 7150
MORPHOLOGICALLY_ABNORMAL = CodedConcept("49755003", "SCT", "Morphologically Abnormal Structure")

# Algorithms, equipment and derivation: CID 7005, CID 7202, CID 7203
DEVICE = CodedConcept("121007", "DCM", "Device")
ALGORITHM_NAME = CodedConcept("111001", "DCM", "Algorithm Name")
ARTIFICIAL_INTELLIGENCE = CodedConcept("123110", "DCM", "Artificial Intelligence")
PROCESSING_EQUIPMENT = CodedConcept("109102", "DCM", "Processing Equipment")
SOURCE_FOR_PROCESSING = CodedConcept("121322", "DCM", "Source image for image processing operation")
PIXEL_ADDITION = CodedConcept("113042", "DCM", "Pixel by pixel addition")
SPATIAL_RESAMPLING = CodedConcept("113085", "DCM", "Spatial resampling")

# CID 6047 names how algorithms ended; its concept name is that of the summary of their detections.
SUMMARY_OF_DETECTIONS = CodedConcept("111064", "DCM", "Summary of Detections")
OUTCOMES = {
    Outcome.FINDINGS: CodedConcept("111242", "DCM", "All algorithms succeeded; with findings"),
    Outcome.NOTHING_FOUND: CodedConcept("111241", "DCM", "All algorithms succeeded; without findings"),
    Outcome.UNDETERMINED: CodedConcept("111243", "DCM", "Not all algorithms succeeded; without findings"),
    **dict.fromkeys(
        (Outcome.NOT_APPLICABLE, Outcome.NOT_JUDGED, Outcome.COULD_NOT_RUN),
        CodedConcept("111245", "DCM", "No algorithms succeeded; without findings"),
    ),
}

# CID 240
PRESENCES = {
    Presence.PRESENT: CodedConcept("52101004", "SCT", "Present"),
    Presence.ABSENT: CodedConcept("272519000", "SCT", "Absent"),
    Presence.UNDETERMINED: CodedConcept("373068000", "SCT", "Undetermined"),
}

# CID 6002; it has no word for a finding that has gone, CID 3770 has
CHANGES = {
    Change.NEW: CodedConcept("129721008", "SCT", "New finding"),
    Change.INCREASED: CodedConcept("15454001", "SCT", "Increase in size"),
    Change.UNCHANGED: CodedConcept("129723006", "SCT", "No significant changes in the finding"),
    Change.DECREASED: CodedConcept("19776001", "SCT", "Decrease in size"),
    Change.RESOLVED: CodedConcept("413322009", "SCT", "Problem resolved"),
}

# CID 7036
QUALITIES = {
    QualityLevel.DIAGNOSTIC: CodedConcept("RID12", "RADLEX", "Diagnostic quality"),
    QualityLevel.LIMITED: CodedConcept("RID13", "RADLEX", "Limited quality"),
    QualityLevel.NON_DIAGNOSTIC: CodedConcept("RID14", "RADLEX", "Non-diagnostic quality"),
}

# CID 7011; it has no word for noise alone
QUALITY_FAULTS = {
    QualityFault.BLURRED: CodedConcept("111210", "DCM", "Motion blur"),
    QualityFault.UNDER_EXPOSED: CodedConcept("111211", "DCM", "Under exposed"),
    QualityFault.OVER_EXPOSED: CodedConcept("111212", "DCM", "Over exposed"),
    QualityFault.NOISY: CodedConcept("111207", "DCM", "Image artifact(s)"),
    QualityFault.BLANK: CodedConcept("111213", "DCM", "No image"),
}

# CID 217: what is neither kind of class activation is a map of saliency
_CLASS_ACTIVATION = CodedConcept("130402", "DCM", "Class activation")
_GRADIENT_WEIGHTED = CodedConcept("130403", "DCM", "Gradient-weighted class activation")
_SALIENCY = CodedConcept("130404", "DCM", "Saliency")
_EXPLANATIONS = {
    "class_activation": _CLASS_ACTIVATION,
    "grad_cam": _GRADIENT_WEIGHTED,
    "gradcam": _GRADIENT_WEIGHTED,
    "hires_cam": _GRADIENT_WEIGHTED,
    "hirescam": _GRADIENT_WEIGHTED,
}

# CID 7035. No template binds these to a concept name; as values of Level of Significance they are our convention.
ACUITIES = {
    Acuity.EMERGENT: CodedConcept("RID49480", "RADLEX", "ACR Category 1 Actionable Finding"),
    Acuity.URGENT: CodedConcept("RID49481", "RADLEX", "ACR Category 2 Actionable Finding"),
    Acuity.NON_CRITICAL: CodedConcept("RID49482", "RADLEX", "ACR Category 3 Actionable Finding"),
    Acuity.NON_ACTIONABLE: CodedConcept("RID50261", "RADLEX", "Non-actionable"),
}

# CID 5000 (RFC 5646); a region that is not named here is its own meaning
LANGUAGES = {
    tag: CodedConcept(tag, "RFC5646", meaning)
    for tag, meaning in {
        "ar": "Arabic",
        "de": "German",
        "de-AT": "German (Austria)",
        "de-CH": "German (Switzerland)",
        "de-DE": "German (Germany)",
        "en": "English",
        "en-GB": "English (United Kingdom)",
        "en-US": "English (United States)",
        "es": "Spanish",
        "es-ES": "Spanish (Spain)",
        "es-MX": "Spanish (Mexico)",
        "fr": "French",
        "fr-CA": "French (Canada)",
        "fr-FR": "French (France)",
        "hi": "Hindi",
        "hi-IN": "Hindi (India)",
        "pt": "Portuguese",
        "pt-BR": "Portuguese (Brazil)",
        "pt-PT": "Portuguese (Portugal)",
        "zh": "Chinese",
        "zh-CN": "Chinese (China)",
    }.items()
}

_KINDS = {**dict.fromkeys(("CR", "DX", "DR", "RG", "PX"), "XR"), "CT": "CT", "MR": "MR"}
_OF_ANY_REGION = {"CT": CT_PROCEDURE, "MR": MRI_PROCEDURE, "XR": XR_PROCEDURE}
_LATERAL = ("LATERAL", "LL", "RL")


def procedure(modality: str, body_part: str = "", views: Collection[str] = ()) -> CodedConcept:
    """Procedure that images document; it names the imaging, not the algorithm.

    Parameters
    ----------
    modality
        Modality (0008,0060).
    body_part
        Body Part Examined (0018,0015); empty: not known.
    views
        View Position (0018,5101) of films.
    """
    kind, region = _KINDS.get(modality.upper(), ""), BODY_REGIONS.get(body_part.upper(), "")
    shown = tuple(sorted({"LATERAL" if view in _LATERAL else view for view in views}))
    if (kind, region) == ("XR", "chest") and shown in CHEST_FILMS:
        return CHEST_FILMS[shown]
    return PROCEDURES.get((kind, region)) or _OF_ANY_REGION.get(kind, IMAGING_PROCEDURE)


def language(tag: str) -> CodedConcept:
    """Language by its RFC 5646 tag; the tag is its own meaning where no name for it is known."""
    return LANGUAGES.get(tag) or CodedConcept(tag, "RFC5646", tag)


def percentages(name: CodedConcept, known: Estimate) -> list[tuple[CodedConcept, int]]:
    """A probability under this name, and where its limits are known the distances to them (CID 225), in percent."""
    values = [(name, known.percent)]
    if known.lower is not None and known.upper is not None:
        values.append((LOWER_UNCERTAINTY, max(known.percent - known.lower, 0)))
        values.append((UPPER_UNCERTAINTY, max(known.upper - known.percent, 0)))
    return values


def explanation(method: str) -> CodedConcept:
    """Kind of visual explanation that a method of this registered name gives, out of CID 217."""
    return _EXPLANATIONS.get(method, _SALIENCY)


def code(concept: CodedConcept) -> Code:
    """Give the concept as the code class that DICOM libraries take."""
    return Code(concept.value, concept.scheme, concept.meaning)
