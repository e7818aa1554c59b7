"""Draw the pictures of the documents anew: `make pictures`.

Runs the demo on the synthetic studies and saves, from the objects that its PACS received, the heat map and the report
page of one chest film as PNG files in `docs/images/`. Run it after a change of how results look.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.uid import SecondaryCaptureImageStorage

IMAGES = Path(__file__).parent.parent / "docs" / "images"
PATIENT = "SYNTHETIC^Chest Opacity"
WIDTH_PX = 720
PICTURES = {"heat-map.png": "heat map", "report-page.png": "summary"}
"""File to what the Series Description of its object says."""


def main() -> None:
    """Run the demo and save the pictures."""
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "dicomnode", "demo", "--out", scratch]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        found = sorted(secondary_captures(Path(scratch)), key=lambda ds: int(ds.InstanceNumber))
        newest = max(str(ds.StudyDate) for ds in found)
        for name, kind in PICTURES.items():
            shown = (ds for ds in found if ds.StudyDate == newest and kind in ds.SeriesDescription)
            save(next(shown), IMAGES / name)


def secondary_captures(folder: Path) -> Iterator[Dataset]:
    """Pictures of the patient that the PACS received."""
    for path in folder.rglob("*.dcm"):
        ds = dcmread(path)
        if SecondaryCaptureImageStorage == ds.SOPClassUID and ds.PatientName == PATIENT:
            yield ds


def save(ds: Dataset, path: Path) -> None:
    """Write one as PNG, at the width of the README."""
    image = Image.fromarray(ds.pixel_array).convert("RGB")
    height_px = round(image.height * WIDTH_PX / image.width)
    image.resize((WIDTH_PX, height_px), Image.Resampling.LANCZOS).save(path, optimize=True)
    print(f"{path}: {WIDTH_PX} x {height_px}, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
