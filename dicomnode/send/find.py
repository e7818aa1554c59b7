"""Study Root Query SCU (PS3.4 Annex C): how many instances the archive holds."""

from __future__ import annotations

from pydicom import Dataset
from pynetdicom.presentation import build_context
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind

from dicomnode.dicom.elements import number
from dicomnode.send.association import associated
from dicomnode.settings import Destination, SendSettings

PENDING = (0xFF00, 0xFF01)
"""PS3.4 Table C.4-1: a match follows."""


def study_instance_count(peer: Destination, settings: SendSettings, study_instance_uid: str) -> int | None:
    """Number of Study Related Instances (0020,1208), None where the peer does not say.

    Raises
    ------
    PeerUnreachableError, PeerRefusedError
        If no association could be made.
    """
    query = Dataset()
    query.QueryRetrieveLevel = "STUDY"
    query.StudyInstanceUID = study_instance_uid
    query.NumberOfStudyRelatedInstances = None
    model = StudyRootQueryRetrieveInformationModelFind
    with associated(peer, settings, [build_context(model)]) as assoc:
        for status, match in assoc.send_c_find(query, model):
            if status.get("Status") in PENDING and match is not None:
                count = number(match, "NumberOfStudyRelatedInstances")
                return int(count) if count is not None and count >= 0 else None
    return None
