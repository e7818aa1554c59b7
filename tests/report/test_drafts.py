"""What of a drafted sentence codes can say."""

from __future__ import annotations

import pytest
from report.conftest import SPECS

from dicomnode.records import Acuity, Finding, Section, Verdict
from dicomnode.report.cues import cues_of
from dicomnode.report.drafts import checked

GRADED = tuple(Finding(spec=spec, verdict=Verdict.PRESENT, probability=0.9, acuity=Acuity.URGENT) for spec in SPECS)


@pytest.mark.parametrize(
    ("sentence", "named"),
    [
        ("Pneumonia.", ()),
        ("Moderate airspace opacities in the right lower zone suggest pneumonia.", ("right", "lower", "moderate")),
        ("Possible small pleural effusion on the left.", ("left", "small")),
        ("Pneumonia in both lungs.", ("both",)),
        ("Consolidation in the left lower lobe is seen.", ("left", "lower_lobe")),
        ("No pneumothorax, and the effusion is not seen.", ()),
        ("No sign of pneumothorax.", ()),
        ("Extensive pneumonia may be present in the left upper zone.", ("left", "upper", "large")),
    ],
)
def test_a_sentence_of_the_grammar_is_coded(sentence, named):
    """Finding, stance, place and size are all it says."""
    drafted = checked(sentence, GRADED, cues_of("en"))

    assert drafted.is_coded
    assert named == drafted.qualifiers


@pytest.mark.parametrize(
    "sentence",
    [
        "The heart is normal in size.",
        "Pneumonia with an air bronchogram.",
        "Resolved pneumonia.",
        "No change in the pleural effusion.",
        "Pneumonia on the right and effusion on the left.",
        "Pneumonia and effusion on the left.",
        "Small to moderate effusion.",
        "No effusion on the left.",
        "Effusion, right more than left.",
    ],
)
def test_a_sentence_that_says_more_is_not(sentence):
    """What a code would lose, or could put at the wrong place, stays in words."""
    assert not checked(sentence, GRADED, cues_of("en")).is_coded


@pytest.mark.parametrize(
    "sentence", ["Consolidation on the right and effusion on the left.", "Consolidation with an air bronchogram."]
)
def test_it_is_not_said_from_codes_in_other_languages(a_report, sentence):
    """No side is given to the wrong finding, and nothing is lost: the sentence keeps its language and says so."""
    said = a_report((0.9, 0.1, 0.9), sentence, languages=("de",)).text.sections[Section.FINDINGS]
    (kept,) = (one for one in said if one.is_drafted)

    assert f"{sentence} [Sprache: Englisch]" == kept.text
    assert "en" == kept.language
