"""The text report: Basic Text SR after TID 2000, which every viewer of reports can show; one for each language.

Translations do not name each other as predecessors, as that would say that one replaces the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import highdicom as hd
from pydicom import Dataset

from dicomnode.compose.common import Series, author
from dicomnode.compose.document import (
    HAS_CONCEPT_MOD,
    INFERRED_FROM,
    image_item,
    language,
    observation_context,
    procedure,
    root,
    section,
    sr_document,
    text_item,
)
from dicomnode.compose.request import Composed, ComposeRequest
from dicomnode.compose.texts import long_string
from dicomnode.dicom import codes
from dicomnode.dicom.codes import code
from dicomnode.records import Acuity, CodedConcept, Label, Report, ReportText, Section, Sentence

_CRITICAL = frozenset([Acuity.EMERGENT, Acuity.URGENT])


def text_report(request: ComposeRequest, text: ReportText, overlays: Mapping[str, Composed]) -> Composed:
    """Compose the report's sentences; those on one finding lead to its heat map.

    Parameters
    ----------
    text
        The report in one of its languages.
    overlays
        By finding.
    """
    items = [
        *language(text.language),
        *observation_context(request),
        hd.sr.CodeContentItem(
            name=code(codes.PROCEDURE_REPORTED), value=code(procedure(request)), relationship_type=HAS_CONCEPT_MOD
        ),
        *_sections(request.report, text, overlays),
    ]
    return sr_document(
        request,
        Series.TEXT,
        f"text-sr.{text.language}",
        root(_translated(codes.DIAGNOSTIC_IMAGING_REPORT, text, text.labels.get(Label.IMAGING_REPORT)), "2000", items),
        tuple(overlays.values()),
        language=text.language,
    )


def _sections(report: Report, text: ReportText, overlays: Mapping[str, Composed]) -> Iterator[Dataset]:
    """Sections of CID 7001 that say something, in reading order."""
    said = text.sections
    described = [sentence for name in _DESCRIPTIVE for sentence in said.get(name, ())]
    prelude = (Sentence(text=text.warning), Sentence(text=author(report.bundle)))
    for heading, name, sentences, title in (
        (codes.PROCEDURE_DESCRIPTIONS, codes.PROCEDURE_DESCRIPTION, (*prelude, *described), Section.TECHNIQUE),
        (codes.CRITICAL_RESULTS, codes.FINDING, _critical(report, text), Label.CRITICAL_RESULTS),
        (codes.PRIOR_PROCEDURES, codes.PROCEDURE_DESCRIPTION, said.get(Section.COMPARISON, ()), Section.COMPARISON),
        (codes.FINDINGS, codes.FINDING, said.get(Section.FINDINGS, ()), Section.FINDINGS),
        (codes.IMPRESSIONS, codes.IMPRESSION, said.get(Section.IMPRESSION, ()), Section.IMPRESSION),
        (codes.RECOMMENDATIONS, codes.RECOMMENDATION, said.get(Section.RECOMMENDATION, ()), Section.RECOMMENDATION),
    ):
        if sentences:
            shown = overlays if heading is codes.FINDINGS else {}
            yield section(_named(heading, text, title), [_item(name, sentence, text, shown) for sentence in sentences])


# CID 7001 has no heading of its own for these.
_DESCRIPTIVE = (Section.EXAMINATION, Section.TECHNIQUE, Section.LIMITS)


def _critical(report: Report, text: ReportText) -> Sequence[Sentence]:
    """What the impression says of findings that somebody must know of within minutes or hours."""
    critical = {finding.spec.key for finding in report.suspected if finding.acuity in _CRITICAL}
    return [sentence for sentence in text.sections.get(Section.IMPRESSION, ()) if sentence.finding in critical]


def _named(heading: CodedConcept, text: ReportText, title: Section | Label) -> CodedConcept:
    """Give a heading the name that it has in the report's language."""
    return _translated(heading, text, text.labels.get(title) if isinstance(title, Label) else text.headings.get(title))


def _translated(concept: CodedConcept, text: ReportText, name: str | None) -> CodedConcept:
    """Give a concept its name in the report's language as its Code Meaning, which may be translated (PS3.3 8.3)."""
    if text.language.split("-")[0] == "en" or not name:
        return concept
    return concept._replace(meaning=long_string(name) or concept.meaning)


def _item(name: CodedConcept, sentence: Sentence, text: ReportText, overlays: Mapping[str, Composed]) -> Dataset:
    item = text_item(name, sentence.text)
    content: list[Dataset] = []
    if sentence.language and sentence.language != text.language:
        content += language(sentence.language)
    overlay = overlays.get(sentence.finding or "")
    if overlay is not None:
        # Named, although PS3.16 lets an image go unnamed: OHIF shows nothing at all where a name is missing.
        content.append(image_item(codes.BEST_ILLUSTRATION, overlay.dataset, INFERRED_FROM))
    if content:
        item.ContentSequence = hd.sr.ContentSequence(content)
    return item
