"""Drafted sentences, held against the verdicts, and what of them codes can say."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dicomnode.records import Claim, Finding, Stance
from dicomnode.report.content import Drafted
from dicomnode.report.cues import Cues
from dicomnode.report.grounding import any_of, claims, compares, is_all_clear, names_of, plain
from dicomnode.report.places import SIDES, SIZES, ZONES
from dicomnode.report.terms import qualifiers

_GROUPS = (SIDES, ZONES, SIZES)
"""Of each of these a sentence on one finding names one at most."""
# What says nothing beside a finding, its presence, place and size: the grammar of a sentence, and the look of the
# finding that it names.
_EMPTY = (
    *("a", "an", "any", "the", "of", "in", "on", "to", "for", "with", "and", "or", "as", "be", "been", "do", "does"),
    *("there", "is", "are", "was", "were", "has", "have", "shows", "show", "seen", "present", "noted", "identified"),
    *("evident", "demonstrated", "detected", "visible", "evidence", "sign", "signs", "finding", "findings"),
    *("raise", "raises", "acute"),
    *("question", "area", "airspace opacities", "lung opacities", "opacities", "opacity", "filling defects"),
    *("filling defect", "hyperdense area"),
)


def checked(text: str, graded: Sequence[Finding], cues: Cues) -> Drafted:
    """Hold one sentence of a draft against the verdicts.

    A draft is written from one study, so what it says of an earlier one has no support, whatever it says.

    Parameters
    ----------
    graded
        Every finding that the bundle judges.
    cues
        Those of the draft's language.
    """
    said = claims(text, [finding.spec for finding in graded], cues)
    verdicts = {finding.spec.key: finding.verdict for finding in graded}
    denies_all = is_all_clear(text, cues)
    all_claims = (*said, *(Claim(finding=key, stance=Stance.DENIED) for key in verdicts if denies_all))
    named = named_qualifiers(text)
    is_clear = _is_clear(said, named)
    is_supported = all(claim.stance.fits(verdicts[claim.finding]) for claim in all_claims) and not (
        said and compares(text, cues)
    )
    is_coded = bool(said) and is_clear and not denies_all and not _rest(text, graded, cues)
    overstates = any(claim.stance.overstates(verdicts[claim.finding]) for claim in said)
    return Drafted(
        text=text,
        claims=said,
        is_supported=is_supported,
        is_overstated=is_supported and is_coded and overstates,
        opposes=any(claim.stance.opposes(verdicts[claim.finding]) for claim in all_claims),
        qualifiers=named,
        is_coded=is_coded,
        is_clear=is_clear,
    )


def named_qualifiers(sentence: str) -> tuple[str, ...]:
    """Keys of the places and sizes that an English sentence names."""
    words = plain(sentence)
    return tuple(term.key for term in qualifiers() if any_of(term.words).search(words))


def _is_clear(said: Sequence[Claim], named: Sequence[str]) -> bool:
    """Whether places and sizes, if there are any, can only be of the one finding that is claimed to be there."""
    has_one = len(said) == 1 and said[0].stance is not Stance.DENIED
    return not named or (has_one and all(sum(key in group for key in named) <= 1 for group in _GROUPS))


def _rest(sentence: str, graded: Sequence[Finding], cues: Cues) -> str:
    """Words of a sentence that no code stands for; a change is one, as its code needs the earlier study."""
    scope = (
        *(*cues.negations_before, *cues.negations_after, *cues.doubts_before, *cues.doubts_after),
        *(*cues.likely_before, *cues.likely_after, *cues.hedges_before, *cues.clause_ends),
    )
    terms = tuple(term for finding in graded for term in finding.spec.terms)
    rest = names_of(terms).sub(" ", plain(sentence))
    for phrases in (
        tuple(word for term in qualifiers() for word in term.words),
        tuple(phrase for phrase in scope if not phrase.startswith("resol")),
        _EMPTY,
    ):
        rest = any_of(phrases).sub(" ", rest)
    return re.sub(r"[\W_]+", " ", rest).strip()
