"""What was read of a study is what its results document, and it is read once."""

from __future__ import annotations

import json
from collections import Counter
from copy import copy, deepcopy
from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT
from pydicom import Dataset, dcmread
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from tiny_bundle import write_tiny_bundle
from typer.testing import CliRunner

from dicomnode.cli.app import app
from dicomnode.dicom.document import document_text
from dicomnode.infer import frames
from dicomnode.node import study as study_module
from dicomnode.settings import Conditions, Rule

SAMPLES = ROOT / "sample_dicom"
PREFERS = """[prefers]
kernels = ["soft"]
contrast = "native"
thickness_mm = [4.0, 6.0]
coverage_mm = 115.0
least_coverage_mm = 60.0
refuses = ["contrast"]
"""


def _written(folder: Path, datasets: list[Dataset]) -> list[Path]:
    paths = []
    for index, ds in enumerate(datasets):
        ds.file_meta = copy(ds.file_meta)
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        paths.append(folder / f"{index:03}.dcm")
        ds.save_as(paths[-1], enforce_file_format=True)
    return paths


def _again(ds: Dataset, pixels: np.ndarray, **elements: object) -> Dataset:
    other = deepcopy(ds)
    other.PixelData = np.rint(pixels).astype(np.int16).tobytes()
    for keyword, value in elements.items():
        setattr(other, keyword, value)
    return other


@pytest.fixture(scope="module")
def soft() -> list[Dataset]:
    """The slices of the sample head, uncompressed."""
    slices = [dcmread(path) for path in sorted((SAMPLES / "head-ct-bleed").glob("*.dcm"))]
    for ds in slices:
        ds.decompress()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return slices


@pytest.fixture
def a_head_house(a_house, some_settings, tmp_path):
    """A house whose head CT bundle says what it was measured on."""
    folder = write_tiny_bundle(tmp_path / "head", kind="ct")
    path = folder / "bundle.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("[pixels]", f"{PREFERS}[pixels]"), encoding="utf-8")
    infer = some_settings.infer.model_copy(update={"bundles": (str(folder),)})
    return a_house(rules=(Rule(name="head", when=Conditions(modality=("CT",)), bundle="head"),), infer=infer)


def _answered(house, paths: list[Path]) -> tuple[dict, dict[str, Dataset]]:
    assert all(house.receive(*paths))
    house.plan()
    (job,) = house.work()
    return job, {one.role: dcmread(one.path) for one in house.stores.results.of_job(job["id"])}


def _evidence(results: dict[str, Dataset]) -> set[str]:
    """Instances of the study that the report was written from, without our own pictures."""
    ds = results["text-sr.en"]
    found = {
        str(instance.ReferencedSOPInstanceUID)
        for study in ds.CurrentRequestedProcedureEvidenceSequence
        for series in study.ReferencedSeriesSequence
        for instance in series.ReferencedSOPSequence
    }
    return found - {str(result.SOPInstanceUID) for result in results.values()}


def test_a_head_ct_is_read_from_its_soft_series_and_says_so(a_head_house, soft, tmp_path):
    """Neither a noisy bone series of a lower UID nor an unlabelled scout is read; report, evidence and store say it."""
    noise = np.random.default_rng(1)
    bone = [
        _again(
            ds, ds.pixel_array + noise.normal(0, 60, (256, 256)), SOPInstanceUID=generate_uid(), SeriesNumber=2,
            SeriesInstanceUID="1.2.3.1", ConvolutionKernel="BONE",
        )
        for ds in soft
    ]  # fmt: skip
    turned = {"SOPInstanceUID": "1.2.3.1.1", "ImageOrientationPatient": [0, 1, 0, 0, 0, -1]}
    scout = _again(soft[0], soft[0].pixel_array, **turned)

    job, results = _answered(a_head_house, _written(tmp_path, [scout, *bone, *soft]))

    assert "findings" == job["outcome"]
    said = document_text(results["text-sr.en"])
    assert "24 images were analyzed" in said
    assert "Series analyzed: 1." in said
    assert "Reconstruction kernel: SOFT." in said
    assert "One other series was not analyzed: different reconstruction kernel." in said
    assert "Some of the images received were not analyzed: localizer." in said
    assert {ds.SOPInstanceUID for ds in soft} == _evidence(results)
    rows = a_head_house.stores.inputs.selection_of(job["id"])
    assert [(1, True, ""), (2, False, "kernel"), (1, False, "localizer")] == [
        (row["series_number"], row["is_read"], row["reason"]) for row in rows
    ]


def test_studies_show_lists_what_was_read_and_why_not_the_rest(a_head_house, soft, tmp_path):
    """An operator sees every stack with its reason."""
    scout = _again(soft[0], soft[0].pixel_array, SOPInstanceUID="1.2.3.1.1", ImageType=["ORIGINAL", "PRIMARY", "SCOUT"])
    _answered(a_head_house, _written(tmp_path, [scout, *soft]))
    settings = tmp_path / "settings.toml"
    settings.write_text(f'[store]\ndata_dir = "{a_head_house.settings.store.data_dir}"\n', encoding="utf-8")
    command = ["studies", "show", str(soft[0].StudyInstanceUID), "--settings", str(settings)]

    shown = CliRunner().invoke(app, command)
    told = json.loads(CliRunner().invoke(app, [*command, "--json"]).stdout)

    assert 0 == shown.exit_code
    assert "localizer" in shown.stdout
    assert [24, 1] == [row["images"] for row in told["selection"]]
    assert ["", "localizer"] == [row["reason"] for row in told["selection"]]


def test_a_truncated_head_is_not_judged(a_head_house, soft, tmp_path):
    """Three slices of 24 exclude nothing and find nothing: the study is told not to be judged, and why."""
    job, results = _answered(a_head_house, _written(tmp_path, soft[:3]))

    assert "not_judged" == job["outcome"]
    assert "covers 15 mm" in job["reason"]
    assert "incomplete study" in document_text(results["text-sr.en"])


def test_headers_are_read_and_pixels_decoded_once(a_head_house, soft, tmp_path, monkeypatch):
    """From triage to results a worker reads each header once and decodes each slice once."""
    headers, pixels = Counter(), Counter()
    read_header, read_instance = study_module.read_header, frames.read_instance
    monkeypatch.setattr(study_module, "read_header", lambda path: (headers.update([path]), read_header(path))[1])
    monkeypatch.setattr(frames, "read_instance", lambda path: (pixels.update([path]), read_instance(path))[1])

    job, _ = _answered(a_head_house, _written(tmp_path, soft))

    assert "findings" == job["outcome"]
    assert (24, {1}) == (len(headers), set(headers.values()))
    assert (24, {1}) == (len(pixels), set(pixels.values()))


def test_the_views_are_those_of_the_films_that_were_read(a_house, tmp_path):
    """A lateral film beside the frontal one is not read, and the report does not say that it was."""
    frontal = dcmread(SAMPLES / "chest-opacity" / "DX001.dcm")
    lateral = deepcopy(frontal)
    lateral.SOPInstanceUID, lateral.ViewPosition = generate_uid(), "LATERAL"
    house = a_house()

    job, results = _answered(house, _written(tmp_path, [lateral, frontal]))

    said = document_text(results["text-sr.en"])
    assert "Views: PA." in said
    assert "LATERAL" not in said
    assert {frontal.SOPInstanceUID} == _evidence(results)
    assert "view" == house.stores.inputs.selection_of(job["id"])[1]["reason"]
