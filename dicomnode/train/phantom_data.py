"""A data folder of synthetic volumes, for the model that has no real one to learn from."""

from __future__ import annotations

import csv
import io
import tarfile
from pathlib import Path

import numpy as np
import structlog
from PIL import Image

from dicomnode.errors import SettingsError
from dicomnode.phantoms.ctpa import ctpa
from dicomnode.records import FloatArray
from dicomnode.train.data import SPLITS
from dicomnode.train.phantoms import windows
from dicomnode.train.recipe import Recipe

log = structlog.get_logger(__name__)

_SIDE = 192
_SLICES = 24
_PRESENT = 0.5
"""Share of the volumes that hold an embolus."""


def write_phantoms(recipe: Recipe, folder: Path, volumes: dict[str, int]) -> None:
    """Write labels.csv and one tar file a split, in the form that training reads.

    Parameters
    ----------
    recipe
        Of kind ctpa; its windows and columns are written.
    folder
        New or empty.
    volumes
        Number of volumes by split; a seed of their own for each split and volume.

    Raises
    ------
    SettingsError
        If the folder already holds data, or the recipe is of another kind.
    """
    if recipe.phantoms.kind != "ctpa":
        raise SettingsError(f"{recipe.bundle.name} learns from real images; only the ctpa recipe is entirely synthetic")
    if (folder / "labels.csv").exists():
        raise SettingsError(f"{folder} already contains a labels.csv; choose a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    columns = [*recipe.data.files, "source", "patient_id", "split", "slice_number", *recipe.keys]
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as text:
        writer = csv.DictWriter(text, columns)
        writer.writeheader()
        for split in SPLITS:
            with tarfile.open(folder / f"{split}.tar", "w") as tar:
                for number in range(volumes[split]):
                    writer.writerows(_volume(recipe, tar, split, number))
            log.info("written", split=split, volumes=volumes[split])


def _volume(recipe: Recipe, tar: tarfile.TarFile, split: str, number: int) -> list[dict[str, object]]:
    """Add one volume's slices to the tar file and return their rows."""
    rng = np.random.default_rng([SPLITS.index(split), number])
    has_embolus = bool(rng.random() < _PRESENT)
    volume = ctpa(rng, _SIDE, _SLICES, has_embolus=has_embolus)
    patient, rows = f"synthetic_{split}_{number:03d}", []
    for index in range(_SLICES):
        channels = windows(volume.hounsfield[index].astype(np.float32), recipe)
        names = [f"{split}/{patient}_{index:02d}_{column}.png" for column in recipe.data.files]
        for name, channel in zip(names, channels, strict=True):
            _add(tar, name, channel)
        rows.append(
            {
                **dict(zip(recipe.data.files, names, strict=True)),
                "source": "synthetic",
                "patient_id": patient,
                "split": split,
                "slice_number": index + 1,
                recipe.keys[0]: int(volume.embolus_mask[index].any()),
            }
        )
    return rows


def _add(tar: tarfile.TarFile, name: str, channel: FloatArray) -> None:
    content = io.BytesIO()
    Image.fromarray(np.rint(channel * 255).astype(np.uint8)).save(content, "PNG")
    member = tarfile.TarInfo(name)
    member.size = content.tell()
    content.seek(0)
    tar.addfile(member, content)
