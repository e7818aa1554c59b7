"""What a drafted sentence claims."""

from __future__ import annotations

import pytest
from report.conftest import SPECS

from dicomnode.records import Presence
from dicomnode.report.grounding import Claim, Stance, claims
from dicomnode.report.languages import words_of

CUES = words_of("en").cues
YES, NO, MAYBE = Stance.AFFIRMED, Stance.DENIED, Stance.DOUBTED


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
        ("Findings suggestive of pneumonia.", {"pneumonia": MAYBE}),
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
    ("stance", "presence", "expected"),
    [
        (YES, Presence.PRESENT, True),
        (YES, Presence.ABSENT, False),
        (NO, Presence.PRESENT, False),
        (NO, Presence.ABSENT, True),
        (MAYBE, Presence.PRESENT, True),
        (MAYBE, Presence.ABSENT, False),
        (MAYBE, Presence.UNDETERMINED, True),
        (YES, Presence.UNDETERMINED, False),
    ],
)
def test_a_claim_needs_the_classifier(stance, presence, expected):
    """An affirmation and a hint need the finding to be there, a denial needs it not to be."""
    assert expected is Claim(finding="pneumonia", stance=stance).agrees_with(presence)
