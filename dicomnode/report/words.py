"""What the report says, by language; the reasoning is the same in all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dicomnode.records import Acuity, Outcome


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """All words of one language. Braces are filled in by `str.format`."""

    language: str
    """RFC 5646."""
    cues: Cues
    left_out: str
    """Sentence for a finding that the draft does not name: {finding}, {probability}."""
    found: str
    """The same where there is no draft."""
    unsupported: str
    """Put behind a sentence that the classifier contradicts."""
    truncated: str
    withheld: str
    """Said where sentences were withheld: {count}."""
    present: str
    """Impression of a present finding: {finding}, {probability}."""
    nothing_found: str
    judged: str
    """What was looked for: {findings}."""
    not_judged: str
    """Said where images were left out: {count}, {total}."""
    not_read: Mapping[Outcome, str]
    """Impression of a study without a reading: {reason}."""
    no_statement: str
    recommendations: Mapping[Acuity, str]
    read_without: str
    """Recommendation for a study without a reading."""
