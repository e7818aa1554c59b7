"""Documents for people."""

from __future__ import annotations

import pytest
from pydicom import Dataset

from dicomnode.dicom.document import document_html, document_text


def item(kind: str, name: str = "", relationship: str = "CONTAINS", **elements: object) -> Dataset:
    """One content item."""
    ds = Dataset()
    ds.ValueType = kind
    ds.RelationshipType = relationship
    if name:
        ds.ConceptNameCodeSequence = [Dataset()]
        ds.ConceptNameCodeSequence[0].CodeMeaning = name
    for keyword, value in elements.items():
        setattr(ds, keyword, value)
    return ds


@pytest.fixture
def a_document():
    """A report with a section, a number, context and a reference to an image."""
    unit, present = Dataset(), Dataset()
    unit.CodeValue = "%"
    present.CodeMeaning = "Present"
    measured = Dataset()
    measured.NumericValue = "93"
    measured.MeasurementUnitsCodeSequence = [unit]
    ds = item("CONTAINER", "Report")
    ds.PatientName = "Secret^Name"
    ds.SeriesDescription = "AI RESEARCH"
    ds.ContentSequence = [
        item("TEXT", "Observer", "HAS OBS CONTEXT", TextValue="a device"),
        item(
            "CONTAINER",
            "Findings",
            ContentSequence=[
                item("TEXT", "Finding", TextValue="<script>\u80ba & {x}</script>"),
                item("NUM", "Certainty", MeasuredValueSequence=[measured]),
                item("CODE", "Presence", ConceptCodeSequence=[present]),
                item("IMAGE"),
            ],
        ),
    ]
    return ds


def test_the_text_reads_in_order_and_ends_with_its_context(a_document):
    """Sections, values with units, then who observed; what has no words is left out, and so is the patient."""
    expected = [
        "Report (AI RESEARCH)", "", "Findings:", "  Finding: <script>\u80ba & {x}</script>", "  Certainty: 93 %",
        "  Presence: Present", "", "Observer: a device",
    ]  # fmt: skip

    assert expected == document_text(a_document).splitlines()


def test_the_page_escapes_what_the_model_wrote(a_document):
    """A drafted sentence cannot become markup, nor can a picture's address."""
    page = document_html(a_document, {"map": 'a".png'})

    assert "&lt;script&gt;\u80ba &amp; {x}&lt;/script&gt;" in page
    assert "<script>" not in page
    assert 'src="a&quot;.png"' in page
    assert "Secret" not in page
