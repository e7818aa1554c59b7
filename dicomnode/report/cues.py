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
    likely_before: tuple[str, ...]
    """Make what follows them in the clause likely: more than possible, less than there."""
    likely_after: tuple[str, ...]
    """Make what stands before them in the clause likely."""
    hedges_before: tuple[str, ...]
    """Say that findings fit what follows them, not that it is there."""
    changes: tuple[str, ...]
    """Compare with an earlier study."""
    all_clear: tuple[str, ...]
    """Deny every finding without naming one."""
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
        "never",
        "nothing to suggest",
        "free from",
        "devoid of",
        "fails to show",
        "fail to show",
        "rule out",
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
        "is not",
        "are not",
        "was not",
        "were not",
        "has not",
        "have not",
        "excluded",
        "has cleared",
        "have cleared",
    ),
    doubts_before=(
        "possible",
        "possibly",
        "may",
        "might",
        "could",
        "question of",
        "questionable",
        "equivocal",
        "indeterminate",
        "uncertain",
        "query",
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
        "is questionable",
        "is equivocal",
        "is indeterminate",
        "is uncertain",
        "is not certain",
        "remains possible",
        "cannot be confirmed",
        "can neither be confirmed",
        "can be neither confirmed",
    ),
    likely_before=(
        "probable",
        "probably",
        "likely",
        "suspicious for",
        "suspicion of",
        "suspected",
        "suspect",
        "concerning for",
        "concern for",
        "suggestive of",
        "suggesting",
        "suggests",
        "presumably",
        "presumed",
        "favor",
        "favors",
        "favour",
        "favours",
    ),
    likely_after=(
        "is suspected",
        "are suspected",
        "is likely",
        "are likely",
        "is probable",
        "are probable",
        "is favored",
        "is favoured",
    ),
    hedges_before=(
        "consistent with",
        "in keeping with",
        "compatible with",
        "in line with",
        "typical of",
        "suggest",
        "represent",
        "represents",
        "representing",
    ),
    changes=(
        "unchanged",
        "stable",
        "new",
        "newly",
        "worsened",
        "worsening",
        "worse",
        "improved",
        "improving",
        "improvement",
        "resolved",
        "resolving",
        "resolution of",
        "progression",
        "progressed",
        "progressive",
        "regression",
        "interval",
        "since",
        "compared",
        "comparison",
        "again",
        "persistent",
        "persists",
        "residual",
        "previous",
        "previously",
        "prior",
        "enlarging",
        "no change",
        "no significant change",
        "without change",
        "without significant change",
        "no increase",
        "no decrease",
        "no further",
        "larger",
        "smaller",
    ),
    all_clear=(
        "no abnormality",
        "no abnormalities",
        "no abnormal finding",
        "no abnormal findings",
        "no significant abnormality",
        "no significant finding",
        "no significant findings",
        "no focal abnormality",
        "no pathological finding",
        "no pathological findings",
        "no pathology",
        "no acute abnormality",
        "no acute abnormalities",
        "no acute disease",
        "no acute finding",
        "no acute findings",
        "no acute process",
        "no acute pathology",
        "no acute cardiopulmonary",
        "no acute intrathoracic",
        "no acute intracranial abnormality",
        "no acute intracranial process",
        "no acute intracranial pathology",
        "no acute intracranial findings",
        "no evidence of acute disease",
        "no evidence of disease",
        "no evidence of acute cardiopulmonary",
        "lungs are clear",
        "lungs clear",
        "clear lungs",
        "lung fields are clear",
        "normal chest",
        "normal lungs",
        "lungs are normal",
        "chest is normal",
        "normal study",
        "normal examination",
        "normal exam",
        "normal ct",
        "normal head ct",
        "normal radiograph",
        "normal film",
        "normal brain",
        "brain is normal",
        "study is normal",
        "examination is normal",
        "unremarkable study",
        "unremarkable examination",
        "unremarkable chest",
        "unremarkable ct",
        "unremarkable head ct",
        "unremarkable radiograph",
        "study is unremarkable",
        "examination is unremarkable",
        "chest is unremarkable",
        "lungs are unremarkable",
        "brain is unremarkable",
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
        raise BundleError(f"drafts cannot be checked in {language!r}; known: {', '.join(sorted(_CUES))}")
    return found
