"""What breaks the standard gets a status or an abort with a reason, and costs nobody else an image."""

from __future__ import annotations

from io import BytesIO

import pytest
from helpers import a_data_set
from pydicom.uid import generate_uid
from pynetdicom.dsutils import encode
from raw_peer import CT, Peer, element, pdu, store_command, uid, us
from structlog.testing import capture_logs

from dicomnode.records import StoreStatus

TOO_LONG = b"1.2.840." + b"1" * 58


def a_film(study: str) -> tuple[str, bytes]:
    """SOP Instance UID and encoded data set of a new CT image."""
    ds = a_data_set(StudyInstanceUID=study, SeriesInstanceUID=generate_uid(), SOPInstanceUID=generate_uid())
    ds.SOPClassUID = CT
    return ds.SOPInstanceUID, encode(ds, is_implicit_vr=False, is_little_endian=True)


def kept(stores, study: str) -> set[str]:
    """SOP Instance UIDs that are kept of a study."""
    return {instance.key.sop_instance_uid for instance in stores.instances.in_study(study)}


BAD_COMMANDS = {
    "instance UID of 66 characters": (store_command(TOO_LONG), StoreStatus.INVALID_SOP_INSTANCE, "66 characters"),
    "instance UID with letters": (store_command(b"1.2.abc"), StoreStatus.INVALID_SOP_INSTANCE, "digits and dots"),
    "rubbish behind a NUL": (store_command(b"1.2.3\0\xff\xfe"), StoreStatus.INVALID_SOP_INSTANCE, "digits and dots"),
    "empty instance UID": (store_command(b""), StoreStatus.INVALID_SOP_INSTANCE, "Instance UID is missing"),
    "no instance UID": (store_command(None), StoreStatus.INVALID_SOP_INSTANCE, "Instance UID is missing"),
    "no SOP class": (store_command(b"1.2.3 ", e0002=None), StoreStatus.SOP_CLASS_NOT_SUPPORTED, "Class UID is missing"),
    "SOP class with letters": (
        store_command(b"1.2.3 ", e0002=b"CT Image"),
        StoreStatus.SOP_CLASS_NOT_SUPPORTED,
        "digits and dots",
    ),
    "query": (store_command(None, e0100=us(0x0020)), StoreStatus.UNRECOGNIZED_OPERATION, "C-FIND is not served"),
    "storage commitment": (
        store_command(None, e0100=us(0x0130)),
        StoreStatus.UNRECOGNIZED_OPERATION,
        "N-ACTION is not served",
    ),
    "operation of no standard": (
        store_command(None, e0100=us(0x0077)),
        StoreStatus.UNRECOGNIZED_OPERATION,
        "0x0077 is not served",
    ),
}


@pytest.mark.parametrize("case", BAD_COMMANDS)
def test_a_request_that_cannot_be_served_costs_its_neighbours_nothing(a_node, some_stores, case):
    """Second of three requests over one association: it gets its status, the log says why, the others are kept."""
    command, status, why = BAD_COMMANDS[case]
    study = generate_uid(prefix="1.2.826.0.1.")
    (first, first_data), (third, third_data) = a_film(study), a_film(study)

    with capture_logs() as lines, Peer(a_node().port) as peer:
        peer.associate()
        statuses = []
        for encoded, data in ((store_command(uid(first)), first_data), (command, first_data), (None, third_data)):
            peer.command(encoded if encoded is not None else store_command(uid(third), e0110=us(3)))
            peer.data(data)
            statuses.append(peer.status())
        released = peer.release()

    assert [0, status, 0, 6] == [*statuses, released]
    assert {first, third} == kept(some_stores, study)
    (refused,) = [line for line in lines if line["event"] == "refused"]
    assert why in refused["why"]
    assert ("CT1", status.name) == (refused["peer"], refused["status"])


def test_an_answer_names_only_uids_that_are_uids(a_node):
    """The refusal repeats the request's number, and leaves out a SOP Instance UID that is none."""
    with Peer(a_node().port) as peer:
        peer.associate()
        peer.command(store_command(TOO_LONG, e0110=us(77)))
        peer.data(b"\x08\0\x05\0CS\0\0")
        answer = peer.answer()

    assert (us(0x8001), us(77), us(0x0101)) == (answer[0x0100], answer[0x0120], answer[0x0800])
    assert 0x1000 not in answer
    assert uid(CT) == answer[0x0002]


@pytest.mark.parametrize(
    "changes",
    [
        {"e0700": us(77)},
        {"e0700": None},
        {"e0700": b""},
        {"e0000": b"\xff\xff\0\0"},
        {"e0000": None},
        {"e0002": CT.encode() + b" "},
        {"e0800": None},
        {"e0800": us(0xABCD)},
        {"e1030": b"PACS\0\0\xc0\xb3", "e1031": b""},
        {"e1030": b"R\xf6ntgen "},
        {"e1030": b"TITLE OF MORE THAN SIXTEEN LETTERS"},
        {"e0902": b"no business here"},
    ],
)
def test_an_untidy_request_is_served(a_node, some_stores, changes):
    """Wrong priority, group length, padding, move originator: nothing that keeping an image depends on."""
    study = generate_uid(prefix="1.2.826.0.1.")
    instance, data = a_film(study)

    with Peer(a_node().port) as peer:
        peer.associate()
        peer.command(store_command(instance.encode() + b" " * (2 - len(instance) % 2), **changes))
        peer.data(data)
        status = peer.status()

    assert StoreStatus.SUCCESS == status
    assert {instance} == kept(some_stores, study)


def test_requests_in_pieces_and_two_in_one_pdu_are_served(a_node, some_stores):
    """A command in three values, and the end of one message in the PDU in which the next begins."""
    study = generate_uid(prefix="1.2.826.0.1.")
    (first, first_data), (second, second_data) = a_film(study), a_film(study)
    command = store_command(uid(first))

    with Peer(a_node().port) as peer:
        peer.associate()
        for control, piece in ((1, command[:5]), (1, command[5:40]), (3, command[40:])):
            peer.send(peer.value(control, piece))
        joined = peer.value(2, first_data)[6:] + peer.value(3, store_command(uid(second), e0110=us(2)))[6:]
        peer.send(pdu(4, joined))
        peer.data(second_data)
        statuses = [peer.status(), peer.status()]

    assert [0, 0] == statuses
    assert {first, second} == kept(some_stores, study)


def test_the_same_message_id_again_is_no_fault(a_node, some_stores):
    """Many senders give every request the number 1."""
    study = generate_uid(prefix="1.2.826.0.1.")
    films = [a_film(study) for _ in range(2)]

    with Peer(a_node().port) as peer:
        peer.associate()
        statuses = []
        for instance, data in films:
            peer.command(store_command(uid(instance)))
            peer.data(data)
            statuses.append(peer.status())

    assert [0, 0] == statuses
    assert {instance for instance, _ in films} == kept(some_stores, study)


@pytest.mark.parametrize("data", [b"", b"\x08", b"no data set at all, but long enough to look like one" * 9])
def test_a_data_set_that_cannot_be_read_gets_a_status(a_node, data):
    """Empty, cut or foreign bytes are refused, and the next request is served."""
    with Peer(a_node().port) as peer:
        peer.associate()
        peer.command(store_command(b"1.2.3\0"))
        peer.data(data)
        status = peer.status()
        study = generate_uid(prefix="1.2.826.0.1.")
        instance, good = a_film(study)
        peer.command(store_command(uid(instance)))
        peer.data(good)
        then = peer.status()

    assert status in (StoreStatus.CANNOT_UNDERSTAND, StoreStatus.DATA_SET_MISMATCH)
    assert StoreStatus.SUCCESS == then


def test_a_store_request_without_a_data_set_is_refused(a_node):
    """A request that announces no data set is answered at once."""
    with Peer(a_node().port) as peer:
        peer.associate()
        peer.command(store_command(b"1.2.3\0", e0800=us(0x0101)))
        status = peer.status()

    assert StoreStatus.CANNOT_UNDERSTAND == status


def test_an_echo_without_its_sop_class_is_served(a_node):
    """A C-ECHO says enough by its command field."""
    with Peer(a_node().port) as peer:
        peer.associate(abstract_syntax="1.2.840.10008.1.1")
        peer.command(store_command(None, e0002=None, e0100=us(0x0030), e0800=us(0x0101)))
        status = peer.status()

    assert StoreStatus.SUCCESS == status


def test_what_is_no_request_is_passed_over(a_node, some_stores):
    """An answer to a question we did not ask, with its data set, and a cancel: then comes an image."""
    study = generate_uid(prefix="1.2.826.0.1.")
    instance, data = a_film(study)

    with Peer(a_node().port) as peer:
        peer.associate()
        peer.command(store_command(None, e0100=us(0x8020), e0120=us(9), e0900=us(0xFF00)))
        peer.data(data)
        peer.command(store_command(None, e0100=us(0x0FFF), e0120=us(9), e0110=None, e0800=us(0x0101)))
        peer.command(store_command(uid(instance)))
        peer.data(data)
        status = peer.status()

    assert StoreStatus.SUCCESS == status
    assert {instance} == kept(some_stores, study)


SENSELESS = {
    "command in another encoding": (b"\0\0\0\1US\2\0\1\0", "not in Implicit VR Little Endian"),
    "command cut in an element": (store_command(b"1.2.3\0") + b"\0\0\0", "ends in the middle of an element"),
    "value cut": (store_command(b"1.2.3\0")[:-2], "not in Implicit VR Little Endian"),
    "no command field": (store_command(b"1.2.3\0", e0100=None), "no Command Field"),
    "no message ID": (store_command(b"1.2.3\0", e0110=None), "C-STORE request has no Message ID"),
    "elements of other groups": (store_command(b"1.2.3\0") + element(5, b"ab", group=8), "not in Implicit VR"),
    "empty command": (b"", "no Command Field"),
    "endless command": (store_command(b"1.2.3\0", e5010=bytes(70000)), "more than 65536 bytes"),
}


@pytest.mark.parametrize("case", SENSELESS)
def test_a_command_that_makes_no_sense_ends_the_association_with_a_reason(a_node, case):
    """Where neither Success nor a refusal can be addressed the peer gets an abort, and the log one line."""
    command, why = SENSELESS[case]

    with capture_logs() as lines, Peer(a_node().port) as peer:
        peer.associate()
        peer.command(command)
        status = peer.status()
        assert "closed" == peer.status()

    assert "aborted" == status
    (line,) = [line for line in lines if line["log_level"] == "warning"]
    assert "association aborted" == line["event"]
    assert why in line["why"]
    assert ("CT1", "DICOMNODE", "127.0.0.1") == (line["calling_ae_title"], line["called_ae_title"], line["host"])


@pytest.mark.parametrize(
    ("send", "why"),
    [
        (lambda peer: peer.data(b"data"), "a data set came without a command"),
        (lambda peer: peer.command(store_command(b"1.2.3\0"), context=77), "presentation context 77 was not accepted"),
        (lambda peer: peer.send(pdu(4, b"\0\0\0\1\1")), "a presentation data value is empty"),
        (
            lambda peer: [peer.command(store_command(b"1.2.3\0")) for _ in range(2)],
            "a command came where the rest of a data set should come",
        ),
    ],
)
def test_values_out_of_order_end_the_association_with_a_reason(a_node, send, why):
    """Data without command, foreign contexts, empty values: an abort and one line."""
    with capture_logs() as lines, Peer(a_node().port) as peer:
        peer.associate()
        send(peer)
        status = peer.status()
        assert "closed" == peer.status()

    assert "aborted" == status
    assert [why] == [line["why"] for line in lines if line["log_level"] == "warning"]


def test_the_text_of_a_refused_uid_is_not_logged(a_node):
    """What stands in a UID that is none may be a patient's name."""
    with capture_logs() as lines, Peer(a_node().port) as peer:
        peer.associate()
        peer.command(store_command(b"MUELLER^ERIKA\0"))
        peer.data(BytesIO(b"x").getvalue())
        peer.status()

    assert lines
    assert "MUELLER" not in str(lines)
