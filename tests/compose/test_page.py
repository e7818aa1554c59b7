"""The report as a page: its letters, its language, its banner."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from compose.conftest import TRANSLATIONS, a_finding, a_full_report, a_report, a_translation
from PIL import features

from dicomnode.compose import summary as summary_module
from dicomnode.compose.page import Style, page_of
from dicomnode.compose.pdf_report import printed
from dicomnode.compose.summary import drawn_page, summary
from dicomnode.compose.typeface import SHIPPED, missing, runs_from_right
from dicomnode.records import Outcome, Section, Sentence
from dicomnode.settings import AcuityLevel, ComposeSettings


@pytest.fixture
def a_page_request(a_request, a_dx_film):
    """Make a request whose house's language is the given one."""

    def request(language: str, **changes: object):
        report = a_full_report(a_dx_film)
        if language != "en":
            report = dataclasses.replace(report, texts=(a_translation(language),))
        return a_request((a_dx_film,), report, **changes)

    return request


@pytest.mark.parametrize("language", ["en", "de", "ar"])
def test_the_shipped_font_has_the_letters_of(language, a_page_request):
    """Latin and Arabic need no font of the house."""
    page = page_of(a_page_request(language))

    assert language == page.language
    assert not missing("".join(line.text for line in page.lines), page.font)
    assert not any("?" in line.text for line in page.lines)


@pytest.mark.parametrize("language", ["zh", "hi"])
def test_without_a_font_the_page_is_english_and_says_why(language, a_page_request):
    """Boxes in the place of letters help nobody: the coded findings stand there in the standard's words."""
    page = page_of(a_page_request(language))
    said = [line.text for line in page.lines]

    assert "en" == page.language
    assert any(f"language {language} needs a font" in text and "compose.font" in text for text in said)
    assert "Pneumonia: suspected (probability about 85%, 95% interval 80% to 95%)." in said


def test_the_english_text_of_the_report_stands_in_where_there_is_one(a_page_request, a_dx_film):
    """A house that writes Chinese and English shows its own English."""
    request = a_page_request("zh")
    texts = (a_translation("zh"), a_full_report(a_dx_film).text)
    page = page_of(dataclasses.replace(request, report=dataclasses.replace(request.report, texts=texts)))

    assert "Something is said." in [line.text for line in page.lines]


def test_a_letter_that_the_font_lacks_is_a_question_mark(a_request, a_dx_film):
    """One foreign word in a free sentence does not turn the page into another language."""
    page = page_of(a_request((a_dx_film,), a_report(Outcome.FINDINGS, a_finding(a_dx_film))))

    assert "Opacity in the lower lobe, \u03b1 \u2265 2 cm \\ ??." in [line.text for line in page.lines]


@pytest.mark.parametrize("content", [None, b"no font"])
def test_a_font_that_cannot_be_read_is_said_on_the_page(content, tmp_path, a_page_request):
    """A broken setting costs the page its letters, not the report its page."""
    font = tmp_path / "font.ttf"
    if content is not None:
        font.write_bytes(content)

    page = page_of(a_page_request("en", settings=ComposeSettings(font=str(font))))

    assert page.font == SHIPPED
    assert any("compose.font cannot be read" in line.text for line in page.lines)


def test_without_fribidi_arabic_is_not_drawn_apart(a_page_request, monkeypatch):
    """Letters that should join are not shown one by one from the wrong side."""
    monkeypatch.setattr(features, "check", lambda _: False)

    page = page_of(a_page_request("ar"), summary_module.can_be_shaped)

    assert ("en", False) == (page.language, page.is_right_to_left)
    assert any("needs FriBiDi" in line.text for line in page.lines)


@pytest.mark.skipif(not features.check("raqm"), reason="Pillow has no Raqm here")
@pytest.mark.parametrize("language", ["en", "de", "ar"])
def test_text_starts_at_the_side_where_its_language_begins(language, a_page_request):
    """Arabic is set from the right, the others from the left."""
    page = page_of(a_page_request(language))
    title = dataclasses.replace(page, bars=(), lines=tuple(line for line in page.lines if line.style is Style.TITLE))

    ink = np.nonzero((drawn_page(title) < 128).any(axis=2).any(axis=0))[0]

    expected = ink.max() > 920 if language == "ar" else ink.min() < 40
    assert expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [("النتائج 87 %", True), ("87 % النتائج", True), ("! URGENT", False), ("", False), ("CT رئة", False)],
)
def test_each_line_runs_as_its_first_letter_does(line, expected):
    """English on an Arabic page keeps its full stop at its end."""
    assert expected == runs_from_right(line)


@pytest.mark.parametrize(("flag", "is_there"), [("!! EMERGENT", True), ("", False)])
def test_the_banner_says_how_urgent_it_is(flag, is_there, a_page_request):
    """A house without a flag has no banner."""
    level = AcuityLevel(due_s=0, c_store_priority=1, series_flag=flag, has_kos=False)
    ds = summary(a_page_request("en", level=level)).dataset

    alarm = (ds.pixel_array == summary_module.ALARM).all(axis=2)

    assert is_there == bool(alarm[:, 0].any())
    assert ("YES", "DERIVED") == (ds.BurnedInAnnotation, ds.ImageType[0])


def test_every_finding_has_a_bar_with_its_name_in_the_language(a_page_request):
    """Name, probability, interval and threshold; red where it is suspected."""
    bars = page_of(a_page_request("de")).bars

    assert [("Pneumonie", 87, True), ("Pneumonie", 60, True), ("Pneumonie", 3, False)] == [
        (bar.name, round(bar.percent), bar.is_suspected) for bar in bars
    ]
    assert ["85%", "60%", "3%"] == [bar.label for bar in bars], "as the text has them, rounded"
    assert (41, 77, 50) == (round(bars[1].lower), round(bars[1].upper), round(bars[1].threshold))


@pytest.mark.parametrize("sentence", ["x" * 3000, "word " * 400, "a\nb", " ", ""])
def test_any_sentence_fits_picture_and_pdf(sentence, a_request, a_dx_film):
    """Nothing runs out of the page, whatever the draft says."""
    report = a_report(Outcome.NOTHING_FOUND)
    text = dataclasses.replace(report.text, sections={Section.FINDINGS: (Sentence(text=sentence),)})
    request = a_request((a_dx_film,), dataclasses.replace(report, texts=(text,)))
    page = page_of(request)

    pixels = drawn_page(page)

    assert (pixels[:, -8:] == summary_module.PAPER).all()
    assert printed(page, request).startswith(b"%PDF-")


@pytest.mark.parametrize("language", list(TRANSLATIONS))
def test_a_font_of_the_house_is_used(language, a_page_request, a_house_font):
    """With a font that has them, the page keeps the letters of its language."""
    page = page_of(a_page_request(language, settings=ComposeSettings(font=str(a_house_font(language)))))

    assert language == page.language
    assert printed(page, a_page_request(language)).startswith(b"%PDF-")


@pytest.fixture
def a_house_font(tmp_path):
    """Make a font that has the letters of a language, and no other: a box for each."""
    from fontTools.fontBuilder import FontBuilder
    from fontTools.pens.ttGlyphPen import TTGlyphPen

    def build(language: str) -> Path:
        letters = sorted({*"".join(TRANSLATIONS[language]), *map(chr, range(32, 127))} - {"\n"})
        builder = FontBuilder(1000, isTTF=True)
        names = [".notdef", *(f"u{ord(letter):04x}" for letter in letters)]
        builder.setupGlyphOrder(names)
        builder.setupCharacterMap({ord(letter): f"u{ord(letter):04x}" for letter in letters})
        pen = TTGlyphPen(None)
        for move, point in ((pen.moveTo, (0, 0)), (pen.lineTo, (0, 700)), (pen.lineTo, (500, 700))):
            move(point)
        pen.closePath()
        box = pen.glyph()
        builder.setupGlyf(dict.fromkeys(names, box))
        builder.setupHorizontalMetrics(dict.fromkeys(names, (600, 0)))
        builder.setupHorizontalHeader(ascent=800, descent=-200)
        builder.setupNameTable({"familyName": "House", "styleName": "Regular"})
        builder.setupOS2(sTypoAscender=800, usWinAscent=800, usWinDescent=200)
        builder.setupPost()
        builder.save(tmp_path / f"{language}.ttf")
        return tmp_path / f"{language}.ttf"

    return build
