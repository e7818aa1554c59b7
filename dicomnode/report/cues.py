"""Phrases that set the scope of a claim in a drafted text, by the language of the draft."""

from __future__ import annotations

from dataclasses import dataclass

from dicomnode.errors import BundleError


@dataclass(frozen=True, slots=True, kw_only=True)
class Cues:
    """Phrases that set the scope of a claim (NegEx); lower case, matched at word boundaries."""

    not_negations: tuple[str, ...]
    """Hold a negation word, but deny nothing: `no change in`."""
    negations_before: tuple[str, ...]
    """Deny what follows them in the clause."""
    negations_after: tuple[str, ...]
    """Deny what stands before them in the clause."""
    doubts_before: tuple[str, ...]
    """Make what follows them in the clause uncertain."""
    doubts_after: tuple[str, ...]
    """Make what stands before them in the clause uncertain."""
    clause_ends: tuple[str, ...]
    """Words that begin another clause: no cue reaches over them."""
    verbs: tuple[str, ...]
    """A cue does not reach over the verb of another statement: `no effusion is seen, ...`."""


ENGLISH = Cues(
    not_negations=(
        "no change",
        "no significant change",
        "no interval change",
        "no increase",
        "no decrease",
        "no further",
        "not only",
        "not certain",
        "without change",
        "without significant change",
    ),
    negations_before=(
        "no",
        "not",
        "without",
        "free of",
        "clear of",
        "negative for",
        "absence of",
        "absent",
        "denies",
        "denied",
        "denying",
        "not have",
        "not had",
        "not show",
        "neither",
        "nor",
        "rules out",
        "ruled out",
        "resolution of",
        "lack of",
    ),
    negations_after=(
        "absent",
        "not seen",
        "not present",
        "not identified",
        "not detected",
        "not evident",
        "not visible",
        "not demonstrated",
        "is excluded",
        "are excluded",
        "has been excluded",
        "ruled out",
        "resolved",
        "was negative",
        "were negative",
        "is negative",
        "are negative",
        "unlikely",
        "not likely",
    ),
    doubts_before=(
        "possible",
        "possibly",
        "probable",
        "probably",
        "may",
        "might",
        "could",
        "suspicious for",
        "suspicion of",
        "concerning for",
        "concern for",
        "question of",
        "questionable",
        "suggestive of",
        "suggesting",
        "suggests",
        "likely",
        "cannot exclude",
        "can not exclude",
        "cannot rule out",
        "can not rule out",
        "not exclude",
        "not excluded",
        "versus",
        "differential includes",
    ),
    doubts_after=(
        "cannot be excluded",
        "can not be excluded",
        "cannot be ruled out",
        "not excluded",
        "not ruled out",
        "not be excluded",
        "is possible",
        "are possible",
        "is suspected",
        "are suspected",
        "is questionable",
        "is likely",
        "are likely",
        "is not certain",
    ),
    clause_ends=(
        "but",
        "however",
        "although",
        "though",
        "except",
        "yet",
        "while",
        "whereas",
        "apart from",
        "despite",
        "there is",
        "there are",
        "and the",
    ),
    verbs=("is", "are", "was", "were", "has", "have", "shows", "remains", "remain"),
)

_CUES = {"en": ENGLISH}


def cues_of(language: str) -> Cues:
    """Cues of the language that a bundle drafts in; a region subtag is ignored.

    Raises
    ------
    BundleError
        If drafts in it cannot be held against the classifier.
    """
    found = _CUES.get(language.split("-")[0].lower())
    if found is None:
        raise BundleError(f"no drafts can be checked in {language!r}; known: {', '.join(sorted(_CUES))}")
    return found
