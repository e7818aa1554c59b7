"""Query/Retrieve SCU, Study Root (PS3.4 Annex C): C-FIND, and C-MOVE or C-GET."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from pydicom import Dataset
from pydicom.uid import (
    JPEG2000,
    UID,
    BasicTextSRStorage,
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    ComputedRadiographyImageStorage,
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    DigitalXRayImageStorageForPresentation,
    EnhancedCTImageStorage,
    EnhancedSRStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    LegacyConvertedEnhancedCTImageStorage,
    RLELossless,
)
from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.events import Event
from pynetdicom.pdu_primitives import SCP_SCU_RoleSelectionNegotiation
from pynetdicom.presentation import PresentationContext, build_context, build_role
from pynetdicom.sop_class import (
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)
from pynetdicom.status import code_to_category

from dicomnode.dicom.patient import series_summary, summary_of
from dicomnode.errors import PeerRefusedError, PeerUnreachableError
from dicomnode.records import Patient, SeriesSummary, StoreStatus, StudySummary
from dicomnode.send.archive import Fetched, Keep
from dicomnode.send.association import associated
from dicomnode.send.deadline import Deadline
from dicomnode.settings import Destination, SendSettings

IMAGE_CLASSES = (
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    CTImageStorage,
    EnhancedCTImageStorage,
    LegacyConvertedEnhancedCTImageStorage,
)
REPORT_CLASSES = (BasicTextSRStorage, EnhancedSRStorage, ComprehensiveSRStorage, Comprehensive3DSRStorage)
_COMPRESSED = (
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    JPEG2000Lossless,
    JPEG2000,
    RLELossless,
)
_PLAIN = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
_UNKNOWN_DESTINATION = 0xA801
"""PS3.4 Table C.4-2."""

_RETURNED = (
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "ModalitiesInStudy",
    "AccessionNumber",
    "StudyDescription",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
)
"""What an answer at study level is to tell, beside the Patient ID."""


class QueryRetrieveSCU:
    """Searches one archive and fetches from it.

    Does: ask for the studies of a Patient ID, for the series of a study, and for whole series.
    Does not: try again, judge what it finds.

    Parameters
    ----------
    receiver_ae_title
        AE title of our Storage SCP, the destination of C-MOVE.
    by_get
        Fetch by C-GET instead, over the association that asks.
    """

    def __init__(self, peer: Destination, settings: SendSettings, receiver_ae_title: str, *, by_get: bool) -> None:
        self._peer = peer
        self._settings = settings
        self._receiver_ae_title = receiver_ae_title
        self._by_get = by_get

    def studies(self, patient: Patient, deadline: Deadline) -> list[StudySummary]:
        """All studies under a Patient ID.

        The archive may take `*` and `?` in the number for wildcards, so its answers must be looked at.
        """
        query = Dataset()
        query.SpecificCharacterSet = "ISO_IR 192"
        query.QueryRetrieveLevel = "STUDY"
        query.PatientID = patient.patient_id
        for keyword in _RETURNED:
            setattr(query, keyword, None)
        return [summary_of([match]) for match in self._matches(query, deadline)]

    def series(self, study_instance_uid: str, deadline: Deadline) -> list[SeriesSummary]:
        """All series of a study."""
        query = Dataset()
        query.QueryRetrieveLevel = "SERIES"
        query.StudyInstanceUID = study_instance_uid
        for keyword in ("SeriesInstanceUID", "Modality", "BodyPartExamined", "NumberOfSeriesRelatedInstances"):
            setattr(query, keyword, None)
        return [series_summary(match) for match in self._matches(query, deadline)]

    def fetch(self, study_instance_uid: str, series: Sequence[SeriesSummary], keep: Keep, deadline: Deadline) -> None:
        """Fetch whole series, by C-MOVE to our receiver, which keeps them itself, or by C-GET."""
        for one in series:
            wanted = Dataset()
            wanted.QueryRetrieveLevel = "SERIES"
            wanted.StudyInstanceUID = study_instance_uid
            wanted.SeriesInstanceUID = one.series_instance_uid
            deadline.check(self._peer.ae_title)
            if self._by_get:
                self._get(wanted, keep, deadline)
            else:
                self._move(wanted, deadline)

    def _matches(self, query: Dataset, deadline: Deadline) -> list[Dataset]:
        model = StudyRootQueryRetrieveInformationModelFind
        deadline.check(self._peer.ae_title)
        settings = deadline.within(self._settings)
        with associated(self._peer, settings, [build_context(model)]) as assoc:
            matches = []
            for status, match in assoc.send_c_find(query, model):
                if self._is_pending(status, "C-FIND") and match is not None:
                    matches.append(match)
                self._stop_when_over(assoc, model, deadline)
        return matches

    def _move(self, wanted: Dataset, deadline: Deadline) -> None:
        model = StudyRootQueryRetrieveInformationModelMove
        with associated(self._peer, deadline.within(self._settings), [build_context(model)]) as assoc:
            for status, _ in assoc.send_c_move(wanted, self._receiver_ae_title, model):
                if status.get("Status") == _UNKNOWN_DESTINATION:
                    raise PeerRefusedError(
                        f"{self._peer.ae_title} does not know {self._receiver_ae_title}: "
                        "configure the AE title, address and port of this node's receiver there"
                    )
                self._is_pending(status, "C-MOVE")
                self._stop_when_over(assoc, model, deadline)

    def _get(self, wanted: Dataset, keep: Keep, deadline: Deadline) -> None:
        model = StudyRootQueryRetrieveInformationModelGet
        contexts = [build_context(model), *_storage_contexts()]
        roles: list[SCP_SCU_RoleSelectionNegotiation] = [
            build_role(sop_class, scp_role=True) for sop_class in (*IMAGE_CLASSES, *REPORT_CLASSES)
        ]
        on_store = (evt.EVT_C_STORE, partial(_on_c_store, keep=keep, deadline=deadline))
        settings = deadline.within(self._settings)
        with associated(self._peer, settings, contexts, roles=roles, handlers=[on_store]) as assoc:
            for status, _ in assoc.send_c_get(wanted, model):
                self._is_pending(status, "C-GET")
                self._stop_when_over(assoc, model, deadline)

    def _is_pending(self, status: Dataset, what: str) -> bool:
        """Whether more follows; a warning ends as success does: some came, which is better than none."""
        if "Status" not in status:
            raise PeerUnreachableError(f"{self._peer.ae_title} did not answer the {what} in time")
        category = code_to_category(status.Status)
        if category in ("Failure", "Cancel", "Unknown"):
            raise PeerRefusedError(f"{self._peer.ae_title} answered the {what} with status 0x{status.Status:04X}")
        return bool(category == "Pending")

    def _stop_when_over(self, assoc: Association, model: UID, deadline: Deadline) -> None:
        if deadline.is_over and assoc.is_established:
            assoc.send_c_cancel(1, query_model=model)
            assoc.abort()
            deadline.check(self._peer.ae_title)


def _storage_contexts() -> Iterator[PresentationContext]:
    """One context for every syntax of an image: a peer picks one syntax of each, and should send what it has."""
    for sop_class in IMAGE_CLASSES:
        yield build_context(sop_class, list(_PLAIN))
        yield from (build_context(sop_class, [syntax]) for syntax in _COMPRESSED)
    for sop_class in REPORT_CLASSES:
        yield build_context(sop_class, [*_PLAIN, DeflatedExplicitVRLittleEndian])


def _on_c_store(event: Event, keep: Keep, deadline: Deadline) -> int:
    """Answer one C-STORE sub-operation of a C-GET."""
    if deadline.is_over:
        event.assoc.send_c_cancel(1, query_model=StudyRootQueryRetrieveInformationModelGet)
        return int(StoreStatus.OUT_OF_RESOURCES)
    request: Any = event.request
    fetched = Fetched(
        sop_class_uid=str(request.AffectedSOPClassUID),
        sop_instance_uid=str(request.AffectedSOPInstanceUID),
        transfer_syntax_uid=str(event.context.transfer_syntax),
        encoded=event.encoded_dataset(),
    )
    return int(StoreStatus.SUCCESS if keep(fetched) else StoreStatus.DATA_SET_MISMATCH)
