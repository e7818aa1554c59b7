"""Whether a contrast agent was in the vessels (PS3.3 C.7.6.4), as far as a header says."""

from __future__ import annotations

import re

from pydicom import Dataset

from dicomnode.dicom.elements import functional_group, items, number, text
from dicomnode.records import Contrast

_NONE = re.compile(
    r"NIL|NA|N/A|N|0|NATIVE?|NATIV|UNENHANCED|NEGATIVE|WITHOUT.*|W/?O.*|NOT .*|NONE\b.*|NON?\b(?![- ]?I[OÓ]NI).*|"
    r"NON?[- ]?CONTRAST.*|OHNE.*|KEIN.*|NICHT.*|SANS.*|PAS DE.*|AUCUN.*|SIN\b.*|NING[UÚ]N.*|SEM\b.*|NENHUM.*|"
    r"SENZA.*|NESSUN.*|[无無未不].*|平扫|بدون.*|لا يوجد.*|नहीं|कोई नहीं|बिना.*"
)
"""Words for no agent where an agent should be named, in the languages of the node and some more."""
_UNTOLD = re.compile(
    r"\W*|UNKNOWN|UNBEKANNT|INCONNUE?|DESCONOCID[OA]|DESCONHECID[OA]|UNSPECIFIED|未知|不详|不明|غير معروف|अज्ञात"
)
"""Words that say nothing of an agent."""
_ENTERIC = ("ORAL", "RECTAL", "PO", "PR", "PER OS", "ENTERAL", "ENEMA")
_WITHOUT = re.compile(
    r"\b(?:W/?O|WITHOUT|NATIVE?|NATIV\w*|OHNE|SANS|SIN|SEM|SENZA|NON?[- ]?CON\w*|UNENHANCED|PLAIN|PRE|NCCT|NECT)\b|\bC-"
)
_WITH = re.compile(
    r"C\+|\+ ?C\b|\b(?:CE|CECT|CTA|CTPA|CTV|POST|CONTRAST|CON CONTRASTE|KM|IV|ANGIO\w*|ARTERI\w*|VENOUS|VENOS\w*|"
    r"PORTAL|ENHANCED|DELAYED|IOPAMIDOL|IOHEXOL|OMNIPAQUE|ULTRAVIST|VISIPAQUE)\b"
)


def contrast_of(ds: Dataset, frame_number: int) -> Contrast:
    """Whether a frame shows a contrast agent in the vessels; what was swallowed does not count.

    Descriptions are weak evidence: they are looked at where no element says anything.
    """
    usage = functional_group(ds, frame_number, "ContrastBolusUsageSequence")
    if usage is not None:
        administered = text(usage, "ContrastBolusAgentAdministered").upper()
        if administered:
            return Contrast.GIVEN if administered == "YES" else Contrast.NATIVE
    agent = text(ds, "ContrastBolusAgent").upper()
    if _UNTOLD.fullmatch(agent):
        agent = ""
    if agent and _NONE.fullmatch(agent):
        return Contrast.NATIVE
    told = (
        bool(agent)
        or bool(items(ds, "ContrastBolusAgentSequence"))
        or bool(text(ds, "ContrastBolusStartTime"))
        or (number(ds, "ContrastBolusVolume") or 0) > 0
    )
    if told:
        return Contrast.NATIVE if text(ds, "ContrastBolusRoute").upper() in _ENTERIC else Contrast.GIVEN
    return _hinted(ds)


def _hinted(ds: Dataset) -> Contrast:
    for keyword in ("SeriesDescription", "ProtocolName"):
        said = " ".join(re.sub(r"[_.,;()]+", " ", text(ds, keyword).upper()).split())
        if _WITHOUT.search(said):
            return Contrast.UNKNOWN
        if _WITH.search(said):
            return Contrast.SUSPECTED
    return Contrast.UNKNOWN
