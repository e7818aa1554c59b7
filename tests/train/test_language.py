"""The report grammar and its tokens."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from dicomnode.records import FindingSpec
from dicomnode.report.grounding import Stance, claims
from dicomnode.report.languages import words_of
from dicomnode.train.language import UNKNOWN, Wording, report, tokenizer_json, vocabulary, wording, words
from dicomnode.train.recipe import Recipe, read_recipe

_SHIPPED = read_recipe(Path(__file__).parents[2] / "conf" / "train" / "cxr.toml")
_SPECS = tuple(
    FindingSpec(key=f.key, code=f.code, site=f.site, threshold=0.5, acuity=f.acuity, terms=f.terms)
    for f in _SHIPPED.findings
)
_SENTENCES = [
    (finding.key, kind, sentence)
    for finding in _SHIPPED.findings
    for kind in Wording
    for sentence in getattr(finding, kind)
]
_STANCES = {Wording.PRESENT: Stance.AFFIRMED, Wording.POSSIBLE: Stance.DOUBTED, Wording.ABSENT: Stance.DENIED}


@pytest.mark.parametrize(("key", "kind", "sentence"), _SENTENCES)
def test_a_sentence_is_understood_as_it_was_meant(key: str, kind: Wording, sentence: str):
    """What the shipped grammar writes, the report's grounding check reads as the same finding and stance."""
    found = claims(sentence, _SPECS, words_of("en").cues)

    assert [(key, _STANCES[kind])] == [(claim.finding, claim.stance) for claim in found]


def test_what_is_not_known_is_not_spoken_of(a_recipe: Recipe):
    """A report names the findings it was given, in the recipe's order, and no other."""
    generator = torch.Generator().manual_seed(1)

    assert "no effusion." == report({"effusion": Wording.ABSENT}, a_recipe.findings, generator)
    both = {"effusion": Wording.ABSENT, "pneumonia": Wording.POSSIBLE}
    assert "possible pneumonia. no effusion." == report(both, a_recipe.findings, generator)


def test_wordings_vary(a_recipe: Recipe):
    """The same finding is worded in more than one way."""
    generator = torch.Generator().manual_seed(1)

    assert 2 == len({report({"pneumonia": Wording.PRESENT}, a_recipe.findings, generator) for _ in range(20)})


@pytest.mark.parametrize(
    ("margin", "expected"),
    [(-0.01, Wording.ABSENT), (0.0, Wording.POSSIBLE), (0.39, Wording.POSSIBLE), (0.4, Wording.PRESENT)],
)
def test_the_margin_chooses_the_wording(margin: float, expected: Wording):
    """Below the threshold absent, just above it possible, then present."""
    assert expected == wording(margin, 0.4)


def test_every_word_of_the_grammar_has_a_token():
    """No sentence of the shipped grammar holds an unknown word."""
    vocab = vocabulary(_SHIPPED)
    sentences = [sentence for _, _, sentence in _SENTENCES] + list(_SHIPPED.non_chest)

    assert UNKNOWN not in {vocab[word] for sentence in sentences for word in words(sentence)}


def test_the_tokenizer_file_is_one_of_the_tokenizers_library():
    """The file loads there, and splits a sentence into the same tokens."""
    tokenizers = pytest.importorskip("tokenizers", reason="comes with the training extra")
    vocab = vocabulary(_SHIPPED)
    tokenizer = tokenizers.Tokenizer.from_str(json.dumps(tokenizer_json(vocab)))
    sentence = "No evidence of pneumonia. there is a pleural effusion."

    assert [vocab[word] for word in words(sentence)] == tokenizer.encode(sentence).ids
