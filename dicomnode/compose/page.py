"""The report as one page for people, before it is drawn as a picture or a PDF."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from dicomnode import __version__
from dicomnode.compose import written
from dicomnode.compose.readable import drawable, readable_text
from dicomnode.compose.request import ComposeRequest
from dicomnode.compose.typeface import missing
from dicomnode.dicom.elements import date, person, text
from dicomnode.dicom.times import in_zone_of
from dicomnode.dicom.uids import MANUFACTURER
from dicomnode.dicom.words import LABELS
from dicomnode.records import (
    SILENT,
    Acuity,
    BundleIdentity,
    Finding,
    Label,
    Outcome,
    Report,
    ReportText,
    Section,
    Verdict,
)

_LEADING = (Section.IMPRESSION, Section.RECOMMENDATION)
"""What is read first stands first; then the findings."""
_FOLLOWING = (Section.COMPARISON, Section.EXAMINATION, Section.TECHNIQUE, Section.LIMITS)
_GROUPS = {
    Verdict.PRESENT: Label.SUSPECTED,
    Verdict.POSSIBLE: Label.POSSIBLE,
    Verdict.UNDETERMINED: Label.UNDETERMINED,
    Verdict.ABSENT: Label.NOT_DETECTED,
}
"""Verdicts in the order in which their findings are listed, with their headings."""


_RUNNING = frozenset(_FOLLOWING)
"""Sections whose sentences follow each other in one paragraph."""


class Field(NamedTuple):
    """A value with its label."""

    label: str
    value: str


class Bar(NamedTuple):
    """One finding's probability."""

    name: str
    label: str
    """Its probability as the text has it."""
    interval: str
    """Its limits as the language writes them; empty where they are not known."""
    percent: float
    """Where the bar ends, not rounded, so that it never lies on the wrong side of the threshold."""
    lower: float
    """Limits of the percentage, both equal to it where they are not known."""
    upper: float
    threshold: float
    """Percentage from which the finding is suspected."""


class Group(NamedTuple):
    """Findings of one verdict."""

    verdict: Verdict
    heading: str
    bars: tuple[Bar, ...]


class Part(NamedTuple):
    """A section of the report."""

    heading: str
    paragraphs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What is drawn; every text of it has its letters in the font."""

    language: str
    is_right_to_left: bool
    font: Path
    title: str
    warning: str
    priority: Acuity | None
    """None: the report says nothing of how urgent it is."""
    patient: Field
    identity: tuple[Field, ...]
    """Who and what it is about, and when it was made."""
    remarks: tuple[str, ...]
    """On the page itself: why it is not in the house's language."""
    leading: tuple[Part, ...]
    findings: Part
    """What is said of the findings in sentences, under their heading."""
    groups: tuple[Group, ...]
    following: tuple[Part, ...]
    maker: str
    """Which program and model wrote it."""
    labels: Mapping[Label, str]
    scale: tuple[str, ...]
    """0, 50 and 100 percent as the language writes them."""

    @property
    def bars(self) -> tuple[Bar, ...]:
        """Those of all groups."""
        return tuple(bar for group in self.groups for bar in group.bars)

    @property
    def texts(self) -> Iterator[str]:
        """Every text that is drawn, in the order of reading."""
        yield from (self.title, self.warning, *self.patient)
        for field in self.identity:
            yield from field
        yield from self.remarks
        yield from _texts_of(self.leading)
        for group in self.groups:
            yield group.heading
            for bar in group.bars:
                yield from (bar.name, bar.label, bar.interval)
        yield from _texts_of((self.findings,))
        yield from _texts_of(self.following)
        yield from (self.maker, *self.labels.values(), *self.scale)


def page_of(request: ComposeRequest, can_show: Callable[[str], bool] = lambda _: True) -> Page:
    """Lay out the report in the house's language, or in English with a remark where that cannot be shown.

    Parameters
    ----------
    can_show
        Whether what draws can shape a text, whatever the font.
    """
    said, font, remarks = readable_text(request, can_show)

    def clean(line: str) -> str:
        return drawable(line, font)

    labels = {label: clean(word) for label, word in (LABELS | dict(said.labels)).items()}
    headings = {section: said.headings.get(section, section.value.capitalize()) for section in Section}
    parts = {
        section: Part(clean(headings[section]), _paragraphs(section, [clean(one.text) for one in sentences]))
        for section, sentences in said.sections.items()
    }
    patient, *identity = (Field(labels[label], clean(value)) for label, value in _identity(request, said, font))
    return Page(
        language=said.language,
        is_right_to_left=said.is_right_to_left,
        font=font,
        title=clean(said.title),
        warning=clean(said.warning),
        priority=_priority(request.report),
        patient=patient,
        identity=tuple(identity),
        remarks=tuple(clean(remark) for remark in remarks),
        leading=tuple(parts[section] for section in _LEADING if section in parts),
        findings=parts.get(Section.FINDINGS, Part(clean(headings[Section.FINDINGS]), ())),
        groups=tuple(_groups(request.report, said, labels, clean)),
        following=tuple(parts[section] for section in _FOLLOWING if section in parts),
        maker=clean(made_by(request.report.bundle, labels)),
        labels=labels,
        scale=tuple(written.in_order(said.language, written.percent(said.language, n)) for n in (0, 50, 100)),
    )


def _paragraphs(section: Section, sentences: list[str]) -> tuple[str, ...]:
    return (" ".join(sentences),) if section in _RUNNING else tuple(sentences)


def _texts_of(parts: tuple[Part, ...]) -> Iterator[str]:
    for part in parts:
        yield part.heading
        yield from part.paragraphs


def _priority(report: Report) -> Acuity | None:
    """How urgent the report says the study is; nothing where it does not know."""
    return None if report.outcome in {*SILENT, Outcome.UNDETERMINED} else report.acuity


def _identity(request: ComposeRequest, said: ReportText, font: Path) -> Iterator[tuple[Label, str]]:
    """What the page is about, from the headers of the study's images; a dash where they do not say."""
    study, language = request.study, said.language
    name = written.readable_name(person(study, "PatientName"), language, lambda group: not missing(group, font))
    made = in_zone_of(request.started_at, study, request.settings.timezone)
    values = {
        Label.PATIENT: name,
        Label.PATIENT_ID: text(study, "PatientID"),
        Label.BIRTH_DATE: _day(study, "PatientBirthDate", language),
        Label.SEX: text(study, "PatientSex"),
        Label.ACCESSION_NUMBER: text(study, "AccessionNumber"),
        Label.STUDY_DATE: _day(study, "StudyDate", language),
        Label.REPORT_DATE: written.moment(language, made),
        Label.STUDY: text(study, "StudyDescription"),
    }
    return ((label, value.strip() or written.DASH) for label, value in values.items())


def _day(study: object, keyword: str, language: str) -> str:
    """A date as the language writes it, or as the header does where it is none."""
    found = date(study, keyword)  # type: ignore[arg-type]
    return text(study, keyword) if found is None else written.date(language, found)  # type: ignore[arg-type]


def made_by(bundle: BundleIdentity | None, labels: Mapping[Label, str]) -> str:
    """Which program and model made a result."""
    program = f"{MANUFACTURER} {__version__}"
    if bundle is None:
        return program
    return f"{program} \u00b7 {labels[Label.MODEL]} {bundle.name} {bundle.version} ({bundle.digest[:12]})"


def _groups(
    report: Report, said: ReportText, labels: Mapping[Label, str], clean: Callable[[str], str]
) -> Iterator[Group]:
    for verdict, label in _GROUPS.items():
        bars = tuple(_bar(finding, said, clean) for finding in report.findings if finding.verdict is verdict)
        if bars:
            yield Group(verdict, labels[label], bars)


def _bar(finding: Finding, said: ReportText, clean: Callable[[str], str]) -> Bar:
    lower, upper = finding.interval or (finding.probability, finding.probability)
    limits = written.interval(said.language, finding.estimate)
    return Bar(
        name=clean(name_of(finding, said)),
        label=clean(percent_of(finding, said)),
        interval=clean(limits) if limits else "",
        percent=100 * finding.probability,
        lower=100 * lower,
        upper=100 * upper,
        threshold=100 * finding.spec.threshold,
    )


def name_of(finding: Finding, said: ReportText) -> str:
    """Name of a finding in the text's language, as a list has it; the standard's English where it has none."""
    name = said.names.get(finding.spec.key, finding.spec.code.meaning)
    return name[:1].upper() + name[1:]


def percent_of(finding: Finding, said: ReportText) -> str:
    """Probability of a finding as the text writes it."""
    figures = said.percents.get(finding.spec.key) or written.percent(said.language, finding.percent)
    return written.in_order(said.language, figures)
