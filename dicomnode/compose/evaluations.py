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

WHY = {
    ReviewReason.UNDETERMINED: "some findings are neither confirmed nor excluded",
    ReviewReason.DISAGREEMENT: "the drafted text and the classifier, or several models, disagree",
    ReviewReason.OUT_OF_DISTRIBUTION: "images unlike those the model was trained on",
    ReviewReason.QUALITY: "limited image quality",
    ReviewReason.INCOMPLETE: "incomplete study",
}
"""In English, as the English report says it."""
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
    comments = [f"Review: {WHY[reason]}" for reason in report.review]
    comments += [f"No finding can be excluded: {WHY[reason]}" for reason in report.cannot_exclude]
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
