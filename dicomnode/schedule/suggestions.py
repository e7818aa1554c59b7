"""A rule that would match an instance that none matches."""

from __future__ import annotations

from collections.abc import Sequence

from dicomnode.dicom.anatomy import region_of
from dicomnode.dicom.elements import text
from dicomnode.schedule.rules import Candidate, try_rule
from dicomnode.settings import Rule

_ANATOMY = ("region", "body_part", "description")
"""Conditions that look at what was imaged; the others look at how, and by whom."""


def suggested_rule(rules: Sequence[Rule], candidate: Candidate) -> Rule | None:
    """A copy of the rule that only fails to recognise the anatomy, with the words of this instance; None: none does.

    A header that names another region of the body is no reason to suggest anything: the rule is right not to match.
    """
    if region_of(candidate.ds).element:
        return None
    for rule in rules:
        others = rule.model_copy(update={"when": rule.when.model_copy(update=dict.fromkeys(_ANATOMY, ()))})
        has_anatomy = any(getattr(rule.when, key) for key in _ANATOMY)
        if not rule.bundle or not has_anatomy or not try_rule(others, candidate).is_match:
            continue
        named = _words_of(candidate)
        if named is not None:
            when = others.when.model_copy(update=named)
            return rule.model_copy(update={"name": f"{rule.name}-2", "when": when})
    return None


def _words_of(candidate: Candidate) -> dict[str, tuple[str, ...]] | None:
    """The condition that names what this header says of the anatomy."""
    if body_part := text(candidate.ds, "BodyPartExamined"):
        return {"body_part": (_literal(body_part),)}
    for keyword in ("SeriesDescription", "StudyDescription"):
        if described := text(candidate.ds, keyword):
            return {"description": (_literal(described),)}
    return None


def _literal(value: str) -> str:
    """A pattern that matches this value alone."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in value)
