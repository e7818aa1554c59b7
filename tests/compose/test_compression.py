"""Pixels of results: compressed without loss, and no larger than what they were made from."""

from __future__ import annotations

import dataclasses
import subprocess
from io import BytesIO

import numpy as np
import pytest
from compose.conftest import a_finding, a_full_report, a_report, an_absent_finding, ct_series, dx_film
from helpers import ROOT, program
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.encaps import get_frame
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, JPEGLSLossless

from dicomnode.compose import compose
from dicomnode.records import Outcome, ResultKind
from dicomnode.settings import ComposeSettings

SYNTAXES = {"jpeg-ls": JPEGLSLossless, "jpeg-2000": JPEG2000Lossless, "none": ExplicitVRLittleEndian}
STUDIES = {"film": ROOT / "sample_dicom" / "chest-opacity", "ct": ROOT / "sample_dicom" / "head-ct-bleed"}


def pictures(a_request, source: Dataset, **settings: object) -> dict[str, Dataset]:
    """Heat maps and summary of a full report."""
    request = a_request((source,), a_full_report(source), settings=ComposeSettings(**settings))
    return {c.role: c.dataset for c in compose(request) if "PixelData" in c.dataset}


def encoded(ds: Dataset) -> bytes:
    """An object as a file."""
    file = BytesIO()
    dcmwrite(file, ds, enforce_file_format=True)
    return file.getvalue()


@pytest.mark.parametrize("compression", SYNTAXES)
def test_pictures_are_compressed_without_loss(compression, a_request):
    """Each setting gives its transfer syntax, and every pixel is the same as without compression."""
    plain = pictures(a_request, dx_film(), compression="none")
    packed = pictures(a_request, dx_film(), compression=compression)

    assert {"overlay.pneumonia", "overlay.pneumothorax", "summary"} == packed.keys()
    for role, ds in packed.items():
        read = dcmread(BytesIO(encoded(ds)))
        assert SYNTAXES[compression] == read.file_meta.TransferSyntaxUID
        assert ("YBR_RCT" if compression == "jpeg-2000" else "RGB") == read.PhotometricInterpretation
        assert (3, 0) == (read.SamplesPerPixel, read.PlanarConfiguration)
        assert "LossyImageCompressionRatio" not in read
        np.testing.assert_array_equal(plain[role].pixel_array, read.pixel_array)


def test_the_default_is_what_most_viewers_decode(a_request):
    """JPEG-LS whose components are interleaved by pixel: some viewers misread planes one after the other."""
    for ds in pictures(a_request, dx_film()).values():
        assert JPEGLSLossless == ds.file_meta.TransferSyntaxUID
        stream = get_frame(ds.PixelData, 0)
        scan = stream.index(b"\xff\xda")  # start of scan: components, near, interleave mode
        assert (3, 0, 2) == (stream[scan + 4], stream[scan + 11], stream[scan + 12])


def test_dcmtk_decodes_them(a_request, tmp_path):
    """DCMTK, and with it Orthanc, sees the same pixels."""
    for role, ds in pictures(a_request, ct_series()[0]).items():
        packed, plain = tmp_path / f"{role}.dcm", tmp_path / f"{role}.plain.dcm"
        packed.write_bytes(encoded(ds))

        subprocess.run([program("dcmdjpls", "dcmtk"), packed, plain], check=True)

        assert dcmread(plain).file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
        np.testing.assert_array_equal(ds.pixel_array, dcmread(plain).pixel_array)


@pytest.mark.parametrize("compression", SYNTAXES)
def test_the_same_answer_is_the_same_bytes(compression, a_request):
    """Composed twice, every file is the same to the last byte."""
    first, second = (pictures(a_request, dx_film(), compression=compression) for _ in range(2))

    assert {role: encoded(ds) for role, ds in first.items()} == {role: encoded(ds) for role, ds in second.items()}


@pytest.mark.parametrize("study", STUDIES)
def test_results_are_not_larger_than_their_source(study, a_request):
    """A heat map, the summary and all documents of a film of 2 MB, or of a head CT of small slices, take less."""
    files = sorted(STUDIES[study].glob("*.dcm"))
    sources = [dcmread(file) for file in files]
    source = sources[len(sources) // 2]
    finding = a_finding(source, rows=source.Rows, columns=source.Columns)
    levels = source.pixel_array.astype(np.float32)
    grey = np.asarray(255 * (levels - levels.min()) / np.ptp(levels), np.uint8)
    image = dataclasses.replace(finding.heatmap.image, display=grey)
    finding = dataclasses.replace(finding, heatmap=dataclasses.replace(finding.heatmap, image=image))
    headers = tuple(dcmread(file, stop_before_pixels=True) for file in files)

    results = compose(a_request(headers, a_report(Outcome.FINDINGS, finding, an_absent_finding())))

    taken = sum(len(encoded(c.dataset)) for c in results)
    assert any(c.role == "overlay.pneumonia" for c in results)
    assert taken < sum(file.stat().st_size for file in files)


def test_pages_in_further_languages_are_compressed_too(a_request):
    """Whatever has pixels."""
    source = dx_film()
    results = compose(a_request((source,), a_full_report(source), kinds=frozenset([ResultKind.PAGE])))

    pages = [c.dataset for c in results if c.role.startswith("page")]
    assert pages
    assert {JPEGLSLossless} == {ds.file_meta.TransferSyntaxUID for ds in pages}
