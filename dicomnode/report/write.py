"""Write the report of one study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

import structlog

from dicomnode.errors import ReportError
from dicomnode.measure.hierarchy import coherent
from dicomnode.records import (
    Acuity,
    BundleIdentity,
    Change,
    ChangeUnknown,
    Examination,
    Finding,
    FindingSpec,
    Heatmap,
    Outcome,
    Point,
    Presence,
    PriorState,
    PriorStudy,
    QualityLevel,
    Reading,
    Reason,
    Report,
    ReportText,
    ReviewReason,
    Revision,
    Selection,
    Verdict,
)
from dicomnode.report.acuity import finding_acuity, study_acuity
from dicomnode.report.coherence import contradictions
from dicomnode.report.comparison import change_by_presence
from dicomnode.report.content import Content
from dicomnode.report.cues import cues_of
from dicomnode.report.describing import described
from dicomnode.report.drafts import checked
from dicomnode.report.languages import language_of
from dicomnode.report.sections import report_text
from dicomnode.report.translate import translators
from dicomnode.report.verdict import verdicts
from dicomnode.settings import AcuitySettings, ReportSettings

log = structlog.get_logger()

NOT_READ = (Outcome.NOT_APPLICABLE, Outcome.NOT_JUDGED, Outcome.COULD_NOT_RUN)


def write_report(
    *,
    specs: Sequence[FindingSpec],
    reading: Reading,
    heatmaps: Mapping[str, Heatmap],
    regions: Mapping[str, tuple[Point, ...]],
    bundle: BundleIdentity,
    acuity: AcuitySettings,
    settings: ReportSettings,
    draft_language: str = "en",
    examination: Examination | None = None,
    selection: Selection | None = None,
    prior: PriorStudy | None = None,
    changes: Mapping[str, Change | ChangeUnknown] = MappingProxyType({}),
    prior_note: PriorState = PriorState.NOT_LOOKED_FOR,
    tracking_uids: Mapping[str, str] = MappingProxyType({}),
    revision: Revision = Revision(),  # noqa: B008  # frozen
) -> Report:
    """Turn a reading into the report of its study.

    Parameters
    ----------
    specs
        The bundle's findings, in the order of the reading's probabilities.
    heatmaps, regions, tracking_uids
        By finding; a finding may be in none of them.
    draft_language
        RFC 5646 of the reading's draft.
    selection
        Which series were read and why others were not; None: not known.
    changes
        How the finding stands against the prior study, or why that cannot be told. One that is missing was and is
        absent, or nothing is known of it in the prior study.
    prior, prior_note
        What the study was compared with, or why with nothing.
    revision
        Which of the study's answers this is.

    Raises
    ------
    SettingsError
        If there are no words in a language of the settings.
    BundleError
        If drafts in their language cannot be checked.
    ReportError
        If the report contradicts itself even where it is written from codes alone.
    """
    findings = _graded(specs, reading, acuity, _Told(heatmaps, regions, changes, tracking_uids, prior))
    drafted = [checked(text, findings, cues_of(draft_language)) for text in _sentences(reading)]
    is_withheld = settings.unsupported_sentences == "withhold"
    said = described(findings, drafted, has_draft=not reading.draft.is_empty, is_withheld=is_withheld)
    content = Content(
        outcome=_outcome(findings),
        acuity=study_acuity(specs, reading.probabilities, acuity),
        findings=findings,
        described=said.statements,
        draft_language=draft_language,
        reworded=0 if is_withheld else said.unsupported,
        withheld=said.unsupported if is_withheld else 0,
        is_truncated=reading.draft.is_truncated,
        review=_review(findings, reading, disagrees=said.disagrees),
        cannot_exclude=reading.cannot_exclude,
        quality=reading.quality,
        images=len(reading.images),
        not_judged=reading.not_judged,
        missing=reading.missing_images,
        examination=examination,
        selection=selection,
        prior=prior,
        prior_note=prior_note,
        bundle=bundle,
        revision=revision,
    )
    return _coherent(content, settings)


def report_without_reading(
    outcome: Outcome,
    why: str | Sequence[Reason | str],
    bundle: BundleIdentity | None,
    settings: ReportSettings,
    *,
    review: Sequence[ReviewReason] = (),
    examination: Examination | None = None,
    revision: Revision = Revision(),  # noqa: B008  # frozen
) -> Report:
    """Answer a study that was not read.

    Parameters
    ----------
    outcome
        NOT_APPLICABLE, NOT_JUDGED or COULD_NOT_RUN.
    why
        One reason or more, or one English sentence; without patient data. A sentence is shown in English in every
        language.
    review
        Why it was not judged, coded; at least one reason where it was not judged.

    Raises
    ------
    ValueError
        If `outcome` is one that only a reading can have, or is not judged for no coded reason.
    SettingsError
        If there are no words in a language of the settings.
    """
    if outcome not in NOT_READ:
        raise ValueError(f"{outcome} needs a reading; without one it is not_applicable, not_judged or could_not_run")
    if outcome is Outcome.NOT_JUDGED and not review:
        raise ValueError("what was not judged needs a coded reason")
    content = Content(
        outcome=outcome,
        acuity=Acuity.NON_ACTIONABLE,
        review=tuple(review),
        examination=examination,
        bundle=bundle,
        why=(why,) if isinstance(why, str) else tuple(why),
        revision=revision,
    )
    return _report(content, settings)


def _coherent(content: Content, settings: ReportSettings) -> Report:
    """The report, if need be without its draft, or without a language in which it contradicts itself.

    Raises
    ------
    ReportError
        If nothing is left that does not contradict itself.
    """
    report = _report(content, settings)
    found = contradictions(report, content.draft_language)
    if not found:
        return report
    log.error("the report contradicts itself and is rewritten from the codes", why=found[0], more=len(found) - 1)
    coded = described(content.findings, (), has_draft=False).statements
    report = _report(replace(content, described=coded, is_truncated=False, reworded=0, withheld=0), settings)
    texts = tuple(text for text in report.texts if not contradictions(replace(report, texts=(text,))))
    if not texts or contradictions(replace(report, texts=())):
        raise ReportError(f"the report contradicts itself: {contradictions(report)[0]}")
    if len(texts) < len(report.texts):
        log.error("languages were left out", languages=[text.language for text in report.texts if text not in texts])
    return replace(report, texts=texts)


def _report(content: Content, settings: ReportSettings) -> Report:
    return Report(
        outcome=content.outcome,
        reason="; ".join(str(one) for one in content.why),
        acuity=content.acuity,
        findings=content.findings,
        texts=_texts(content, settings),
        bundle=content.bundle,
        review=content.review,
        cannot_exclude=content.cannot_exclude,
        quality=content.quality,
        examination=content.examination,
        prior=content.prior,
        prior_note=content.prior_note,
        revision=content.revision,
    )


def _texts(content: Content, settings: ReportSettings) -> tuple[ReportText, ...]:
    translate = translators(settings.translation_models)
    languages = [language_of(tag) for tag in settings.languages]
    return tuple(report_text(content, one, settings, translate.get(one.base)) for one in languages)


def _sentences(reading: Reading) -> list[str]:
    stripped = (sentence.strip() for sentence in reading.draft.sentences)
    return [text for text in dict.fromkeys(stripped) if text]


class _Told(NamedTuple):
    """What other rooms say of findings, each by finding; a finding may be in none of them."""

    heatmaps: Mapping[str, Heatmap]
    regions: Mapping[str, tuple[Point, ...]]
    changes: Mapping[str, Change | ChangeUnknown]
    tracking_uids: Mapping[str, str]
    prior: PriorStudy | None


def _graded(specs: Sequence[FindingSpec], reading: Reading, acuity: AcuitySettings, told: _Told) -> tuple[Finding, ...]:
    """Every finding with verdict and acuity: suspected ones first, then the most acute, then the likeliest."""
    # The model gives coherent figures; a reading of other making may not.
    probabilities = coherent(specs, reading.probabilities)
    intervals = None if reading.intervals is None else coherent(specs, reading.intervals)
    judged = verdicts(specs, probabilities, intervals, reading.cannot_exclude)
    findings = []
    for k, (spec, verdict) in enumerate(zip(specs, judged, strict=True)):
        change = _change(spec.key, verdict, told)
        findings.append(
            Finding(
                spec=spec,
                verdict=verdict,
                probability=float(probabilities[k]),
                acuity=finding_acuity(spec, acuity),
                heatmap=told.heatmaps.get(spec.key),
                region=told.regions.get(spec.key, ()),
                interval=None if intervals is None else (float(intervals[k][0]), float(intervals[k][1])),
                change=change if isinstance(change, Change) else None,
                change_unknown=change if isinstance(change, ChangeUnknown) else None,
                tracking_uid=told.tracking_uids.get(spec.key),
            )
        )
    return tuple(sorted(findings, key=lambda f: (not f.is_suspected, f.acuity.rank, -f.probability)))


def _change(key: str, verdict: Verdict, told: _Told) -> Change | ChangeUnknown | None:
    """How a finding has changed, or why that cannot be told; None without a prior, and where it was and is absent."""
    if told.prior is None:
        return None
    then, now = told.prior.presences.get(key), verdict.presence
    if then is None:
        return ChangeUnknown.NOT_JUDGED_THEN
    if not then is now is Presence.PRESENT:
        return change_by_presence(then, now)
    said = told.changes.get(key, ChangeUnknown.NOT_MEASURED)
    return ChangeUnknown.NOT_MEASURED if said in (Change.NEW, Change.RESOLVED) else said


def _outcome(findings: Sequence[Finding]) -> Outcome:
    if any(finding.is_suspected for finding in findings):
        return Outcome.FINDINGS
    if any(not finding.verdict.is_certain for finding in findings):
        return Outcome.UNDETERMINED
    return Outcome.NOTHING_FOUND


def _review(findings: Sequence[Finding], reading: Reading, *, disagrees: bool) -> tuple[ReviewReason, ...]:
    quality = reading.quality
    asked = {
        ReviewReason.UNDETERMINED: any(not finding.verdict.is_certain for finding in findings),
        ReviewReason.DISAGREEMENT: disagrees or reading.members_disagree,
        ReviewReason.OUT_OF_DISTRIBUTION: reading.not_judged > 0,
        ReviewReason.QUALITY: quality is not None and quality.level is not QualityLevel.DIAGNOSTIC,
        ReviewReason.INCOMPLETE: reading.missing_images > 0,
    }
    return tuple(reason for reason, is_asked in asked.items() if is_asked or reason in reading.cannot_exclude)
