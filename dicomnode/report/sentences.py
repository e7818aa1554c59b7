"""What is said of findings in one language: each sentence with the claims that it makes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from dicomnode.records import Claim, Estimate, Finding, Outcome, Sentence, Stance, Verdict
from dicomnode.report.content import Content, Drafted, Statement
from dicomnode.report.languages import Language, capitalised, starts_with_vowel
from dicomnode.report.places import place_and_size
from dicomnode.report.translate import Translator

CLAIMS = {
    Stance.SUGGESTED: "claim-suggested",
    Stance.DOUBTED: "claim-doubted",
    Stance.OPEN: "claim-open",
    Stance.DENIED: "claim-denied",
}
"""Message by which the findings section speaks of one finding. No verdict says AFFIRMED or LIKELY."""
CLAIM_OF_SEVERAL = "claim-denied-list"
"""Message by which it says that several findings are absent."""
IMPRESSIONS = {
    Verdict.PRESENT: ("suspected", Stance.SUGGESTED),
    Verdict.POSSIBLE: ("suspected-undetermined", Stance.DOUBTED),
    Verdict.UNDETERMINED: ("undetermined", Stance.OPEN),
}
"""Message by which the impression speaks of a finding, and its stance; of what is absent it does not speak by name."""


def findings(content: Content, language: Language, translator: Translator | None) -> Iterator[Sentence]:
    """The findings section."""
    graded = {finding.spec.key: finding for finding in content.findings}
    for statement in content.described:
        if statement.drafted is None:
            yield from _from_codes(statement, graded, language)
        else:
            yield from _drafted(statement, statement.drafted, content, language, translator)
    for finding in content.findings:
        if finding.change is not None:
            yield _of_finding(finding, f"change-{finding.change}", language)
        elif finding.change_unknown is not None:
            why = language.say(f"change-why-{finding.change_unknown}")
            yield _of_finding(finding, "change-unknown", language, reason=why)


def remarks_on_draft(content: Content, language: Language) -> Iterator[Sentence]:
    """What became of the draft; it says nothing of the patient, and so is no finding."""
    if content.is_truncated:
        yield Sentence(text=language.sentence("truncated"))
    if content.reworded:
        yield Sentence(text=language.sentence("reworded", count=content.reworded))
    if content.withheld:
        yield Sentence(text=language.sentence("withheld", count=content.withheld))


def impression(content: Content, language: Language) -> Iterator[Sentence]:
    """The impression, the most important first."""
    if not content.is_read:
        yield Sentence(text=_not_read(content, language))
        yield Sentence(text=language.sentence("no-statement"))
        return
    for finding in content.findings:
        if finding.verdict in IMPRESSIONS:
            message, stance = IMPRESSIONS[finding.verdict]
            yield _of_finding(finding, message, language, stance=stance)
    if content.outcome is Outcome.NOTHING_FOUND:
        yield Sentence(text=language.sentence("nothing-found"))
    # Where nothing at all is excluded, the sentences on each finding say so; "some of them cannot be" would say less.
    if content.outcome is Outcome.UNDETERMINED and any(one.verdict is Verdict.ABSENT for one in content.findings):
        yield Sentence(text=language.sentence("nothing-certain"))
    if content.cannot_exclude:
        yield Sentence(text=language.sentence("cannot-exclude", reasons=_reasons(content.cannot_exclude, language)))
    if content.review:
        yield Sentence(text=language.sentence("review", reasons=_reasons(content.review, language)))


def lists(chosen: Sequence[Finding], language: Language) -> dict[str, str]:
    """Names of several findings as messages ask for them, in the accusative where the language has one."""
    names = [language.name(finding.spec).forms["accusative"] for finding in chosen]
    return {"findings": language.listed(names), "alternatives": language.listed(names, style="or")}


def list_of_findings(message: str, chosen: Sequence[Finding], language: Language) -> Sentence:
    """A sentence that says of several findings that they are absent."""
    claims = tuple(Claim(finding=finding.spec.key, stance=Stance.DENIED) for finding in chosen)
    return Sentence(
        text=language.sentence(message, **lists(chosen, language)),
        finding=chosen[0].spec.key if len(chosen) == 1 else None,
        claims=claims,
    )


def named(finding: Finding, message: str, language: Language, **values: object) -> str:
    """A message on one finding."""
    name = language.name(finding.spec)
    return language.sentence(
        message,
        **name.forms,
        starts="vowel" if starts_with_vowel(name) else "other",
        estimate=estimate(finding.estimate, language),
        **values,
    )


def estimate(known: Estimate, language: Language) -> str:
    """A probability, with its limits where they are known."""
    probability = percent(known, language)
    if known.lower is None or known.upper is None:
        return language.say("estimate", probability=probability)
    low, high = language.percent(known.lower), language.percent(known.upper)
    return language.say("estimate-interval", probability=probability, low=low, high=high, level=language.percent(95))


def percent(known: Estimate, language: Language) -> str:
    """A probability without its limits: "85%", or "about 85%" where that is all that is known."""
    said = language.percent(known.percent)
    return language.say("about", percent=said) if known.is_rough else said


def _from_codes(statement: Statement, graded: dict[str, Finding], language: Language) -> Iterator[Sentence]:
    chosen = [graded[claim.finding] for claim in statement.claims]
    if len(chosen) > 1 and all(claim.stance is Stance.DENIED for claim in statement.claims):
        yield list_of_findings(CLAIM_OF_SEVERAL, chosen, language)
        return
    places = _places(statement.qualifiers, language)
    for claim, finding in zip(statement.claims, chosen, strict=True):
        yield _of_finding(finding, CLAIMS[claim.stance], language, stance=claim.stance, qualifiers=places)


def _drafted(
    statement: Statement, drafted: Drafted, content: Content, language: Language, translator: Translator | None
) -> Iterator[Sentence]:
    """A sentence of the draft: as it is in its own language, from its codes in another one."""
    finding = drafted.claims[0].finding if len(drafted.claims) == 1 else None
    said = Sentence(text=drafted.text, is_drafted=True, finding=finding, claims=drafted.claims)
    if language.base == content.draft_language.split("-")[0]:
        yield replace(said, text=capitalised(drafted.text))
        return
    if drafted.is_coded:
        yield from _from_codes(statement, {one.spec.key: one for one in content.findings}, language)
        return
    translated = translator(drafted.text) if translator is not None and not drafted.claims else None
    if translated:
        yield Sentence(text=f"{translated} {language.say('translated')}", is_drafted=True)
        return
    remark = language.say("uncoded", language=language.language_name(content.draft_language))
    yield replace(said, text=f"{drafted.text} {remark}", language=content.draft_language)


def _places(keys: Sequence[str], language: Language) -> str:
    said = place_and_size(keys, language)
    return language.say("qualifiers", list=said) if said else ""


def _not_read(content: Content, language: Language) -> str:
    if content.outcome is Outcome.NOT_JUDGED:
        return language.sentence("not-read-not_judged", reasons=_reasons(content.review, language))
    return language.sentence(f"not-read-{content.outcome}")


def _reasons(reasons: Sequence[str], language: Language) -> str:
    return language.clauses([language.say(f"review-{reason}") for reason in reasons])


def _of_finding(
    finding: Finding, message: str, language: Language, *, stance: Stance | None = None, **values: object
) -> Sentence:
    claims = () if stance is None else (Claim(finding=finding.spec.key, stance=stance),)
    return Sentence(text=named(finding, message, language, **values), finding=finding.spec.key, claims=claims)
