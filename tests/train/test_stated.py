"""What texts state, and how near drafts are to references."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT
from report.conftest import a_spec

from dicomnode.measure.metrics import PatientBootstrap
from dicomnode.records import Acuity
from dicomnode.report.cues import cues_of
from dicomnode.report.grounding import Stance, claims
from dicomnode.train.evaluation.entities import Entity, agreement, entities
from dicomnode.train.evaluation.texts import plain, references, report_figures
from dicomnode.train.language import Fact, Wording, sentence
from dicomnode.train.recipe import Recipe, read_recipe

CUES = cues_of("en")
SPECS = (a_spec("pneumonia", Acuity.URGENT), a_spec("effusion", Acuity.NON_CRITICAL))
_STANCES = {
    Wording.PRESENT: (Stance.AFFIRMED, Stance.SUGGESTED),
    Wording.POSSIBLE: (Stance.DOUBTED,),
    Wording.ABSENT: (Stance.DENIED,),
}


@pytest.mark.parametrize("path", sorted((ROOT / "conf" / "train").glob("*.toml")), ids=lambda path: path.stem)
def test_the_labeler_reads_every_sentence_of_our_grammar(path: Path):
    """Every wording of every shipped recipe, with and without place and extent, is read as it is meant."""
    recipe = read_recipe(path)
    specs = [a_spec(finding.key, finding.acuity, *finding.terms) for finding in recipe.findings]
    for finding in recipe.findings:
        for wording, stances in _STANCES.items():
            for template in getattr(finding, wording):
                for fact in (Fact(wording=wording), Fact(wording=wording, side=2, extent=0)):
                    text = sentence(template, fact, recipe.language)
                    read = {claim.finding: claim.stance for claim in claims(text, specs, CUES)}
                    assert read.get(finding.key) in stances, text


def test_entities_are_read_from_sentences(a_recipe: Recipe):
    """Finding, certainty, side and extent of each sentence; what is not said stays empty."""
    found = entities(
        ["There is large pneumonia on the left.", "Possible effusion everywhere.", "The end."],
        SPECS,
        CUES,
        a_recipe.language,
    )

    assert (
        Entity(finding="pneumonia", stance=Stance.AFFIRMED, side="left", zone="", extent="large"),
        Entity(finding="effusion", stance=Stance.DOUBTED, side="everywhere", zone="", extent=""),
    ) == found


@pytest.mark.parametrize(
    ("drafted", "reference", "expected"),
    [
        ("possible pneumonia on the left.", "there is pneumonia.", (1, 1, 1)),
        ("there is pneumonia on the left.", "there is pneumonia on the right.", (0, 1, 1)),
        ("no pneumonia.", "there is pneumonia.", (0, 1, 1)),
        ("there is pneumonia. no effusion.", "there is pneumonia.", (1, 2, 1)),
        ("there is pneumonia. clearly pneumonia.", "there is pneumonia.", (1, 1, 1)),
    ],
)
def test_what_both_state(a_recipe: Recipe, drafted: str, reference: str, expected: tuple[int, int, int]):
    """A wrong side or a denial is a fault, a place that the reference leaves open is none, repeating counts once."""
    drafts, wanted = (
        entities([part + "." for part in text.split(".") if part], SPECS, CUES, a_recipe.language)
        for text in (drafted, reference)
    )

    assert expected == agreement(drafts, wanted, is_certainty_counted=False)


def test_certainty_may_count(a_recipe: Recipe):
    """Possible is not the same as certain where certainty counts."""
    (possible,), (certain,) = (
        entities([text], SPECS, CUES, a_recipe.language) for text in ("possible pneumonia.", "there is pneumonia.")
    )

    assert possible.meets(certain, is_certainty_counted=False)
    assert not possible.meets(certain, is_certainty_counted=True)


def test_references_as_drafts_are_perfect(a_recipe: Recipe):
    """The reference text itself gets full marks; what is said of unlabelled findings counts neither way."""
    labels = np.array([[1, 0], [0, 1], [1, np.nan], [np.nan, np.nan]] * 3, np.float32)
    texts = references(labels, a_recipe)
    drafts = [[part.strip() + "." for part in text.split(".") if part] for text in texts]
    drafts[2].append("there is an effusion.")
    intervals = PatientBootstrap(np.arange(12).astype(str), 20, 1)

    figures = report_figures(drafts, labels, SPECS, CUES, a_recipe, intervals)

    assert all(1 == pytest.approx(figures[name]["value"]) for name in ("bleu_1", "bleu_4", "rouge_l", "entity_f1"))
    assert figures["cider"]["value"] > 5
    assert "no sign of it the end" == plain("No sign of it. The end.")
