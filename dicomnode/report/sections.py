"""The sections of a report in one language."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from dicomnode.records import (
    BODY_REGIONS,
    Acuity,
    LeftOut,
    Omission,
    Presence,
    PriorState,
    QualityLevel,
    ReportText,
    Revision,
    Section,
    Selection,
    Sentence,
    Verdict,
)
from dicomnode.report.content import Content
from dicomnode.report.labels import labels_in, methods_in
from dicomnode.report.languages import Language, capitalised
from dicomnode.report.reasons import reasons
from dicomnode.report.sentences import findings, impression, list_of_findings, lists, percent, remarks_on_draft
from dicomnode.report.terms import finding_term
from dicomnode.report.translate import Translator
from dicomnode.settings import ReportSettings

_FILMS = ("CR", "DX", "DR", "RG", "PX")
_LEFT_OUT = {
    **dict.fromkeys(
        (
            Omission.MODALITY,
            Omission.NO_IMAGE,
            Omission.FOR_PROCESSING,
            Omission.BODY_PART,
            Omission.VIEW,
            Omission.MATRIX,
        ),
        "other-kind",
    ),
    Omission.RENDERED: "derived",
    Omission.NOT_HU: "not-hu",
    Omission.NOT_AXIAL: "orientation",
    Omission.NO_POSITION: "geometry",
    Omission.DUPLICATE: "repeated",
    Omission.OTHER_PHASE: "repeated",
}
"""Messages for why images were left out, where they are not named as the reason is: a report is short."""


def report_text(
    content: Content, language: Language, settings: ReportSettings, translator: Translator | None = None
) -> ReportText:
    """Say a report in one language.

    Parameters
    ----------
    translator
        For sentences of the draft that make no claim; None: they stay as they are, and say so. A claim is never
        translated by a machine: what codes cannot say of it keeps its language.
    """
    sections: Mapping[Section, Callable[[], Iterator[Sentence]]] = {
        Section.EXAMINATION: lambda: _examination(content, language),
        Section.COMPARISON: lambda: _comparison(content, language),
        Section.TECHNIQUE: lambda: _technique(content, language),
        Section.FINDINGS: lambda: findings(content, language, translator),
        Section.IMPRESSION: lambda: impression(content, language),
        Section.RECOMMENDATION: lambda: _recommendation(content, language, settings),
        Section.LIMITS: lambda: _limits(content, language),
    }
    order = list(Section)
    if settings.impression_first:
        order.remove(Section.IMPRESSION)
        order.insert(0, Section.IMPRESSION)
    said = _each_once({section: tuple(sections[section]()) for section in order})
    return ReportText(
        language=language.tag,
        is_right_to_left=language.is_right_to_left,
        title=language.say("title"),
        warning=language.say("warning"),
        headings={section: language.say(f"heading-{section}") for section in Section},
        sections={section: sentences for section, sentences in said.items() if sentences},
        names={finding.spec.key: language.name(finding.spec).text for finding in content.findings},
        percents={finding.spec.key: percent(finding.estimate, language) for finding in content.findings},
        labels=labels_in(language),
        methods=methods_in(language),
    )


def _each_once(sections: Mapping[Section, tuple[Sentence, ...]]) -> dict[Section, tuple[Sentence, ...]]:
    """The sections without sentences that were said before: two sentences of a draft may have the same codes."""
    told: set[str] = set()
    kept: dict[Section, list[Sentence]] = {section: [] for section in sections}
    for section, sentences in sections.items():
        for sentence in sentences:
            if sentence.text not in told:
                told.add(sentence.text)
                kept[section].append(sentence)
    return {section: tuple(sentences) for section, sentences in kept.items()}


def _examination(content: Content, language: Language) -> Iterator[Sentence]:
    yield from _revision(content.revision, language)
    examination = content.examination
    if examination is None:
        return
    modality = "film" if examination.modality in _FILMS else examination.modality.lower()
    if modality not in ("film", "ct", "mr"):
        modality = "other"
    what = language.say(f"modality-{modality}", code=examination.modality)
    body = BODY_REGIONS.get(examination.body_part.upper())
    said = (
        language.say("examination-plain", modality=what)
        if body is None
        else language.say("examination", modality=what, body=language.say(f"body-{body}"))
    )
    if examination.study_date is not None:
        said = language.say("examination-dated", examination=said, date=language.date(examination.study_date))
    yield Sentence(text=capitalised(said))


def _revision(revision: Revision, language: Language) -> Iterator[Sentence]:
    """Which of the study's answers this is, and whether the previous one still counts; nothing in the first."""
    if revision.earlier_at is None:
        return
    message = "revision-replaces" if revision.replaces else "revision-beside"
    time = language.moment(revision.earlier_at)
    yield Sentence(text=language.sentence(message, number=revision.number, time=time))


def _comparison(content: Content, language: Language) -> Iterator[Sentence]:
    if not content.is_read:
        return
    prior = content.prior
    if prior is None:
        note = PriorState.NONE_FOUND if content.prior_note is PriorState.COMPARED else content.prior_note
        yield Sentence(text=language.sentence(f"comparison-{note}"))
        return
    if prior.study_date is None:
        yield Sentence(text=language.sentence("comparison-undated"))
    else:
        yield Sentence(text=language.sentence("comparison-compared", date=language.date(prior.study_date)))
    yield Sentence(text=language.sentence("comparison-verified" if prior.is_verified else "comparison-unverified"))
    absent = [
        finding
        for finding in content.findings
        if finding.verdict is Verdict.ABSENT and prior.presences.get(finding.spec.key) is Presence.ABSENT
    ]
    if absent:
        yield list_of_findings("comparison-still_absent", absent, language)


def _technique(content: Content, language: Language) -> Iterator[Sentence]:
    examination = content.examination
    if not content.is_read:
        return
    if content.images:
        yield Sentence(text=language.sentence("technique-images", count=content.images))
    if examination is not None and examination.views:
        yield Sentence(text=language.sentence("technique-views", views=language.listed(examination.views)))
    yield from _series(content.selection, language)
    if examination is not None and examination.slice_thickness_mm:
        thickness = language.decimal(examination.slice_thickness_mm)
        yield Sentence(text=language.sentence("technique-thickness", thickness=thickness))
    if content.bundle is not None:
        model = {"model": content.bundle.name, "version": content.bundle.version}
        yield Sentence(text=language.sentence("technique-model", **model))


def _series(selection: Selection | None, language: Language) -> Iterator[Sentence]:
    """Which series was read, by which kernel, and why others were not."""
    if selection is None:
        return
    numbers = sorted({facts.series_number for facts in selection.read if facts.series_number is not None})
    if numbers:
        yield Sentence(text=language.sentence("technique-series", numbers=language.listed([str(n) for n in numbers])))
    kernels = list(dict.fromkeys(facts.kernel for facts in selection.read if facts.kernel))
    if kernels:
        yield Sentence(text=language.sentence("technique-kernel", kernel=language.listed(kernels)))
    read = {facts.series_instance_uid for facts in selection.read}
    others = [one for one in selection.left_out if one.facts.series_instance_uid not in read]
    parts = [one for one in selection.left_out if one.facts.series_instance_uid in read]
    if others:
        reasons = _why_left_out(others, language)
        yield Sentence(text=language.sentence("technique-left-out", count=selection.others, reasons=reasons))
    if parts:
        yield Sentence(text=language.sentence("technique-part-left-out", reasons=_why_left_out(parts, language)))


def _why_left_out(left_out: Sequence[LeftOut], language: Language) -> str:
    keys = dict.fromkeys(_LEFT_OUT.get(one.reason, str(one.reason)) for one in left_out)
    return language.listed([language.say(f"left-out-{key}") for key in keys])


def _recommendation(content: Content, language: Language, settings: ReportSettings) -> Iterator[Sentence]:
    if not content.is_read:
        yield Sentence(text=language.sentence("recommend-read_without"))
        return
    yield Sentence(text=_advice(content, language, settings))
    told = set()
    for finding in content.findings:
        term = finding_term(finding.spec.code)
        own = settings.recommendations.get(finding.spec.key, {}).get(language.base)
        text = own or (term and term.recommendation and language.sentence(f"recommend-{term.recommendation}"))
        if finding.is_suspected and text and text not in told:
            told.add(text)
            yield Sentence(text=text, finding=finding.spec.key)


def _advice(content: Content, language: Language, settings: ReportSettings) -> str:
    """How soon a physician should look; nothing calms where not every finding could be judged."""
    if content.acuity is Acuity.NON_ACTIONABLE and content.review:
        return language.sentence("recommend-undecided")
    own = settings.recommendations.get(content.acuity, {}).get(language.base)
    return own or language.sentence(f"recommend-{content.acuity}")


def _limits(content: Content, language: Language) -> Iterator[Sentence]:
    if content.is_read:
        yield Sentence(text=language.sentence("judged", **lists(content.findings, language)))
        yield Sentence(text=language.sentence("not-excluded"))
        if content.bundle is not None and content.bundle.is_synthetic:
            yield Sentence(text=language.sentence("synthetic-model"))
    else:
        yield Sentence(text=language.sentence("judged-nothing"))
    if content.not_judged:
        total = content.images + content.not_judged
        yield Sentence(text=language.sentence("not-judged-images", count=content.not_judged, total=total))
    if content.missing:
        yield Sentence(text=language.sentence("missing-images", count=content.missing))
    if content.quality is not None and content.quality.level is not QualityLevel.DIAGNOSTIC:
        faults = [language.say(f"fault-{fault}") for fault in content.quality.faults]
        yield Sentence(text=language.sentence("quality-limited", faults=language.listed(faults)))
    yield from remarks_on_draft(content, language)
    unknown = [finding.spec.code.meaning for finding in content.findings if not language.knows(finding.spec)]
    if unknown:
        yield Sentence(text=language.sentence("untranslated", names=language.listed(unknown)))
    yield from reasons(content.why, language)
