"""What a drafted sentence claims."""

from __future__ import annotations

import pytest
from report.conftest import SPECS

from dicomnode.records import Acuity, Finding, Presence
from dicomnode.report.cues import cues_of
from dicomnode.report.drafts import named_qualifiers
from dicomnode.report.grounding import Claim, Stance, claims

CUES = cues_of("en")
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
    ("stance", "presence", "probability", "expected"),
    [
        (YES, Presence.PRESENT, 0.9, True),
        (YES, Presence.ABSENT, 0.1, False),
        (NO, Presence.PRESENT, 0.9, False),
        (NO, Presence.ABSENT, 0.1, True),
        (MAYBE, Presence.PRESENT, 0.9, True),
        (MAYBE, Presence.ABSENT, 0.1, False),
        (MAYBE, Presence.UNDETERMINED, 0.4, True),
        (YES, Presence.UNDETERMINED, 0.4, False),
        (YES, Presence.UNDETERMINED, 0.6, True),
        (NO, Presence.UNDETERMINED, 0.4, True),
        (NO, Presence.UNDETERMINED, 0.6, False),
    ],
)
def test_a_claim_needs_the_classifier(stance, presence, probability, expected):
    """An affirmation and a hint need the finding to be suspected, a denial needs it not to be."""
    finding = Finding(spec=SPECS[0], presence=presence, probability=probability, acuity=Acuity.URGENT)

    assert expected is Claim(finding="pneumonia", stance=stance).agrees_with(finding)


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
