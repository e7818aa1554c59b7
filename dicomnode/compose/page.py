"""The report as one page for people, before it is drawn as a picture or a PDF."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from dicomnode.compose.common import author
from dicomnode.compose.request import ComposeRequest
from dicomnode.compose.texts import unlimited_text
from dicomnode.compose.typeface import font_path, missing
from dicomnode.dicom import codes
from dicomnode.dicom.words import WARNING, certainty, probability
from dicomnode.records import Finding, Report, ReportText, Revision, Section, Sentence


class Style(Enum):
    """How a line is set."""

    BANNER = "banner"
    TITLE = "title"
    WARNING = "warning"
    HEADING = "heading"
    BODY = "body"
    SMALL = "small"


class Line(NamedTuple):
    """One paragraph."""

    style: Style
    text: str


class Bar(NamedTuple):
    """One finding's probability, without words that would need a language."""

    name: str
    label: str
    """Its probability as the text has it."""
    percent: float
    """Where the bar ends, not rounded, so that it never lies on the wrong side of the threshold."""
    lower: float
    """Limits of the percentage, both equal to it where they are not known."""
    upper: float
    threshold: float
    """Percentage from which the finding is suspected."""
    is_suspected: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What is drawn."""

    language: str
    is_right_to_left: bool
    font: Path
    """Has every letter of the lines."""
    lines: tuple[Line, ...]
    bars: tuple[Bar, ...]


def page_of(request: ComposeRequest, can_show: Callable[[str], bool] = lambda _: True) -> Page:
    """Lay out the report in the house's language, or in English with a remark where that cannot be shown.

    Parameters
    ----------
    can_show
        Whether what draws can shape a text, whatever the font.
    """
    font = font_path(_wanted(request))
    text, remarks = _readable(request, font, can_show)
    lines = [Line(style, _clean(line, font)) for style, line in _lines(request, text, remarks)]
    return Page(
        language=text.language,
        is_right_to_left=text.is_right_to_left,
        font=font,
        lines=tuple(lines),
        bars=tuple(_bar(finding, text, font) for finding in _all(request)),
    )


def _wanted(request: ComposeRequest) -> Path | None:
    """The house's font, where it has one."""
    return Path(request.settings.font) if request.settings.font else None


def _all(request: ComposeRequest) -> tuple[Finding, ...]:
    return request.report.findings


def _lines(request: ComposeRequest, text: ReportText, remarks: list[str]) -> Iterator[tuple[Style, str]]:
    if request.level.series_flag:
        yield Style.BANNER, request.level.series_flag
    yield Style.TITLE, text.title
    yield Style.WARNING, text.warning
    for remark in remarks:
        yield Style.SMALL, remark
    for name, sentences in text.sections.items():
        yield Style.HEADING, text.headings.get(name, name.value.capitalize())
        for sentence in sentences:
            yield Style.BODY, sentence.text
    yield Style.SMALL, author(request.report.bundle)


def _readable(request: ComposeRequest, font: Path, can_show: Callable[[str], bool]) -> tuple[ReportText, list[str]]:
    """The report's text that can be shown, and remarks about what could not."""
    house = request.report.text
    remarks = []
    wanted = _wanted(request)
    if wanted is not None and font != wanted:
        remarks.append("The font in compose.font cannot be read; the shipped one is used.")
    own_words = "".join((house.title, house.warning, *house.headings.values(), *house.names.values()))
    if can_show(own_words) and not missing(own_words, font):
        return house, remarks
    why = "needs a font that has its letters (compose.font)" if can_show(own_words) else "needs FriBiDi to be drawn"
    remarks.append(f"The report in language {house.language} {why}; this page is in English.")
    english = (text for text in request.report.texts if text.language.split("-")[0] == "en")
    return next(english, None) or _coded(request.report), remarks


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


def _clean(line: str, font: Path) -> str:
    """Fit for drawing: letters that the font does not have, of a free sentence say, become question marks."""
    text = unlimited_text(line)
    lost = missing(text, font)
    return "".join("?" if letter in lost else letter for letter in text)


def _bar(finding: Finding, text: ReportText, font: Path) -> Bar:
    key = finding.spec.key
    lower, upper = finding.interval or (finding.probability, finding.probability)
    return Bar(
        name=_clean(text.names.get(key, finding.spec.code.meaning), font),
        label=_clean(text.percents.get(key, f"{finding.percent}%"), font),
        percent=100 * finding.probability,
        lower=100 * lower,
        upper=100 * upper,
        threshold=100 * finding.spec.threshold,
        is_suspected=finding.is_suspected,
    )
