"""The summary: the report as one picture, for viewers that show images and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from dicomnode.compose.common import Series, body_part, common_attributes
from dicomnode.compose.compression import set_pixels
from dicomnode.compose.ink import SCREEN
from dicomnode.compose.layout import SHEET_WIDTH, sheets_of
from dicomnode.compose.page import Page, page_of
from dicomnode.compose.raster import rasterised
from dicomnode.compose.request import Composed, ComposeRequest
from dicomnode.compose.typeface import can_be_shaped
from dicomnode.records import ByteArray, ResultKind

SCALE = 1.75
"""Pixels a point: A4 is 1041 pixels wide."""


def summary(request: ComposeRequest) -> Iterator[Composed]:
    """Compose the page in the house's language, or in English with a remark where it cannot be drawn."""
    return _drawn(request, page_of(request, can_be_shaped), ResultKind.SUMMARY.value)


def further_pages(request: ComposeRequest) -> Iterator[Composed]:
    """Compose the page in every other language of the house, for peers that take no Structured Report.

    A language that cannot be drawn has no page: the summary says why, in the one language that always can be.
    """
    shown = page_of(request, can_be_shaped).language
    for text in request.report.texts:
        alone = replace(request, report=replace(request.report, texts=(text,)))
        page = page_of(alone, can_be_shaped)
        if text.language == page.language != shown:
            yield from _drawn(request, page, f"{ResultKind.PAGE}.{text.language}", language=text.language)


def _drawn(request: ComposeRequest, page: Page, role: str, *, language: str = "") -> Iterator[Composed]:
    """A picture for each sheet; they follow each other in one series."""
    for number, pixels in enumerate(drawn_page(page), start=1):
        of_sheet = role if number == 1 else f"{role}.{number}"
        first = request.report.revision.number
        ds = common_attributes(request, Series.SUMMARY, of_sheet, first + number - 1, language=language)
        ds.update(body_part(request.study))
        ds.ImageType = ["DERIVED", "SECONDARY"]
        ds.ConversionType = "WSD"
        ds.PatientOrientation = []
        ds.BurnedInAnnotation = "YES"
        set_pixels(ds, pixels, request.settings)
        yield Composed(role=of_sheet, dataset=ds)


def drawn_page(page: Page) -> list[ByteArray]:
    """Draw a page, light on dark.

    Returns
    -------
    list[ByteArray]
        (rows, columns, 3) RGB for each sheet.
    """
    return [
        rasterised(sheet.marks, (SHEET_WIDTH, sheet.height), page.font, SCREEN, SCALE)
        for sheet in sheets_of(page, is_cropped=True)
    ]
