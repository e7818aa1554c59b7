"""Default rules on foreign headers, and the rule that is suggested where none matches."""

from __future__ import annotations

import pytest
from helpers import a_data_set

from dicomnode.schedule.rules import Candidate, route, try_rule
from dicomnode.schedule.suggestions import suggested_rule
from dicomnode.settings import Settings

RULES = Settings().rules


def a_candidate(**elements: object) -> Candidate:
    """A film without a body part."""
    header = {"SpecificCharacterSet": "ISO_IR 192", "BodyPartExamined": None, "StudyDescription": "", **elements}
    return Candidate(ds=a_data_set(**header), calling_ae_title="CT1")


@pytest.mark.parametrize(
    ("elements", "rule"),
    [
        ({"SeriesDescription": "KLATKA PIERSIOWA PA"}, "chest-film"),
        ({"Modality": "DX", "ProtocolName": "Tórax PA"}, "chest-film"),
        ({"Modality": "CT", "StudyDescription": "КТ головного мозга"}, "head-ct"),
        ({"Modality": "CT", "StudyDescription": "КТ грудной клетки"}, None),
        ({"SeriesDescription": "Kolano"}, None),
        ({"BodyPartExamined": "TSPINE", "StudyDescription": "Chest"}, None),
    ],
)
def test_the_default_rules_read_many_languages(elements, rule):
    """A chest film and a head CT are routed whatever the description's language."""
    chosen = route(RULES, [a_candidate(**elements)])

    assert rule == (chosen.rule.name if chosen.rule else None)


def test_a_suggested_rule_would_match():
    """Words that nobody knows: the rule names them, and keeps what else its model is for."""
    candidate = a_candidate(SeriesDescription="RX TX 1 [PA]")

    suggested = suggested_rule(RULES, candidate)

    assert suggested is not None
    assert ("cxr", ("CR", "DX", "DR")) == (suggested.bundle, suggested.when.modality)
    assert try_rule(suggested, candidate).is_match
    assert not try_rule(suggested, a_candidate(SeriesDescription="RX TX 1 P")).is_match


@pytest.mark.parametrize(
    "elements",
    [
        {"Modality": "MR", "SeriesDescription": "T1"},
        {"BodyPartExamined": "FOOT"},
        {"StudyDescription": "CT head"},
        {"SeriesDescription": ""},
    ],
)
def test_nothing_is_suggested_where_the_rules_are_right(elements):
    """Another modality, another region, or no word to go by."""
    assert suggested_rule(RULES, a_candidate(**elements)) is None


def test_a_failure_says_what_the_header_says_instead():
    """The operator reads which element was empty and which words are not known."""
    (film, _) = RULES

    (failure,) = try_rule(film, a_candidate(SeriesDescription="RX TX")).failures

    assert failure == (
        "region of the body is not stated: BodyPartExamined is empty, SeriesDescription 'RX TX' names no known region, "
        "wanted chest"
    )
