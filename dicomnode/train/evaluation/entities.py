"""What a text states, as tuples that can be counted: finding, certainty, side, zone, extent."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from dicomnode.records import FindingSpec, Stance
from dicomnode.report.cues import Cues
from dicomnode.report.grounding import claims
from dicomnode.train.recipe import LanguageRecipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """One finding as one sentence states it; empty: it does not say."""

    finding: str
    """FindingSpec.key."""
    stance: Stance
    side: str
    """`left` and so on, in the recipe's word, or its phrase for both sides."""
    zone: str
    extent: str

    def meets(self, reference: Entity, *, is_certainty_counted: bool) -> bool:
        """Whether it states what the reference states; more about the place than the reference says is no fault.

        Parameters
        ----------
        is_certainty_counted
            Whether possible differs from certain.
        """
        same_stance = _certainty(self.stance) is _certainty(reference.stance)
        same_presence = (self.stance is Stance.DENIED) == (reference.stance is Stance.DENIED)
        return (
            self.finding == reference.finding
            and (same_stance if is_certainty_counted else same_presence)
            and all(
                not stated or stated == said
                for stated, said in (
                    (reference.side, self.side),
                    (reference.zone, self.zone),
                    (reference.extent, self.extent),
                )
            )
        )


def _certainty(stance: Stance) -> Stance:
    """A stance for the certainty that it stands for: "consistent with" is how our grammar says that it is there."""
    return Stance.AFFIRMED if stance is Stance.SUGGESTED else stance


def entities(
    sentences: Sequence[str], specs: Sequence[FindingSpec], cues: Cues, language: LanguageRecipe
) -> tuple[Entity, ...]:
    """Find everything that a text states, in reading order.

    Parameters
    ----------
    sentences
        Each for itself: place and extent belong to the findings of their sentence.
    """
    found = []
    for sentence in sentences:
        lower = sentence.casefold()
        both = _first((language.place_both,), lower)
        for claim in claims(sentence, specs, cues):
            found.append(
                Entity(
                    finding=claim.finding,
                    stance=claim.stance,
                    side=both or _first(language.sides, lower),
                    zone=_first(language.zones, lower),
                    extent=_first(language.extents, lower),
                )
            )
    return tuple(found)


def _first(phrases: Sequence[str], text: str) -> str:
    """The longest of the phrases that stands in the text."""
    fitting = (phrase for phrase in phrases if phrase and re.search(rf"\b{re.escape(phrase.casefold())}\b", text))
    return max(fitting, key=len, default="")


def agreement(
    drafted: Sequence[Entity], reference: Sequence[Entity], *, is_certainty_counted: bool
) -> tuple[int, int, int]:
    """How many drafted entities are met in the reference, and how many both state; each counts once.

    Returns
    -------
    tuple[int, int, int]
        Met, drafted, in the reference: twice the first by the sum of the others is the F1.
    """
    left = list(dict.fromkeys(reference))
    stated = list(dict.fromkeys(drafted))
    met = 0
    for entity in stated:
        fitting = [one for one in left if entity.meets(one, is_certainty_counted=is_certainty_counted)]
        if fitting:
            left.remove(fitting[0])
            met += 1
    return met, len(stated), met + len(left)
