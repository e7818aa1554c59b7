"""Write the report of one study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from dicomnode.records import (
    Acuity,
    BundleIdentity,
    Change,
    Draft,
    Finding,
    FindingSpec,
    Heatmap,
    Outcome,
    Point,
    Presence,
    PriorState,
    PriorStudy,
    Reading,
    Report,
    ReportText,
    Section,
    Sentence,
)
from dicomnode.report.acuity import finding_acuity, presence, study_acuity
from dicomnode.report.grounding import Stance, claims, contradicted
from dicomnode.report.languages import words_of
from dicomnode.report.words import Words
from dicomnode.settings import AcuitySettings, ReportSettings


def write_report(
    *,
    specs: Sequence[FindingSpec],
    reading: Reading,
    heatmaps: Mapping[str, Heatmap],
    regions: Mapping[str, tuple[Point, ...]],
    bundle: BundleIdentity,
    acuity: AcuitySettings,
    settings: ReportSettings,
    prior: PriorStudy | None = None,
    changes: Mapping[str, Change] = MappingProxyType({}),
    prior_note: PriorState = PriorState.NOT_LOOKED_FOR,
    tracking_uids: Mapping[str, str] = MappingProxyType({}),
) -> Report:
    """Turn a reading into the report of its study.

    Parameters
    ----------
    specs
        The bundle's findings, in the order of the reading's probabilities.
    heatmaps, regions
        By finding; a finding may be in neither.
    prior, changes
        What the study was compared with, and how findings have changed since.
    prior_note
        Why it was not compared.
    tracking_uids
        Of findings that were tracked in the prior study.

    Raises
    ------
    SettingsError
        If there are no words in the language of the settings.
    """
    words = words_of(settings.language)
    findings = tuple(
        replace(finding, change=changes.get(finding.spec.key), tracking_uid=tracking_uids.get(finding.spec.key))
        for finding in _graded(specs, reading, heatmaps, regions, acuity)
    )
    present = [finding for finding in findings if finding.presence is Presence.PRESENT]
    level = study_acuity(specs, reading.probabilities, acuity)
    return Report(
        outcome=Outcome.FINDINGS if present else Outcome.NOTHING_FOUND,
        reason="",
        acuity=level,
        findings=findings,
        texts=(
            _text(
                words,
                {
                    Section.FINDINGS: _sentences(
                        reading.draft, findings, words, withhold=settings.unsupported_sentences == "withhold"
                    ),
                    Section.IMPRESSION: _plain(_impression(findings, reading, words)),
                    Section.RECOMMENDATION: _plain((words.recommendations[level],)),
                },
            ),
        ),
        bundle=bundle,
        prior=prior,
        prior_note=prior_note,
    )


def report_without_reading(
    outcome: Outcome, reason: str, bundle: BundleIdentity | None, settings: ReportSettings
) -> Report:
    """Answer a study that was not read.

    Parameters
    ----------
    outcome
        NOT_APPLICABLE, NOT_JUDGED or COULD_NOT_RUN.
    reason
        Why, in one sentence without patient data.

    Raises
    ------
    ValueError
        If `outcome` is one that only a reading can have.
    SettingsError
        If there are no words in the language of the settings.
    """
    words = words_of(settings.language)
    if outcome not in words.not_read:
        raise ValueError(f"{outcome} needs a reading; without one it is not_applicable, not_judged or could_not_run")
    return Report(
        outcome=outcome,
        reason=reason,
        acuity=Acuity.NON_ACTIONABLE,
        findings=(),
        texts=(
            _text(
                words,
                {
                    Section.IMPRESSION: _plain(
                        (words.not_read[outcome].format(reason=reason).strip(), words.no_statement)
                    ),
                    Section.RECOMMENDATION: _plain((words.read_without,)),
                },
            ),
        ),
        bundle=bundle,
    )


def _text(words: Words, sections: Mapping[Section, tuple[Sentence, ...]]) -> ReportText:
    return ReportText(
        language=words.language,
        is_right_to_left=False,
        title="AI draft report",
        warning="AI DRAFT - RESEARCH - NOT VERIFIED BY A PHYSICIAN - NOT FOR DIAGNOSTIC USE",
        headings={section: section.value.capitalize() for section in Section},
        sections={section: said for section, said in sections.items() if said},
        names={},
    )


def _plain(lines: tuple[str, ...]) -> tuple[Sentence, ...]:
    return tuple(Sentence(text=line) for line in lines)


def _graded(
    specs: Sequence[FindingSpec],
    reading: Reading,
    heatmaps: Mapping[str, Heatmap],
    regions: Mapping[str, tuple[Point, ...]],
    acuity: AcuitySettings,
) -> tuple[Finding, ...]:
    """Every finding with presence and acuity: present ones first, then the most acute, then the likeliest."""
    findings = [
        Finding(
            spec=spec,
            presence=presence(spec, float(probability)),
            probability=float(probability),
            acuity=finding_acuity(spec, acuity),
            heatmap=heatmaps.get(spec.key),
            region=regions.get(spec.key, ()),
        )
        for spec, probability in zip(specs, reading.probabilities, strict=True)
    ]
    return tuple(sorted(findings, key=lambda f: (f.presence is not Presence.PRESENT, f.acuity.rank, -f.probability)))


def _sentences(draft: Draft, findings: Sequence[Finding], words: Words, *, withhold: bool) -> tuple[Sentence, ...]:
    specs = [finding.spec for finding in findings]
    presences = {finding.spec.key: finding.presence for finding in findings}
    kept: list[Sentence] = []
    told: set[str] = set()
    withheld = 0
    for text in dict.fromkeys(sentence.strip() for sentence in draft.sentences):
        sentence_claims = claims(text, specs, words.cues)
        against = contradicted(sentence_claims, presences)
        told |= {claim.finding for claim in sentence_claims if claim.stance is not Stance.DENIED}
        speaks_of = next((claim.finding for claim in (*against, *sentence_claims)), None)
        if not text or (against and withhold):
            withheld += bool(text)
            continue
        shown = f"{text} {words.unsupported}" if against else text
        kept.append(Sentence(text=shown, finding=speaks_of, is_supported=not against))
    template = words.left_out if draft.sentences or draft.is_truncated else words.found
    own = [
        Sentence(text=_filled(template, finding), finding=finding.spec.key, is_supported=True)
        for finding in findings
        if finding.presence is Presence.PRESENT and finding.spec.key not in told
    ]
    remarks = [words.truncated] * draft.is_truncated + [words.withheld.format(count=withheld)] * bool(withheld)
    return (*own, *kept, *(Sentence(text=remark, finding=None, is_supported=True) for remark in remarks))


def _impression(findings: Sequence[Finding], reading: Reading, words: Words) -> tuple[str, ...]:
    present = [_filled(words.present, finding) for finding in findings if finding.presence is Presence.PRESENT]
    judged = words.judged.format(findings=", ".join(finding.spec.code.meaning for finding in findings))
    total = len(reading.images) + reading.not_judged
    left_out = [words.not_judged.format(count=reading.not_judged, total=total)] * bool(reading.not_judged)
    return (*(present or [words.nothing_found]), *left_out, judged)


def _filled(template: str, finding: Finding) -> str:
    return template.format(finding=finding.spec.code.meaning, probability=finding.percent)
