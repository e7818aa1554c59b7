"""The sections of a report in one language."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from dicomnode.records import (
    Acuity,
    Finding,
    LeftOut,
    Omission,
    Outcome,
    Presence,
    PriorState,
    QualityLevel,
    ReportText,
    Revision,
    Section,
    Selection,
    Sentence,
)
from dicomnode.report.content import Content, Drafted
from dicomnode.report.grounding import Stance
from dicomnode.report.languages import Language, capitalised, starts_with_vowel
from dicomnode.report.terms import finding_term, qualifiers
from dicomnode.report.translate import Translator
from dicomnode.settings import ReportSettings

_FILMS = ("CR", "DX", "DR", "RG", "PX")
_BODIES = {"CHEST": "chest", "THORAX": "chest", "HEAD": "head", "BRAIN": "head", "SKULL": "head"}
_STANCES = {Stance.AFFIRMED: "claim-affirmed", Stance.DENIED: "claim-denied", Stance.DOUBTED: "claim-doubted"}
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
_READ = (Outcome.FINDINGS, Outcome.NOTHING_FOUND, Outcome.UNDETERMINED)


def report_text(
    content: Content, language: Language, settings: ReportSettings, translator: Translator | None = None
) -> ReportText:
    """Say a report in one language.

    Parameters
    ----------
    translator
        For sentences of the draft that make no claim; None: they stay as they are, and say so.
    """
    sections: Mapping[Section, Callable[[], Iterator[Sentence]]] = {
        Section.EXAMINATION: lambda: _examination(content, language),
        Section.COMPARISON: lambda: _comparison(content, language),
        Section.TECHNIQUE: lambda: _technique(content, language),
        Section.FINDINGS: lambda: _findings(content, language, translator),
        Section.IMPRESSION: lambda: _impression(content, language),
        Section.RECOMMENDATION: lambda: _recommendation(content, language, settings),
        Section.LIMITS: lambda: _limits(content, language),
    }
    order = list(Section)
    if settings.impression_first:
        order.remove(Section.IMPRESSION)
        order.insert(0, Section.IMPRESSION)
    said = {section: tuple(sections[section]()) for section in order}
    return ReportText(
        language=language.tag,
        is_right_to_left=language.is_right_to_left,
        title=language.say("title"),
        warning=language.say("warning"),
        headings={section: language.say(f"heading-{section}") for section in Section},
        sections={section: sentences for section, sentences in said.items() if sentences},
        names={finding.spec.key: language.name(finding.spec).text for finding in content.findings},
    )


def _examination(content: Content, language: Language) -> Iterator[Sentence]:
    yield from _revision(content.revision, language)
    examination = content.examination
    if examination is None:
        return
    modality = "film" if examination.modality in _FILMS else examination.modality.lower()
    if modality not in ("film", "ct", "mr"):
        modality = "other"
    what = language.say(f"modality-{modality}", code=examination.modality)
    body = _BODIES.get(examination.body_part.upper())
    said = (
        language.say("examination-plain", modality=what)
        if body is None
        else language.say("examination", modality=what, body=language.say(f"body-{body}"))
    )
    if examination.study_date is not None:
        said = language.say("examination-dated", examination=said, date=language.date(examination.study_date))
    yield Sentence(text=capitalised(said))


def _revision(revision: Revision, language: Language) -> Iterator[Sentence]:
    """Which of the study's answers this is, and what becomes of the last one; nothing in the first."""
    if revision.earlier_at is None:
        return
    message = "revision-replaces" if revision.replaces else "revision-beside"
    time = language.moment(revision.earlier_at)
    yield Sentence(text=language.sentence(message, number=revision.number, time=time))


def _comparison(content: Content, language: Language) -> Iterator[Sentence]:
    if content.outcome not in _READ:
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


def _technique(content: Content, language: Language) -> Iterator[Sentence]:
    examination = content.examination
    if content.outcome not in _READ:
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


def _findings(content: Content, language: Language, translator: Translator | None) -> Iterator[Sentence]:
    message = "left-out" if content.has_draft else "found"
    for finding in content.left_out:
        yield _of_finding(finding, message, language)
    for drafted in content.drafted:
        yield from _drafted(drafted, content, language, translator)
    for finding in content.findings:
        if finding.change is not None:
            yield _of_finding(finding, f"change-{finding.change}", language)
    if content.is_truncated:
        yield Sentence(text=language.sentence("truncated"))
    if content.withheld:
        yield Sentence(text=language.sentence("withheld", count=content.withheld))


def _drafted(
    drafted: Drafted, content: Content, language: Language, translator: Translator | None
) -> Iterator[Sentence]:
    """A sentence of the draft: as it is in its own language, from its codes in another one."""
    flag = "" if drafted.is_supported else f" {language.say('unsupported')}"
    if language.base == content.draft_language.split("-")[0]:
        yield Sentence(text=drafted.text + flag, finding=drafted.finding, is_supported=drafted.is_supported)
        return
    if drafted.is_coded:
        findings = {finding.spec.key: finding for finding in content.findings}
        for claim in drafted.claims:
            message = _STANCES[claim.stance]
            text = _named(findings[claim.finding], message, language, qualifiers=_places(drafted, language))
            yield Sentence(text=text + flag, finding=claim.finding, is_supported=drafted.is_supported)
        return
    translated = translator(drafted.text) if translator is not None else None
    if translated:
        yield Sentence(
            text=f"{translated} {language.say('translated')}{flag}",
            finding=drafted.finding,
            is_supported=drafted.is_supported,
        )
        return
    remark = language.say("uncoded", language=language.language_name(content.draft_language))
    yield Sentence(
        text=f"{drafted.text} {remark}{flag}",
        finding=drafted.finding,
        is_supported=drafted.is_supported,
        language=content.draft_language,
    )


def _places(drafted: Drafted, language: Language) -> str:
    named = [language.qualifier(term) for term in qualifiers() if term.key in drafted.qualifiers]
    return language.say("qualifiers", list=language.listed(named)) if named else ""


def _impression(content: Content, language: Language) -> Iterator[Sentence]:
    if content.outcome not in _READ:
        yield Sentence(text=_not_read(content, language))
        yield Sentence(text=language.sentence("no-statement"))
        return
    for finding in content.findings:
        is_open = finding.presence is Presence.UNDETERMINED
        if finding.is_suspected:
            yield _of_finding(finding, "suspected-undetermined" if is_open else "suspected", language)
        elif is_open:
            yield _of_finding(finding, "undetermined", language)
    if content.outcome is Outcome.NOTHING_FOUND:
        yield Sentence(text=language.sentence("nothing-found"))
    if content.outcome is Outcome.UNDETERMINED:
        yield Sentence(text=language.sentence("nothing-certain"))
    if content.review:
        yield Sentence(text=language.sentence("review", reasons=_reasons(content, language)))


def _not_read(content: Content, language: Language) -> str:
    if content.outcome is Outcome.NOT_JUDGED:
        return language.sentence("not-read-not_judged", reasons=_reasons(content, language))
    return language.sentence(f"not-read-{content.outcome}")


def _reasons(content: Content, language: Language) -> str:
    return language.listed([language.say(f"review-{reason}") for reason in content.review])


def _recommendation(content: Content, language: Language, settings: ReportSettings) -> Iterator[Sentence]:
    if content.outcome not in _READ:
        yield Sentence(text=language.sentence("recommend-read_without"))
        return
    yield Sentence(text=_advice(content.acuity, language, settings))
    told = set()
    for finding in content.findings:
        term = finding_term(finding.spec.code)
        own = settings.recommendations.get(finding.spec.key, {}).get(language.base)
        text = own or (term and term.recommendation and language.sentence(f"recommend-{term.recommendation}"))
        if finding.is_suspected and text and text not in told:
            told.add(text)
            yield Sentence(text=text, finding=finding.spec.key)


def _advice(acuity: Acuity, language: Language, settings: ReportSettings) -> str:
    own = settings.recommendations.get(acuity, {}).get(language.base)
    return own or language.sentence(f"recommend-{acuity}")


def _limits(content: Content, language: Language) -> Iterator[Sentence]:
    names = [language.name(finding.spec).text for finding in content.findings]
    if content.outcome in _READ:
        yield Sentence(text=language.sentence("judged", findings=language.listed(names)))
        yield Sentence(text=language.sentence("not-excluded"))
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
    unknown = [finding.spec.code.meaning for finding in content.findings if not language.knows(finding.spec)]
    if unknown:
        yield Sentence(text=language.sentence("untranslated", names=language.listed(unknown)))
    if content.reason:
        is_foreign = language.base != "en"
        yield Sentence(text=language.sentence("details", reason=content.reason), language="en" if is_foreign else None)


def _of_finding(finding: Finding, message: str, language: Language) -> Sentence:
    return Sentence(text=_named(finding, message, language), finding=finding.spec.key)


def _named(finding: Finding, message: str, language: Language, **values: object) -> str:
    name = language.name(finding.spec)
    return language.sentence(
        message,
        finding=name.text,
        gender=name.gender,
        starts="vowel" if starts_with_vowel(name) else "other",
        estimate=estimate(finding, language),
        **values,
    )


def estimate(finding: Finding, language: Language) -> str:
    """Probability of a finding, with its limits where they are known."""
    probability = language.percent(finding.percent)
    if finding.interval is None:
        return language.say("estimate", probability=probability)
    low, high = (language.percent(min(max(round(100 * limit), 0), 100)) for limit in finding.interval)
    return language.say("estimate-interval", probability=probability, low=low, high=high)
