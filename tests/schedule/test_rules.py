"""Routing rules."""

from __future__ import annotations

import pytest
from helpers import a_data_set

from dicomnode.schedule.rules import Candidate, route, try_rule
from dicomnode.settings import Conditions, Rule


def a_candidate(**elements: object) -> Candidate:
    """A chest film from CT1, with further elements."""
    return Candidate(ds=a_data_set(**elements), calling_ae_title="CT1")


@pytest.mark.parametrize(
    ("when", "matches"),
    [
        ({}, True),
        ({"modality": ("CR", "DX")}, True),
        ({"modality": ("ct",)}, False),
        ({"modality": ("cr",)}, True),
        ({"body_part": ("CHEST",), "modality": ("CT",)}, False),
        ({"body_part": ("CHE*",)}, True),
        ({"calling_ae_title": ("CT?",)}, True),
        ({"calling_ae_title": ("MR*",)}, False),
        ({"description": ("*thorax*",)}, True),
        ({"description": ("*abdomen*",)}, False),
        ({"sop_class": ("Computed Radiography Image Storage",)}, True),
        ({"sop_class": ("1.2.840.10008.5.1.4.1.1.1",)}, True),
        ({"sop_class": ("CT Image Storage",)}, False),
        ({"header": {"StationName": ("XR1",)}}, True),
        ({"header": {"0008,1010": ("XR*",)}}, True),
        ({"header": {"StationName": ("XR2",)}}, False),
        ({"header": {"ImageType": ("PRIMARY",)}}, True),
    ],
)
def test_conditions(when, matches):
    """Every condition must hold, any of its patterns will do, and case does not matter."""
    candidate = a_candidate(StationName="XR1", StudyDescription="Thorax pa", ImageType=["ORIGINAL", "PRIMARY"])

    assert matches == try_rule(Rule(name="r", when=Conditions(**when)), candidate).is_match


def test_a_failure_says_what_was_there_and_what_was_wanted():
    """The operator reads why a rule does not match."""
    trial = try_rule(Rule(name="r", when=Conditions(modality=("CT", "MR"), body_part=("HEAD",))), a_candidate())

    assert ("Modality is 'CR', wanted CT or MR", "BodyPartExamined is 'CHEST', wanted HEAD") == trial.failures


def test_an_absent_element_does_not_match():
    """A condition on what the header lacks fails, and says so."""
    trial = try_rule(Rule(name="r", when=Conditions(body_part=("*",))), a_candidate(BodyPartExamined=None))

    assert ("BodyPartExamined is absent, wanted *",) == trial.failures


def test_the_first_rule_that_matches_any_instance_decides():
    """Its matching instances are what the bundle reads."""
    rules = [
        Rule(name="ct", when=Conditions(modality=("CT",))),
        Rule(name="cr", when=Conditions(modality=("CR",))),
        Rule(name="any"),
    ]

    chosen = route(rules, [a_candidate(Modality="SR"), a_candidate(), a_candidate()])

    assert ("cr", (1, 2)) == (chosen.rule.name, chosen.instances)


def test_no_rule_takes_every_instance():
    """A study that no rule wants is answered as a whole."""
    chosen = route([Rule(name="ct", when=Conditions(modality=("CT",)))], [a_candidate(), a_candidate()])

    assert (None, (0, 1)) == (chosen.rule, chosen.instances)
