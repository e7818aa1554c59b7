"""The report grammar and its tokens."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from dicomnode.records import FindingSpec
from dicomnode.report.cues import cues_of
from dicomnode.report.grounding import Stance, claims
from dicomnode.train.language import (
    UNKNOWN,
    Fact,
    Wording,
    any_facts,
    coded,
    fact_width,
    reference,
    report,
    sentence,
    tokenizer_json,
    vocabulary,
    wording,
    words,
)
from dicomnode.train.recipe import LanguageRecipe, Recipe, read_recipe

_RECIPES = [read_recipe(path) for path in sorted((Path(__file__).parents[2] / "conf" / "train").glob("*.toml"))]
_SHIPPED = next(recipe for recipe in _RECIPES if recipe.bundle.name == "cxr")


def _sentences(recipe: Recipe) -> list[tuple[str, Wording, str]]:
    """Every template of a recipe with every place and extent that can be filled in."""
    language = recipe.language
    places = [(None, None), (2, None), *((side, zone) for side in range(2) for zone in _zones(language))]
    return [
        (finding.key, kind, sentence(template, Fact(wording=kind, side=side, zone=zone, extent=extent), language))
        for finding in recipe.findings
        for kind in Wording
        for template in getattr(finding, kind)
        for side, zone in places
        for extent in (None, *range(len(language.extents)))
    ]


def _zones(language: LanguageRecipe) -> list[int | None]:
    return list(range(len(language.zones))) or [None]


_STANCES = {
    Wording.PRESENT: (Stance.AFFIRMED, Stance.SUGGESTED),
    Wording.POSSIBLE: (Stance.DOUBTED,),
    Wording.ABSENT: (Stance.DENIED,),
}


@pytest.mark.parametrize("recipe", _RECIPES, ids=lambda recipe: recipe.bundle.name)
def test_a_sentence_is_understood_as_it_was_meant(recipe: Recipe):
    """What the shipped grammars write, the report's grounding check reads as the same finding and stance."""
    specs = tuple(
        FindingSpec(key=f.key, code=f.code, site=f.site, threshold=0.5, acuity=f.acuity, terms=f.terms)
        for f in recipe.findings
    )
    for key, kind, text in _sentences(recipe):
        found = claims(text, specs, cues_of("en"))
        assert any(claim.finding == key and claim.stance in _STANCES[kind] for claim in found), text
        assert {key} == {claim.finding for claim in found}, text


def test_what_is_not_known_is_not_spoken_of(a_recipe: Recipe):
    """A report names the findings it was given, in the recipe's order, and no other."""
    assert "no effusion." == report({"effusion": Fact(wording=Wording.ABSENT)}, a_recipe, None)
    both = {"effusion": Fact(wording=Wording.ABSENT), "pneumonia": Fact(wording=Wording.POSSIBLE)}
    assert "possible pneumonia. no effusion." == report(both, a_recipe, None)
    assert "there is pneumonia." == reference((1.0, float("nan")), a_recipe)


def test_place_and_extent_are_said(a_recipe: Recipe):
    """Side and extent stand in the sentence where they are known, and leave no gap where they are not."""
    there = Fact(wording=Wording.PRESENT, side=1, extent=0)

    assert "there is small pneumonia on the left." == report({"pneumonia": there}, a_recipe, None)
    both = Fact(wording=Wording.PRESENT, side=2)
    assert "there is pneumonia everywhere." == report({"pneumonia": both}, a_recipe, None)


def test_wordings_vary(a_recipe: Recipe):
    """The same finding is worded in more than one way."""
    generator = torch.Generator().manual_seed(1)
    there = {"pneumonia": Fact(wording=Wording.PRESENT)}

    assert 2 == len({report(there, a_recipe, generator) for _ in range(20)})


def test_drawn_facts_are_of_all_kinds(a_recipe: Recipe):
    """The language is pretrained on every wording, side and extent, and each has its place in the coded row."""
    generator = torch.Generator().manual_seed(1)
    drawn = [coded(any_facts(a_recipe, generator), a_recipe) for _ in range(200)]

    assert 2 * fact_width(a_recipe) == len(drawn[0])
    assert all(0 < sum(column) < 200 for column in zip(*drawn, strict=True))


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

    assert UNKNOWN not in {vocab[word] for _, _, text in _sentences(_SHIPPED) for word in words(text)}


def test_the_tokenizer_file_is_one_of_the_tokenizers_library():
    """The file loads there, and splits a sentence into the same tokens."""
    tokenizers = pytest.importorskip("tokenizers", reason="comes with the training extra")
    vocab = vocabulary(_SHIPPED)
    tokenizer = tokenizers.Tokenizer.from_str(json.dumps(tokenizer_json(vocab)))
    text = "No evidence of pneumonia. there is moderate pleural effusion in the left lower zone."

    assert [vocab[word] for word in words(text)] == tokenizer.encode(text).ids
