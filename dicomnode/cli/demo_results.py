"""Writes what the demo's sandbox PACS received for people to look at.

Files are made from the objects that the PACS received, so what is shown is what was sent.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from pydicom import Dataset, dcmread

from dicomnode.cli.demo_answers import StudyAnswer
from dicomnode.cli.demo_page import page
from dicomnode.dicom.document import document_html, document_language, document_text
from dicomnode.records import ResultKind

_OLD = (
    "index.html",
    "*.log",
    "dicom/*.dcm",
    "*/report.*.txt",
    "*/report.*.html",
    "*/report*.pdf",
    "*/heatmap.*.png",
    "*/summary*.png",
    "job-*.txt",
    "job-*.html",
    "job-*.png",
)
"""What a demo writes, and wrote in version 0.1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The files of one study, as paths from the page."""

    answer: StudyAnswer
    heat_maps: dict[str, str]
    """Name of the finding to PNG."""
    summaries: list[str]
    reports: Sequence[Dataset]
    """Text reports, the house's language first."""
    documents: list[tuple[str, str]]
    """Label and path of reports as text, HTML and PDF."""
    objects: list[tuple[str, str]]
    """Series Description and path of each DICOM file."""


def clear(folder: Path) -> None:
    """Remove the files of a former demo, and nothing else."""
    for pattern in _OLD:
        for old in folder.glob(pattern):
            old.unlink()
            with contextlib.suppress(OSError):  # it is not empty: something else lies there
                if old.parent != folder:
                    old.parent.rmdir()


def write_results(found: Sequence[StudyAnswer], names: Mapping[str, str], folder: Path) -> None:
    """Write the reports in all languages, the pictures, the PDF files and the page that shows them all.

    Parameters
    ----------
    names
        Finding, as roles of objects name it, to its name.
    """
    studies = [_write_study(answer, names, folder) for answer in found]
    (folder / "index.html").write_text(page(studies), encoding="utf-8")


def _write_study(answer: StudyAnswer, names: Mapping[str, str], folder: Path) -> Written:
    own = folder / answer.sent.folder
    own.mkdir(exist_ok=True)
    reports = [dcmread(path) for _, path in answer.of_kind(ResultKind.TEXT)]
    heat_maps = {
        names.get(_label(role), _label(role)): _picture(path, own / f"heatmap.{_label(role)}.png")
        for role, path in answer.of_kind(ResultKind.OVERLAY)
    }
    summaries = [
        _picture(path, own / f"summary{'' if number == 0 else f'.{number}'}.png")
        for number, (_, path) in enumerate(answer.of_kind(ResultKind.SUMMARY, ResultKind.PAGE))
    ]
    documents = [one for ds in reports for one in _texts(ds, own, heat_maps)]
    documents += [_pdf(role, path, own) for role, path in answer.of_kind(ResultKind.PDF)]
    within = f"{answer.sent.folder}/"
    return Written(
        answer=answer,
        heat_maps={caption: within + picture for caption, picture in heat_maps.items()},
        summaries=[within + picture for picture in summaries],
        reports=reports,
        documents=[(label, within + name) for label, name in documents],
        objects=[
            (str(dcmread(path, stop_before_pixels=True).SeriesDescription), f"dicom/{path.name}")
            for _, path in answer.objects
        ],
    )


def _label(role: str) -> str:
    """What tells an object from others of its kind."""
    return role.partition(".")[2] or role


def _picture(source: Path, picture: Path) -> str:
    Image.fromarray(dcmread(source).pixel_array).save(picture)
    return picture.name


def _texts(ds: Dataset, own: Path, heat_maps: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Write one report as text and as HTML."""
    language = document_language(ds)[0]
    text, html = own / f"report.{language}.txt", own / f"report.{language}.html"
    text.write_text(document_text(ds), encoding="utf-8")
    html.write_text(document_html(ds, heat_maps), encoding="utf-8")
    yield f"{language} text", text.name
    yield f"{language} HTML", html.name


def _pdf(role: str, source: Path, own: Path) -> tuple[str, str]:
    ds, path = dcmread(source), own / ("report.pdf" if role == ResultKind.PDF else f"report.{_label(role)}.pdf")
    path.write_bytes(ds.EncapsulatedDocument[: ds.get("EncapsulatedDocumentLength")])
    return "PDF" if role == ResultKind.PDF else f"{_label(role)} PDF", path.name
