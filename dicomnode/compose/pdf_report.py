"""The report as an Encapsulated PDF, for viewers that show documents."""

from __future__ import annotations

from collections.abc import Iterator

from fpdf import FPDF
from fpdf.enums import Align, XPos, YPos
from fpdf.errors import FPDFException
from pydicom import Dataset

from dicomnode.compose.common import Series, code_item, common_attributes
from dicomnode.compose.page import Page, Style, page_of
from dicomnode.compose.request import Composed, ComposeRequest
from dicomnode.compose.texts import long_string
from dicomnode.compose.typeface import runs_from_right
from dicomnode.dicom import codes
from dicomnode.dicom.elements import text

MARGIN_MM = 18
_POINTS = {
    Style.BANNER: 16,
    Style.TITLE: 16,
    Style.WARNING: 10,
    Style.HEADING: 12,
    Style.BODY: 11,
    Style.SMALL: 8,
}
_ALARM, _INK, _GREY = (178, 24, 24), (20, 20, 20), (110, 110, 110)
_INKS = {Style.BANNER: _ALARM, Style.WARNING: _ALARM, Style.SMALL: _GREY}


def pdf_reports(request: ComposeRequest) -> Iterator[Composed]:
    """Compose the page in the house's language (PS3.3 A.45.1), or in English with a remark where a font is missing."""
    page = page_of(request)
    ds = common_attributes(request, Series.PDF, "pdf", language=page.language)
    ds.ConversionType = "WSD"
    ds.BurnedInAnnotation = "YES"
    ds.RecognizableVisualFeatures = "NO"
    ds.AcquisitionDateTime = ""
    ds.DocumentTitle = long_string(next(line.text for line in page.lines if line.style is Style.TITLE), 1024)
    ds.ConceptNameCodeSequence = [code_item(codes.DIAGNOSTIC_IMAGING_REPORT)]
    ds.MIMETypeOfEncapsulatedDocument = "application/pdf"
    sources = [_reference(source) for source in request.sources if text(source, "SOPInstanceUID")]
    if sources:
        ds.SourceInstanceSequence = sources
    document = printed(page, request)
    ds.EncapsulatedDocument = document + b"\0" * (len(document) % 2)
    ds.EncapsulatedDocumentLength = len(document)
    yield Composed(role="pdf", dataset=ds)


def printed(page: Page, request: ComposeRequest) -> bytes:
    """The page as PDF with its letters embedded; the same bytes for the same page.

    Raises
    ------
    ValueError
        If the library cannot lay it out.
    """
    try:
        return _printed(page, request)
    except FPDFException as error:
        raise ValueError("the page cannot be laid out as a PDF") from error


def _printed(page: Page, request: ComposeRequest) -> bytes:
    pdf = _Document(format="A4")
    pdf.set_creation_date(request.started_at)
    pdf.set_producer("dicomnode")
    pdf.set_title(next(line.text for line in page.lines if line.style is Style.TITLE))
    pdf.set_lang(page.language)
    pdf.set_margin(MARGIN_MM)
    pdf.set_auto_page_break(auto=True, margin=MARGIN_MM)
    pdf.add_page()
    pdf.add_font("report", fname=page.font)
    align = Align.R if page.is_right_to_left else Align.L
    for style, line in page.lines:
        points = _POINTS[style]
        pdf.set_font("report", size=points)
        pdf.set_text_shaping(use_shaping_engine=True, direction="rtl" if runs_from_right(line) else "ltr")
        pdf.set_text_color(*_INKS.get(style, _INK))
        pdf.multi_cell(0, points * 0.5, line, align=align, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        pdf.ln(points * 0.12)
    return bytes(pdf.output())


class _Document(FPDF):
    """A PDF without the random identifier, so that composing twice gives the same bytes."""

    def file_id(self) -> None:
        return None


def _reference(source: Dataset) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = text(source, "SOPClassUID")
    item.ReferencedSOPInstanceUID = text(source, "SOPInstanceUID")
    return item
