"""Tables of the conformance statement, from what the DICOM doors offer and accept."""

from __future__ import annotations

from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID, AllTransferSyntaxes
from pynetdicom.sop_class import _STORAGE_CLASSES, uid_to_sop_class

from dicomnode import __version__
from dicomnode.compose.common import Series
from dicomnode.compose.profiles import PROFILES
from dicomnode.dicom import codes
from dicomnode.dicom.uids import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dicomnode.records import CodedConcept
from dicomnode.send.query_retrieve import IMAGE_CLASSES, REPORT_CLASSES
from docs.generate.markdown import code, table


def implementation() -> str:
    """How the node identifies itself in association negotiation."""
    rows = [
        ("Version of dicomnode", __version__),
        ("Implementation Class UID", code(IMPLEMENTATION_CLASS_UID)),
        ("Implementation Version Name", code(IMPLEMENTATION_VERSION_NAME)),
    ]
    return table(("item", "value"), rows)


def received_classes() -> str:
    """Every Storage SOP class by name."""
    known = sorted((UID(uid).name, uid) for uid in _STORAGE_CLASSES.values())
    return table(("SOP class", "UID"), [(name, code(uid)) for name, uid in known])


def read_syntaxes() -> str:
    """Transfer syntaxes whose pixels can be decoded in this installation."""
    rows = [(syntax.name, code(syntax)) for syntax in map(UID, AllTransferSyntaxes) if _is_decoded(syntax)]
    return table(("transfer syntax", "UID"), rows)


def _is_decoded(syntax: UID) -> bool:
    try:
        return get_decoder(syntax).is_available
    except NotImplementedError:
        return False


def fetched_classes() -> str:
    """SOP classes that are fetched from an archive."""
    rows = [(uid_to_sop_class(uid).name, code(uid)) for uid in (*IMAGE_CLASSES, *REPORT_CLASSES)]
    return table(("SOP class", "UID"), rows)


def sent_classes() -> str:
    """Every kind of object that is made, and the profiles that get it."""
    rows = [
        (
            UID(one.sop_class_uid).name,
            code(one.sop_class_uid),
            one.modality,
            code(one.kind.value),
            ", ".join(profile.value for profile, kinds in PROFILES.items() if one.kind in kinds),
        )
        for one in Series
    ]
    return table(("SOP class", "UID", "modality", "role", "profiles that get it"), rows)


def coded_concepts() -> str:
    """Every coded concept that results use, but for languages and the findings of the bundles."""
    found = {
        concept
        for name, known in vars(codes).items()
        if name != "LANGUAGES"
        for concept in (known.values() if isinstance(known, dict) else [known])
        if isinstance(concept, CodedConcept)
    }
    rows = [(code(concept.value), concept.scheme, concept.meaning) for concept in found]
    return table(("code value", "scheme", "code meaning"), sorted(rows, key=lambda row: (row[1], row[2])))
