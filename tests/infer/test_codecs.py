"""Every image that pydicom ships, and every file of a torture folder, is prepared or refused by name."""

from __future__ import annotations

import dataclasses
import os
import random
from pathlib import Path

import pydicom.data
import pytest
from pydicom import dcmread

from dicomnode.errors import NodeError
from dicomnode.infer.bundle import Bundle
from dicomnode.infer.prepare import prepare

PACKAGED = Path(pydicom.data.__file__).parent / "test_files"
TORTURE = os.environ.get("TEST_TORTURE_DIR", "")


@pytest.fixture(scope="module")
def a_film_bundle_for_anything(a_film_bundle: Bundle) -> Bundle:
    """Reads whatever has a modality and pixels, so that every decoder is tried."""
    modalities = ("CR", "CT", "DX", "MR", "NM", "OT", "PT", "RTDOSE", "RTIMAGE", "SEG", "SM", "US", "XA")
    return dataclasses.replace(a_film_bundle, accepts=a_film_bundle.accepts.model_copy(update=_anything(modalities)))


@pytest.fixture(scope="module")
def a_ct_bundle_for_anything(a_ct_bundle: Bundle) -> Bundle:
    """Reads every CT."""
    return dataclasses.replace(a_ct_bundle, accepts=a_ct_bundle.accepts.model_copy(update=_anything(("CT", "MR"))))


def _anything(modalities: tuple[str, ...]) -> dict[str, object]:
    return {"modalities": modalities, "body_parts": (), "views": (), "min_rows": 1, "min_columns": 1}


def _answer(path: Path, bundle: Bundle) -> str:
    """Code of the refusal, or `prepared` where every image is as the recipe asks."""
    try:
        images = prepare([path], bundle)
    except NodeError as error:
        return error.code if str(error) else "no reason given"
    expected = (bundle.pixels.channels, bundle.pixels.rows, bundle.pixels.columns)
    assert {expected} == {image.pixel_values.shape for image in images}, path
    return "prepared"


def _answers(folder: Path, *bundles: Bundle) -> dict[str, list[str]]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    assert paths
    return {path.name: [_answer(path, bundle) for bundle in bundles] for path in paths}


def test_packaged_files_are_prepared_or_refused(a_film_bundle, a_film_bundle_for_anything, a_ct_bundle_for_anything):
    """Nothing but a NodeError leaves the room, whatever the file."""
    answers = _answers(PACKAGED, a_film_bundle, a_film_bundle_for_anything, a_ct_bundle_for_anything)

    assert {"prepared", "NOT_APPLICABLE", "NOT_JUDGED", "UNSUPPORTED_IMAGE"} == set().union(*answers.values())


@pytest.mark.skipif(not TORTURE, reason="set TEST_TORTURE_DIR to a folder of hard DICOM files")
def test_torture_files_are_prepared_or_refused(a_film_bundle, a_film_bundle_for_anything, a_ct_bundle_for_anything):
    """The same holds for every file of the torture folder."""
    answers = _answers(Path(TORTURE), a_film_bundle, a_film_bundle_for_anything, a_ct_bundle_for_anything)

    assert {"prepared", "NOT_APPLICABLE", "NOT_JUDGED", "UNSUPPORTED_IMAGE"} == set().union(*answers.values())


def test_damaged_files_are_prepared_or_refused(a_film_bundle_for_anything, a_ct_bundle_for_anything, tmp_path):
    """Bytes changed at random end in pixels or in a NodeError, never in anything else."""
    dice = random.Random(7)  # noqa: S311  # the same damage every time
    small = [path for path in sorted(PACKAGED.glob("*.dcm")) if path.stat().st_size < 50_000]
    path = tmp_path / "damaged.dcm"
    answers = set()
    for _ in range(300):
        content = bytearray(dice.choice(small).read_bytes())
        for _ in range(dice.choice((1, 4, 16))):
            content[dice.randrange(132, min(len(content), 3000))] = dice.randrange(256)
        path.write_bytes(content)
        answers |= {_answer(path, bundle) for bundle in (a_film_bundle_for_anything, a_ct_bundle_for_anything)}

    assert (
        {"prepared", "NOT_APPLICABLE", "UNSUPPORTED_IMAGE"}
        <= answers
        <= {"prepared", "NOT_APPLICABLE", "NOT_JUDGED", "UNSUPPORTED_IMAGE"}
    )


CODECS = {
    "JPEG Baseline": "SC_rgb_jpeg_dcmtk.dcm",
    "JPEG Extended, 12 bits": "JPEG-lossy.dcm",
    "JPEG Lossless SV1": "SC_rgb_jpeg_gdcm.dcm",
    "JPEG-LS lossless": "MR_small_jpeg_ls_lossless.dcm",
    "JPEG-LS near-lossless": "JPEGLSNearLossless_08.dcm",
    "JPEG 2000": "JPEG2000.dcm",
    "JPEG 2000 lossless": "J2K_pixelrep_mismatch.dcm",
    "RLE": "MR_small_RLE.dcm",
    "deflated": "image_dfl.dcm",
    "big endian": "MR_small_bigendian.dcm",
}


@pytest.mark.parametrize("codec", CODECS)
def test_common_codecs_are_read(a_film_bundle_for_anything, codec, tmp_path):
    """Each codec that a hospital meets gives pixels, not a refusal."""
    ds = dcmread(PACKAGED / CODECS[codec])
    ds.Modality = "OT"  # two of the samples have none
    ds.save_as(tmp_path / "sample.dcm")

    assert "prepared" == _answer(tmp_path / "sample.dcm", a_film_bundle_for_anything)
