"""Whether a report agrees with itself, in every language.

Its verdicts must agree with one another, its sentences with the verdicts, and the words with the claims of their
sentences.

The words are read back by the messages of their language, and a draft's words by the cues of its own, so that a claim
in the records and the words of its sentence cannot part. Every report is checked before it leaves the room.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from dicomnode.records import (
    Acuity,
    Change,
    Claim,
    Finding,
    Outcome,
    Presence,
    Report,
    ReportText,
    ReviewReason,
    Section,
    Sentence,
    Stance,
    Verdict,
)
from dicomnode.report.cues import cues_of
from dicomnode.report.grounding import claims, is_all_clear
from dicomnode.report.languages import Language, language_of, starts_with_vowel
from dicomnode.report.sentences import CLAIM_OF_SEVERAL, CLAIMS, IMPRESSIONS, estimate
from dicomnode.report.terms import Name

_READ = (Outcome.FINDINGS, Outcome.NOTHING_FOUND, Outcome.UNDETERMINED)
_ON_FINDINGS = (Section.COMPARISON, Section.FINDINGS, Section.IMPRESSION)
"""Sections that speak of findings; what a recommendation says holds "if confirmed"."""
_LISTS = (CLAIM_OF_SEVERAL, "comparison-still_absent")
_ANY = "\N{OBJECT REPLACEMENT CHARACTER}"
"""Stands for what differs from one report to another."""


def contradictions(report: Report, draft_language: str = "en") -> tuple[str, ...]:
    """Everything in which a report contradicts itself, each in one English sentence without patient data.

    Parameters
    ----------
    draft_language
        RFC 5646 of the draft that drafted sentences come from.
    """
    return (*_in_verdicts(report), *(one for text in report.texts for one in _in_text(report, text, draft_language)))


def read_back(text: ReportText, findings: Sequence[Finding]) -> dict[str, set[Stance]]:
    """How findings and impression speak of each finding, by their words alone; drafted sentences are left out."""
    language = language_of(text.language)
    said: dict[str, set[Stance]] = {finding.spec.key: set() for finding in findings}
    for section in (Section.FINDINGS, Section.IMPRESSION):
        for sentence in text.sections.get(section, ()):
            for claim in () if sentence.is_drafted else _read(sentence.text, findings, language):
                said[claim.finding].add(claim.stance)
    return said


def _in_verdicts(report: Report) -> Iterator[str]:
    """What is wrong with outcome, acuity, hierarchy, review and changes."""
    verdicts = {finding.spec.key: finding.verdict for finding in report.findings}
    if report.outcome in _READ and report.outcome is not _outcome(set(verdicts.values())):
        yield f"the outcome is {report.outcome}, and the verdicts say otherwise"
    suspected = [finding.acuity for finding in report.suspected]
    if report.acuity is not min(suspected, key=lambda acuity: acuity.rank, default=Acuity.NON_ACTIONABLE):
        yield f"the study is {report.acuity}, and its findings are not"
    if report.cannot_exclude and Verdict.ABSENT in verdicts.values():
        yield "a finding is absent, although nothing can be excluded"
    if not set(report.cannot_exclude) <= set(report.review):
        yield "nothing can be excluded, and no review is asked for"
    is_open = not all(verdict.is_certain for verdict in verdicts.values())
    if is_open and ReviewReason.UNDETERMINED not in report.review:
        yield "a finding is undetermined, and no review is asked for"
    for finding in report.findings:
        yield from _in_finding(finding, report)


def _outcome(verdicts: set[Verdict]) -> Outcome:
    if any(verdict.is_suspected for verdict in verdicts):
        return Outcome.FINDINGS
    return Outcome.UNDETERMINED if Verdict.UNDETERMINED in verdicts else Outcome.NOTHING_FOUND


def _in_finding(finding: Finding, report: Report) -> Iterator[str]:
    key, judged = finding.spec.key, {other.spec.key: other for other in report.findings}
    for whole in (judged[name] for name in finding.spec.implies if name in judged):
        if whole.verdict.rank < finding.verdict.rank or whole.probability < finding.probability:
            yield f"{key} is a kind of {whole.spec.key}, and is judged higher"
    then = None if report.prior is None else report.prior.presences.get(key)
    if finding.change is not None and (then, finding.presence) != _BEFORE_AND_AFTER[finding.change]:
        yield f"{key} is said to be {finding.change}, and its verdicts say otherwise"
    if finding.change is not None and finding.change_unknown is not None:
        yield f"{key} has a change that cannot be told"


_STAYS = (Presence.PRESENT, Presence.PRESENT)
_BEFORE_AND_AFTER = {
    Change.NEW: (Presence.ABSENT, Presence.PRESENT),
    Change.RESOLVED: (Presence.PRESENT, Presence.ABSENT),
    **dict.fromkeys((Change.INCREASED, Change.UNCHANGED, Change.DECREASED), _STAYS),
}


def _in_text(report: Report, text: ReportText, draft_language: str) -> Iterator[str]:
    """What is wrong with one language's text."""
    language = language_of(text.language)
    told: dict[Section, set[str]] = {section: set() for section in Section}
    for section in _ON_FINDINGS:
        for sentence in text.sections.get(section, ()):
            told[section] |= {claim.finding for claim in sentence.claims}
            for fault in _in_sentence(sentence, report, language, draft_language):
                yield f"{text.language}, {section}: {fault}"
    for finding in report.findings:
        key = finding.spec.key
        if key not in told[Section.FINDINGS] or (
            key not in told[Section.IMPRESSION] and finding.verdict is not Verdict.ABSENT
        ):
            yield f"{text.language}: {key} is {finding.verdict}, and not every section says so"
    lines = [sentence.text for sentences in text.sections.values() for sentence in sentences]
    if len(set(lines)) < len(lines):
        yield f"{text.language}: a sentence stands twice"
    for message, is_right in _general(report).items():
        if not is_right and language.sentence(message) in lines:
            yield f"{text.language}: {message} is said of a study that is {report.outcome}"


def _general(report: Report) -> dict[str, bool]:
    """Messages on the study as a whole, and whether they may be said."""
    return {
        "nothing-found": report.outcome is Outcome.NOTHING_FOUND,
        "nothing-certain": report.outcome is Outcome.UNDETERMINED,
        f"recommend-{Acuity.NON_ACTIONABLE}": report.outcome is not Outcome.UNDETERMINED and not report.review,
    }


def _in_sentence(sentence: Sentence, report: Report, language: Language, draft_language: str) -> Iterator[str]:
    """What is wrong with one sentence: its claims against the verdicts, and its words against its claims."""
    verdicts = {finding.spec.key: finding.verdict for finding in report.findings}
    for claim in sentence.claims:
        if claim.finding not in verdicts:
            yield f"{claim.finding} was not judged, and is {claim.stance}"
        elif not claim.stance.fits(verdicts[claim.finding]):
            yield f"{claim.finding} is {verdicts[claim.finding]}, and is {claim.stance}"
    if not sentence.is_drafted:
        if set(_read(sentence.text, report.findings, language)) != set(sentence.claims):
            yield f"the words do not say what {sentence.finding or 'their findings'} should be"
        yield from _in_change(sentence, report.findings, language)
        return
    if sentence.language is None and language.base != draft_language.split("-")[0]:
        return  # translated by a machine: it makes no claim
    cues = cues_of(draft_language)
    if set(claims(sentence.text, [finding.spec for finding in report.findings], cues)) != set(sentence.claims):
        yield "the draft's words do not say what its claims are"
    if is_all_clear(sentence.text, cues) and any(verdict is not Verdict.ABSENT for verdict in verdicts.values()):
        yield "the draft denies everything, and not everything is absent"


def _in_change(sentence: Sentence, findings: Sequence[Finding], language: Language) -> Iterator[str]:
    """Whether the words speak of another change than the finding's."""
    for finding in findings:
        name = language.name(finding.spec)
        if _is_named(name, sentence.text.casefold()):
            for change in set(Change) - {finding.change}:
                if _pattern(language, f"change-{change}", name).fullmatch(sentence.text):
                    yield f"the words say that {finding.spec.key} is {change}"


def _read(text: str, findings: Sequence[Finding], language: Language) -> Iterator[Claim]:
    """The claims of a sentence by its words, through the messages of its language."""
    folded = text.casefold()
    named = [(finding, language.name(finding.spec)) for finding in findings]
    named = [(finding, name) for finding, name in named if _is_named(name, folded)]
    for message in _LISTS:
        if named and (found := _list_pattern(language, message).fullmatch(text)):
            yield from _read_list(found[1].casefold(), named)
            return
    for finding, name in named:
        for stance, message in CLAIMS.items():
            if _pattern(language, message, name).fullmatch(text):
                yield Claim(finding=finding.spec.key, stance=stance)
        for message, stance in IMPRESSIONS.values():
            found = _pattern(language, message, name).fullmatch(text)
            # Its probability must be the finding's own.
            if found and estimate(finding.estimate, language) in found[1]:
                yield Claim(finding=finding.spec.key, stance=stance)


def _is_named(name: Name, folded: str) -> bool:
    """Whether a finding stands in a casefolded text in any of its forms."""
    return any(form.casefold() in folded for form in _words_of(name))


@lru_cache(maxsize=4096)
def _words_of(name: Name) -> tuple[str, ...]:
    return tuple({form for key, form in name.forms.items() if key != "gender"})


def _read_list(listed: str, named: Sequence[tuple[Finding, Name]]) -> Iterator[Claim]:
    """Findings of a list, longer names first, as one may hold another."""
    for finding, name in sorted(named, key=lambda pair: -len(pair[1].text)):
        said = name.forms["accusative"].casefold()
        if said in listed:
            listed = listed.replace(said, "", 1)
            yield Claim(finding=finding.spec.key, stance=Stance.DENIED)


@lru_cache(maxsize=8192)
def _pattern(language: Language, message: str, name: Name) -> re.Pattern[str]:
    """What a message on a finding of this name looks like, whatever its probability and places."""
    filled = language.sentence(
        message,
        **name.forms,
        starts="vowel" if starts_with_vowel(name) else "other",
        estimate=_ANY,
        qualifiers=_ANY,
    )
    return re.compile(re.escape(filled).replace(re.escape(_ANY), "(.*)"))


@lru_cache(maxsize=256)
def _list_pattern(language: Language, message: str) -> re.Pattern[str]:
    return re.compile(
        re.escape(language.sentence(message, findings=_ANY, alternatives=_ANY)).replace(re.escape(_ANY), "(.+)")
    )
