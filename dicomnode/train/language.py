"""The report grammar, and its words as tokens.

A report is one sentence a finding, in the recipe's order. A finding that is not known of is not spoken of.
"""

from __future__ import annotations

import re
from enum import StrEnum

from torch import Generator, randint

from dicomnode.train.recipe import FindingRecipe, Recipe

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


def report(wordings: dict[str, Wording], findings: tuple[FindingRecipe, ...], generator: Generator) -> str:
    """Write one report, choosing among the wordings at random.

    Parameters
    ----------
    wordings
        By the finding's key; one that is left out is not spoken of.
    """
    chosen = []
    for finding in findings:
        if finding.key in wordings:
            sentences: tuple[str, ...] = getattr(finding, wordings[finding.key])
            chosen.append(sentences[int(randint(len(sentences), (1,), generator=generator))])
    return " ".join(chosen)


def words(text: str) -> list[str]:
    """Lower-case words, with full stops and commas on their own."""
    return re.findall(r"\w+|[.,]", text.lower())


def vocabulary(recipe: Recipe) -> dict[str, int]:
    """Every word of the grammar and its token id."""
    sentences = [*recipe.non_chest]
    for finding in recipe.findings:
        sentences += [*finding.present, *finding.possible, *finding.absent]
    known = sorted({word for sentence in sentences for word in words(sentence)})
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
