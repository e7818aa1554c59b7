"""What tests of several rooms call: peers, ports, data sets, sending."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian, generate_uid

from dicomnode.records import Acuity, AlertFinding, CodedConcept, Estimate, Verdict

ROOT = Path(__file__).parent.parent


def missing_peer(reason: str) -> NoReturn:
    """Skip for want of a peer, or fail where all peers are required."""
    if os.environ.get("TEST_REQUIRE_PEERS") == "1":
        pytest.fail(f"TEST_REQUIRE_PEERS=1 and {reason}")
    pytest.skip(reason)


def program(name: str, package: str) -> str:
    """Path of a program of a Debian package, or skip."""
    # pynetdicom has programs of the same names, which an active virtual environment puts first.
    folders = [folder for folder in os.get_exec_path() if not (Path(folder) / "activate").is_file()]
    path = shutil.which(name, path=os.pathsep.join(folders)) or next(
        (str(p) for p in Path("/usr/lib/postgresql").glob(f"*/bin/{name}")), None
    )
    if path is None:
        missing_peer(f"{name} is not installed (apt-get install {package})")
    return str(path)


def free_port() -> int:
    """A TCP port of loopback that nobody uses now, nor is likely to take before the caller does.

    It lies below the ports that the system gives to whoever calls out, and is drawn, as several test processes draw
    at the same time.
    """
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def made_once(tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A copy, for this test process alone, of a folder that one of the test processes makes and the others wait for."""
    root = tmp_path_factory.getbasetemp()
    shared = (root.parent if "PYTEST_XDIST_WORKER" in os.environ else root) / f"{name}-made"
    with (shared.parent / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not shared.exists():
            unfinished = shared.with_suffix(".unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            make(unfinished)
            unfinished.rename(shared)
    return Path(shutil.copytree(shared, tmp_path_factory.mktemp(name) / "copy"))


def wait_until(condition: Callable[[], bool], *, timeout_s: float, what: str) -> None:
    """Return once the condition holds, or fail saying what did not come about."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {timeout_s} s: {what}")
        time.sleep(0.05)


def listens(port: int) -> bool:
    """Whether somebody listens on a port of loopback."""
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def a_data_set(**elements: object) -> Dataset:
    """A small valid chest radiograph; keyword arguments set further elements, None removes one."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID = ComputedRadiographyImageStorage
    ds.SOPInstanceUID = generate_uid()
    ds.StudyInstanceUID = generate_uid()
    ds.SeriesInstanceUID = generate_uid()
    ds.PatientName = "Synthetic^Patient"
    ds.PatientID = "SYN-1"
    ds.Modality = "CR"
    ds.BodyPartExamined = "CHEST"
    ds.ViewPosition = "PA"
    ds.Rows = ds.Columns = 160
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 12, 11
    ds.PixelRepresentation = 0
    ds.PixelData = (np.arange(160 * 160, dtype=np.uint16) % 4096).tobytes()
    for keyword, value in elements.items():
        if value is None:
            delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    return ds


def a_told_finding(key: str = "bleed", acuity: Acuity = Acuity.EMERGENT) -> AlertFinding:
    """A finding of which an alert channel is told that it is present."""
    code = CodedConcept("1386000", "SCT", key)
    return AlertFinding(key=key, code=code, verdict=Verdict.PRESENT, estimate=Estimate(percent=90), acuity=acuity)
