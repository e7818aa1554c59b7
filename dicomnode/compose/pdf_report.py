"""The report as an Encapsulated PDF, for viewers that show documents and for print."""

from __future__ import annotations

from collections.abc import Iterator

from fpdf import FPDF
from fpdf.enums import Align, TextMode
from fpdf.errors import FPDFException
from pydicom import Dataset

from dicomnode.compose.common import Series, code_item, common_attributes
from dicomnode.compose.ink import PAPER, Mark, Shape, Side, Text
from dicomnode.compose.layout import SHEET_HEIGHT, SHEET_WIDTH, sheets_of
from dicomnode.compose.page import Page, page_of
from dicomnode.compose.request import Composed, ComposeRequest
from dicomnode.compose.texts import long_string
from dicomnode.compose.typeface import bold_width
from dicomnode.dicom import codes
from dicomnode.dicom.elements import text

_BASE_LINE = 0.8
"""Where fpdf puts the base line in a cell as high as its letters."""
_LINE = 2
"""Points of a line."""


def pdf_reports(request: ComposeRequest) -> Iterator[Composed]:
    """Compose the page in the house's language (PS3.3 A.45.1), or in English with a remark where a font is missing."""
    page = page_of(request)
    ds = common_attributes(request, Series.PDF, "pdf", language=page.language)
    ds.ConversionType = "WSD"
    ds.BurnedInAnnotation = "YES"
    ds.RecognizableVisualFeatures = "NO"
    ds.AcquisitionDateTime = ""
    ds.DocumentTitle = long_string(page.title, 1024)
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
    """The page as PDF with its letters embedded, dark on white; the same bytes for the same page.

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
    pdf = _Document(unit="pt", format=(SHEET_WIDTH, SHEET_HEIGHT))
    pdf.set_creation_date(request.started_at)
    pdf.set_producer("dicomnode")
    pdf.set_title(page.title)
    pdf.set_lang(page.language)
    pdf.set_margin(0)
    pdf.c_margin = 0
    pdf.set_auto_page_break(auto=False)
    pdf.add_font("report", fname=page.font)
    for sheet in sheets_of(page, is_cropped=False):
        pdf.add_page()
        for mark in sheet.marks:
            _draw(pdf, mark)
    return bytes(pdf.output())


def _draw(pdf: FPDF, mark: Mark) -> None:
    if isinstance(mark, Text):
        _write(pdf, mark)
    else:
        _shape(pdf, mark)


def _write(pdf: FPDF, mark: Text) -> None:
    pdf.set_font("report", size=mark.size)
    pdf.set_text_shaping(use_shaping_engine=True, direction="rtl" if mark.runs_from_right else "ltr")
    pdf.set_text_color(*PAPER[mark.ink])
    pdf.set_draw_color(*PAPER[mark.ink])
    pdf.text_mode = TextMode.FILL_STROKE if mark.is_bold else TextMode.FILL
    pdf.set_line_width(bold_width(mark.size))
    width = pdf.get_string_width(mark.text)
    left = mark.at.x - {Side.LEFT: 0.0, Side.MIDDLE: width / 2, Side.RIGHT: width}[mark.side]
    pdf.set_xy(left, mark.at.y - _BASE_LINE * mark.size)
    pdf.cell(width, mark.size, mark.text, align=Align.L)
    pdf.text_mode = TextMode.FILL


def _shape(pdf: FPDF, mark: Shape) -> None:
    pdf.set_line_width(mark.width)
    pdf.set_draw_color(*PAPER[mark.ink])
    pdf.set_fill_color(*PAPER[mark.ink])
    if len(mark.points) == _LINE:
        pdf.line(*mark.points[0], *mark.points[1])
    else:
        pdf.polygon([(x, y) for x, y in mark.points], style="F" if mark.is_filled else "D")


class _Document(FPDF):
    """A PDF without the random identifier, so that composing twice gives the same bytes."""

    def file_id(self) -> None:
        return None


def _reference(source: Dataset) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = text(source, "SOPClassUID")
    item.ReferencedSOPInstanceUID = text(source, "SOPInstanceUID")
    return item
