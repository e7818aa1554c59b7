"""What a drafted sentence claims."""

from __future__ import annotations

from dataclasses import replace

import pytest
from report.conftest import SPECS

from dicomnode.records import Stance, Verdict
from dicomnode.report.cues import cues_of
from dicomnode.report.drafts import named_qualifiers
from dicomnode.report.grounding import claims, compares, is_all_clear

CUES = cues_of("en")
YES, NO, MAYBE = Stance.AFFIRMED, Stance.DENIED, Stance.DOUBTED
HEDGED, LIKELY, OPEN = Stance.SUGGESTED, Stance.LIKELY, Stance.OPEN


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("Consolidation in the right lower lobe.", {"pneumonia": YES}),
        ("CONSOLIDATION!", {"pneumonia": YES}),
        ("No pneumothorax.", {"pneumothorax": NO}),
        ("No pneumothorax, effusion or consolidation.", {"pneumothorax": NO, "effusion": NO, "pneumonia": NO}),
        ("There is no evidence of pneumonia.", {"pneumonia": NO}),
        ("Lungs are clear without effusion.", {"effusion": NO}),
        ("Pneumothorax is not seen.", {"pneumothorax": NO}),
        ("Pneumonia and effusion are absent.", {"pneumonia": NO, "effusion": NO}),
        ("No effusion, but consolidation on the left.", {"effusion": NO, "pneumonia": YES}),
        ("No effusion is seen, consolidation is present.", {"effusion": NO, "pneumonia": YES}),
        ("Consolidation is seen, effusion is not seen.", {"pneumonia": YES, "effusion": NO}),
        ("No pneumothorax; pneumonia.", {"pneumothorax": NO, "pneumonia": YES}),
        ("Consolidation without effusion.", {"pneumonia": YES, "effusion": NO}),
        ("Possible pneumonia.", {"pneumonia": MAYBE}),
        ("Findings suggestive of pneumonia.", {"pneumonia": LIKELY}),
        ("Pneumonia is likely.", {"pneumonia": LIKELY}),
        ("Probable pneumonia, no effusion.", {"pneumonia": LIKELY, "effusion": NO}),
        ("Opacities consistent with pneumonia.", {"pneumonia": HEDGED}),
        ("No opacity to suggest pneumonia.", {"pneumonia": NO}),
        ("Opacities may represent pneumonia.", {"pneumonia": MAYBE}),
        ("No pleural effusions.", {"effusion": NO}),
        ("Pneumonias are absent.", {"pneumonia": NO}),
        ("Equivocal pneumonia.", {"pneumonia": MAYBE}),
        ("Pneumonia can neither be confirmed nor excluded.", {"pneumonia": MAYBE}),
        ("Effusion is not appreciated.", {"effusion": NO}),
        ("Pneumothorax excluded.", {"pneumothorax": NO}),
        ("Nothing to suggest pneumonia.", {"pneumonia": NO}),
        ("Free from effusion.", {"effusion": NO}),
        ("No findings suggestive of pneumonia.", {"pneumonia": NO}),
        ("Pneumonia cannot be excluded.", {"pneumonia": MAYBE}),
        ("Cannot exclude pneumonia.", {"pneumonia": MAYBE}),
        ("Pneumonia is unlikely.", {"pneumonia": NO}),
        ("No change in the pleural effusion.", {"effusion": YES}),
        ("Not only effusion.", {"effusion": YES}),
        ("The lungs do not show any effusion or consolidation.", {"effusion": NO, "pneumonia": NO}),
        ("The films did not have pneumothorax.", {"pneumothorax": NO}),
        ("Search for pneumothorax was negative.", {"pneumothorax": NO}),
        ("The heart is normal.", {}),
        ("Bronchopneumonias are not a term.", {}),
        ("", {}),
        ("\u80ba\u708e \\ \ud83d\ude00 pneumonia", {"pneumonia": YES}),
    ],
)
def test_scope_of_negation_and_doubt(sentence, expected):
    """Every cue reaches as far as its clause, not further."""
    found = {claim.finding: claim.stance for claim in claims(sentence, SPECS, CUES)}

    assert expected == found


@pytest.mark.parametrize(
    ("verdict", "fitting", "opposed"),
    [
        (Verdict.PRESENT, {YES, HEDGED}, {NO}),
        (Verdict.POSSIBLE, {MAYBE}, {NO}),
        (Verdict.UNDETERMINED, {MAYBE, OPEN}, {YES, HEDGED, LIKELY}),
        (Verdict.ABSENT, {NO}, {YES, HEDGED, LIKELY, MAYBE}),
    ],
)
def test_a_stance_fits_a_verdict_or_not(verdict, fitting, opposed):
    """A denial is right of what is absent only, a plain word of what is present only, and of the rest only doubt."""
    assert fitting == {stance for stance in Stance if stance.fits(verdict)}
    assert opposed == {stance for stance in Stance if stance.opposes(verdict)}
    assert not fitting & opposed


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("The lungs are clear.", True),
        ("No acute cardiopulmonary abnormality.", True),
        ("Normal chest radiograph.", True),
        ("The heart is normal in size.", False),
        ("No acute pneumonia.", False),
    ],
)
def test_a_sentence_that_denies_everything_is_known(sentence, expected):
    """It names no finding, and contradicts each one that is not absent."""
    assert expected is is_all_clear(sentence, CUES)


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("New pneumonia.", True),
        ("The effusion is unchanged.", True),
        ("Effusion has resolved.", True),
        ("Pneumonia in the right lower zone.", False),
        ("Renewed effort.", False),
    ],
)
def test_a_sentence_on_an_earlier_study_is_known(sentence, expected):
    """A draft is written from one study: what it says of another has no support."""
    assert expected is compares(sentence, CUES)


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("small opacities in the right middle zone consistent with pneumonia.", ("right", "middle", "small")),
        ("extensive hemorrhage on both sides.", ("both", "large")),
        ("No sign of pneumonia.", ()),
        ("Outright lies.", ()),
    ],
)
def test_places_and_sizes_are_found(sentence, expected):
    """What a sentence says of where and how large is coded, whatever its words."""
    assert expected == named_qualifiers(sentence)


def test_british_and_american_spelling_are_one():
    """A draft may write haemorrhage of a finding whose terms say hemorrhage, and the other way round."""
    bleed = replace(SPECS[0], key="bleed", terms=("cerebral hemorrhage",))
    water = replace(SPECS[1], key="water", terms=("pulmonary oedema",))

    found = {claim.finding for claim in claims("Cerebral haemorrhages, pulmonary edema.", (bleed, water), CUES)}

    assert {"bleed", "water"} == found
