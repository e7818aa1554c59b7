"""Write the report of one study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from dicomnode.records import (
    Acuity,
    BundleIdentity,
    Change,
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
    Report,
    ReportText,
    ReviewReason,
    Revision,
    Selection,
)
from dicomnode.report.acuity import finding_acuity, presence, study_acuity
from dicomnode.report.content import Content
from dicomnode.report.cues import cues_of
from dicomnode.report.drafts import checked
from dicomnode.report.grounding import Stance
from dicomnode.report.languages import language_of
from dicomnode.report.sections import report_text
from dicomnode.report.translate import translators
from dicomnode.settings import AcuitySettings, ReportSettings

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
    changes: Mapping[str, Change] = MappingProxyType({}),
    prior_note: PriorState = PriorState.NOT_LOOKED_FOR,
    tracking_uids: Mapping[str, str] = MappingProxyType({}),
    revision: Revision = Revision(),  # noqa: B008  # frozen
) -> Report:
    """Turn a reading into the report of its study.

    Parameters
    ----------
    specs
        The bundle's findings, in the order of the reading's probabilities.
    heatmaps, regions, changes, tracking_uids
        By finding; a finding may be in none of them.
    draft_language
        RFC 5646 of the reading's draft.
    selection
        Which series were read and why others were not; None: not known.
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
    """
    findings = _graded(specs, reading, acuity, _Told(heatmaps, regions, changes, tracking_uids))
    drafted = [checked(text, findings, cues_of(draft_language)) for text in _sentences(reading)]
    told = {claim.finding for one in drafted for claim in one.claims if claim.stance is not Stance.DENIED}
    has_draft = bool(reading.draft.sentences) or reading.draft.is_truncated
    left_out = tuple(finding for finding in findings if finding.is_suspected and finding.spec.key not in told)
    is_withheld = settings.unsupported_sentences == "withhold"
    disagrees = not all(one.is_supported for one in drafted) or bool(has_draft and left_out)
    content = Content(
        outcome=_outcome(findings),
        acuity=study_acuity(specs, reading.probabilities, acuity),
        findings=findings,
        drafted=tuple(one for one in drafted if one.is_supported or not is_withheld),
        has_draft=has_draft,
        draft_language=draft_language,
        left_out=left_out,
        withheld=sum(not one.is_supported for one in drafted) if is_withheld else 0,
        is_truncated=reading.draft.is_truncated,
        review=_review(findings, reading, disagrees=disagrees),
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
    return _report(content, settings)


def report_without_reading(
    outcome: Outcome,
    reason: str,
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
    reason
        Why, in one English sentence without patient data.
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
        reason=reason,
        revision=revision,
    )
    return _report(content, settings)


def _report(content: Content, settings: ReportSettings) -> Report:
    return Report(
        outcome=content.outcome,
        reason=content.reason,
        acuity=content.acuity,
        findings=content.findings,
        texts=_texts(content, settings),
        bundle=content.bundle,
        review=content.review,
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
    changes: Mapping[str, Change]
    tracking_uids: Mapping[str, str]


def _graded(specs: Sequence[FindingSpec], reading: Reading, acuity: AcuitySettings, told: _Told) -> tuple[Finding, ...]:
    """Every finding with presence and acuity: suspected ones first, then the most acute, then the likeliest."""
    findings = [
        Finding(
            spec=spec,
            presence=presence(spec, float(probability)),
            probability=float(probability),
            acuity=finding_acuity(spec, acuity),
            heatmap=told.heatmaps.get(spec.key),
            region=told.regions.get(spec.key, ()),
            interval=_interval(reading, k),
            change=told.changes.get(spec.key),
            tracking_uid=told.tracking_uids.get(spec.key),
        )
        for k, (spec, probability) in enumerate(zip(specs, reading.probabilities, strict=True))
    ]
    return tuple(sorted(findings, key=lambda f: (not f.is_suspected, f.acuity.rank, -f.probability)))


def _interval(reading: Reading, k: int) -> tuple[float, float] | None:
    if reading.intervals is None:
        return None
    low, high = reading.intervals[k]
    return float(low), float(high)


def _outcome(findings: Sequence[Finding]) -> Outcome:
    if any(finding.is_suspected for finding in findings):
        return Outcome.FINDINGS
    if any(finding.presence is Presence.UNDETERMINED for finding in findings):
        return Outcome.UNDETERMINED
    return Outcome.NOTHING_FOUND


def _review(findings: Sequence[Finding], reading: Reading, *, disagrees: bool) -> tuple[ReviewReason, ...]:
    quality = reading.quality
    asked = {
        ReviewReason.UNDETERMINED: any(finding.presence is Presence.UNDETERMINED for finding in findings),
        ReviewReason.DISAGREEMENT: disagrees or reading.members_disagree,
        ReviewReason.OUT_OF_DISTRIBUTION: reading.not_judged > 0,
        ReviewReason.QUALITY: quality is not None and quality.level is not QualityLevel.DIAGNOSTIC,
        ReviewReason.INCOMPLETE: reading.missing_images > 0,
    }
    return tuple(reason for reason, is_asked in asked.items() if is_asked)
