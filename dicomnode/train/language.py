"""The report grammar, and its words as tokens.

A report is one sentence a finding, in the recipe's order: how sure, where, how large. A finding that is not known of
is not spoken of.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from torch import Generator, randint

from dicomnode.train.recipe import LanguageRecipe, Recipe

PAD, BOS, EOS, UNKNOWN = range(4)
"""Token ids that are no words."""
_SPECIAL = ("[PAD]", "[BOS]", "[EOS]", "[UNK]")


class Wording(StrEnum):
    """Which of a finding's wordings a sentence is taken from; the values are fields of `FindingRecipe`."""

    PRESENT = "present"
    POSSIBLE = "possible"
    ABSENT = "absent"


def wording(margin: float, possible_margin: float) -> Wording:
    """How to speak of a finding.

    Parameters
    ----------
    margin
        Calibrated log-odds above the threshold.
    possible_margin
        From here on it is called present.
    """
    if margin < 0:
        return Wording.ABSENT
    return Wording.PRESENT if margin >= possible_margin else Wording.POSSIBLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """What a report says of one finding; None: it does not say."""

    wording: Wording
    side: int | None = None
    """0 image left, 1 image right, 2 both."""
    zone: int | None = None
    """From the top."""
    extent: int | None = None
    """From the smallest."""


def report(facts: dict[str, Fact], recipe: Recipe, generator: Generator | None) -> str:
    """Write one report.

    Parameters
    ----------
    facts
        By the finding's key; one that is left out is not spoken of.
    generator
        Chooses among the wordings; None takes the first.
    """
    chosen = []
    for finding in recipe.findings:
        if finding.key in facts:
            fact = facts[finding.key]
            sentences: tuple[str, ...] = getattr(finding, fact.wording)
            index = 0 if generator is None else int(randint(len(sentences), (1,), generator=generator))
            chosen.append(sentence(sentences[index], fact, recipe.language))
    return " ".join(chosen)


def sentence(template: str, fact: Fact, language: LanguageRecipe) -> str:
    """Fill place and extent into a template; what is not said leaves no gap."""
    text = template.format(
        place=place(fact, language), extent="" if fact.extent is None else language.extents[fact.extent]
    )
    return re.sub(r"\s+", " ", text).replace(" .", ".").replace(" ,", ",").strip()


def place(fact: Fact, language: LanguageRecipe) -> str:
    """Phrase for side and zone; empty where the side is not known."""
    if fact.side is None:
        return ""
    if fact.side == len(language.sides):
        return language.place_both
    zone = language.zones[fact.zone] if fact.zone is not None else ""
    return language.place.format(side=language.sides[fact.side], zone=zone)


def reference(labels: Sequence[float], recipe: Recipe) -> str:
    """The report that says the known labels and nothing else, in the first wordings.

    Parameters
    ----------
    labels
        1 present, 0 absent, NaN unknown; one for each finding.
    """
    stances = {1.0: Wording.PRESENT, 0.0: Wording.ABSENT}
    known = {
        key: Fact(wording=stances[label]) for key, label in zip(recipe.keys, labels, strict=True) if label in stances
    }
    return report(known, recipe, None)


def fact_width(recipe: Recipe) -> int:
    """Length of one finding's part of `coded`."""
    return 1 + len(Wording) + 3 + len(recipe.language.zones) + len(recipe.language.extents)


def coded(facts: dict[str, Fact], recipe: Recipe) -> list[float]:
    """Facts as one row of zeros and ones: what the language decoder is pretrained to put into words."""
    zones = len(recipe.language.zones)
    row: list[float] = []
    for key in recipe.keys:
        part = [0.0] * fact_width(recipe)
        fact = facts.get(key)
        if fact is not None:
            part[0] = part[1 + list(Wording).index(fact.wording)] = 1.0
            for offset, value in ((4, fact.side), (7, fact.zone), (7 + zones, fact.extent)):
                if value is not None:
                    part[offset + value] = 1.0
        row += part
    return row


def any_facts(recipe: Recipe, generator: Generator) -> dict[str, Fact]:
    """Facts drawn at random: the text on which the language is pretrained."""

    def below(count: int) -> int:
        return int(randint(count, (1,), generator=generator))

    facts = {}
    for key in recipe.keys:
        if below(6) == 0:
            continue
        wording = list(Wording)[below(3)]
        side = below(4)
        has_place = wording is not Wording.ABSENT and side < 3
        zone = below(len(recipe.language.zones)) if has_place and recipe.language.zones and side < 2 else None
        has_extent = wording is not Wording.ABSENT and below(2) == 0
        facts[key] = Fact(
            wording=wording,
            side=side if has_place else None,
            zone=zone,
            extent=below(len(recipe.language.extents)) if has_extent else None,
        )
    return facts


def words(text: str) -> list[str]:
    """Lower-case words, with full stops and commas on their own."""
    return re.findall(r"\w+|[.,]", text.lower())


def vocabulary(recipe: Recipe) -> dict[str, int]:
    """Every word of the grammar and its token id."""
    language = recipe.language
    phrases = [language.place_both, language.place, *language.sides, *language.zones, *language.extents]
    for finding in recipe.findings:
        phrases += [*finding.present, *finding.possible, *finding.absent]
    plain = (re.sub(r"\{\w+\}", " ", phrase) for phrase in phrases)
    known = sorted({word for phrase in plain for word in words(phrase)})
    return {word: index for index, word in enumerate((*_SPECIAL, *known))}


def tokenizer_json(vocab: dict[str, int]) -> dict[str, object]:
    """The vocabulary as a file of the `tokenizers` library."""
    added = [
        {
            "id": index,
            "content": word,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
        for index, word in enumerate(_SPECIAL)
    ]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": None,
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": vocab, "unk_token": _SPECIAL[UNKNOWN]},
    }
