"""`dicomnode studies`: what is kept beside, and the operator's word on which content counts."""

from __future__ import annotations

import json
from io import BytesIO

import pytest
from helpers import a_data_set
from pydicom import Dataset, dcmwrite

from dicomnode.cli.main import main
from dicomnode.dicom.reading import read_key
from dicomnode.node.rooms import Stores, open_stores
from dicomnode.settings import load

UID = "1.2.826.0.1.3680043.8.498.3"
FROM, TO = "1.2.826.0.1.3680043.8.498.1", "1.2.826.0.1.3680043.8.498.2"


def keep(stores: Stores, ds: Dataset) -> None:
    """Keep a data set as the receiver would."""
    file = BytesIO()
    dcmwrite(file, ds, enforce_file_format=True)
    key = read_key(
        file.getvalue(),
        sop_class_uid=ds.SOPClassUID,
        sop_instance_uid=ds.SOPInstanceUID,
        transfer_syntax_uid=ds.file_meta.TransferSyntaxUID,
    )
    stores.instances.keep(key, file.getvalue(), calling_ae_title="PACS")


@pytest.fixture
def a_held_correction(a_settings_file) -> Stores:
    """A store with an image, and the same image under another patient and study that waits for the operator."""
    stores = open_stores(load(a_settings_file('[receive]\ncorrections = "hold"')))
    keep(stores, a_data_set(SOPInstanceUID=UID, StudyInstanceUID=FROM))
    keep(stores, a_data_set(SOPInstanceUID=UID, StudyInstanceUID=TO, PatientID="SYN-2"))
    stores.corrections.settle(TO, accepts=False)
    return stores


def told(capsys, *words: str) -> object:
    """What a command prints as JSON."""
    capsys.readouterr()
    assert 0 == main([*words, "--json"])
    return json.loads(capsys.readouterr().out)


def test_what_is_kept_beside_is_listed_with_what_sets_it_apart(a_held_correction, capsys):
    """By element names and UIDs; no patient is named."""
    (row,) = told(capsys, "studies", "conflicts")

    assert (UID, TO, FROM) == (row["sop_instance_uid"], row["study_instance_uid"], row["counts_in_study"])
    assert ("correction that waits", True) == (row["kept_as"], row["is_same_image"])
    assert ["Study Instance UID", "Patient ID"] == row["differs_in"]
    assert "SYN" not in json.dumps(row)
    assert [] == told(capsys, "studies", "conflicts", FROM)


def test_a_dry_run_changes_nothing(a_held_correction, capsys):
    """It shows the same rows and leaves the index alone."""
    rows = told(capsys, "studies", "correct", TO, "--dry-run")

    assert [UID] == [row["sop_instance_uid"] for row in rows]
    assert [] == a_held_correction.instances.in_study(TO)


def test_the_operators_word_counts_and_can_be_taken_back(a_held_correction, capsys):
    """A content that was replaced can be made to count again by its number; every step is written down."""
    told(capsys, "studies", "correct", TO)
    assert [UID] == [one.key.sop_instance_uid for one in a_held_correction.instances.in_study(TO)]
    assert {FROM, TO} == {study.study_instance_uid for study in a_held_correction.instances.waiting()}

    (old,) = told(capsys, "studies", "show", FROM)["instances"]
    assert "replaced by a correction" == old["kept_as"]
    told(capsys, "studies", "correct", FROM, "--content", str(old["id"]))

    assert [UID] == [one.key.sop_instance_uid for one in a_held_correction.instances.in_study(FROM)]
    assert ["operator", "operator"] == [row["source"] for row in told(capsys, "studies", "show", FROM)["corrections"]]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("correct", FROM), "no correction of study"),
        (("correct", TO, "--content", "99"), "there is no content 99"),
        (("correct", TO, "--content", "1"), "content 1 is already in use"),
        (("correct", FROM, "--content", "2"), "content 2 is not of study"),
    ],
)
def test_what_cannot_be_corrected_is_one_sentence(a_held_correction, capsys, words, says):
    """The command fails, and nothing changes."""
    assert 1 == main(["studies", *words])

    assert says in " ".join(capsys.readouterr().err.split())
    assert [] == a_held_correction.instances.in_study(TO)
