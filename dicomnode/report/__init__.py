"""From what the model says to a report that a physician can check.

Does: give each finding one verdict, decide acuity, hold every drafted sentence against the verdicts, write the text in
every language, refuse a report that contradicts itself.
Does not: run models, compute maps, build DICOM objects.

To add a language: see `languages.py`.
"""

from dicomnode.report.acuity import alerts_due, finding_acuity, study_acuity
from dicomnode.report.check import check_report
from dicomnode.report.verdict import verdicts, verdicts_of
from dicomnode.report.write import report_without_reading, write_report

__all__ = [
    "alerts_due",
    "check_report",
    "finding_acuity",
    "report_without_reading",
    "study_acuity",
    "verdicts",
    "verdicts_of",
    "write_report",
]
