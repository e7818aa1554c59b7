"""The receiver tells what the node fetched for itself from what is sent to it."""

from __future__ import annotations

import datetime as dt

import pytest
from helpers import a_data_set
from pynetdicom import AE

from dicomnode.errors import InstanceRefusedError
from dicomnode.node.rooms import admission
from dicomnode.records import Arrival, Patient, StoreStatus
from dicomnode.settings import SendSettings

OURS = SendSettings().ae_title


def moved(ds, node, originator: str | None) -> int:
    """Status of one C-STORE sub-operation of somebody's C-MOVE."""
    ae = AE(ae_title="PACS")
    ae.add_requested_context(ds.SOPClassUID, ds.file_meta.TransferSyntaxUID)
    assoc = ae.associate(node.host, node.port, ae_title=node.ae_title)
    try:
        return assoc.send_c_store(ds, originator_aet=originator, originator_id=1 if originator else None).Status
    finally:
        assoc.release()


def expect(stores, ds, patient_id: str = "SYN-1") -> None:
    """Ask for the study of a data set."""
    patient = Patient(patient_id=patient_id)
    stores.requests.add(ds.StudyInstanceUID, patient, now=dt.datetime.now(dt.UTC), timeout_s=60)


@pytest.mark.parametrize(
    ("originator", "is_expected", "starts_a_job"),
    [(OURS, True, False), (OURS, False, True), ("OTHER", True, True), (None, True, True)],
)
def test_a_sub_operation_of_our_own_request_starts_no_job(a_node, some_stores, originator, is_expected, starts_a_job):
    """Only what we asked for, under our name; whatever else comes is a study to read."""
    ds = a_data_set()
    if is_expected:
        expect(some_stores, ds)

    assert StoreStatus.SUCCESS == moved(ds, a_node(), originator)
    assert starts_a_job == bool(some_stores.instances.waiting())
    assert 1 == len(some_stores.instances.known_of_study(ds.StudyInstanceUID))


def test_an_archive_that_delivers_another_patient_is_refused(a_node, some_stores):
    """The study was asked for, but it is filed under somebody else: nothing of it is kept."""
    ds = a_data_set(PatientID="SOMEBODY-ELSE")
    expect(some_stores, ds)

    assert StoreStatus.DATA_SET_MISMATCH == moved(ds, a_node(), OURS)
    assert [] == some_stores.instances.summaries()


def test_what_is_fetched_without_being_asked_for_is_refused(some_settings, some_stores):
    """An archive that answers a C-GET or WADO-RS with another study is not believed."""
    arrival = Arrival(
        sop_class_uid="1.2.840.10008.5.1.4.1.1.1",
        sop_instance_uid="1.2.3",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        calling_ae_title="PACS",
        encoded=_file(a_data_set(SOPInstanceUID="1.2.3")),
        is_fetched=True,
    )

    with pytest.raises(InstanceRefusedError, match="not of the study that was asked for"):
        admission(some_settings, some_stores).admit(arrival)


def _file(ds) -> bytes:
    from io import BytesIO

    from pydicom import dcmwrite

    buffer = BytesIO()
    dcmwrite(buffer, ds, enforce_file_format=True)
    return buffer.getvalue()
