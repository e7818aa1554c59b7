"""Every object against the validators of other makers."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from compose.conftest import a_finding, a_report, an_absent_finding
from helpers import missing_peer, program
from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from dicomnode.compose import compose
from dicomnode.records import Outcome

PIXELMED = Path("/usr/share/java/pixelmed.jar")
# Java's own limits on stylesheets are too small for PixelMed's templates; the rest makes a short run shorter.
PIXELMED_OPTIONS = (
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    "-Xss64m",
    "-Djdk.xml.xpathTotalOpLimit=0",
    "-Djdk.xml.xpathExprOpLimit=0",
    "-Djdk.xml.xpathExprGrpLimit=0",
)


def said(*command: str | Path) -> str:
    """Return what a program says on both streams."""
    done = subprocess.run(command, capture_output=True, check=False)
    return (done.stdout + done.stderr).decode("utf-8", errors="replace")


@pytest.fixture(params=["CR", "DX", "CT"])
def some_sources(request, a_hard_film, a_dx_film, a_ct_series) -> tuple[Dataset, ...]:
    """A film with a hard header, a plain one, a CT series."""
    return {"CR": (a_hard_film,), "DX": (a_dx_film,), "CT": a_ct_series}[request.param]


@pytest.fixture
def some_files(tmp_path, a_request, some_sources) -> dict[Outcome, list[Path]]:
    """Files of the results of one study for each outcome, with those of the study itself."""
    reports = (
        a_report(Outcome.FINDINGS, a_finding(some_sources[0]), an_absent_finding()),
        a_report(Outcome.NOTHING_FOUND, an_absent_finding()),
        a_report(Outcome.NOT_APPLICABLE),
        a_report(Outcome.NOT_JUDGED),
        a_report(Outcome.COULD_NOT_RUN),
    )
    files: dict[Outcome, list[Path]] = {}
    for report in reports:
        for composed in compose(a_request(some_sources, report)):
            file = tmp_path / f"{report.outcome}-{composed.role}.dcm"
            dcmwrite(file, composed.dataset, enforce_file_format=True)
            files.setdefault(report.outcome, []).append(file)
    return files


def test_dciodvfy_finds_no_error(some_files):
    """Every object fits its IOD."""
    dciodvfy = program("dciodvfy", "dicom3tools")

    errors = [
        (file.name, line)
        for files in some_files.values()
        for file in files
        for line in said(dciodvfy, "-new", file).splitlines()
        if line.startswith("Error")
    ]

    assert [] == errors


def test_dsrdump_accepts_every_document(some_files):
    """DCMTK reads every tree without complaint about values or relationships."""
    dsrdump = program("dsrdump", "dcmtk")
    documents = [file for files in some_files.values() for file in files if "overlay" not in file.name]

    failed = [
        file.name
        for file in documents
        if subprocess.run([dsrdump, "+Pt", "+Pc", file], capture_output=True, check=False).returncode
    ]

    assert 9 == len(documents)
    assert [] == failed


def test_dcentvfy_finds_the_results_in_their_study(some_files, some_sources, tmp_path):
    """Source and results agree about patient and study."""
    dcentvfy = program("dcentvfy", "dicom3tools")
    sources = []
    for number, source in enumerate(some_sources):
        source.file_meta = FileMetaDataset()
        source.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        sources.append(tmp_path / f"source-{number}.dcm")
        dcmwrite(sources[-1], source, enforce_file_format=True)

    lines = said(dcentvfy, *sources, *some_files[Outcome.FINDINGS]).splitlines()

    # The tool compares bytes, and cannot know that GB18030 and UTF-8 spell one name.
    assert [] == [line for line in lines if line.startswith("Error") and "<PatientName>" not in line]


def test_pixelmed_finds_no_error_in_any_template(tmp_path, a_request, a_ct_series):
    """Text report, regions, study report and key objects follow their templates."""
    java = program("java", "default-jre-headless")
    if not PIXELMED.exists():
        missing_peer(f"{PIXELMED} is missing (apt-get install libpixelmed-java)")
    found = a_report(Outcome.FINDINGS, a_finding(a_ct_series[0]), an_absent_finding())
    documents = [c for c in compose(a_request(a_ct_series, found)) if "overlay" not in c.role]
    running = []
    for number, composed in enumerate(documents):
        file = tmp_path / f"{number}.dcm"
        dcmwrite(file, composed.dataset, enforce_file_format=True)
        command = [java, *PIXELMED_OPTIONS, "-cp", PIXELMED, "com.pixelmed.validate.DicomSRValidator", file]
        running.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))

    answers = [process.communicate(timeout=240)[0] for process in running]

    assert 4 == len(answers)
    assert all("IOD validation complete" in answer for answer in answers)
    assert [] == [line for answer in answers for line in answer.splitlines() if line.startswith("Error")]
