"""Writes what the demo's sandbox PACS received for people to look at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from pydicom import Dataset, dcmread

from dicomnode.cli.common import out as console
from dicomnode.dicom.document import document_html, document_text
from dicomnode.node.rooms import Stores
from dicomnode.records import InstanceKey, ResultInstance

TEXT_ROLE, OVERLAY_ROLE = "text-sr", "overlay"
"""How the roles of these results begin."""

Arrivals = Sequence[tuple[InstanceKey, Path]]


def write_results(stores: Stores, arrivals: Arrivals, folder: Path) -> None:
    """Print each report in the order in which it came, and write texts, pages and pictures, in all its languages.

    Files are made from the objects that the PACS received, so what is shown is what was sent.
    """
    received = {key.sop_instance_uid: path for key, path in arrivals}
    place = {uid: number for number, uid in enumerate(received)}
    jobs = [(job, stores.results.of_job(job["id"])) for job in stores.jobs.list()]
    come = [(job, [r for r in results if r.sop_instance_uid in received]) for job, results in jobs]
    for job, results in sorted((c for c in come if c[1]), key=lambda c: place[c[1][0].sop_instance_uid]):
        _write_study(job, results, received, folder)


def _write_study(
    job: dict[str, Any], results: Sequence[ResultInstance], received: dict[str, Path], folder: Path
) -> None:
    name = f"job-{job['id']}"
    pictures = {}
    for result in _of_role(results, OVERLAY_ROLE):
        picture = folder / f"{name}-{result.role}.png"
        _write_picture(dcmread(received[result.sop_instance_uid]), picture)
        pictures[result.role] = picture.name
    for number, result in enumerate(_of_role(results, TEXT_ROLE)):
        ds = dcmread(received[result.sop_instance_uid])
        text = document_text(ds)
        stem = name if number == 0 else f"{name}.{result.role.removeprefix(TEXT_ROLE).lstrip('.')}"
        (folder / f"{stem}.html").write_text(document_html(ds, pictures), encoding="utf-8")
        (folder / f"{stem}.txt").write_text(text, encoding="utf-8")
        if number == 0:
            _print(job, ds, text)


def _of_role(results: Iterable[ResultInstance], role: str) -> list[ResultInstance]:
    return [result for result in results if result.role.startswith(role)]


def _write_picture(ds: Dataset, path: Path) -> None:
    Image.fromarray(ds.pixel_array).save(path)


def _print(job: dict[str, Any], ds: Dataset, text: str) -> None:
    console.rule(f"job {job['id']}: {ds.StudyDescription} - acuity {job['acuity']}, {job['outcome']}", align="left")
    console.print(text, markup=False, highlight=False)
