"""The report as a page: its letters, its language, what stands where, and how it is drawn."""

from __future__ import annotations

import copy
import dataclasses
import re
import zlib
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from compose.conftest import TRANSLATIONS, a_finding, a_full_report, a_report, a_translation
from PIL import features

from dicomnode.compose import compose
from dicomnode.compose import summary as summary_module
from dicomnode.compose.ink import DECORATION, PAPER, SCREEN, Ink, Shape, Text
from dicomnode.compose.layout import MARGIN, SHEET_HEIGHT, SHEET_WIDTH, TOP, Sheet, sheets_of
from dicomnode.compose.page import Page, page_of
from dicomnode.compose.pdf_report import printed
from dicomnode.compose.summary import drawn_page, summary
from dicomnode.compose.typeface import SHIPPED, broken, missing, runs_from_right, width
from dicomnode.compose.written import readable_name
from dicomnode.dicom.elements import Person
from dicomnode.dicom.words import LABELS
from dicomnode.records import Acuity, Label, Outcome, Section, Sentence, Verdict
from dicomnode.report.labels import labels_in
from dicomnode.report.languages import language_of
from dicomnode.settings import ComposeSettings


@pytest.fixture
def a_page_request(a_request, a_dx_film):
    """Make a request whose house's language is the given one."""

    def request(language: str, **changes: object):
        report = a_full_report(a_dx_film)
        if language != "en":
            report = dataclasses.replace(report, texts=(a_translation(language),))
        return a_request((a_dx_film,), report, **changes)

    return request


def squeezed(text: str) -> str:
    """Without blanks, which breaking lines drops."""
    return re.sub(r"\s+", "", text)


def texts_on(sheets: list[Sheet]) -> list[Text]:
    """All texts of some sheets."""
    return [mark for sheet in sheets for mark in sheet.marks if isinstance(mark, Text)]


def content_of(page: Page) -> list[str]:
    """What a page says, without those labels that it need not use."""
    unused = {
        word for label, word in page.labels.items() if label not in (Label.PROBABILITY, Label.INTERVAL, Label.THRESHOLD)
    }
    return [text for text in page.texts if text and text not in unused]


@pytest.mark.parametrize("language", ["en", "de", "ar"])
def test_the_shipped_font_has_the_letters_of(language, a_page_request):
    """Latin and Arabic need no font of the house."""
    page = page_of(a_page_request(language))

    assert language == page.language
    assert not missing("".join(page.texts), page.font)
    assert not any("?" in text for text in page.texts)


@pytest.mark.parametrize("language", ["zh", "hi"])
def test_without_a_font_the_page_is_english_and_says_why(language, a_page_request):
    """Boxes in the place of letters help nobody: the coded findings stand there in the standard's words."""
    page = page_of(a_page_request(language))
    said = list(page.texts)

    assert "en" == page.language
    assert any(f"language {language} needs a font" in text and "compose.font" in text for text in said)
    assert "Pneumonia: suspected (probability about 85%, 95% interval 80% to 95%)." in said


def test_english_that_stands_in_is_set_in_the_shipped_font(a_page_request, a_house_font):
    """A font of the house that lacks its own language's letters may lack the Latin ones too."""
    page = page_of(a_page_request("zh", settings=ComposeSettings(font=str(a_house_font("hi")))))

    assert ("en", SHIPPED) == (page.language, page.font)


def test_the_english_text_of_the_report_stands_in_where_there_is_one(a_page_request, a_dx_film):
    """A house that writes Chinese and English shows its own English."""
    request = a_page_request("zh")
    texts = (a_translation("zh"), a_full_report(a_dx_film).text)
    page = page_of(dataclasses.replace(request, report=dataclasses.replace(request.report, texts=texts)))

    assert "Something is said." in page.texts


def test_a_letter_that_the_font_lacks_is_a_question_mark(a_request, a_dx_film):
    """One foreign word in a free sentence does not turn the page into another language."""
    page = page_of(a_request((a_dx_film,), a_report(Outcome.FINDINGS, a_finding(a_dx_film))))

    assert "Opacity in the lower lobe, \u03b1 \u2265 2 cm \\ ??." in page.texts


@pytest.mark.parametrize("content", [None, b"no font"])
def test_a_font_that_cannot_be_read_is_said_on_the_page(content, tmp_path, a_page_request):
    """A broken setting costs the page its letters, not the report its page."""
    font = tmp_path / "font.ttf"
    if content is not None:
        font.write_bytes(content)

    page = page_of(a_page_request("en", settings=ComposeSettings(font=str(font))))

    assert page.font == SHIPPED
    assert any("compose.font cannot be read" in text for text in page.texts)


def test_without_fribidi_arabic_is_not_drawn_apart(a_page_request, monkeypatch):
    """Letters that should join are not shown one by one from the wrong side."""
    monkeypatch.setattr(features, "check", lambda _: False)

    page = page_of(a_page_request("ar"), summary_module.can_be_shaped)

    assert ("en", False) == (page.language, page.is_right_to_left)
    assert any("needs FriBiDi" in text for text in page.texts)


@pytest.mark.skipif(not features.check("raqm"), reason="Pillow has no Raqm here")
@pytest.mark.parametrize("language", ["en", "de", "ar"])
def test_text_starts_at_the_side_where_its_language_begins(language, a_page_request):
    """The title's ink is at the right in Arabic, at the left in the others."""
    page = dataclasses.replace(page_of(a_page_request(language)), priority=None)
    (pixels, *_) = drawn_page(page)

    scale = summary_module.SCALE
    title = pixels[round(TOP * scale) : round((TOP + 18) * scale)].max(axis=(0, 2)) > 150
    (ink,) = np.nonzero(title)

    assert ink.max() > (SHEET_WIDTH - MARGIN - 8) * scale if language == "ar" else ink.min() < (MARGIN + 8) * scale


@pytest.mark.parametrize(
    ("line", "expected"),
    [("النتائج 87 %", True), ("87 % النتائج", True), ("! URGENT", False), ("", False), ("CT رئة", False)],
)
def test_each_line_runs_as_its_first_letter_does(line, expected):
    """English on an Arabic page keeps its full stop at its end."""
    assert expected == runs_from_right(line)


@pytest.mark.parametrize(
    ("name", "language", "expected"),
    [
        (Person("Doe^Jane", "", ""), "en", "Doe, Jane"),
        (Person("Doe^Jane^Q^Dr.^MD", "", ""), "en", "Doe, Dr. Jane Q, MD"),
        (Person("DOE", "", ""), "en", "DOE"),
        (Person("", "", ""), "en", ""),
        (Person("Wang^XiaoDong", "王^小东", ""), "en", "Wang, XiaoDong"),
        (Person("Yamada^Tarou", "山田^太郎", "やまだ^たろう"), "ja", "山田, 太郎 (やまだ, たろう; Yamada, Tarou)"),
        (Person("", "王^小东", ""), "de", "王, 小东"),
        (Person("الأحمد^سارة", "", ""), "ar", "الأحمد, سارة"),
    ],
)
def test_a_name_is_written_for_people(name, language, expected):
    """No carets; of several spellings those that can be drawn, the language's own first."""

    def can_draw(group: str) -> bool:
        return language == "ja" or group.isascii() or group.startswith("الأحمد")

    assert expected == readable_name(name, language, can_draw)


def test_the_page_says_whose_it_is(a_request, a_dx_film):
    """Patient, numbers and dates stand on it with their labels, dates as the language writes them."""
    a_dx_film.PatientName, a_dx_film.StudyDescription = "Muster^Erika^^Dr.", "XR Thorax"
    report = dataclasses.replace(a_full_report(a_dx_film), texts=(a_translation("de"),))
    page = page_of(a_request((a_dx_film,), report, settings=ComposeSettings(timezone="Europe/Berlin")))

    assert (LABELS[Label.PATIENT], "Muster, Dr. Erika") == page.patient
    assert {
        LABELS[Label.PATIENT_ID]: "P1",
        LABELS[Label.BIRTH_DATE]: "01.01.1950",
        LABELS[Label.SEX]: "O",
        LABELS[Label.ACCESSION_NUMBER]: "A1",
        LABELS[Label.STUDY_DATE]: "04.03.2026",
        LABELS[Label.REPORT_DATE]: "04.03.2026, 06:06:07",
        LABELS[Label.STUDY]: "XR Thorax",
    } == dict(page.identity)
    assert "cxr 1.2.0" in page.maker


@pytest.mark.parametrize(("own", "other"), [("P1", "P2"), ("P2", "P1")])
def test_the_answers_of_a_mixed_study_name_each_their_own_patient(own, other, a_request, a_dx_film):
    """Images of two patients came as one study: no page has anything of the other one."""
    films = {number: copy.deepcopy(a_dx_film) for number in ("P1", "P2")}
    for number, film in films.items():
        film.PatientID, film.PatientName, film.AccessionNumber = number, f"Name of {number}", f"A of {number}"

    said = " ".join(page_of(a_request((films[own],), a_report(Outcome.COULD_NOT_RUN))).texts)

    assert own in said
    assert other not in said


def test_what_is_not_known_is_a_dash(a_request, a_dx_film):
    """A film without any particulars reads as such, and never as None."""
    for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyDate"):
        delattr(a_dx_film, keyword)
    a_dx_film.StudyDescription = None

    page = page_of(a_request((a_dx_film,), a_report(Outcome.COULD_NOT_RUN)))

    unknown = [field.value for field in (page.patient, *page.identity) if field.label != LABELS[Label.REPORT_DATE]]
    assert ["\u2013"] * 7 == unknown
    assert not any("None" in text for text in page.texts)


def test_a_date_that_is_none_stands_as_the_header_has_it(a_request, a_dx_film):
    """Nothing that the header says is hidden."""
    a_dx_film["PatientBirthDate"].value = "1950"

    page = page_of(a_request((a_dx_film,), a_report(Outcome.NOTHING_FOUND)))

    assert "1950" in dict(page.identity).values()


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Outcome.FINDINGS, Acuity.URGENT),
        (Outcome.NOTHING_FOUND, Acuity.NON_ACTIONABLE),
        (Outcome.UNDETERMINED, None),
        (Outcome.COULD_NOT_RUN, None),
        (Outcome.NOT_JUDGED, None),
    ],
)
def test_the_page_says_how_urgent_it_is(outcome, expected, a_request, a_dx_film):
    """Word and shape, where the report knows; what was not read has no priority."""
    page = page_of(a_request((a_dx_film,), a_report(outcome)))
    (sheet,) = sheets_of(page, is_cropped=False)
    inks = {mark.ink for mark in sheet.marks if isinstance(mark, Shape)}

    assert expected == page.priority
    assert (expected is Acuity.URGENT) == (Ink.URGENT in inks)
    assert (expected is Acuity.NON_ACTIONABLE) == (Ink.NON_ACTIONABLE in inks)
    said = {mark.text for mark in texts_on([sheet])}
    assert (expected is Acuity.URGENT) == (LABELS[Label.URGENT] in said)


def test_the_picture_is_declared(a_page_request):
    """A derived image with burnt-in text."""
    (composed,) = summary(a_page_request("en"))

    assert ("YES", "DERIVED") == (composed.dataset.BurnedInAnnotation, composed.dataset.ImageType[0])


def test_every_finding_has_a_bar_under_its_verdict(a_page_request):
    """Name, probability, interval and threshold; the suspected ones first, each verdict in words."""
    page = page_of(a_page_request("de"))

    assert [Verdict.PRESENT, Verdict.POSSIBLE, Verdict.ABSENT] == [group.verdict for group in page.groups]
    assert [LABELS[label] for label in (Label.SUSPECTED, Label.POSSIBLE, Label.NOT_DETECTED)] == [
        group.heading for group in page.groups
    ]
    bars = page.bars
    assert [("Pneumonie", 87), ("Pneumonie", 60), ("Pneumonie", 3)] == [(bar.name, round(bar.percent)) for bar in bars]
    assert (41, 77, 50) == (round(bars[1].lower), round(bars[1].upper), round(bars[1].threshold))


@pytest.mark.parametrize(("language", "sign"), [("en", "%"), ("de", "\u00a0%"), ("fr", "\u00a0%")])
def test_a_page_has_one_style_of_percent(language, sign, a_page_request, a_dx_film):
    """Bars, intervals and axis write it as the language does, and the figures are those of the sentences."""
    request = a_page_request("en")
    text = dataclasses.replace(request.report.text, language=language, percents={})
    page = page_of(dataclasses.replace(request, report=dataclasses.replace(request.report, texts=(text,))))

    assert [f"{n}{sign}" for n in (0, 50, 100)] == list(page.scale)
    assert [f"{n}{sign}" for n in (85, 60, 3)] == [bar.label for bar in page.bars]
    assert [f"80{sign} \u2013 95{sign}", f"40{sign} \u2013 80{sign}", ""] == [bar.interval for bar in page.bars]


@pytest.mark.parametrize("figure", ["3%", "about 65%", "aproximadamente 65 %"])
def test_a_probability_stands_beside_its_bar(figure, a_page_request):
    """However long the language writes a rough probability, it does not run into the bar."""
    request = a_page_request("en")
    percents = {finding.spec.key: figure for finding in request.report.findings}
    text = dataclasses.replace(request.report.text, percents=percents)
    page = page_of(dataclasses.replace(request, report=dataclasses.replace(request.report, texts=(text,))))
    (sheet,) = sheets_of(page, is_cropped=True)
    tracks = [mark for mark in sheet.marks if isinstance(mark, Shape) and mark.ink is Ink.TRACK]
    figures = [mark for mark in texts_on([sheet]) if mark.text == figure]

    assert len(page.bars) == len(tracks) == len(figures)
    end_of_bars = max(point.x for track in tracks for point in track.points)
    assert end_of_bars < min(mark.at.x - width(mark.text, page.font, mark.size) for mark in figures) - 8


@pytest.mark.parametrize("language", ["en", "de", "ar"])
@pytest.mark.parametrize("is_cropped", [True, False])
def test_whatever_a_page_says_is_drawn(language, is_cropped, a_page_request):
    """Every word of it, the legend of the bars and the particulars included, in the picture and in the PDF."""
    page = page_of(a_page_request(language))
    sheets = sheets_of(page, is_cropped=is_cropped)
    drawn = "".join(squeezed(mark.text) for mark in texts_on(sheets))

    assert [] == [text for text in content_of(page) if squeezed(text) not in drawn]
    assert squeezed(page.labels[Label.NOT_FOR_DIAGNOSIS]) in drawn
    assert page.labels[Label.URGENT] in [mark.text for mark in texts_on(sheets)]


def test_nothing_runs_out_of_the_page_or_into_something_else(a_page_request):
    """Every text lies between the margins, and no two base lines on one side are too close to be read."""
    page = page_of(a_page_request("en"))
    for sheet in sheets_of(page, is_cropped=True):
        for mark in texts_on([sheet]):
            wide = width(mark.text, page.font, mark.size)
            left = mark.at.x - {"l": 0, "m": wide / 2, "r": wide}[mark.side.value]
            assert left > MARGIN - 1
            assert left + wide < SHEET_WIDTH - MARGIN + 1
            assert mark.at.y < sheet.height - 20
        lines = sorted({mark.at.y for mark in texts_on([sheet]) if mark.at.x == MARGIN})
        assert min(below - above for above, below in pairwise(lines)) > 8


@pytest.mark.parametrize("theme", [SCREEN, PAPER])
def test_every_ink_can_be_read_on_its_ground(theme):
    """Contrast of at least 4.5 to 1 (WCAG 2.1, 1.4.3)."""

    def luminance(colour: tuple[int, int, int]) -> float:
        parts = [c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    ground = luminance(theme[Ink.GROUND])
    for ink in set(Ink) - DECORATION:
        light, dark = sorted((luminance(theme[ink]), ground), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, ink


def test_the_picture_does_not_dazzle(a_page_request):
    """It is dark all over, and nothing in it is white."""
    for pixels in drawn_page(page_of(a_page_request("en"))):
        assert pixels.mean() < 45
        assert pixels.max() <= 245


def test_a_page_from_the_right_is_the_mirror_of_one_from_the_left(a_page_request):
    """Bars grow to the left, columns change sides."""
    page = page_of(a_page_request("en"))
    (left,) = sheets_of(page, is_cropped=True)
    (right,) = sheets_of(dataclasses.replace(page, is_right_to_left=True), is_cropped=True)

    def bar(sheet: Sheet) -> list[float]:
        shapes = [mark for mark in sheet.marks if isinstance(mark, Shape) and mark.ink is Ink.SUSPECTED]
        return sorted({point.x for point in shapes[0].points})

    assert [SHEET_WIDTH - x for x in reversed(bar(left))] == pytest.approx(bar(right))
    assert bar(right)[1] > SHEET_WIDTH / 2 > bar(left)[0]


@pytest.fixture
def a_long_request(a_request, a_dx_film):
    """A request whose report takes several sheets."""
    report = a_full_report(a_dx_film)
    sections = dict.fromkeys(report.text.sections, tuple(Sentence(text=f"Sentence {n} of many.") for n in range(15)))
    text = dataclasses.replace(report.text, sections=sections)
    return a_request((a_dx_film,), dataclasses.replace(report, texts=(text,)))


@pytest.mark.parametrize("is_cropped", [True, False])
def test_every_sheet_says_whose_it_is_and_which(is_cropped, a_long_request):
    """Patient, warning, number of the sheet and disclaimer, each at its place on all of them."""
    page = page_of(a_long_request)
    sheets = sheets_of(page, is_cropped=is_cropped)

    assert len(sheets) > 1
    for number, sheet in enumerate(sheets, start=1):
        said = " ".join(mark.text for mark in texts_on([sheet]))
        assert all(word in said for word in ("Test, Person", "P1", page.warning, page.labels[Label.NOT_FOR_DIAGNOSIS]))
        assert f"Page {number}/{len(sheets)}" in said
        assert sheet.height <= SHEET_HEIGHT
    places = {next(mark.at for mark in texts_on([sheet]) if mark.text == page.warning) for sheet in sheets}
    assert 1 == len(places)


def test_the_sheets_of_a_summary_are_pictures_of_one_series(a_long_request):
    """One after the other, each with its own number and UID."""
    pages = [c for c in compose(a_long_request) if c.role.startswith("summary")]

    assert ["summary", "summary.2"] == [c.role for c in pages][:2]
    assert list(range(1, len(pages) + 1)) == [c.dataset.InstanceNumber for c in pages]
    assert 1 == len({c.dataset.SeriesInstanceUID for c in pages})
    assert len(pages) == len({c.dataset.SOPInstanceUID for c in pages})


def test_bars_on_a_further_sheet_are_explained_there(a_page_request):
    """Legend, axis and the verdict's heading stand above them again, and no finding is lost."""
    page = page_of(a_page_request("en"))
    (present, possible, absent) = page.groups
    many = tuple(absent.bars[0]._replace(name=f"Finding {n}") for n in range(60))
    sheets = sheets_of(
        dataclasses.replace(page, groups=(present, possible, absent._replace(bars=many))), is_cropped=True
    )

    with_bars = [sheet for sheet in sheets if any("Finding" in mark.text for mark in texts_on([sheet]))]
    assert len(with_bars) > 1
    for sheet in with_bars:
        said = [mark.text for mark in texts_on([sheet])]
        assert {LABELS[label] for label in (Label.INTERVAL, Label.THRESHOLD, Label.NOT_DETECTED)} <= set(said)
    assert [f"Finding {n}" for n in range(60)] == [
        mark.text for mark in texts_on(sheets) if mark.text.startswith("Finding ")
    ]


def test_no_line_of_a_short_paragraph_stands_alone_on_a_sheet(a_page_request, a_dx_film):
    """Wherever the sheet ends: two lines stay together."""
    request = a_page_request("en")
    said = "Judged only: intracranial, cerebral, epidural, subdural, subarachnoid and intraventricular hemorrhage."
    for count in range(10, 40):
        sections = {
            Section.FINDINGS: tuple(Sentence(text=f"Sentence {n}.") for n in range(count)),
            Section.LIMITS: (Sentence(text=said),),
        }
        text = dataclasses.replace(request.report.text, sections=sections)
        page = page_of(dataclasses.replace(request, report=dataclasses.replace(request.report, texts=(text,))))
        for sheet in sheets_of(page, is_cropped=True):
            on_sheet = "".join(squeezed(mark.text) for mark in texts_on([sheet]))
            assert ("Judgedonly" in on_sheet) == ("hemorrhage." in on_sheet)


def test_a_page_that_needs_one_sheet_has_no_page_number(a_page_request):
    """Nobody looks for a second one."""
    (sheet,) = sheets_of(page_of(a_page_request("en")), is_cropped=True)

    assert not any("Page" in mark.text for mark in texts_on([sheet]))


def test_the_pdf_has_the_bars(a_page_request):
    """As many filled shapes more as the groups have."""
    request = a_page_request("en")
    page = page_of(request)

    def fills(document: bytes) -> int:
        streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", document, re.DOTALL)
        drawing = [zlib.decompress(stream) for stream in streams if stream.startswith(b"x")]
        return sum(len(re.findall(rb"\bf\n", one)) for one in drawing if b" l" in one)

    with_bars = printed(page, request)
    assert fills(with_bars) >= fills(printed(dataclasses.replace(page, groups=()), request)) + 2 * len(page.bars)
    assert with_bars == printed(page, request)


@pytest.mark.parametrize("sentence", ["x" * 3000, "word " * 400, "a\nb", " ", "", "肺炎，" * 300])
def test_any_sentence_fits_picture_and_pdf(sentence, a_request, a_dx_film):
    """Nothing runs out of the page, whatever the draft says."""
    report = a_report(Outcome.NOTHING_FOUND)
    text = dataclasses.replace(report.text, sections={Section.FINDINGS: (Sentence(text=sentence),)})
    request = a_request((a_dx_film,), dataclasses.replace(report, texts=(text,)))
    page = page_of(request)

    for pixels in drawn_page(page):
        assert (pixels[:, -8:] == SCREEN[Ink.GROUND]).all()
    assert printed(page, request).startswith(b"%PDF-")


def test_a_closing_mark_does_not_begin_a_line():
    """As Chinese is set."""
    lines = broken("肺炎，肺炎，肺炎，肺炎", SHIPPED, 10, width("肺炎，肺炎", SHIPPED, 10))

    assert not any(line.startswith("，") for line in lines)
    assert len(lines) > 1
    assert "肺炎，肺炎，肺炎，肺炎" == "".join(lines)


def test_a_number_stays_with_its_percent_sign():
    """A blank that does not break does not; a hyphen does."""
    assert ["Wert", "65\u00a0%"] == broken("Wert 65\u00a0%", SHIPPED, 10, width("Wert 65", SHIPPED, 10))
    assert ["AB-", "CD"] == broken("AB-CD", SHIPPED, 10, width("AB-C", SHIPPED, 10))


@pytest.mark.parametrize("who", ["W" * 64, "^".join(["Longname"] * 5), "A" * 60 + "^" + "B" * 60])
def test_long_particulars_stay_on_the_page(who, a_request, a_dx_film):
    """A name or number of any length is broken, not pushed into the next column."""
    a_dx_film.PatientName, a_dx_film.PatientID, a_dx_film.AccessionNumber = who, "9" * 64, "8" * 16
    a_dx_film.StudyDescription = "Thorax in zwei Ebenen " * 3

    for pixels in drawn_page(page_of(a_request((a_dx_film,), a_report(Outcome.NOTHING_FOUND)))):
        assert (pixels[:, -8:] == SCREEN[Ink.GROUND]).all()


def test_an_identifier_is_never_cut(a_request, a_dx_film):
    """The longest Patient ID, in the widest letters, stands whole on the page."""
    a_dx_film.PatientID = "W" * 64
    (sheet,) = sheets_of(page_of(a_request((a_dx_film,), a_report(Outcome.NOTHING_FOUND))), is_cropped=True)

    assert "W" * 64 in "".join(mark.text for mark in texts_on([sheet]))


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


def test_the_english_labels_are_those_of_the_report():
    """A page without labels of its own says the same words as one with them."""
    assert LABELS.items() <= labels_in(language_of("en")).items()
