"""Routing rules."""

from __future__ import annotations

import re

import pytest
from helpers import a_data_set
from pydicom import Dataset

from dicomnode.dicom.reading import read_header
from dicomnode.errors import SettingsError
from dicomnode.schedule.rules import Candidate, header_elements, route, try_rule
from dicomnode.settings import Conditions, Rule, load


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


@pytest.mark.parametrize(
    ("name", "matches"),
    [
        ("0019,1001", True),
        ("(0019,1001)", True),
        ("(0019, 1001)", True),
        ("00191001", True),
        ("0x00191001", True),
        ("0019,1002", False),
        ("0019,xx01,MAKER", True),
        ("0019,XX01,MAKER", True),
        ("0019,xx02,MAKER", False),
        ("0019,xx01,OTHER MAKER", False),
        ("0019,xx03,OTHER MAKER", True),
        ("0019,xx01,NOBODY", False),
        ("stationname", True),
        ("Station Name", True),
        ("STATION_NAME", True),
        ("0008,1010", True),
        ("Rows", True),
        ("0028,0010", True),
        ("StudyComments", False),  # retired
    ],
)
def test_an_element_is_found_by_every_name_it_has(tmp_path, name, matches):
    """Private elements, tags in every spelling, keywords in any case, binary numbers: read from a real file."""
    ds = a_data_set(StationName="XR1")
    ds.Rows = 1
    for creator, element, number in (("MAKER", 0x01, "XR1"), ("OTHER MAKER", 0x03, "1")):
        ds.private_block(0x0019, creator, create=True).add_new(element, "LO", number)
    ds.save_as(tmp_path / "film.dcm", enforce_file_format=True)
    rule = Rule(name="r", when=Conditions(header={name: ("XR1", "1")}))
    other = Rule(name="other", when=Conditions(modality=("CR",)))
    header = read_header(tmp_path / "film.dcm", header_elements([rule, other]))

    chosen = route([rule, other], [Candidate(ds=header, calling_ae_title="CT1")])

    assert ("r" if matches else "other") == chosen.rule.name


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("StationNam", "near it: StationName"),
        ("BodyPartExamind", "near it: BodyPartExamined"),
        ("Protocol", "is not the name of a data element"),
        ("", "is not the name of a data element"),
        ("0019-1001", "is not the name of a data element"),
        ("19,1001", "is not the name of a data element"),
        ("0018,xx01,MAKER", "group 0018 is even"),
        ("ProcedureCodeSequence", "is a sequence"),
        ("0040,A730", "is a sequence"),
        ("ICCProfile", "is binary"),
        ("PixelData", "is part of the pixel data or follows it"),
        ("TransferSyntaxUID", "is not in the data set"),
        ("0000,0900", "is not in the data set"),
        ("OverlayRows", "names an element of several groups"),
    ],
)
def test_a_name_that_can_never_match_is_told(tmp_path, name, said):
    """`config check` names the rule, what is wrong, and names near to the one that was meant."""
    path = tmp_path / "dicomnode.toml"
    path.write_text(f"[[rules]]\nname = 'chest'\n[rules.when.header]\n'{name}' = ['XR1']\n")

    with pytest.raises(SettingsError, match=re.escape("rule 'chest': when.header: ")) as told:
        load(path, {})

    assert said in str(told.value)


@pytest.mark.parametrize("when", ["header = {StationName = []}", "header = {StationName = ['']}", "modality = [' ']"])
def test_a_condition_without_a_pattern_is_told(tmp_path, when):
    """A condition that nothing can meet, or that says nothing, is a mistake."""
    path = tmp_path / "dicomnode.toml"
    path.write_text(f"[[rules]]\nname = 'chest'\n[rules.when]\n{when}\n")

    with pytest.raises(SettingsError, match="rule 'chest'.*pattern"):
        load(path, {})


@pytest.mark.parametrize(
    ("vr", "value", "why"),
    [
        ("UN", b"\xff\xfe\x00\x01", "0019,1001 is not readable as text, which counts as absent, wanted *"),
        ("OB", b"\x00\x01", "0019,1001 is not readable as text, which counts as absent, wanted *"),
        ("LO", "", "0019,1001 is absent, wanted *"),
        ("LO", None, "0019,1001 is absent, wanted *"),
    ],
)
def test_a_value_that_cannot_be_read_counts_as_absent(tmp_path, vr, value, why):
    """Rules go on over values of any kind, and the trial says why a condition does not hold."""
    ds = a_data_set()
    if value is not None:
        ds.private_block(0x0019, "MAKER", create=True).add_new(0x01, vr, value)
    ds.save_as(tmp_path / "film.dcm", enforce_file_format=True)
    rule = Rule(name="r", when=Conditions(header={"0019,1001": ("*",)}))

    trial = try_rule(
        rule, Candidate(ds=read_header(tmp_path / "film.dcm", header_elements([rule])), calling_ae_title="")
    )

    assert (why,) == trial.failures


def test_a_private_sequence_counts_as_absent(tmp_path):
    """A sequence under a private name has no text, and none of its values shows."""
    ds, item = a_data_set(), Dataset()
    item.PatientName = "MUELLER^ERIKA"
    ds.private_block(0x0019, "MAKER", create=True).add_new(0x01, "SQ", [item])
    ds.save_as(tmp_path / "film.dcm", enforce_file_format=True)
    rule = Rule(name="r", when=Conditions(header={"0019,xx01,MAKER": ("*",)}))

    trial = try_rule(
        rule, Candidate(ds=read_header(tmp_path / "film.dcm", header_elements([rule])), calling_ae_title="")
    )

    assert not trial.is_match
    assert "MUELLER" not in str(trial.failures)


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
