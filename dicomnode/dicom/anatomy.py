"""Which region of the body a header states, in whatever element, code or language it does.

The one table of the words and codes by which the default rules route. To add a language or a code: add it to `REGIONS`.

Words are compared without case and accents. A word that ends in `*` is the beginning of a word, one in a script without
blanks may stand anywhere. Codes: SNOMED CT as in PS3.16 CID 4 and CID 4031, and the SRT codes that they replaced.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from pydicom import Dataset

from dicomnode.dicom.elements import items, text, texts

_BETWEEN_WORDS = re.compile(r"(?:[^\w\u0900-\u097f]|[_\d])+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """How one region of the body is named."""

    body_parts: frozenset[str]
    """Values of Body Part Examined (0018,0015), PS3.16 Annex L and what devices write instead."""
    codes: frozenset[str]
    """Code Values of the anatomy."""
    words: tuple[str, ...]
    """Words of descriptions."""
    other: tuple[str, ...]
    """Words that look alike and name another region; they are taken out of a description before it is searched."""
    vetoes: tuple[str, ...] = ()
    """Words beside which `words` mean something else: the thoracic spine is named by the chest in many languages."""


_SPINE = (
    "spine", "spinal", "column*", "colun*", "colonn*", "rachis*", "*wirbel*", "bws", "hws", "lws", "vertebr*",
    "wervel*",
    "kregoslup*", "pozvonoc*", "позвоноч*", "rueckenmark", "脊柱", "胸椎", "颈椎", "頸椎", "العمود الفقري", "रीढ़",
)  # fmt: skip

REGIONS = {
    "chest": Region(
        body_parts=frozenset(
            ["CHEST", "THORAX", "LUNG", "LUNGS", "BRONCHUS", "CHESTABDOMEN", "CHEST_ABDOMEN", "TORAX", "TORACE",
             "POUMON", "THX", "CXR", "RIBCAGE"]
            + ["BRUSTKORB", "KLATKA PIERSIOWA", "CHEST PA", "CHEST AP", "CHEST LAT"]
        ),
        codes=frozenset(
            ["51185008", "T-D3000", "816094009", "43799004", "78904004", "T-D3050", "39607008", "T-28000",
             "955009", "T-26000"]
        ),
        words=(
            "chest*", "thorax*", "thorac*", "cxr", "lung", "lungs", "pulmo*", "thx",  # en, la
            "lunge", "lungen*", "brustkorb*",  # de
            "torax*", "pulmon*",  # es, pt
            "poumon*", "pulmonaire*",  # fr
            "torace*", "toracic*", "polmon*",  # it
            "borstkas*", "longen", "longfoto",  # nl
            "klatk*", "klp", "pluc*",  # pl
            "hrudnik*", "plic*", "hrudniku",  # cs, sk
            "lungor*", "lungrontgen", "brystkasse*", "rtg pluc",  # sv, da
            "грудн*", "легк*", "легких", "огк", "флг", "флюорограф*",  # ru
            "grudn*", "legk*", "ogk", "flg",  # ru in Latin letters
            "akciger*", "gogus*", "toraks*",  # tr
            "θωρακ*",  # el
            "胸部", "胸片", "胸正", "胸侧", "肺", "흉부", "폐", "صدر", "الرئ", "छाती", "फेफड़", "वक्ष",
        ),
        other=(
            "thoracic outlet",
            "胸骨", "грудная железа", "молочн*",
        ),
        vetoes=(*_SPINE, "*lumb*", "*lomb*"),
    ),
    "head": Region(
        body_parts=frozenset(
            ["HEAD", "BRAIN", "SKULL", "HEADNECK", "CRANIUM", "KOPF", "SCHAEDEL", "CRANE", "TETE", "CEREBRUM",
             "CRANIO", "CRANEO", "ENCEPHALON"]
            + ["GLOWA", "TESTA", "CABEZA", "HEAD NECK", "BRAIN W/O", "NEURO"]
        ),
        codes=frozenset(
            ["69536005", "T-D1100", "12738006", "T-A0100", "89546000", "T-11100", "774007", "T-D1000", "1101003"]
        ),
        words=(
            "head", "brain*", "skull*", "crani*", "cereb*", "intracran*", "neurocran*", "encephal*", "hct", "stroke*",
            "kopf*", "*schadel*", "*schaedel*", "cct", "hirn*", "gehirn*", "neurocranium",  # de
            "cabeza", "craneo*", "craneal*", "encefal*",  # es
            "cabeca", "cranio*", "cerebr*",  # pt
            "tete", "crane*", "cerveau", "encephal*", "cerebral*",  # fr
            "testa", "cranio*", "encefalo*", "cerebrale",  # it
            "hoofd", "hersen*", "schedel*",  # nl
            "glow*", "mozg*", "czaszk*",  # pl
            "hlav*", "mozk*", "mozog*", "lebk*",  # cs, sk
            "huvud*", "hjarn*", "hoved*", "hjerne*", "skalle*",  # sv, da, no
            "голов*", "мозг*", "череп*", "гм", "golov*", "cherep*",  # ru
            "beyin*", "kafa*", "kranial*",  # tr
            "κεφαλ*", "εγκεφαλ*", "κρανι*",  # el
            "头部", "头颅", "颅脑", "头", "脑", "頭部", "頭", "脳", "두부", "뇌", "رأس", "دماغ",
            "सिर", "मस्तिष्क",
        ),
        other=(
            "femoral head*", "humeral head*", "radial head*", "fibular head*", "metatarsal head*", "head of *",
            "overhead", "tete femor*", "tete humer*", "tete radial*", "cabeza femor*", "cabeza humer*",
            "cabeza radial*", "cabeca femor*", "cabeca do femur", "testa femor*", "testa del femore",
            "huftkopf*", "hueftkopf*", "femurkopf*", "humeruskopf*", "radiuskopf*", "glowa kosci*", "glowy kosci*",
            "heupkop*", "головк*", "股骨头", "肱骨头", "stroke volume*",
        ),
    ),
}  # fmt: skip
"""Regions by the name that `region` in a rule uses."""

_OTHER_BODY_PARTS = frozenset(
    [
        "ABDOMEN",
        "ABDOMENPELVIS",
        "ANKLE",
        "ARM",
        "AXILLA",
        "BLADDER",
        "BREAST",
        "BUTTOCK",
        "CALCANEUS",
        "CALF",
        "CLAVICLE",
        "COCCYX",
        "CSPINE",
        "CTSPINE",
        "ELBOW",
        "EXTREMITY",
        "EYE",
        "FEMUR",
        "FINGER",
        "FOOT",
        "FOREARM",
        "HAND",
        "HIP",
        "HUMERUS",
        "IAC",
        "JAW",
        "KIDNEY",
        "KNEE",
        "LEG",
        "LIVER",
        "LSPINE",
        "LSSPINE",
        "MANDIBLE",
        "MAXILLA",
        "NECK",
        "ORBIT",
        "PELVIS",
        "PROSTATE",
        "RIB",
        "SCAPULA",
        "SHOULDER",
        "SINUS",
        "SPINE",
        "SSPINE",
        "STERNUM",
        "TSPINE",
        "TLSPINE",
        "THIGH",
        "THUMB",
        "TMJ",
        "TOE",
        "UTERUS",
        "WRIST",
        "ZYGOMA",
    ]
)
"""Body parts that are stated clearly enough for nothing else to be asked."""

_CODED = ("AnatomicRegionSequence", "ViewCodeSequence", "ProcedureCodeSequence", "RequestedProcedureCodeSequence")
_OF_SERIES = ("SeriesDescription", "ProtocolName", "PerformedProcedureStepDescription")
_OF_STUDY = ("StudyDescription", "RequestedProcedureDescription")
ANATOMY_ELEMENTS = ("BodyPartExamined", *_CODED, *_OF_SERIES, *_OF_STUDY)
"""Elements that `region_of` looks at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What a header says of the region."""

    regions: frozenset[str]
    """Keys of `REGIONS`; empty: none that is known."""
    element: str
    """Element that decided; empty: none names a region."""
    seen: tuple[tuple[str, str], ...]
    """Elements that were looked at, each with its text."""


def region_of(ds: Dataset) -> Statement:
    """The region of the body that a header states.

    The more special element decides: Body Part Examined, then codes, then texts of the series, then those of the study.
    A study of chest and abdomen may so be told apart series by series.
    """
    seen: list[tuple[str, str]] = []
    for element, found in _statements(ds, seen):
        if found is not None:
            return Statement(regions=found, element=element, seen=tuple(seen))
    return Statement(regions=frozenset(), element="", seen=tuple(seen))


def _statements(ds: Dataset, seen: list[tuple[str, str]]) -> Iterator[tuple[str, frozenset[str] | None]]:
    """What each element says, in the order in which they count; None where it says nothing."""
    for value in texts(ds, "BodyPartExamined"):
        if value.strip():
            seen.append(("BodyPartExamined", value))
            yield "BodyPartExamined", _of_body_part(value)
    for element in _CODED:
        for code in items(ds, element):
            value, meaning = text(code, "CodeValue"), text(code, "CodeMeaning")
            seen.append((element, meaning or value))
            yield element, _of_code(value) or _named_in(meaning) or None
    for elements in (_OF_SERIES, _OF_STUDY):
        named: set[str] = set()
        for element in elements:
            if value := text(ds, element):
                seen.append((element, value))
                named |= _named_in(value)
        yield " and ".join(element for element in elements if text(ds, element)), frozenset(named) or None


def _of_body_part(value: str) -> frozenset[str] | None:
    """Regions of a Body Part Examined; empty where it is another part of the body, None where it says nothing."""
    wanted = re.sub(r"[^\w]+", " ", value.strip().upper())
    for spelled in (wanted, wanted.replace(" ", "")):
        found = frozenset(name for name, region in REGIONS.items() if spelled in region.body_parts)
        if found:
            return found
    if wanted.replace(" ", "") in _OTHER_BODY_PARTS:
        return frozenset()
    return _named_in(value) or None


def _of_code(value: str) -> frozenset[str]:
    return frozenset(name for name, region in REGIONS.items() if value in region.codes)


def _named_in(written: str) -> frozenset[str]:
    """Regions whose words a text holds."""
    plain = folded(written)
    return frozenset(name for name in REGIONS if _names(name, plain))


def _names(region: str, plain: str) -> bool:
    if REGIONS[region].vetoes and _pattern(region, "vetoes").search(plain):
        return False
    return _pattern(region, "words").search(_pattern(region, "other").sub(" ", plain)) is not None


def folded(written: str) -> str:
    """A text without case and accents, its words parted by single blanks."""
    apart = unicodedata.normalize("NFKD", written.casefold().replace("ł", "l").replace("ß", "ss").replace("ı", "i"))
    kept = "".join(c for c in apart if not unicodedata.combining(c) or _is_letter_of_word(c))
    words = _BETWEEN_WORDS.sub(" ", unicodedata.normalize("NFC", kept)).split()
    return f" {' '.join(words)} "


def _is_letter_of_word(mark: str) -> bool:
    """Vowel signs of Devanagari are marks, and part of the word."""
    return "\u0900" <= mark <= "\u097f"


@cache
def _pattern(region: str, kind: str) -> re.Pattern[str]:
    words: tuple[str, ...] = getattr(REGIONS[region], kind)
    return re.compile("|".join(_of_word(word) for word in words))


def _of_word(word: str) -> str:
    plain = folded(word.strip("*")).strip()
    if not plain.isascii() and not re.match("[\u0370-\u04ff]", plain):
        return re.escape(plain)  # scripts that write words together, or put articles before them
    begin = "" if word.startswith("*") else "(?<= )"
    return f"{begin}{re.escape(plain)}{'' if word.endswith('*') else '(?= )'}"
