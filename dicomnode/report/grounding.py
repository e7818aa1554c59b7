"""Which findings a drafted sentence claims or denies, and whether the classifier agrees.

A small NegEx (Chapman 2001): a cue reaches from where it stands to the end of its clause, over lists
joined by commas, `and` and `or`; a phrase that only looks like a negation is taken out first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from dicomnode.records import Finding, FindingSpec, Presence
from dicomnode.report.cues import Cues


class Stance(StrEnum):
    """How a sentence speaks of a finding."""

    AFFIRMED = "affirmed"
    DENIED = "denied"
    DOUBTED = "doubted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One finding as one sentence speaks of it."""

    finding: str
    """FindingSpec.key."""
    stance: Stance

    def agrees_with(self, finding: Finding) -> bool:
        """Whether the classifier supports it.

        A doubtful hint needs support as an affirmation does; of an undetermined finding it is right in any case, and
        a plain word is right where the probability leans the same way: the impression says that it is not certain.
        """
        if finding.presence is Presence.UNDETERMINED and self.stance is Stance.DOUBTED:
            return True
        return (self.stance is Stance.DENIED) != finding.is_suspected


def claims(sentence: str, specs: Sequence[FindingSpec], cues: Cues) -> tuple[Claim, ...]:
    """Find the judged findings that `sentence` names, each with its stance, in reading order.

    A finding that one sentence names twice yields its first affirmation or doubt, else its denial.
    """
    found: dict[str, Stance] = {}
    for clause in _clauses(sentence, cues):
        for key, start, end in _mentions(clause, specs):
            stance = _stance(clause, start, end, cues)
            if found.get(key, Stance.DENIED) is Stance.DENIED:
                found[key] = stance
    return tuple(Claim(finding=key, stance=stance) for key, stance in found.items())


def contradicted(sentence_claims: Sequence[Claim], findings: Mapping[str, Finding]) -> tuple[Claim, ...]:
    """Those of the claims that the classifier does not support; findings by their key."""
    return tuple(claim for claim in sentence_claims if not claim.agrees_with(findings[claim.finding]))


def _clauses(sentence: str, cues: Cues) -> list[str]:
    ends = "|".join(_phrase(word) for word in cues.clause_ends)
    return re.split(rf"[;:]|\.\s|{ends}", plain(sentence))


def plain(sentence: str) -> str:
    """The sentence without capitals, line ends and typographic apostrophes."""
    return re.sub(r"\s+", " ", sentence.casefold().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))


def _mentions(clause: str, specs: Sequence[FindingSpec]) -> list[tuple[str, int, int]]:
    """Find (finding, start, end) of each term, the longest term first where several fit at one place."""
    terms = sorted(((term, spec.key) for spec in specs for term in spec.terms), key=lambda pair: -len(pair[0]))
    taken: list[tuple[str, int, int]] = []
    for term, key in terms:
        for match in any_of((term,)).finditer(clause):
            if not any(match.start() < end and start < match.end() for _, start, end in taken):
                taken.append((key, match.start(), match.end()))
    return sorted(taken, key=lambda mention: mention[1])


def _stance(clause: str, start: int, end: int, cues: Cues) -> Stance:
    before = any_of(cues.not_negations).sub(" ", clause[:start])
    after = clause[end:]
    if _reaches_on(cues.doubts_before, before, cues) or _reaches_back(cues.doubts_after, after, cues):
        # "No findings suggestive of ..." denies, "cannot exclude ..." does not.
        plain = any_of(cues.doubts_before).sub(" ", before)
        return Stance.DENIED if _reaches_on(cues.negations_before, plain, cues) else Stance.DOUBTED
    if _reaches_on(cues.negations_before, before, cues) or _reaches_back(cues.negations_after, after, cues):
        return Stance.DENIED
    return Stance.AFFIRMED


def _reaches_on(phrases: tuple[str, ...], before: str, cues: Cues) -> bool:
    """Whether a cue in the text before a mention reaches it."""
    verb = any_of(cues.verbs)
    return any(not verb.search(before[match.end() :]) for match in any_of(phrases).finditer(before))


def _reaches_back(phrases: tuple[str, ...], after: str, cues: Cues) -> bool:
    """Whether a cue in the text after a mention reaches back to it; the cue's own verb is no hindrance."""
    verb = any_of(cues.verbs)
    own_verb = re.compile(rf"(?:{verb.pattern})\s*$")
    starts = (match.start() for match in any_of(phrases).finditer(after))
    return any(not verb.search(own_verb.sub("", after[:start])) for start in starts)


@lru_cache(maxsize=512)
def any_of(phrases: tuple[str, ...]) -> re.Pattern[str]:
    """Pattern of whole words that finds any of the phrases, of two that begin alike the longer one."""
    # Of two that begin alike the longer one: "not have" keeps its verb.
    longest_first = sorted(phrases, key=len, reverse=True)
    return re.compile("|".join(_phrase(phrase) for phrase in longest_first))


def _phrase(words: str) -> str:
    return rf"(?<!\w){re.escape(words.casefold())}(?!\w)"
