"""Earlier studies are found at Orthanc and fetched from it, over DIMSE and over DICOMweb."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from helpers import ROOT, free_port, wait_until
from interop.peers import Orthanc, dcmsend, orthanc
from pydicom import dcmread
from service_process import service

from dicomnode.dicom.patient import patient_of, summary_of
from dicomnode.errors import PeerRefusedError, PeerUnreachableError
from dicomnode.node.rooms import admission
from dicomnode.priors.search import Patience, PriorSearch
from dicomnode.receive.scp import StorageSCP
from dicomnode.records import JobState, Patient
from dicomnode.send.deadline import Deadline
from dicomnode.send.dicomweb import DicomWebUserAgent, parts
from dicomnode.send.query_retrieve import QueryRetrieveSCU
from dicomnode.settings import Destination, PriorsSettings, SendSettings

EARLIER = ROOT / "sample_dicom" / "chest-earlier" / "DX001.dcm"
FILM = ROOT / "sample_dicom" / "chest-opacity" / "DX001.dcm"
WAYS = ("c-move", "c-get", "dicomweb")


@pytest.fixture
def an_archive(tmp_path: Path) -> Iterator[Orthanc]:
    """An Orthanc that routes nothing by itself: it would race with what a test fetches."""
    folder = tmp_path / "archive"
    folder.mkdir()
    with orthanc(folder, LuaScripts=[]) as running:
        yield running


@pytest.fixture
def a_search(an_archive: Orthanc, some_settings, some_stores) -> Iterator:
    """Build a search at Orthanc, which holds all samples, with a receiver beside it."""
    assert 0 == dcmsend(an_archive.destination, ROOT / "sample_dicom").returncode
    started: list[StorageSCP] = []

    def build(way: str, **changes: object) -> PriorSearch:
        receive = some_settings.receive.model_copy(update={"port": free_port(), "ae_title": "NODE"})
        settings = some_settings.model_copy(
            update={
                "receive": receive,
                "send": SendSettings(ae_title="NODE", destinations={"pacs": an_archive.destination}),
                "priors": _priors(an_archive, way, **changes),
            }
        )
        door = admission(settings, some_stores)
        scp = StorageSCP(receive, door)
        started.append(scp)
        an_archive.register(Destination(ae_title="NODE", host="127.0.0.1", port=scp.start()))
        return PriorSearch(settings, some_stores.instances, some_stores.requests, door.admit)

    yield build
    for scp in started:
        scp.stop()


def _priors(peer: Orthanc, way: str, **changes: object) -> PriorsSettings:
    if way == "dicomweb":
        return PriorsSettings(dicomweb=f"http://127.0.0.1:{peer.http_port}/dicom-web", **changes)
    return PriorsSettings(archive="pacs", retrieve=way, **changes)


def patience() -> Patience:
    """Enough for a slow machine."""
    return Patience(deadline=Deadline(30), attempts=1)


@pytest.mark.parametrize("way", WAYS)
def test_an_earlier_film_is_found_and_fetched(a_search, some_stores, way):
    """Whatever the way: its pixels are those that were sent, it starts no job, and is not fetched twice."""
    search, current = a_search(way), summary_of([dcmread(FILM)])

    found = search.find(current, patience())
    assert "" == found.failure
    (candidate,) = found.usable
    earlier = dcmread(EARLIER)
    assert (earlier.StudyInstanceUID, False, True) == (
        candidate.study.study_instance_uid,
        candidate.is_kept,
        candidate.is_at_archive,
    )
    search.fetch(current, candidate, patience())
    search.fetch(current, candidate, patience())

    (kept,) = some_stores.instances.known_of_study(earlier.StudyInstanceUID)
    assert kept.key.is_prior
    assert [] == list(some_stores.instances.waiting())
    assert (earlier.pixel_array == dcmread(kept.path).pixel_array).all()
    assert search.find(current, patience()).usable[0].is_kept


@pytest.mark.parametrize("way", WAYS)
def test_a_volume_is_fetched_whole(a_search, some_stores, way):
    """Every slice of a compressed CT comes, none of them decoded on the way."""
    files = sorted((ROOT / "sample_dicom" / "head-ct-bleed").glob("*.dcm"))
    later = dcmread(files[0], stop_before_pixels=True)
    later.StudyInstanceUID, later.StudyDate = "1.2.3", "20260201"
    search, current = a_search(way), summary_of([later])

    (candidate,) = search.find(current, patience()).usable
    search.fetch(current, candidate, patience())

    kept = some_stores.instances.known_of_study(candidate.study.study_instance_uid)
    assert {dcmread(path).SOPInstanceUID for path in files} == {one.key.sop_instance_uid for one in kept}
    assert all((dcmread(path).pixel_array == dcmread(_of(kept, path)).pixel_array).all() for path in files[:2])


def _of(kept, path: Path) -> Path:
    uid = dcmread(path, stop_before_pixels=True).SOPInstanceUID
    return next(one.path for one in kept if one.key.sop_instance_uid == uid)


@pytest.mark.parametrize("way", WAYS)
def test_what_is_another_patients_is_not_kept(a_search, some_stores, way):
    """The archive has filed a film of somebody else in the study: nothing of it reaches the store."""
    search, current = a_search(way), summary_of([dcmread(FILM)])
    (candidate,) = search.find(current, patience()).usable
    somebody = replace(current, patient=Patient(patient_id="SOMEBODY-ELSE"))
    with suppress(PeerRefusedError):  # an archive may call a C-MOVE failed of which every instance was refused
        search.fetch(somebody, candidate, patience())

    assert [] == some_stores.instances.known_of_study(candidate.study.study_instance_uid)


@pytest.mark.parametrize("way", WAYS)
def test_a_number_with_wildcards_finds_only_itself(a_search, way):
    """`SYNTHETIC-*` matches every sample in a C-FIND, but names none of their patients."""
    ds = dcmread(FILM, stop_before_pixels=True)
    ds.PatientID, ds.StudyInstanceUID = "SYNTHETIC-CHEST-*", "1.2.3"
    search = a_search(way).find(summary_of([ds]), patience())

    assert [] == search.usable
    assert {"it may be of another patient: Patient ID"} >= {one.why_not for one in search.candidates}


def test_an_archive_that_does_not_know_our_receiver_says_so(an_orthanc, some_settings, some_stores):
    """A C-MOVE to an AE title that the archive was not told of fails with what is to be done."""
    an_orthanc.upload(EARLIER)
    peer = an_orthanc.destination
    an_orthanc.register(Destination(ae_title="OTHER", host="127.0.0.1", port=free_port()))
    scu = QueryRetrieveSCU(peer, SendSettings(ae_title="OTHER"), "NOBODY", by_get=False)
    study = dcmread(EARLIER).StudyInstanceUID
    series = scu.series(study, Deadline(20))

    with pytest.raises(PeerRefusedError, match="NOBODY|C-MOVE"):
        scu.fetch(study, series, lambda _: True, Deadline(20))


@pytest.mark.parametrize("way", WAYS)
def test_the_service_compares_with_what_it_fetches(an_orthanc, tmp_path, way):
    """Orthanc routes a film to the node, which fetches the earlier one, compares and reads only the film."""
    port = an_orthanc.http_port
    text = (
        f'dicomweb = "http://127.0.0.1:{port}/dicom-web"'
        if way == "dicomweb"
        else f'archive = "pacs"\nretrieve = "{way}"'
    )
    with service(tmp_path / "node", destination=an_orthanc.destination, extra=f"[priors]\n{text}\n") as node:
        an_orthanc.upload(EARLIER)
        wait_until(lambda: _rests(an_orthanc), timeout_s=30, what="the earlier study is at rest")
        node.start()
        an_orthanc.register(node.peer)
        assert all(node.send(FILM))
        (job,) = node.wait_for_jobs(timeout_s=90)

        assert JobState.COMPLETED == job["state"]
        compared = [event for event in node.events() if event["event"] == "compared"]
        assert [dcmread(EARLIER).StudyInstanceUID] == [event["prior"] for event in compared]
        stores = node.stores()
        assert [job["id"]] == [one["id"] for one in stores.jobs.list()]
        stores.engine.dispose()
        assert "SYNTHETIC-CHEST" not in node.log_text
        ports = (an_orthanc.destination.port, an_orthanc.http_port)
        assert {str(("127.0.0.1", port)) for port in ports} >= {*node.connect_log.read_text().splitlines()}


def _rests(peer: Orthanc) -> bool:
    return all(peer.get(f"/studies/{study}")["IsStable"] for study in peer.get("/studies"))


@pytest.mark.parametrize("way", ["archive", "dicomweb"])
def test_an_archive_that_only_listens_is_left_after_the_limit(way):
    """One that accepts the connection and says nothing does not hold a study up."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        archive = _archive(way, port)
        started = time.monotonic()
        with pytest.raises(PeerUnreachableError):
            archive.studies(patient_of(dcmread(FILM)), Deadline(1))

    assert time.monotonic() - started < 10


def test_a_web_archive_that_drips_is_left_after_the_limit():
    """A byte now and then keeps no study waiting."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        threading.Thread(target=_drip, args=(listener,), daemon=True).start()
        with pytest.raises(PeerUnreachableError):
            _archive("dicomweb", listener.getsockname()[1]).studies(patient_of(dcmread(FILM)), Deadline(1))


def _archive(way: str, port: int):
    if way == "dicomweb":
        return DicomWebUserAgent(f"http://127.0.0.1:{port}/dicom-web")
    peer = Destination(ae_title="PACS", host="127.0.0.1", port=port)
    return QueryRetrieveSCU(peer, SendSettings(), "NODE", by_get=True)


def _drip(listener: socket.socket) -> None:
    """Answer with a body that never ends."""
    connection, _ = listener.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/dicom+json\r\nContent-Length: 9999\r\n\r\n")
        try:
            for _ in range(200):
                connection.sendall(b" ")
                time.sleep(0.05)
        except OSError:
            return


@pytest.mark.parametrize("way", ["archive", "dicomweb"])
def test_nothing_is_asked_once_the_time_is_over(way):
    """The limit is checked before a connection is made."""
    with pytest.raises(PeerUnreachableError, match="took too long"):
        _archive(way, free_port()).studies(Patient(patient_id="P"), Deadline(0))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"--b\r\nContent-Type: application/dicom\r\n\r\nDICM\r\n\x00--bin\r\n--b--\r\n", [b"DICM\r\n\x00--bin"]),
        (b"preamble\r\n--b\r\n\r\none\r\n--b\r\nX: y\r\n\r\ntwo\r\n--b--epilogue", [b"one", b"two"]),
        (b"--b--", []),
        (b"", []),
    ],
)
def test_a_multipart_answer_is_taken_apart_byte_for_byte(body, expected):
    """Line ends and dashes inside a part are its own."""
    assert expected == list(parts(body, "b"))
