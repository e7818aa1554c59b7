"""The summary: the report as one picture, for viewers that show images and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dicomnode.compose.common import Series, body_part, common_attributes
from dicomnode.compose.page import Bar, Page, Style, page_of
from dicomnode.compose.profiles import Kind
from dicomnode.compose.request import Composed, ComposeRequest
from dicomnode.compose.typeface import can_be_shaped
from dicomnode.records import ByteArray

WIDTH, MARGIN = 960, 32
PAPER, INK, GREY, ALARM, CALM = (255, 255, 255), (20, 20, 20), (110, 110, 110), (178, 24, 24), (70, 110, 160)
_SIZES = {
    Style.BANNER: 30,
    Style.TITLE: 28,
    Style.WARNING: 18,
    Style.HEADING: 21,
    Style.BODY: 19,
    Style.SMALL: 14,
}
_INKS = {Style.BANNER: PAPER, Style.HEADING: CALM, Style.WARNING: ALARM, Style.SMALL: GREY}
_LEADING = 1.35


class _Row(NamedTuple):
    """One line as it fits the page."""

    style: Style
    text: str
    height: int


def summary(request: ComposeRequest) -> Composed:
    """Compose the page in the house's language, or in English with a remark where it cannot be drawn."""
    return _drawn(request, page_of(request, can_be_shaped), "summary")


def further_pages(request: ComposeRequest) -> Iterator[Composed]:
    """Compose the page in every other language of the house, for peers that take no Structured Report.

    A language that cannot be drawn has no page: the summary says why, in the one language that always can be.
    """
    shown = page_of(request, can_be_shaped).language
    for text in request.report.texts:
        alone = replace(request, report=replace(request.report, texts=(text,)))
        page = page_of(alone, can_be_shaped)
        if text.language == page.language != shown:
            yield _drawn(request, page, f"{Kind.PAGE}.{text.language}", language=text.language)


def _drawn(request: ComposeRequest, page: Page, role: str, *, language: str = "") -> Composed:
    ds = common_attributes(request, Series.SUMMARY, role, language=language)
    ds.update(body_part(request.study))
    ds.ImageType = ["DERIVED", "SECONDARY"]
    ds.ConversionType = "WSD"
    ds.PatientOrientation = []
    ds.BurnedInAnnotation = "YES"
    ds.set_pixel_data(drawn_page(page), "RGB", 8, generate_instance_uid=False)
    return Composed(role=role, dataset=ds)


def drawn_page(page: Page) -> ByteArray:
    """Draw a page.

    Returns
    -------
    ByteArray
        (rows, WIDTH, 3) RGB; as many rows as the page needs.
    """
    fonts = {style: ImageFont.truetype(page.font, size) for style, size in _SIZES.items()}
    rows = list(_rows(page, fonts))
    bar_height = round(_SIZES[Style.BODY] * 1.7)
    height = 2 * MARGIN + sum(row.height for row in rows) + bar_height * len(page.bars) + MARGIN
    canvas = Image.new("RGB", (WIDTH, height), PAPER)
    draw = ImageDraw.Draw(canvas)
    top = MARGIN
    for row in rows:
        if row.style is Style.BANNER:
            draw.rectangle((0, top - 4, WIDTH, top + row.height - 6), fill=ALARM)
        place, anchor = (WIDTH - MARGIN, "ra") if page.is_right_to_left else (MARGIN, "la")
        draw.text((place, top), row.text, fill=_INKS.get(row.style, INK), font=fonts[row.style], anchor=anchor)
        top += row.height
    for number, bar in enumerate(page.bars):
        _draw_bar(draw, bar, top + MARGIN // 2 + number * bar_height, fonts[Style.BODY])
    return np.asarray(canvas)


def _rows(page: Page, fonts: dict[Style, ImageFont.FreeTypeFont]) -> Iterator[_Row]:
    for style, text in page.lines:
        line_height = round(_SIZES[style] * _LEADING)
        parts = list(broken(text, fonts[style], WIDTH - 2 * MARGIN))
        for number, part in enumerate(parts):
            after = line_height // 3 if number == len(parts) - 1 else 0
            yield _Row(style, part, line_height + after)


def broken(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> Iterator[str]:
    """Break a text so that it fits: at spaces, and where there are none, as in Chinese, at letters."""
    for paragraph in text.splitlines():
        line = ""
        for word in paragraph.split(" "):
            longer = f"{line} {word}" if line else word
            if font.getlength(longer) <= width:
                line = longer
                continue
            if line:
                yield line
            line = word
            while font.getlength(line) > width and len(line) > 1:
                fits = _fitting(line, font, width)
                yield line[:fits]
                line = line[fits:]
        yield line


def _fitting(word: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> int:
    """How many letters of a word fit, at least one."""
    low, high = 1, len(word)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if font.getlength(word[:middle]) <= width else (low, middle - 1)
    return low


def _draw_bar(draw: ImageDraw.ImageDraw, bar: Bar, top: int, font: ImageFont.FreeTypeFont) -> None:
    """Name, probability with the limits of its interval, and a tick at the threshold, on a scale from 0 to 100 %."""
    left, right = WIDTH // 2, WIDTH - MARGIN - 80
    height = round(_SIZES[Style.BODY] * 0.9)
    middle = top + height // 2

    def at(percent: float) -> int:
        return round(left + (right - left) * min(max(percent, 0), 100) / 100)

    name = next(broken(bar.name, font, left - 2 * MARGIN), "")
    draw.text((MARGIN, middle), name, fill=INK, font=font, anchor="lm")
    draw.rectangle((left, top, right, top + height), outline=GREY)
    draw.rectangle((left, top, at(bar.percent), top + height), fill=ALARM if bar.is_suspected else CALM)
    if bar.upper > bar.lower:
        draw.line((at(bar.lower), middle, at(bar.upper), middle), fill=INK, width=3)
    draw.line((at(bar.threshold), top - 4, at(bar.threshold), top + height + 4), fill=INK, width=2)
    draw.text((WIDTH - MARGIN, middle), bar.label, fill=INK, font=font, anchor="rm")
