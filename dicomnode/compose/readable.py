"""Which of a report's texts can be drawn with the font there is, and the English that stands in where none can."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from dicomnode.compose.request import ComposeRequest
from dicomnode.compose.texts import unlimited_text
from dicomnode.compose.typeface import SHIPPED, font_path, missing, runs_from_right
from dicomnode.dicom import codes
from dicomnode.dicom.words import WARNING, certainty, probability
from dicomnode.records import Report, ReportText, Revision, Section, Sentence
from dicomnode.settings import ComposeSettings

_ISOLATE = re.compile("\u2068([^\u2066-\u2069]*)\u2069")


def font_of(settings: ComposeSettings) -> Path:
    """The font that pages and pictures are set in."""
    return font_path(_wanted(settings))


def _wanted(settings: ComposeSettings) -> Path | None:
    """The house's font, where it has one."""
    return Path(settings.font) if settings.font else None


def drawable(line: str, font: Path) -> str:
    """Fit for drawing: letters that the font does not have, of a free sentence say, become question marks."""
    text = _without_idle_isolates(unlimited_text(line))
    lost = missing(text, font)
    return "".join("?" if letter in lost else letter for letter in text)


def _without_idle_isolates(line: str) -> str:
    """Without isolating marks around words that run as the line does: renderers misplace the blanks and brackets."""
    if not runs_from_right(line):
        return line
    return _ISOLATE.sub(lambda isolate: isolate[1] if runs_from_right(isolate[1]) else isolate[0], line)


def readable_text(request: ComposeRequest, can_show: Callable[[str], bool]) -> tuple[ReportText, Path, list[str]]:
    """The report's text that can be shown, the font that has its letters, and remarks about what could not.

    Parameters
    ----------
    can_show
        Whether what draws can shape a text, whatever the font.
    """
    house, font = request.report.text, font_of(request.settings)
    remarks = []
    wanted = _wanted(request.settings)
    if wanted is not None and font != wanted:
        remarks.append("The font in compose.font cannot be read; the shipped one is used.")
    own_words = "".join(
        (house.title, house.warning, *house.headings.values(), *house.names.values(), *house.labels.values())
    )
    if can_show(own_words) and not missing(own_words, font):
        return house, font, remarks
    why = "needs a font that has its letters (compose.font)" if can_show(own_words) else "needs FriBiDi to be drawn"
    remarks.append(f"The report in language {house.language} {why}; this page is in English.")
    english = (text for text in request.report.texts if text.language.split("-")[0] == "en")
    # A font without the house's own letters may have no Latin ones either.
    return next(english, None) or _coded(request.report), SHIPPED, remarks


def _coded(report: Report) -> ReportText:
    """The coded findings in the standard's own English words, where there is no text in English."""
    found = tuple(
        Sentence(
            text=f"{finding.spec.code.meaning}: {certainty(finding.verdict)} ({probability(finding.estimate)}).",
            finding=finding.spec.key,
        )
        for finding in report.findings
    )
    impression = (codes.OUTCOMES[report.outcome].meaning + ".", report.reason)
    sections = {
        Section.EXAMINATION: tuple(Sentence(text=line) for line in [_revision(report.revision)] if line),
        Section.FINDINGS: found,
        Section.IMPRESSION: tuple(Sentence(text=line) for line in impression if line),
    }
    return ReportText(
        language="en",
        is_right_to_left=False,
        title="AI draft report",
        warning=WARNING,
        headings={section: section.value.capitalize() for section in Section},
        sections={section: said for section, said in sections.items() if said},
        names={},
    )


def _revision(revision: Revision) -> str:
    """Which of the study's answers it is, in English; empty for the first."""
    if revision.earlier_at is None:
        return ""
    becomes = "is replaced" if revision.replaces else "still counts"
    return f"Revision {revision.number}; the AI result of {revision.earlier_at:%Y-%m-%d %H:%M:%S} {becomes}."
