"""Who is let in, and what the log says of who is not: "why does my modality not connect?"."""

from __future__ import annotations

import os
import socket
import time

import pytest
from helpers import a_data_set, wait_until
from pynetdicom import AE
from pynetdicom.sop_class import Verification
from raw_peer import ABORTED, ACCEPTED, CLOSED, REJECTED, Peer, association_request, pdu, store_command, us
from structlog.testing import capture_logs

ECHO = store_command(None, e0002=None, e0100=us(0x0030), e0800=us(0x0101))


def ends(lines: list[dict]) -> list[dict]:
    """The lines that say why an association ended."""
    words = {"association rejected", "association aborted", "connection closed"}
    return [line for line in lines if line["event"] in words]


def wait_for_end(lines: list[dict]) -> dict:
    """The one line about the end, once it is there, and none after it."""
    wait_until(lambda: bool(ends(lines)), timeout_s=10, what="a line says why")
    time.sleep(0.2)
    (line,) = ends(lines)
    return line


def is_served(port: int) -> bool:
    """Whether a peer may associate and gets an answer to its C-ECHO."""
    with Peer(port) as peer:
        if peer.associate(abstract_syntax=str(Verification)) != ACCEPTED:
            return False
        peer.command(ECHO)
        return peer.status() == 0


@pytest.mark.parametrize(
    ("called", "calling", "name"),
    [
        (b"DICOMNODE".ljust(16), b"CT1".ljust(16), "CT1"),
        (b"DICOMNODE".ljust(16, b"\0"), b"CT1".ljust(16, b"\0"), "CT1"),
        (b"  DICOMNODE", b"  CT1 \0", "CT1"),
        (b"DICOMNODE\0\xff\xfe\x01", b"CT1\0\xc0\xb3", "CT1"),
        (b"DICOMNODE", b"R\xf6ntgen1", "R?ntgen1"),
        (b"DICOMNODE", "Röntgen".encode(), "R??ntgen"),
        (b"DICOMNODE", b"CT\x071\\2", "CT?1?2"),
        (b"DICOMNODE", b"SIXTEEN LETTERS!", "SIXTEEN LETTERS!"),
    ],
)
def test_titles_are_taken_as_they_are_meant(a_node, some_stores, called, calling, name):
    """Padding of NUL, rubbish behind it and letters outside ASCII keep nobody out, and an image is kept under them."""
    from pynetdicom.dsutils import encode

    ds = a_data_set()
    with Peer(a_node().port) as peer:
        answer = peer.associate(called=called, calling=calling, abstract_syntax=ds.SOPClassUID)
        instance = ds.SOPInstanceUID.encode()
        command = store_command(instance + b"\0" * (len(instance) % 2), e0002=ds.SOPClassUID.encode())
        peer.command(command)
        peer.data(encode(ds, is_implicit_vr=False, is_little_endian=True))
        status = peer.status()

    assert (ACCEPTED, 0) == (answer, status)
    assert [name] == [i.calling_ae_title for i in some_stores.instances.in_study(ds.StudyInstanceUID)]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"called": b"OTHER"}, "it calls 'OTHER', and our AE title is 'DICOMNODE'"),
        ({"called": b"dicomnode"}, "it calls 'dicomnode', and our AE title is 'DICOMNODE'"),
        ({"called": b"N\xf6de\n"}, "it calls 'N?de?', and our AE title is 'DICOMNODE'"),
        ({"called": b" " * 16}, "the called AE title is blank"),
        ({"called": bytes(16)}, "the called AE title is blank"),
        ({"calling": b" " * 16}, "the calling AE title is blank"),
        ({"calling": bytes(16)}, "the calling AE title is blank"),
        ({"calling": b"\0CT1"}, "the calling AE title is blank"),
        ({"application_context": b"1.2.3"}, "its application context is '1.2.3', not that of DICOM"),
        ({"version": 2}, "its version of the DICOM upper layer protocol is not 1"),
    ],
)
def test_a_rejection_leaves_one_line_with_its_reason(a_node, words, why):
    """The peer is rejected, not cut off, and the log says who it was, from where, and what was wrong."""
    with capture_logs() as lines, Peer(a_node().port) as peer:
        answer = peer.associate(**words)
        line = wait_for_end(lines)

    assert REJECTED == answer
    assert ("association rejected", why, "127.0.0.1") == (line["event"], line["why"], line["host"])
    assert line["port"] > 0
    assert line["calling_ae_title"].isprintable()


def test_who_is_not_on_the_list_is_named(a_node):
    """The line names the title that came and the setting that keeps it out."""
    with capture_logs() as lines, Peer(a_node(allowed_calling_ae_titles=("CT1", "CT2")).port) as peer:
        assert REJECTED == peer.associate(calling=b"CT3\0\0")
        line = wait_for_end(lines)

    assert "'CT3' is not in receive.allowed_calling_ae_titles" == line["why"]


def test_a_title_on_the_list_may_be_padded_with_nul(a_node):
    """The list is held against the title as it is meant."""
    with Peer(a_node(allowed_calling_ae_titles=("CT1",)).port) as peer:
        assert ACCEPTED == peer.associate(calling=b"CT1".ljust(16, b"\0"))


def test_one_association_too_many_is_told(a_node):
    """The line names the limit."""
    port = a_node(maximum_associations=1).port
    with capture_logs() as lines, Peer(port) as first:
        assert ACCEPTED == first.associate()
        with Peer(port) as second:
            assert REJECTED == second.associate()
            line = wait_for_end(lines)

    assert "as many associations are open as receive.maximum_associations allows (1)" == line["why"]


def test_an_association_without_an_acceptable_context_is_told(a_node):
    """It is accepted, as PS3.8 wants, but nothing can be sent over it: the log says what was asked for."""
    with capture_logs() as lines, Peer(a_node().port) as peer:
        answer = peer.associate(abstract_syntax=Verification, transfer_syntax="1.2.3.4")
        wait_until(lambda: bool(lines), timeout_s=5, what="a line comes")

    assert ACCEPTED == answer
    (line,) = [line for line in lines if line["event"] == "presentation contexts not accepted"]
    assert (["Verification SOP Class"], 0, "CT1") == (line["rejected"], line["accepted"], line["calling_ae_title"])


GARBAGE = {
    "HTTP": (b"GET / HTTP/1.1\r\nHost: node\r\n\r\n", None),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), None),
    "unknown PDU": (pdu(0x55, b"abc"), None),
    "data before the request": (pdu(4, b"\0\0\0\3\1\3x"), None),
    "request cut short": (pdu(1, b"\0\1\0\0DICOMNODE"), "an A-ASSOCIATE-RQ PDU cannot be read"),
    "request of rubbish": (pdu(1, b"\0\1\0\0" + b"DICOMNODE".ljust(16) + b"CT1".ljust(48) + b"\x10\0\xff\xff"), None),
    "request without items": (pdu(1, b"\0\1\0\0" + b"DICOMNODE".ljust(16) + b"CT1".ljust(48)), None),
    "request of 4 GB": (b"\x01\0\xff\xff\xff\xff", "a PDU of 4294967295 bytes; at most 1048576 are accepted"),
    "endless rubbish": (b"\x99" * 300_000, None),
}


@pytest.mark.parametrize("case", GARBAGE)
def test_what_is_no_dicom_ends_with_a_reason(a_node, case):
    """Rubbish in place of a request: the connection ends, one line says why, and the next peer is served."""
    data, why = GARBAGE[case]
    port = a_node(maximum_associations=1).port

    with capture_logs() as lines, Peer(port) as peer:
        peer.send(data)
        kind = peer.receive()[0]
        line = wait_for_end(lines)

    assert kind in (ABORTED, CLOSED, REJECTED)
    assert line["why"]
    assert why is None or why in line["why"]
    # The thread of the first one holds its place until it has ended.
    wait_until(lambda: is_served(port), timeout_s=5, what="the next peer is served")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (pdu(0x77, b"abc"), "state Sta6"),
        (pdu(4, b"\xff\xff\xff\xff\1"), "P-DATA-TF PDU cannot be read"),
        (pdu(2, b"abc"), ""),
        (association_request(), "state Sta6"),
        (b"\x04\0\x7f\0\0\0", "a PDU of 2130706432 bytes"),
        (os.urandom(7) * 1000, ""),
    ],
)
def test_a_protocol_error_later_on_ends_with_a_reason(a_node, data, why):
    """An accepted peer that breaks the protocol gets an abort, and the log one line with both titles."""
    with capture_logs() as lines, Peer(a_node().port) as peer:
        peer.associate()
        peer.send(data)
        kind = peer.receive()[0]
        line = wait_for_end(lines)

    assert kind in (ABORTED, CLOSED)
    assert why in line["why"]
    assert ("CT1", "DICOMNODE") == (line["calling_ae_title"], line["called_ae_title"])


def test_a_pdu_somewhat_longer_than_offered_is_taken(a_node, some_stores):
    """Peers that cannot count lose no image."""
    from pynetdicom.dsutils import encode

    ds = a_data_set()
    ds.PixelData = bytes(400_000)
    with Peer(a_node(maximum_pdu_bytes=4096).port) as peer:
        peer.associate(abstract_syntax=ds.SOPClassUID)
        instance = ds.SOPInstanceUID.encode()
        peer.command(store_command(instance + b"\0" * (len(instance) % 2), e0002=ds.SOPClassUID.encode()))
        peer.data(encode(ds, is_implicit_vr=False, is_little_endian=True))
        assert 0 == peer.status()

    assert 1 == len(some_stores.instances.in_study(ds.StudyInstanceUID))


def test_a_silent_client_is_told(a_node):
    """Who connects and says nothing is cut off after the ACSE timeout, and the line names the setting."""
    with capture_logs() as lines, Peer(a_node(acse_timeout_s=0.5).port) as peer:
        assert CLOSED == peer.receive()[0]
        line = wait_for_end(lines)

    assert "no association request came within 0.5 s (receive.acse_timeout_s)" == line["why"]


def test_an_idle_association_is_told(a_node):
    """An association on which nothing happens is aborted, and the line names the setting."""
    with capture_logs() as lines, Peer(a_node(network_timeout_s=0.5).port) as peer:
        peer.associate()
        assert ABORTED == peer.receive()[0]
        line = wait_for_end(lines)

    assert "nothing came for 0.5 s (receive.network_timeout_s)" == line["why"]


def test_half_a_pdu_is_told(a_node):
    """Who falls silent in the middle of a PDU is cut off, and the line names the setting."""
    with capture_logs() as lines, Peer(a_node(dimse_timeout_s=0.5).port) as peer:
        peer.associate()
        peer.send(b"\x04\0\0\0\x10\0half")
        kind = peer.receive()[0]
        line = wait_for_end(lines)

    assert kind in (ABORTED, CLOSED)
    assert "the rest of a PDU did not come within 0.5 s (receive.dimse_timeout_s)" == line["why"]


def test_a_probe_of_the_port_and_a_clean_release_leave_no_warning(a_node):
    """Whatever asks all day whether the port is open must not fill the log."""
    node = a_node()
    with capture_logs() as lines:
        socket.create_connection((node.host, node.port)).close()
        ae = AE(ae_title="CT1")
        ae.add_requested_context(Verification)
        assoc = ae.associate(node.host, node.port, ae_title=node.ae_title)
        assert 0 == assoc.send_c_echo().Status
        assoc.release()
        with Peer(node.port) as peer:
            peer.associate()
            peer.release()
        time.sleep(0.5)

    assert [] == [line for line in lines if line["log_level"] in ("warning", "error")]


def an_association(node, *data_sets) -> None:
    """Send data sets over one association."""
    ae = AE(ae_title="CT1")
    for ds in data_sets:
        ae.add_requested_context(ds.SOPClassUID, ds.file_meta.TransferSyntaxUID)
    assoc = ae.associate(node.host, node.port, ae_title=node.ae_title)
    for ds in data_sets:
        assoc.send_c_store(ds)
    assoc.release()


def of_associations(lines: list[dict]) -> list[dict]:
    """The lines about beginnings and ends."""
    return [line for line in lines if line["event"].startswith(("association", "connection"))]


def test_an_association_has_a_line_at_its_beginning_and_one_at_its_end(a_node):
    """Who it is, from where, what came, how it ended, and no patient data."""
    node, ds, other = a_node(), a_data_set(), a_data_set(StudyInstanceUID="1.2.3.x")
    with capture_logs() as lines:
        an_association(node, ds, ds, other)
        wait_until(lambda: len(of_associations(lines)) > 1, timeout_s=5, what="the end is told")

    begun, ended = of_associations(lines)
    who = {"calling_ae_title": "CT1", "called_ae_title": "DICOMNODE", "host": "127.0.0.1"}
    assert ("association accepted", "info", who) == (begun["event"], begun["log_level"], {k: begun[k] for k in who})
    assert ("association released", "info", who) == (ended["event"], ended["log_level"], {k: ended[k] for k in who})
    assert (1, 1, 1) == tuple(ended[name] for name in ("stored", "duplicates", "refused"))
    assert 2 * len(ds.PixelData) < ended["bytes"] < 2 * len(ds.PixelData) + 2000
    assert 0 <= ended["seconds"] < 60
    assert begun["port"] == ended["port"]
    assert "Synthetic" not in repr(lines)


@pytest.mark.parametrize(
    ("end", "event", "why"),
    [
        (pdu(7, bytes(4)), "association aborted", "the peer aborted it"),
        (b"", "connection closed", "the peer closed the connection without a release"),
        (pdu(5, bytes(4)), "association released", None),
    ],
)
def test_how_a_peer_ended_an_association_is_told(a_node, end, event, why):
    """Released, aborted and broken off are three things to whoever looks for half a study."""
    port = a_node().port
    with capture_logs() as lines:
        with Peer(port) as peer:
            assert ACCEPTED == peer.associate()
            peer.send(end)
        wait_until(lambda: len(of_associations(lines)) > 1, timeout_s=5, what="the end is told")

    _, ended = of_associations(lines)
    assert (event, why, 0) == (ended["event"], ended.get("why"), ended["stored"])


def test_a_timeout_is_told_with_what_came_before_it(a_node):
    """The warning about the end has the counts, and there is no second line."""
    with capture_logs() as lines, Peer(a_node(network_timeout_s=0.5).port) as peer:
        peer.associate()
        assert ABORTED == peer.receive()[0]
        line = wait_for_end(lines)

    assert (0, True) == (line["stored"], line["seconds"] >= 0.4)
    assert 2 == len(of_associations(lines))


def test_a_disk_that_is_nearly_full_is_told(a_node):
    """The refusal's line names the instance, the peer and the reason."""
    node = a_node(minimum_free_bytes=10**18)
    ds = a_data_set()
    ae = AE(ae_title="CT1")
    ae.add_requested_context(ds.SOPClassUID, ds.file_meta.TransferSyntaxUID)
    with capture_logs() as lines:
        assoc = ae.associate(node.host, node.port, ae_title=node.ae_title)
        assert 0xA700 == assoc.send_c_store(ds).Status
        assoc.release()

    (line,) = [line for line in lines if line["event"] == "refused"]
    assert ("CT1", "OUT_OF_RESOURCES") == (line["peer"], line["status"])
    assert line["why"].startswith("disk nearly full")
