"""An archive that takes too long, or says no, does not hold a study up."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from helpers import a_data_set
from pydicom import Dataset
from pynetdicom import AE, evt
from pynetdicom.sop_class import (
    ComputedRadiographyImageStorage,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)

from dicomnode.errors import PeerRefusedError, PeerUnreachableError
from dicomnode.records import Patient, SeriesSummary
from dicomnode.send.archive import Fetched
from dicomnode.send.deadline import Deadline
from dicomnode.send.query_retrieve import QueryRetrieveSCU
from dicomnode.settings import Destination, SendSettings

SERIES = SeriesSummary(series_instance_uid="1.2.3.1", modality="CR", body_part="", instances=None)
PATIENT = Patient(patient_id="SYN-1")


@pytest.fixture
def an_archive() -> Iterator[Callable[..., QueryRetrieveSCU]]:
    """Start an archive that answers by the given handlers, and return what asks it."""
    servers = []

    def start(*handlers: tuple, by_get: bool = True) -> QueryRetrieveSCU:
        ae = AE(ae_title="PACS")
        for model in (
            StudyRootQueryRetrieveInformationModelFind,
            StudyRootQueryRetrieveInformationModelGet,
            StudyRootQueryRetrieveInformationModelMove,
        ):
            ae.add_supported_context(model)
        ae.add_supported_context(ComputedRadiographyImageStorage, scu_role=True, scp_role=True)
        servers.append(ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=list(handlers)))
        peer = Destination(ae_title="PACS", host="127.0.0.1", port=servers[-1].server_address[1])
        return QueryRetrieveSCU(peer, SendSettings(), "NODE", by_get=by_get)

    yield start
    for server in servers:
        server.shutdown()


def dripping(event) -> Iterator:
    """Two hundred films, ten a second."""
    yield 200
    for _ in range(200):
        time.sleep(0.1)
        yield 0xFF00, a_data_set()


def test_a_retrieval_that_drips_ends_with_the_limit(an_archive):
    """What has come until then is kept; the rest is not waited for."""
    kept: list[Fetched] = []
    scu = an_archive((evt.EVT_C_GET, dripping))
    started = time.monotonic()

    with pytest.raises(PeerUnreachableError):
        scu.fetch("1.2.3", [SERIES], lambda one: not kept.append(one), Deadline(1))

    assert time.monotonic() - started < 8
    assert 0 < len(kept) < 50


def test_films_that_come_by_c_get_are_whole_files(an_archive):
    """What is handed on can be kept as it is."""
    ds = a_data_set()
    kept: list[Fetched] = []

    def give(event) -> Iterator:
        yield 1
        yield 0xFF00, ds

    an_archive((evt.EVT_C_GET, give)).fetch("1.2.3", [SERIES], lambda one: not kept.append(one), Deadline(20))

    (one,) = kept
    assert (ds.SOPInstanceUID, b"DICM") == (one.sop_instance_uid, one.encoded[128:132])


@pytest.mark.parametrize("by_get", [True, False])
def test_a_refused_retrieval_has_a_name(an_archive, by_get):
    """The status of the archive is in the message."""

    def refuse_get(event) -> Iterator:
        yield 1
        yield 0xA701, None

    def refuse_move(event) -> Iterator:
        yield None, None  # the destination is unknown

    scu = an_archive((evt.EVT_C_GET, refuse_get), (evt.EVT_C_MOVE, refuse_move), by_get=by_get)
    match = "0xA701" if by_get else "does not know NODE: configure the AE title, address and port"
    with pytest.raises(PeerRefusedError, match=match):
        scu.fetch("1.2.3", [SERIES], lambda _: True, Deadline(20))


@pytest.mark.parametrize("status", [0xA700, 0xA900, 0xC000])
def test_a_refused_search_has_a_name(an_archive, status):
    """A failure is not taken for "no earlier study"."""
    scu = an_archive((evt.EVT_C_FIND, lambda _event: iter([(status, None)])))
    with pytest.raises(PeerRefusedError, match=f"0x{status:04X}"):
        scu.studies(PATIENT, Deadline(20))


def test_a_search_with_endless_answers_ends_with_the_limit(an_archive):
    """Matches that never end are not read for ever."""

    def endless(event) -> Iterator:
        while not event.is_cancelled:
            time.sleep(0.02)
            match = Dataset()
            match.QueryRetrieveLevel, match.StudyInstanceUID = "STUDY", "1.2.3"
            yield 0xFF00, match

    with pytest.raises(PeerUnreachableError, match="took too long"):
        an_archive((evt.EVT_C_FIND, endless)).studies(PATIENT, Deadline(1))


def test_what_an_archive_says_of_a_study_is_read(an_archive):
    """Answers that lack elements are answers too."""

    def answer(event) -> Iterator:
        match = Dataset()
        match.QueryRetrieveLevel, match.StudyInstanceUID = "STUDY", "1.2.3"
        match.ModalitiesInStudy = ["CR", "SR"]
        yield 0xFF00, match

    (study,) = an_archive((evt.EVT_C_FIND, answer)).studies(PATIENT, Deadline(20))
    assert ("1.2.3", ("CR", "SR"), None) == (study.study_instance_uid, study.modalities, study.study_date)
