"""The demo: the whole service with the default settings, the bundles that ship, and what people see of it."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image
from pydicom import Dataset, dcmread

from dicomnode.cli.demo_results import clear
from dicomnode.cli.main import main
from dicomnode.dicom.document import document_lines, document_text
from dicomnode.phantoms.stories import STORIES

SAMPLES = Path(__file__).parents[2] / "sample_dicom"
LANGUAGES = ("en", "es", "de", "fr", "pt", "zh", "hi", "ar")


@dataclass(frozen=True)
class Demo:
    """One run of the demo into a folder that held an older one."""

    folder: Path
    screen: str
    objects: list[Dataset]

    def of(self, folder: str) -> list[Dataset]:
        """What the sandbox PACS received for one study."""
        study = dcmread(next((SAMPLES / folder).glob("*.dcm")), stop_before_pixels=True).StudyInstanceUID
        return [ds for ds in self.objects if ds.StudyInstanceUID == study]

    def row(self, folder: str) -> list[str]:
        """Line of the table on the screen that names a study."""
        (line,) = [line for line in self.screen.splitlines() if re.match(rf"\d\w\w +\d\w\w +{folder} ", line)]
        return line.split()


@pytest.fixture(scope="module")
def a_demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """The command in a process of its own, its output in a pipe."""
    out = tmp_path_factory.mktemp("demo")
    for old in ("job-9.de.html", "service.log", "dicom/0999.dcm", "gone/report.en.txt"):
        (out / old).parent.mkdir(exist_ok=True)
        (out / old).write_text("of a former run")
    (out / "mine.txt").write_text("not of a demo")
    command = [sys.executable, "-m", "dicomnode", "demo", "--out", str(out), "--samples", str(SAMPLES)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stdout + done.stderr
    return Demo(out, done.stdout, [dcmread(path) for path in sorted((out / "dicom").glob("*.dcm"))])


class Page(HTMLParser):
    """What a page refers to, its tags, and its texts."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.append((tag, dict(attrs)))

    def of(self, tag: str, **attributes: str) -> list[dict[str, str | None]]:
        """Attributes of the tags of a name that have these."""
        return [a for t, a in self.tags if t == tag and attributes.items() <= a.items()]


def test_every_study_is_answered(a_demo: Demo):
    """Each sample study has at least its text report in the PACS, and a row on the screen."""
    for folder in STORIES:
        assert any(ds.Modality == "SR" for ds in a_demo.of(folder)), folder
        assert a_demo.row(folder)


def test_the_screen_is_one(a_demo: Demo):
    """At most 50 lines of 100 columns, each story in it, no control sequence, the way to the rest at its end."""
    lines = a_demo.screen.splitlines()

    assert 50 >= len(lines)
    assert 100 >= max(map(len, lines[:-1]))
    assert "\x1b" not in a_demo.screen
    assert all(any(story.line in line for line in lines) for story in STORIES.values())
    assert lines[-1].endswith("index.html")


def test_the_emergent_study_overtakes(a_demo: Demo):
    """It is sent after five films and answered before all of them; the screen shows its report."""
    assert ["1st", "6th", "head-ct-bleed", "emergent"] == a_demo.row("head-ct-bleed")[:4]
    assert "Report of head-ct-bleed" in a_demo.screen
    assert "Intracranial hemorrhage suspected (probability 99%" in a_demo.screen


def test_the_bleed_is_flagged_as_emergent(a_demo: Demo):
    """Every series of the head CT's results begins with the flag, and key objects point at the slices."""
    found = a_demo.of("head-ct-bleed")

    assert {"SR", "OT", "KO"} <= {ds.Modality for ds in found}
    assert all("EMERGENT" in ds.SeriesDescription for ds in found)


def test_the_opacity_is_flagged_and_the_same_chest_without_it_is_not(a_demo: Demo):
    """The two films differ by the opacity alone."""
    assert any("URGENT" in ds.SeriesDescription for ds in a_demo.of("chest-opacity"))
    assert not any("URGENT" in ds.SeriesDescription for ds in a_demo.of("chest-normal"))
    assert "urgent" in a_demo.row("chest-opacity")


def test_a_model_that_never_saw_a_patient_is_marked(a_demo: Demo):
    """The embolus is found by a bundle that no default rule uses; screen and page say what that model is."""
    after = a_demo.screen.split(" ctpa-embolus ")[1].splitlines()
    page = (a_demo.folder / "index.html").read_text(encoding="utf-8")

    assert "Pulmonary embolism" in after[0]
    assert "synthetic model" in after[1]
    assert 1 == a_demo.screen.count("(synthetic model)")
    assert "ctpa, a <strong>synthetic model</strong>" in page
    report = (a_demo.folder / "ctpa-embolus" / "report.en.txt").read_text(encoding="utf-8")
    assert "trained only on computer-generated images" in report


def test_every_report_comes_in_every_language(a_demo: Demo):
    """One text report a language, each of them in its own letters."""
    texts = [ds for ds in a_demo.of("head-ct-bleed") if "text report" in ds.SeriesDescription]

    said = {next(document_lines(ds)).value: document_text(ds) for ds in texts}
    assert {"English", "Spanish", "German", "French", "Portuguese", "Chinese", "Hindi", "Arabic"} == set(said)
    for language, words in {
        "German": "Verdacht auf",
        "Chinese": "\u9885\u5185\u51fa\u8840",
        "Arabic": "\u0646\u0632\u0641",
    }.items():
        assert words in said[language]


def test_the_later_film_is_compared_with_the_earlier(a_demo: Demo):
    """The patient of the opacity was filmed before: the report names that study, and the table says what is known."""
    texts = [document_text(ds) for ds in a_demo.of("chest-opacity") if "text report en" in ds.SeriesDescription]

    assert 1 == len(texts)
    assert "Compared with the prior study of" in texts[0]
    assert "-" == a_demo.row("chest-earlier")[-2] != a_demo.row("chest-opacity")[-2]


def test_the_results_lie_in_files(a_demo: Demo):
    """Each study has its reports as text and HTML in every language, as PDF, and its pictures as PNG."""
    for folder in STORIES:
        files = {path.name for path in (a_demo.folder / folder).iterdir()}
        assert {f"report.{language}.{kind}" for language in LANGUAGES for kind in ("txt", "html")} <= files
        assert {"summary.png", "report.pdf"} <= files
        assert (a_demo.folder / folder / "report.pdf").read_bytes().startswith(b"%PDF")
    with Image.open(a_demo.folder / "head-ct-bleed" / "heatmap.any_ich.png") as picture:
        assert "RGB" == picture.mode


def test_an_older_demo_leaves_nothing_behind(a_demo: Demo):
    """Its files are gone, files of somebody else are not."""
    left = {str(path.relative_to(a_demo.folder)) for path in a_demo.folder.rglob("*")}

    assert not {"job-9.de.html", "service.log", "dicom/0999.dcm", "gone/report.en.txt", "gone"} & left
    assert {"mine.txt", "node.log"} <= left


def test_the_page_loads_nothing_from_elsewhere(a_demo: Demo):
    """No script, no address; every picture and link is a file beside it."""
    page = Page(a_demo.folder / "index.html")
    targets = [a["src"] for a in page.of("img")] + [a["href"] for a in page.of("a")]

    assert [] == page.of("script") == page.of("link")
    assert "http:" not in (text := (a_demo.folder / "index.html").read_text(encoding="utf-8"))
    assert "https:" not in text
    assert [] == [t for t in targets if not t.startswith("#") and not (a_demo.folder / t).is_file()]
    assert {t[1:] for t in targets if t.startswith("#")} == {a["id"] for a in page.of("section")} == set(STORIES)
    assert len(a_demo.objects) == sum(t.startswith("dicom/") for t in targets)


def test_the_page_offers_each_report_in_each_language(a_demo: Demo):
    """A labelled choice for each, the first one chosen; Arabic is written from the right; pictures have words."""
    page = Page(a_demo.folder / "index.html")
    choices = page.of("input", type="radio")

    assert len(STORIES) * len(LANGUAGES) == len(choices)
    assert {a["id"] for a in choices} == {a["for"] for a in page.of("label")}
    assert len(STORIES) == sum("checked" in a for a in choices)
    assert len(STORIES) == len(page.of("div", lang="ar", dir="rtl"))
    assert all(a["alt"] for a in page.of("img"))


def test_a_study_without_an_answer_fails_the_demo(tmp_path, capsys):
    """The exit status is 1; the error names the study, says why, and where the log is."""
    status = main(["demo", "--out", str(tmp_path), "--samples", str(SAMPLES), "--timeout-s", "0"])

    said = capsys.readouterr().err
    assert 1 == status
    assert "head-ct-bleed" in said
    assert str(tmp_path / "node.log") in said
    assert (tmp_path / "node.log").is_file()


def test_clearing_removes_what_a_demo_wrote_and_nothing_else(tmp_path):
    """A folder that somebody chose by mistake keeps its files."""
    for name in ("thesis.html", "study/report.docx", "study/heatmap.iph.png", "dicom/mine.txt", "dicom/0001.dcm"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    clear(tmp_path)

    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert {"thesis.html", "study/report.docx", "dicom/mine.txt"} == left
