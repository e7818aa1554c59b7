"""The pictures of a result in a PACS that is not ours."""

from __future__ import annotations

import urllib.request
from io import BytesIO

import numpy as np
import pytest
from helpers import ROOT
from PIL import Image
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.uid import JPEGLSLossless

from dicomnode.compose.compression import set_pixels
from dicomnode.send.store_scu import StoreSCU, read_outgoing
from dicomnode.settings import ComposeSettings, SendSettings


@pytest.fixture
def a_picture(tmp_path):
    """A colour picture beside a sample study, on disk."""
    ds: Dataset = dcmread(ROOT / "sample_dicom" / "chest-opacity" / "DX001.dcm")
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    grey = np.asarray(ds.pixel_array[::4, ::4] // 16, np.uint8)
    set_pixels(ds, np.stack([grey, grey, grey // 2], axis=2), ComposeSettings())
    dcmwrite(tmp_path / "picture.dcm", ds, enforce_file_format=True)
    return tmp_path / "picture.dcm"


def test_orthanc_keeps_a_picture_compressed_and_shows_it(an_orthanc, a_picture):
    """It takes JPEG-LS as it is, and what it renders for a browser has the same pixels."""
    (outcome,) = StoreSCU(an_orthanc.destination, SendSettings()).send([read_outgoing(a_picture)])
    (instance,) = an_orthanc.get("/instances")
    base = f"http://127.0.0.1:{an_orthanc.http_port}/instances/{instance}"
    with urllib.request.urlopen(f"{base}/metadata/TransferSyntax", timeout=10) as answer:
        syntax = answer.read().decode()
    with urllib.request.urlopen(f"{base}/preview", timeout=10) as answer:
        shown = np.asarray(Image.open(BytesIO(answer.read())).convert("RGB"))

    assert outcome.is_held
    assert JPEGLSLossless == syntax
    np.testing.assert_array_equal(dcmread(a_picture).pixel_array, shown)
