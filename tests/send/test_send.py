"""The doors out over real associations, with our own SCP and with DCMTK's."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from helpers import a_data_set, free_port, listens, program, wait_until
from pydicom import dcmread, dcmwrite
from pydicom.data import get_testdata_file
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGLSLossless
from pynetdicom import AE, _config, evt
from pynetdicom.dsutils import split_dataset

from dicomnode.errors import FileMissingError, PeerRefusedError, PeerUnreachableError, UnsupportedImageError
from dicomnode.records import SendVerdict
from dicomnode.send.echo import echo
from dicomnode.send.find import study_instance_count
from dicomnode.send.store_scu import StoreSCU, read_outgoing
from dicomnode.settings import Destination, SendSettings

SETTINGS = SendSettings(connect_timeout_s=5, dimse_timeout_s=10)


@pytest.fixture
def a_peer(monkeypatch):
    """A pynetdicom SCP that answers as told; returns the peer and what it was sent."""
    monkeypatch.setattr(_config, "UNRESTRICTED_STORAGE_SERVICE", False)  # our own SCP switches it on for its process
    servers = []

    def start(statuses=(0x0000,), syntaxes=(ExplicitVRLittleEndian,), count=None, pause_s=0):
        got, answers = [], list(statuses)

        def on_store(event):
            time.sleep(pause_s)
            got.append(event.dataset)
            event.dataset.file_meta = event.file_meta
            return answers.pop(0) if len(answers) > 1 else answers[0]

        def on_find(event):
            match = event.identifier
            match.NumberOfStudyRelatedInstances = count
            yield 0xFF00, match

        ae = AE(ae_title="PEER")
        ae.add_supported_context("1.2.840.10008.1.1")
        ae.add_supported_context("1.2.840.10008.5.1.4.1.2.2.1")
        for sop_class in ("1.2.840.10008.5.1.4.1.1.1", "1.2.840.10008.5.1.4.1.1.4"):
            ae.add_supported_context(sop_class, list(syntaxes))
        handlers = [(evt.EVT_C_STORE, on_store), (evt.EVT_C_FIND, on_find)]
        server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
        servers.append(server)
        return Destination(ae_title="PEER", host="127.0.0.1", port=server.server_address[1]), got

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def a_file(folder: Path, **elements: object) -> Path:
    """A small radiograph on disk."""
    ds = a_data_set(**elements)
    path = folder / f"{ds.SOPInstanceUID}.dcm"
    dcmwrite(path, ds, enforce_file_format=True)
    return path


def test_every_answer_is_looked_at(a_peer, tmp_path):
    """Success and warning are held, a failure is told with its status, and one association serves all."""
    peer, _ = a_peer(statuses=(0x0000, 0xB000, 0xA700, 0xC000))
    files = [read_outgoing(a_file(tmp_path)) for _ in range(4)]

    outcomes = list(StoreSCU(peer, SETTINGS).send(files))

    assert [True, True, False, False] == [o.is_held for o in outcomes]
    assert [SendVerdict.LATER, SendVerdict.PERHAPS] == [o.verdict for o in outcomes[2:]]
    assert "C-STORE status 0xA700 (Failure)" == outcomes[2].error


def test_a_file_goes_out_as_it_lies_on_disk(a_node, some_stores, tmp_path):
    """What arrives is byte for byte the data set of the file, compressed ones too."""
    path = Path(get_testdata_file("JPEG2000.dcm"))
    (outcome,) = StoreSCU(a_node(), SETTINGS).send([read_outgoing(path)])

    assert outcome.is_held
    (kept,) = some_stores.instances.in_study(dcmread(path).StudyInstanceUID)
    _, start = split_dataset(path)
    assert kept.path.read_bytes().endswith(path.read_bytes()[start:])


def test_a_peer_without_the_codec_gets_it_decoded(a_peer):
    """The pixels are the same, in a plain transfer syntax."""
    peer, got = a_peer(syntaxes=(ImplicitVRLittleEndian,))
    path = get_testdata_file("MR_small_RLE.dcm")

    (outcome,) = StoreSCU(peer, SETTINGS).send([read_outgoing(Path(path))])

    assert outcome.is_held
    assert ImplicitVRLittleEndian == got[0].file_meta.TransferSyntaxUID
    assert (dcmread(path).pixel_array == got[0].pixel_array).all()


def test_a_sop_class_that_the_peer_does_not_know_is_a_failure_by_name(a_peer):
    """One file that cannot go does not stop the others."""
    peer, _ = a_peer()
    files = [Path(get_testdata_file("CT_small.dcm")), Path(get_testdata_file("MR_small.dcm"))]

    outcomes = list(StoreSCU(peer, SETTINGS).send([read_outgoing(f) for f in files]))

    assert [False, True] == [o.is_held for o in outcomes]
    assert "the peer does not accept " in outcomes[0].error


def test_more_contexts_than_fit_one_association_are_cut(a_node, tmp_path):
    """Files of many SOP classes go out over as many associations as their contexts need."""
    from pynetdicom import AllStoragePresentationContexts

    files = [
        read_outgoing(a_file(tmp_path, SOPClassUID=c.abstract_syntax)) for c in AllStoragePresentationContexts[:100]
    ]

    outcomes = list(StoreSCU(a_node(), SETTINGS).send(files))

    assert 100 == sum(o.is_held for o in outcomes)


def test_nobody_at_the_address_is_unreachable():
    """The message names the peer."""
    peer = Destination(ae_title="GONE", host="127.0.0.1", port=free_port())

    with pytest.raises(PeerUnreachableError, match=f"no DICOM peer answers as GONE at 127.0.0.1:{peer.port}"):
        echo(peer, SETTINGS)


def test_a_name_that_cannot_be_resolved_is_unreachable():
    """A wrong host name is one sentence, not a failure of ours."""
    peer = Destination(ae_title="GONE", host="no.such.host.invalid", port=104)

    with pytest.raises(PeerUnreachableError, match=r"no\.such\.host\.invalid cannot be resolved"):
        echo(peer, SETTINGS)


@pytest.mark.parametrize("host", ["pacs..example", f"{'x' * 64}.example", ".example"])
def test_a_name_that_the_dns_cannot_have_is_unreachable(host):
    """An empty or too long label is told like a name that nobody has: the results wait, and the log says why."""
    peer = Destination.model_construct(ae_title="GONE", host=host, port=104)

    with pytest.raises(PeerUnreachableError, match=f"{re.escape(host)} cannot be resolved: it is no host name"):
        echo(peer, SETTINGS)


def test_a_peer_that_does_not_answer_is_left(a_peer, tmp_path):
    """The wait for an answer ends, and the instance may be sent another time."""
    peer, _ = a_peer(pause_s=5)
    begin = time.monotonic()

    (outcome,) = StoreSCU(peer, SendSettings(dimse_timeout_s=0.5)).send([read_outgoing(a_file(tmp_path))])

    assert (None, SendVerdict.LATER) == (outcome.status, outcome.verdict)
    assert time.monotonic() - begin < 4


def test_a_peer_that_takes_none_of_our_contexts_is_named(a_peer, tmp_path):
    """An association without a context is a refusal, not silence."""
    peer, _ = a_peer()
    files = [read_outgoing(Path(get_testdata_file("CT_small.dcm")))]

    with pytest.raises(PeerRefusedError, match="accepts none of the offered SOP classes"):
        list(StoreSCU(peer, SETTINGS).send(files))


def test_what_is_no_dicom_file_is_named(tmp_path):
    """A text file and a file without meta information are refused before anything is sent."""
    text = tmp_path / "notes.txt"
    text.write_text("hello")

    with pytest.raises(UnsupportedImageError, match=r"notes\.txt is not a DICOM file"):
        read_outgoing(text)
    with pytest.raises(FileMissingError, match="missing.dcm is missing"):
        read_outgoing(tmp_path / "missing.dcm")


@pytest.mark.parametrize("count", [None, 7])
def test_the_archive_is_asked_how_many_instances_it_holds(a_peer, count):
    """Number of Study Related Instances, or None where the archive does not say."""
    peer, _ = a_peer(count=count)

    assert count == study_instance_count(peer, SETTINGS, "1.2.3")


def test_dcmtk_receives_what_we_send(tmp_path):
    """DCMTK's storescp answers our C-ECHO and keeps the instance."""
    port, received = free_port(), tmp_path / "received"
    received.mkdir()
    command = [program("storescp", "dcmtk"), "-aet", "PEER", "-od", str(received), str(port)]
    with subprocess.Popen(command) as server:
        try:
            wait_until(lambda: listens(port), timeout_s=10, what="storescp listens")
            peer = Destination(ae_title="PEER", host="127.0.0.1", port=port)
            echo(peer, SETTINGS)
            path = a_file(tmp_path)
            (outcome,) = StoreSCU(peer, SETTINGS).send([read_outgoing(path)])
        finally:
            server.terminate()

    assert outcome.is_held
    (file,) = received.iterdir()
    assert dcmread(path).PixelData == dcmread(file).PixelData


@pytest.fixture
def a_compressed_picture(tmp_path):
    """A colour picture of ours in JPEG-LS, on disk."""
    ds = a_data_set(SOPClassUID="1.2.840.10008.5.1.4.1.1.7")
    row, column = np.mgrid[0:64, 0:48].astype(np.uint8)
    ds.set_pixel_data(np.stack([row, column, row ^ column], axis=2), "RGB", 8, generate_instance_uid=False)
    ds.compress(JPEGLSLossless, generate_instance_uid=False)
    dcmwrite(tmp_path / "picture.dcm", ds, enforce_file_format=True)
    return tmp_path / "picture.dcm"


@pytest.mark.parametrize(
    ("option", "syntax"),
    [
        (None, ExplicitVRLittleEndian),
        ("+xe", ExplicitVRLittleEndian),
        ("+xi", ImplicitVRLittleEndian),
        ("+xt", JPEGLSLossless),
    ],
)
def test_dcmtk_gets_a_compressed_picture_as_it_can(option, syntax, a_compressed_picture, tmp_path):
    """By default storescp takes only what is uncompressed: the same instance comes decoded, or as it is."""
    port, received = free_port(), tmp_path / "received"
    received.mkdir()
    command = [program("storescp", "dcmtk"), "-aet", "PEER", *([option] if option else []), "-od", str(received)]
    with subprocess.Popen([*command, str(port)]) as server:
        try:
            wait_until(lambda: listens(port), timeout_s=10, what="storescp listens")
            peer = Destination(ae_title="PEER", host="127.0.0.1", port=port)
            (outcome,) = StoreSCU(peer, SETTINGS).send([read_outgoing(a_compressed_picture)])
        finally:
            server.terminate()

    assert outcome.is_held
    (file,) = received.iterdir()
    sent, got = dcmread(a_compressed_picture), dcmread(file)
    assert syntax == got.file_meta.TransferSyntaxUID
    assert (sent.SOPInstanceUID, "RGB", 0) == (
        got.SOPInstanceUID,
        got.PhotometricInterpretation,
        got.PlanarConfiguration,
    )
    np.testing.assert_array_equal(sent.pixel_array, got.pixel_array)
