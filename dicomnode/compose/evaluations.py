"""What is said of a study as a whole, as coded evaluations (TID 1500, Qualitative Evaluations).

No template binds these names to these values; which stand for what is our convention, out of codes of the standard:

- Summary of Detections: how the reading ended (CID 6047).
- Level of Significance: how soon a physician should know (CID 7035); left out where that is not known.
- Image Quality: how good the images are (CID 7036); Quality Issue: what is wrong with them (CID 7011).
- Comparison with Prior Study Done: yes or no (CID 230).
- Recommendation: "For Physician Review" (CID 7010) where review of the answer is asked for; Comments say why.
"""

from __future__ import annotations

import highdicom as hd
from pydicom import Dataset

from dicomnode.compose.document import CONTAINS, text_item
from dicomnode.dicom import codes
from dicomnode.dicom.codes import code
from dicomnode.records import Acuity, CodedConcept, Outcome, Report, ReviewReason

_WHY = {
    ReviewReason.UNDETERMINED: "a finding can neither be called present nor absent",
    ReviewReason.DISAGREEMENT: "draft and classifier, or the members of an ensemble, disagree",
    ReviewReason.OUT_OF_DISTRIBUTION: "images do not look like those that the model was trained on",
    ReviewReason.QUALITY: "the images are of limited quality or none",
    ReviewReason.INCOMPLETE: "images of the study are missing",
}
_READ = frozenset([Outcome.FINDINGS, Outcome.NOTHING_FOUND, Outcome.UNDETERMINED])


def study_evaluations(report: Report) -> list[Dataset]:
    """Items of the container, the outcome first."""
    coded = [
        (codes.SUMMARY_OF_DETECTIONS, codes.OUTCOMES[report.outcome]),
        *_significance(report),
        *_quality(report),
    ]
    if report.outcome in _READ:
        coded.append((codes.COMPARISON_DONE, codes.NO if report.prior is None else codes.YES))
    if report.review:
        coded.append((codes.RECOMMENDATION, codes.FOR_PHYSICIAN_REVIEW))
    comments = [f"Review: {_WHY[reason]}" for reason in report.review]
    comments += [f"Nothing can be excluded: {_WHY[reason]}" for reason in report.cannot_exclude]
    if report.reason:
        comments.append(report.reason)
    return [
        *(hd.sr.CodeContentItem(name=code(n), value=code(v), relationship_type=CONTAINS) for n, v in coded),
        *(text_item(codes.COMMENT, comment) for comment in comments),
    ]


def _significance(report: Report) -> list[tuple[CodedConcept, CodedConcept]]:
    """None where nothing was found and not everything could be judged: "non-actionable" would calm without a reason."""
    is_known = report.outcome is Outcome.FINDINGS or (report.outcome is Outcome.NOTHING_FOUND and not report.review)
    if report.acuity is Acuity.NON_ACTIONABLE and not is_known:
        return []
    return [(codes.LEVEL_OF_SIGNIFICANCE, codes.ACUITIES[report.acuity])]


def _quality(report: Report) -> list[tuple[CodedConcept, CodedConcept]]:
    if report.quality is None:
        return []
    return [
        (codes.IMAGE_QUALITY, codes.QUALITIES[report.quality.level]),
        *((codes.QUALITY_ISSUE, codes.QUALITY_FAULTS[fault]) for fault in report.quality.faults),
    ]
