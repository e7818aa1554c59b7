"""Which SOP classes the receiver takes."""

from __future__ import annotations

from pydicom.uid import UID
from pynetdicom.service_class import ServiceClass, StorageServiceClass
from pynetdicom.sop_class import uid_to_service_class

_DICOM_ROOT = "1.2.840.10008."
_COMPOSITE_STORAGE = "1.2.840.10008.5.1.4.1.1."
"""All storage classes of patients' objects since 1993 lie here (PS3.4 B.5)."""


def is_storage(sop_class_uid: str) -> bool:
    """Whether instances of a SOP class are stored by C-STORE and belong to a study (PS3.4 Annex B).

    Private classes count as storage: nothing tells what a private UID stands for, vendors use them for images and raw
    data, and an image refused is lost while a message of another service is answered with a status. The same holds for
    classes newer than this release's tables, where they lie among the storage classes.
    Retired storage classes count too: archives still send them.
    """
    uid = UID(sop_class_uid)
    if not uid.startswith(_DICOM_ROOT):
        return True
    if uid.type not in ("SOP Class", ""):  # a service class, a meta SOP class, a transfer syntax ...
        return False
    service = uid_to_service_class(uid)
    if service is not ServiceClass:
        return service is StorageServiceClass
    if uid.name == uid:  # in no table
        return uid.startswith(_COMPOSITE_STORAGE)
    return uid.startswith(_COMPOSITE_STORAGE) or _is_called_storage(uid)


def _is_called_storage(uid: UID) -> bool:
    """Whether the standard's name says so: "Stored Print Storage SOP Class", "RT ... Storage - Trial"."""
    name = uid.name.removesuffix(" (Retired)").removesuffix(" SOP Class").removesuffix(" - Trial")
    return name.endswith(" Storage") and name != "Media Storage Directory Storage"
