"""The catalogue says what the images that count say, whatever happened to them; on SQLite and PostgreSQL."""

from __future__ import annotations

import datetime as dt
from io import BytesIO
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from helpers import a_data_set
from pydicom import Dataset, dcmwrite
from pydicom.uid import generate_uid

from dicomnode.dicom.reading import read_key
from dicomnode.dicom.uids import MANUFACTURER
from dicomnode.node.rooms import Stores
from dicomnode.records import InstanceKey
from dicomnode.store import engine as engine_module
from dicomnode.store.catalogue import folded
from dicomnode.store.engine import read, upgrade, write
from dicomnode.store.listing import Wanted, study_page
from dicomnode.store.schema import catalogue_series, catalogue_studies

STUDY, OTHER, UID = "1.2.3", "1.2.4", "1.2.9"


def keep(stores: Stores, ds: Dataset, *, peer: str = "CT1", **changes: object) -> bool:
    """Keep a data set as the receiver would."""
    file = BytesIO()
    dcmwrite(file, ds, enforce_file_format=True)
    key = read_key(
        file.getvalue(),
        sop_class_uid=ds.SOPClassUID,
        sop_instance_uid=ds.SOPInstanceUID,
        transfer_syntax_uid=ds.file_meta.TransferSyntaxUID,
    )
    values = {name: getattr(key, name) for name in InstanceKey.__dataclass_fields__} | changes
    return stores.instances.keep(InstanceKey(**values), file.getvalue(), calling_ae_title=peer)


def rows(stores: Stores, table: sa.Table = catalogue_studies) -> list[dict[str, object]]:
    """Every row of a table of the catalogue."""
    with read(stores.engine) as connection:
        return [dict(row._mapping) for row in connection.execute(sa.select(table).order_by(*table.primary_key))]


def names(stores: Stores) -> dict[str, str]:
    """Patient of each study, as the catalogue names them."""
    return {str(row["study_instance_uid"]): str(row["patient_name"]) for row in rows(stores)}


def test_a_study_is_catalogued_as_its_first_image_is_kept(both_stores):
    """Study and series are described at once, names in their own characters; a further image changes the time alone."""
    first = a_data_set(
        StudyInstanceUID=STUDY, PatientName="Müller^Jürgen=山田^太郎", AccessionNumber="A1", StudyDate="20260301",
        StudyTime="081500.25", StudyDescription="Röntgen Thorax", ReferringPhysicianName="Groß^Ute", SeriesNumber=7,
        SeriesDescription="p.a.", StationName="XR1", PatientBirthDate="19500102", PatientSex="f",
    )  # fmt: skip
    keep(both_stores, first)
    keep(both_stores, a_data_set(StudyInstanceUID=STUDY, SeriesInstanceUID=first.SeriesInstanceUID))

    (study,), (series,) = rows(both_stores), rows(both_stores, catalogue_series)
    assert ("Müller^Jürgen=山田^太郎", "muller^jurgen=山田^太郎") == (
        study["patient_name"],
        study["patient_name_folded"],
    )
    assert (dt.date(2026, 3, 1), dt.time(8, 15), "A1") == tuple(
        study[name] for name in ("study_date", "study_time", "accession_number")
    )
    assert ("Röntgen Thorax", "Groß^Ute", dt.date(1950, 1, 2), "F") == tuple(
        study[name] for name in ("description", "referring_physician", "birth_date", "sex")
    )
    assert ("CR", 7, "p.a.", "CHEST", "XR1") == tuple(
        series[name] for name in ("modality", "number", "description", "body_part", "station_name")
    )
    assert study["received_at"] < study["last_received_at"]
    assert not study["needs_reading"]


@pytest.mark.parametrize(
    ("keyword", "written", "column", "read_as"),
    [
        ("StudyDate", "2026.01.05", "study_date", dt.date(2026, 1, 5)),
        ("StudyDate", "99999999", "study_date", None),
        ("PatientBirthDate", "unknown", "birth_date", None),
        ("AccessionNumber", "A" * 300, "accession_number", "A" * 64),
        ("StudyTime", "25", "study_time", None),
        ("PatientName", "", "patient_name", ""),
    ],
)
def test_what_is_malformed_is_repaired_or_unknown(both_stores, monkeypatch, keyword, written, column, read_as):
    """No value keeps an image out; what cannot be read is empty, what is too long is cut."""
    monkeypatch.setattr("pydicom.config.settings._writing_validation_mode", 0)
    ds = a_data_set(StudyInstanceUID=STUDY)
    ds.add_new(keyword, {"PatientName": "PN", "AccessionNumber": "SH"}.get(keyword, "LO"), written)

    assert keep(both_stores, ds)

    assert read_as == rows(both_stores)[0][column]


@pytest.mark.parametrize("result_first", [True, False])
def test_an_image_knows_better_than_a_result_of_ours(both_stores, result_first):
    """A result that a PACS routes back describes the study only until an image of it comes."""
    image = a_data_set(StudyInstanceUID=STUDY, PatientName="Image")
    ours = a_data_set(StudyInstanceUID=STUDY, PatientName="Result", Manufacturer=MANUFACTURER)

    for ds in (ours, image) if result_first else (image, ours):
        keep(both_stores, ds)

    assert {STUDY: "Image"} == names(both_stores)


def test_a_corrected_image_is_named_where_it_is_now(both_stores):
    """The same image under another patient and study: the study it left is gone, the one it is in has its name."""
    for study, patient in ((STUDY, "SYN-1"), (OTHER, "SYN-2")):
        keep(
            both_stores, a_data_set(SOPInstanceUID=UID, StudyInstanceUID=study, PatientID=patient, PatientName=patient)
        )
    assert {STUDY: "SYN-1"} == names(both_stores)

    assert 1 == both_stores.corrections.settle(OTHER, accepts=True)

    assert {OTHER: "SYN-2"} == names(both_stores)
    assert [OTHER] == [row["study_instance_uid"] for row in rows(both_stores, catalogue_series)]


def test_a_patient_who_is_corrected_in_place_is_not_named_any_more(both_stores):
    """Of two images the first is corrected: the study is of two patients; then the other, and it is of the new one."""
    uids = [generate_uid(), generate_uid()]
    for uid in uids:
        keep(both_stores, a_data_set(SOPInstanceUID=uid, StudyInstanceUID=STUDY, PatientID="OLD", PatientName="Old"))
    patients = []
    for uid in uids:
        keep(both_stores, a_data_set(SOPInstanceUID=uid, StudyInstanceUID=STUDY, PatientID="NEW", PatientName="New"))
        both_stores.corrections.settle(STUDY, accepts=True)
        patients.append(study_page(both_stores.engine, Wanted()).rows[0]["patients"])

    assert [2, 1] == patients
    assert {STUDY: "New"} == names(both_stores)


def test_a_correction_empties_the_row_in_its_own_transaction(both_stores, monkeypatch):
    """Killed right after it, the node names nobody until the scheduler has read the study again."""
    keep(both_stores, a_data_set(SOPInstanceUID=UID, StudyInstanceUID=STUDY, PatientID="OLD", PatientName="Old"))
    keep(both_stores, a_data_set(SOPInstanceUID=UID, StudyInstanceUID=STUDY, PatientID="NEW", PatientName="New"))
    with monkeypatch.context() as patched:
        patched.setattr("dicomnode.store.corrections.Catalogue.fill", lambda _: 0)
        both_stores.corrections.settle(STUDY, accepts=True)
    keep(both_stores, a_data_set(StudyInstanceUID=STUDY, PatientName="Old", Manufacturer=MANUFACTURER))
    assert {STUDY: ""} == names(both_stores)

    assert [2, 0] == [both_stores.catalogue.fill(), both_stores.catalogue.fill()]
    assert {STUDY: "New"} == names(both_stores)


def test_what_is_sent_takes_the_place_of_what_was_fetched(both_stores):
    """A PACS's copy of an earlier study is described by its own header, and then by the one that is sent to us."""
    keep(both_stores, a_data_set(SOPInstanceUID=UID, StudyInstanceUID=STUDY, PatientName="Fetched"), is_prior=True)
    assert {STUDY: "Fetched"} == names(both_stores)
    keep(both_stores, a_data_set(SOPInstanceUID=UID, StudyInstanceUID=STUDY, PatientName="Sent", InstanceNumber=2))
    assert {STUDY: "Sent"} == names(both_stores)


def test_studies_from_before_are_listed_at_once_and_read_later(both_stores):
    """The migration makes their rows; filling them reads one file a study and one a series, once."""
    keep(both_stores, a_data_set(StudyInstanceUID=STUDY, PatientName="Old", AccessionNumber="A1"))
    keep(both_stores, a_data_set(StudyInstanceUID=OTHER, PatientName="Gone"))
    both_stores.instances.all_in_study(OTHER)[0][0].path.unlink()
    config = Config()
    config.set_main_option("script_location", str(Path(engine_module.__file__).parent / "migrations"))
    with both_stores.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0007")
    upgrade(both_stores.engine)

    assert {STUDY: "", OTHER: ""} == names(both_stores)
    assert [4, 0] == [both_stores.catalogue.fill(), both_stores.catalogue.fill()]
    assert {STUDY: "Old", OTHER: ""} == names(both_stores)
    assert 1 == study_page(both_stores.engine, Wanted(accession="A1")).total


def test_a_file_that_cannot_be_read_now_is_read_later(both_stores, monkeypatch):
    """A bad sector leaves the row as it is, and the other rows are read."""
    from dicomnode.errors import StorageError

    keep(both_stores, a_data_set(StudyInstanceUID=STUDY, PatientName="One"))
    with write(both_stores.engine) as connection:
        connection.execute(sa.update(catalogue_studies).values(needs_reading=True, patient_name=""))
    with monkeypatch.context() as patched:
        patched.setattr(
            "dicomnode.dicom.reading.read_header", lambda *_: (_ for _ in ()).throw(StorageError("now not"))
        )
        assert 0 == both_stores.catalogue.fill()

    assert 1 == both_stores.catalogue.fill()
    assert {STUDY: "One"} == names(both_stores)


def test_a_name_is_searched_without_case_and_accents():
    """As PS3.4 C.2.2.2.1 lets an archive match names."""
    assert ["tavora^joao", "müller".replace("ü", "u"), "ελενη"] == [
        folded(n) for n in ("Távora^João", "MÜLLER", "Ελένη")
    ]
