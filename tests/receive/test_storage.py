"""The Storage SCP over real associations."""

from __future__ import annotations

import re
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
import structlog
from helpers import a_data_set, wait_until
from pydicom import Dataset, dcmread
from pydicom.config import disable_value_validation
from pynetdicom import AE, AllStoragePresentationContexts
from pynetdicom.sop_class import CTImageStorage
from pynetdicom.status import STORAGE_SERVICE_CLASS_STATUS

from dicomnode.errors import PeerRefusedError, PeerUnreachableError
from dicomnode.receive.admit import Admission
from dicomnode.records import StoreStatus
from dicomnode.send.echo import echo
from dicomnode.settings import SendSettings


def send(ds: Dataset, peer, *, calling_ae_title: str = "MODALITY") -> Dataset:
    """C-STORE one data set and return the answer."""
    ae = AE(ae_title=calling_ae_title)
    ae.add_requested_context(ds.SOPClassUID, ds.file_meta.TransferSyntaxUID)
    assoc = ae.associate(peer.host, peer.port, ae_title=peer.ae_title)
    assert assoc.is_established
    try:
        return assoc.send_c_store(ds)
    finally:
        assoc.release()


@pytest.mark.parametrize("status", StoreStatus)
def test_every_status_is_one_the_storage_service_defines(status):
    """No code leaves the SCP that PS3.4 B.2.3 does not list."""
    assert status in STORAGE_SERVICE_CLASS_STATUS or status == 0


def test_success_means_kept(a_node, some_stores):
    """A sender that reads Success finds its instance in the store, file and row."""
    ds = a_data_set()

    answer = send(ds, a_node())

    assert StoreStatus.SUCCESS == answer.Status
    (kept,) = some_stores.instances.in_study(ds.StudyInstanceUID)
    assert "MODALITY" == kept.calling_ae_title
    assert ds.PixelData == dcmread(kept.path).PixelData


def test_the_data_set_is_kept_byte_for_byte(a_node, some_stores):
    """What lies on disk behind the file meta is what came over the network."""
    ds = a_data_set()
    ds.add_new(0x00091001, "UN", b"private bytes \xff\x00")
    from pynetdicom.dsutils import encode

    sent = encode(ds, is_implicit_vr=False, is_little_endian=True)

    send(ds, a_node())

    (kept,) = some_stores.instances.in_study(ds.StudyInstanceUID)
    assert kept.path.read_bytes().endswith(sent)


def test_the_same_instance_again_is_success_and_nothing_done(a_node, some_stores):
    """A sender that repeats itself gets Success, and no second row or file appears."""
    ds, node = a_data_set(), a_node()

    answers = [send(ds, node).Status for _ in range(2)]

    assert [0, 0] == answers
    assert 1 == len(some_stores.instances.all_in_study(ds.StudyInstanceUID))


def test_other_content_under_a_known_uid_is_kept_as_a_conflict(a_node, some_stores):
    """The first content stays the instance; the second lies beside it for the operator to see."""
    ds, node = a_data_set(), a_node()
    send(ds, node)
    ds.PatientID = "SYN-2"

    answer = send(ds, node)

    assert StoreStatus.SUCCESS == answer.Status
    assert ["SYN-1"] == [dcmread(i.path).PatientID for i in some_stores.instances.in_study(ds.StudyInstanceUID)]
    assert [False, True] == [conflict for _, conflict in some_stores.instances.all_in_study(ds.StudyInstanceUID)]
    assert 1 == some_stores.instances.summaries()[0]["conflicts"]


@pytest.mark.parametrize(
    ("uid", "why"),
    [
        ("1.2.840." + "1" * 58, "has 66 characters, a UID 64 at most"),
        ("1.2.3.x", "is no UID"),
        ("1.2.3\\1.2.4", "is no UID"),
    ],
)
@pytest.mark.parametrize("keyword", ["StudyInstanceUID", "SeriesInstanceUID"])
def test_a_study_or_series_uid_that_is_none_is_refused_with_what_is_wrong(a_node, some_stores, keyword, uid, why):
    """The whole reason fits Error Comment, and the next instance of the association's node is taken."""
    node = a_node()
    ds = a_data_set()
    with disable_value_validation():
        setattr(ds, keyword, uid)
        answer = send(ds, node)

    assert (StoreStatus.DATA_SET_MISMATCH, f"{keyword} {why}") == (answer.Status, answer.ErrorComment)
    assert StoreStatus.SUCCESS == send(a_data_set(), node).Status
    assert 1 == len(some_stores.instances.summaries())


@pytest.mark.parametrize("missing", ["StudyInstanceUID", "SeriesInstanceUID"])
def test_an_instance_of_no_study_is_refused_by_name(a_node, some_stores, missing):
    """A data set that names no study or series is refused, and the comment says what is missing."""
    answer = send(a_data_set(**{missing: None}), a_node())

    assert StoreStatus.DATA_SET_MISMATCH == answer.Status
    assert f"{missing} is missing" == answer.ErrorComment
    assert [] == some_stores.instances.summaries()


def test_a_nearly_full_disk_refuses_for_want_of_resources(a_node, some_stores):
    """Below the watermark every instance is answered 0xA700, and nothing is kept."""
    answer = send(a_data_set(), a_node(minimum_free_bytes=10**18))

    assert StoreStatus.OUT_OF_RESOURCES == answer.Status
    assert re.match("disk nearly full", answer.ErrorComment)
    assert [] == some_stores.instances.summaries()


def test_a_write_that_fails_is_never_success(a_node, some_stores, monkeypatch):
    """When the disk fills up in the middle of a write the sender is told, and no row appears."""
    from dicomnode.store import files

    def full(path: Path, content: bytes) -> None:
        path.write_bytes(content[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "_write_durably", full)
    answer = send(a_data_set(), a_node())

    assert StoreStatus.OUT_OF_RESOURCES == answer.Status
    assert [] == some_stores.instances.summaries()
    assert [] == list(Path(some_stores.instance_files.path("")).rglob("*.part"))


def test_a_locked_index_is_answered_before_the_sender_gives_up(a_node, some_stores):
    """Many senders wait 30 s for an answer: the one that says "come back" must reach them well before."""
    node = a_node()
    with closing(sqlite3.connect(some_stores.engine.url.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        begun = time.monotonic()
        answer = send(a_data_set(), node)
        waited_s = time.monotonic() - begun
        other.execute("ROLLBACK")

    assert StoreStatus.OUT_OF_RESOURCES == answer.Status
    assert 20 > waited_s


def test_an_index_that_cannot_be_written_is_never_success(a_node, some_stores):
    """When the database is locked for too long the sender is told to come back, and no row appears."""
    node = a_node()
    with some_stores.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout=0")  # of the pool's one connection, which the node uses next
    with closing(sqlite3.connect(some_stores.engine.url.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = send(a_data_set(), node)
        other.execute("ROLLBACK")

    assert StoreStatus.OUT_OF_RESOURCES == answer.Status
    assert "the instance could not be kept" == answer.ErrorComment
    assert [] == some_stores.instances.summaries()


@pytest.mark.parametrize("error", [AttributeError("Zyxwv^Quentin"), MemoryError(), RecursionError(), KeyError("PID")])
def test_a_defect_of_ours_is_never_success_and_is_heard(a_node, monkeypatch, error):
    """The sender is told to come back, the association lives, and the log says where it was."""
    admit, calls = Admission.admit, []

    def fails_once(self, arrival):
        calls.append(1)
        if len(calls) == 1:
            raise error
        return admit(self, arrival)

    monkeypatch.setattr(Admission, "admit", fails_once)
    node = a_node()
    with structlog.testing.capture_logs() as events:
        answers = [send(a_data_set(), node).Status for _ in range(2)]

    assert [StoreStatus.OUT_OF_RESOURCES, StoreStatus.SUCCESS] == answers
    told = next(event for event in events if "where" in event)
    assert "MODALITY" == told["peer"]
    assert "test_storage.py:" in told["where"]
    assert "Zyxwv" not in repr(events)


def test_an_unreadable_data_set_is_refused_by_name(a_node, some_stores):
    """Bytes that are not in the transfer syntax they claim are answered 0xC000."""
    node = a_node()
    ae = AE(ae_title="MODALITY")
    ae.add_requested_context(CTImageStorage)
    assoc = ae.associate(node.host, node.port, ae_title=node.ae_title)
    from io import BytesIO

    from pynetdicom.dimse_primitives import C_STORE

    request = C_STORE()
    request.MessageID = 1
    request.Priority = 0
    request.AffectedSOPClassUID = CTImageStorage
    request.AffectedSOPInstanceUID = "1.2.3"
    request.DataSet = BytesIO(b"\x08\x00\x05\x00CSnonsense that is no data set at all")
    assoc._reactor_checkpoint.clear()
    while not assoc._is_paused:
        pass
    assoc.dimse.send_msg(request, 1)
    _, answer = assoc.dimse.get_msg(block=True)
    assoc._reactor_checkpoint.set()
    assoc.release()

    assert answer.Status in (StoreStatus.CANNOT_UNDERSTAND, StoreStatus.DATA_SET_MISMATCH)
    assert [] == some_stores.instances.summaries()


def test_an_unknown_calling_ae_title_is_rejected(a_node):
    """Who is not on the allow list gets no association, and the message says where to look."""
    node = a_node(allowed_calling_ae_titles=("CT1",))

    echo(node, SendSettings(ae_title="CT1"))
    with pytest.raises(PeerRefusedError, match=r"Calling AE title not recognised.*check both AE titles"):
        echo(node, SendSettings(ae_title="STRANGER"))


def test_a_wrong_called_ae_title_is_rejected(a_node):
    """Who calls another node's name gets no association."""
    node = a_node().model_copy(update={"ae_title": "OTHERNODE"})

    with pytest.raises(PeerRefusedError, match="Called AE title not recognised"):
        echo(node, SendSettings())


def test_one_association_too_many_is_told_to_come_back(a_node):
    """Above the limit a peer is rejected as transient, so that it tries again."""
    node = a_node(maximum_associations=1)
    ae = AE(ae_title="MODALITY")
    ae.add_requested_context("1.2.840.10008.1.1")
    first = ae.associate(node.host, node.port, ae_title=node.ae_title)

    with pytest.raises(PeerUnreachableError, match="rejected the association for now"):
        echo(node, SendSettings())
    first.release()


def test_half_a_pdu_holds_no_place(a_node):
    """Who begins a PDU and falls silent is cut off, so that the next peer finds a place."""
    import socket

    node = a_node(maximum_associations=1, dimse_timeout_s=0.5, acse_timeout_s=0.5)
    with socket.create_connection((node.host, node.port)) as silent:
        silent.sendall(b"\x01\x00\x00\x00\x10\x00half")
        silent.settimeout(10)
        while silent.recv(100):
            pass

    def is_served() -> bool:
        try:
            echo(node, SendSettings())
        except (PeerRefusedError, PeerUnreachableError):  # the thread of the silent one has not ended yet
            return False
        return True

    wait_until(is_served, timeout_s=5, what="the next peer finds a place")


def test_every_storage_sop_class_is_accepted(a_node):
    """Whatever pynetdicom lists as storage, and a private class, gets a context in its first transfer syntax."""
    node = a_node()
    contexts = [*AllStoragePresentationContexts]
    accepted = set()
    for start in range(0, len(contexts), 120):
        ae = AE()
        ae.requested_contexts = contexts[start : start + 120]
        ae.add_requested_context("1.2.276.0.99999.1", "1.2.840.10008.1.2.4.203")
        assoc = ae.associate(node.host, node.port, ae_title=node.ae_title)
        accepted |= {c.abstract_syntax for c in assoc.accepted_contexts}
        assoc.release()

    assert {c.abstract_syntax for c in contexts} | {"1.2.276.0.99999.1"} == accepted
