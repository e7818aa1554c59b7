"""Earlier studies in the store: whose they are, and that they start nothing; the same on SQLite and PostgreSQL."""

from __future__ import annotations

import datetime as dt
import stat
import threading

import pytest
import sqlalchemy as sa
from helpers import a_data_set
from pydicom import dcmwrite
from pydicom.uid import generate_uid

from dicomnode.records import InstanceKey, Patient
from dicomnode.store.patients import KEY_FILE, patient_digest, patient_key
from dicomnode.store.priors import GRACE, Asked
from dicomnode.store.schema import instances

PATIENT = Patient(patient_id="P-1")


def a_key(**changes: object) -> InstanceKey:
    """Key of a new instance of the patient."""
    values = {
        "study_instance_uid": "1.2.3",
        "series_instance_uid": "1.2.3.1",
        "sop_instance_uid": generate_uid(),
        "sop_class_uid": "1.2.840.10008.5.1.4.1.1.1",
        "transfer_syntax_uid": "1.2.840.10008.1.2.1",
        "modality": "CR",
        "is_own": False,
        "patient": PATIENT,
    }
    return InstanceKey(**values | changes)


def keep(stores, key: InstanceKey, content: bytes = b"content") -> bool:
    """Keep one instance."""
    return stores.instances.keep(key, content, calling_ae_title="PACS")


def uids(found) -> list[str]:
    """SOP Instance UIDs."""
    return [one.key.sop_instance_uid for one in found]


def test_studies_of_a_patient_are_found(both_stores):
    """By the Patient ID alone, fetched ones too, and none for a patient without a number."""
    keep(both_stores, a_key())
    keep(both_stores, a_key(study_instance_uid="1.2.4", is_prior=True))
    keep(both_stores, a_key(study_instance_uid="1.2.5", patient=Patient(patient_id="P-2")))
    keep(both_stores, a_key(study_instance_uid="1.2.6", patient=Patient()))

    assert ["1.2.3", "1.2.4"] == both_stores.instances.studies_of(Patient(patient_id="P-1", issuer="CITY"))
    assert [] == both_stores.instances.studies_of(Patient())


def test_the_index_does_not_hold_the_number(some_stores, some_settings):
    """What the database keeps of a Patient ID is a digest that needs the key of the data folder."""
    keep(some_stores, a_key())
    with some_stores.engine.begin() as connection:
        (digest,) = connection.execute(sa.select(instances.c.patient_digest)).scalars()

    key = patient_key(some_settings.store.data_dir)
    assert patient_digest(PATIENT, key) == digest != patient_digest(PATIENT, bytes(32))
    assert "P-1" not in digest


def test_the_key_is_made_once_and_for_its_owner_alone(tmp_path):
    """Processes that start together agree on one key, which others on the machine cannot read."""
    keys: list[bytes] = []
    threads = [threading.Thread(target=lambda: keys.append(patient_key(tmp_path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (1, 32) == (len(set(keys)), len(keys[0]))
    assert 0o600 == stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode)
    assert [KEY_FILE] == [path.name for path in tmp_path.iterdir()]


def test_a_fetched_study_starts_nothing(both_stores):
    """It waits for no job and is read by none; it is there to compare with."""
    key = a_key(is_prior=True)
    keep(both_stores, key)

    assert [] == both_stores.instances.waiting()
    assert [] == both_stores.instances.in_study("1.2.3")
    assert [key.sop_instance_uid] == uids(both_stores.instances.known_of_study("1.2.3"))


@pytest.mark.parametrize("content", [b"content", b"coded otherwise"])
def test_a_fetched_study_that_is_sent_later_is_read(both_stores, content):
    """Whether its bytes are the same or not: what is sent counts, and nothing is lost."""
    key = a_key(is_prior=True)
    keep(both_stores, key)

    assert keep(both_stores, a_key(sop_instance_uid=key.sop_instance_uid), content)
    assert ["1.2.3"] == [one.study_instance_uid for one in both_stores.instances.waiting()]
    (kept,) = both_stores.instances.in_study("1.2.3")
    assert content == kept.path.read_bytes()


@pytest.mark.parametrize("content", [b"content", b"coded otherwise"])
def test_what_was_sent_is_not_fetched_over_it(both_stores, content):
    """A copy from the archive changes nothing and is no conflict, even if it is coded otherwise."""
    key = a_key()
    keep(both_stores, key)
    before = both_stores.instances.waiting()

    assert not keep(both_stores, a_key(sop_instance_uid=key.sop_instance_uid, is_prior=True), content)
    assert before == both_stores.instances.waiting()
    assert [False] == [is_conflict for _, is_conflict in both_stores.instances.all_in_study("1.2.3")]


def test_late_instances_of_a_fetched_study_are_read_without_the_fetched_ones(both_stores):
    """Only what was sent makes the study that a job reads."""
    keep(both_stores, a_key(is_prior=True))
    late = a_key()
    keep(both_stores, late)

    assert [late.sop_instance_uid] == uids(both_stores.instances.in_study("1.2.3"))


def test_what_was_asked_for_is_known(both_stores):
    """By study and patient, until an hour after our patience has ended."""
    now = dt.datetime.now(dt.UTC)
    both_stores.requests.add("1.2.3", PATIENT, now=now, timeout_s=60)
    both_stores.requests.add("1.2.3", PATIENT, now=now, timeout_s=30)  # another worker asks as well
    other = a_key(patient=Patient(patient_id="P-2"))

    asked = both_stores.requests.asked_for
    assert [Asked.YES, Asked.OTHER_PATIENT] == [asked(a_key()), asked(other)]
    assert Asked.NO == asked(a_key(study_instance_uid="1.2.4"))


def test_a_request_of_long_ago_is_none(both_stores):
    """What comes under our name after that was asked for by somebody else."""
    long_ago = dt.datetime.now(dt.UTC) - GRACE - dt.timedelta(seconds=61)
    both_stores.requests.add("1.2.3", PATIENT, now=long_ago, timeout_s=60)

    assert Asked.NO == both_stores.requests.asked_for(a_key())


def test_studies_of_older_releases_can_be_indexed(some_stores, tmp_path):
    """Instances without a digest get the one of their header."""
    path = tmp_path / "a.dcm"
    dcmwrite(path, a_data_set(PatientID="P-1"), enforce_file_format=True)
    keep(some_stores, a_key(patient=None), path.read_bytes())
    keep(some_stores, a_key(patient=None), b"not DICOM")

    assert [] == some_stores.instances.studies_of(PATIENT)
    assert 1 == some_stores.instances.index_patients()
    assert ["1.2.3"] == some_stores.instances.studies_of(PATIENT)
