"""Regions of the body in headers of many languages."""

from __future__ import annotations

from typing import get_args

import pytest
from pydicom import Dataset

from dicomnode.dicom.anatomy import REGIONS, region_of
from dicomnode.settings import Conditions


def a_header(**elements: object) -> Dataset:
    """A header with some elements."""
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    for keyword, value in elements.items():
        setattr(ds, keyword, value)
    return ds


def a_code(value: str, meaning: str = "") -> list[Dataset]:
    """A code sequence of one item."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "SCT", meaning
    return [item]


CHEST = (
    "CHEST PA", "Thorax p.a.", "Rx torax AP", "Tórax PA e perfil", "RX Torace 2P", "Radiographie pulmonaire",
    "Poumons face", "Lunge dorsoventral", "X-thorax", "Longfoto", "KLATKA PIERSIOWA PA", "Rtg płuc", "RTG hrudníku",
    "Lungröntgen", "Органы грудной клетки", "ОГК прямая", "Akciğer grafisi", "Θώρακος", "胸部正位", "胸片", "흉부 PA",
    "أشعة الصدر", "छाती का एक्स-रे", "CXR portable",
)  # fmt: skip
HEAD = (
    "CT HEAD W/O", "Brain^Routine", "Schädel nativ", "CCT", "Kopf nativ", "TC cráneo simple", "TC de encéfalo",
    "Tomografia de crânio", "Scanner cérébral", "Tête sans injection", "TC encefalo", "CT hersenen", "TK głowy",
    "Mózgowie", "CT mozku", "Hjärna", "КТ головного мозга", "Beyin BT", "头颅CT平扫", "頭部", "뇌 CT", "دماغ",
    "मस्तिष्क सीटी",
)  # fmt: skip
OTHER = (
    "Thoracic spine AP", "BWS ap", "Röntgen Brustwirbelsäule", "Rachis thoracique", "Columna torácica",
    "Colonna dorsale", "Kręgosłup piersiowy", "Грудной отдел позвоночника", "胸椎正侧位", "Femoral head", "Hüftkopf",
    "Tête fémorale", "Cabeza femoral", "ABDOMEN", "Long leg standing", "Handgelenk", "股骨头", "", "Overhead view",
)  # fmt: skip


@pytest.mark.parametrize("element", ["SeriesDescription", "StudyDescription", "ProtocolName"])
@pytest.mark.parametrize(
    ("said", "regions"),
    [*((one, {"chest"}) for one in CHEST), *((one, {"head"}) for one in HEAD), *((one, set()) for one in OTHER)],
)
def test_descriptions_of_many_languages(element, said, regions):
    """With or without accents and capitals; the spine and heads of bones are other regions."""
    for written in (said, said.upper(), said.lower()):
        assert regions == region_of(a_header(**{element: written})).regions, written


@pytest.mark.parametrize(
    ("elements", "regions"),
    [
        ({"BodyPartExamined": "CHEST"}, {"chest"}),
        ({"BodyPartExamined": "THORAX"}, {"chest"}),
        ({"BodyPartExamined": "LUNG"}, {"chest"}),
        ({"BodyPartExamined": "SKULL"}, {"head"}),
        ({"BodyPartExamined": "ABDOMEN", "StudyDescription": "Chest and abdomen"}, set()),
        ({"BodyPartExamined": "HIP", "StudyDescription": "Femoral head"}, set()),
        ({"BodyPartExamined": "UNKNOWN", "StudyDescription": "Chest"}, {"chest"}),
        ({"BodyPartExamined": "", "StudyDescription": "Chest"}, {"chest"}),
        ({"AnatomicRegionSequence": a_code("51185008")}, {"chest"}),
        ({"AnatomicRegionSequence": a_code("T-D3000")}, {"chest"}),
        ({"AnatomicRegionSequence": a_code("69536005")}, {"head"}),
        ({"AnatomicRegionSequence": a_code("T-A0100")}, {"head"}),
        ({"ProcedureCodeSequence": a_code("X1", "Röntgen Thorax")}, {"chest"}),
        ({"RequestedProcedureCodeSequence": a_code("X1", "CT Schädel")}, {"head"}),
        ({"RequestedProcedureDescription": "CT head"}, {"head"}),
        ({"SeriesDescription": "Thorax 1.0", "StudyDescription": "CT head and chest"}, {"chest"}),
        ({"SeriesDescription": "1.0 B70", "StudyDescription": "CT head and chest"}, {"head", "chest"}),
        ({}, set()),
    ],
)
def test_the_most_special_element_decides(elements, regions):
    """Body part, then codes, then the series, then the study: series of one study may be told apart."""
    assert regions == region_of(a_header(**elements)).regions


def test_rules_know_every_region():
    """What a rule may name is what the table holds."""
    (literal, *_) = get_args(Conditions.model_fields["region"].annotation)
    assert set(REGIONS) == set(get_args(literal))
