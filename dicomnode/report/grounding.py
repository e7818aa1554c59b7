"""Which findings a drafted sentence claims or denies, and with what certainty.

A small NegEx (Chapman 2001): a cue reaches from where it stands to the end of its clause, over lists
joined by commas, `and` and `or`; a phrase that only looks like a negation is taken out first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from dicomnode.records import Claim, FindingSpec, Stance
from dicomnode.report.cues import Cues


def claims(sentence: str, specs: Sequence[FindingSpec], cues: Cues) -> tuple[Claim, ...]:
    """Find the judged findings that `sentence` names, each with its stance, in reading order.

    A finding that one sentence names twice yields its first stance that is no denial, else its denial.
    """
    found: dict[str, Stance] = {}
    for clause in _clauses(sentence, cues):
        for key, start, end in _mentions(clause, specs):
            stance = _stance(clause, start, end, cues)
            if found.get(key, Stance.DENIED) is Stance.DENIED:
                found[key] = stance
    return tuple(Claim(finding=key, stance=stance) for key, stance in found.items())


def compares(sentence: str, cues: Cues) -> bool:
    """Whether the sentence speaks of an earlier study."""
    return any_of(cues.changes).search(plain(sentence)) is not None


def is_all_clear(sentence: str, cues: Cues) -> bool:
    """Whether the sentence denies every finding without naming one: "The lungs are clear."."""
    return any_of(cues.all_clear).search(plain(sentence)) is not None


def _clauses(sentence: str, cues: Cues) -> list[str]:
    ends = "|".join(_phrase(word) for word in cues.clause_ends)
    return re.split(rf"[;:]|\.\s|{ends}", plain(sentence))


def plain(sentence: str) -> str:
    """The sentence without capitals, line ends and typographic apostrophes, in American spelling."""
    american = re.sub("(?<=h)ae(?=m)", "e", sentence.casefold()).replace("oedema", "edema")
    return re.sub(r"\s+", " ", american.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))


def _mentions(clause: str, specs: Sequence[FindingSpec]) -> list[tuple[str, int, int]]:
    """Find (finding, start, end) of each term, the longest term first where several fit at one place."""
    terms = sorted(((term, spec.key) for spec in specs for term in spec.terms), key=lambda pair: -len(pair[0]))
    taken: list[tuple[str, int, int]] = []
    for term, key in terms:
        for match in names_of((term,)).finditer(clause):
            if not any(match.start() < end and start < match.end() for _, start, end in taken):
                taken.append((key, match.start(), match.end()))
    return sorted(taken, key=lambda mention: mention[1])


def _stance(clause: str, start: int, end: int, cues: Cues) -> Stance:
    before = any_of(cues.not_negations).sub(" ", clause[:start])
    after = clause[end:]
    bare = any_of((*cues.doubts_before, *cues.likely_before)).sub(" ", before)
    for stance, on, back in (
        (Stance.DOUBTED, cues.doubts_before, cues.doubts_after),
        (Stance.LIKELY, cues.likely_before, cues.likely_after),
    ):
        if _reaches_on(on, before, cues) or _reaches_back(back, after, cues):
            # "No findings suggestive of ..." denies, "cannot exclude ..." does not.
            return Stance.DENIED if _reaches_on(cues.negations_before, bare, cues) else stance
    if _reaches_on(cues.negations_before, before, cues) or _reaches_back(cues.negations_after, after, cues):
        return Stance.DENIED
    return Stance.SUGGESTED if _reaches_on(cues.hedges_before, before, cues) else Stance.AFFIRMED


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


@lru_cache(maxsize=512)
def names_of(terms: tuple[str, ...]) -> re.Pattern[str]:
    """As `any_of` for names of findings, which may stand in the plural and in British spelling."""
    longest_first = sorted((plain(term) for term in terms), key=len, reverse=True)
    return re.compile("|".join(rf"(?<!\w){re.escape(term)}(?:e?s)?(?!\w)" for term in longest_first))


def _phrase(words: str) -> str:
    return rf"(?<!\w){re.escape(words.casefold())}(?!\w)"
