"""A tiny data set and a tiny recipe, drawn here."""

from __future__ import annotations

import csv
import io
import tarfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from helpers import made_once
from PIL import Image

if find_spec("torch") is None:
    # The others import torch where they begin; test_extra says that they are left out, and how to get it.
    collect_ignore_glob = ["test_[!e]*.py", "test_explanations.py"]
else:
    from dicomnode.train.recipe import Recipe, read_recipe
    from dicomnode.train.run import train_bundle

_COLUMNS = ["file", "source", "patient_id", "split", "view", "pneumonia", "effusion"]
_SIZES = {"train": 24, "val": 16, "test": 24}


def _film(number: int, has_pneumonia: bool) -> bytes:
    """A dim square; a bright disc on it where there is pneumonia."""
    generator = np.random.default_rng(number)
    image = 60 + 10 * generator.standard_normal((80, 96))
    if has_pneumonia:
        rows, columns = np.ogrid[:80, :96]
        image[(rows - 40) ** 2 + (columns - 48) ** 2 < 400] += 120
    target = io.BytesIO()
    Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(target, "JPEG")
    return target.getvalue()


def _row(number: int, split: str) -> dict[str, object]:
    source = "near" if number % 4 < 2 else "far"
    return {
        "file": f"{split}/{number}.jpg",
        "source": source,
        # Unlike any word of a message, and any folder that a message may name.
        "patient_id": f"PATIENT-{split}-{number // 2 * 2 if split == 'train' else number}",
        "split": split,
        "view": "AP" if number % 8 < 4 else "PA",
        "pneumonia": number % 2,
        # The far source does not know of effusions.
        "effusion": number // 4 % 2 if source == "near" else "",
    }


@pytest.fixture(scope="session")
def a_data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three splits of generated films of two sources."""
    folder = tmp_path_factory.mktemp("films")
    with (folder / "labels.csv").open("w", newline="") as text:
        writer = csv.DictWriter(text, _COLUMNS)
        writer.writeheader()
        for split, count in _SIZES.items():
            with tarfile.open(folder / f"{split}.tar", "w") as tar:
                for number in range(count):
                    row = _row(number, split)
                    writer.writerow(row)
                    content = _film(number + 1000 * len(split), bool(row["pneumonia"]))
                    member = tarfile.TarInfo(str(row["file"]))
                    member.size = len(content)
                    tar.addfile(member, io.BytesIO(content))
    return folder


@pytest.fixture(scope="session")
def a_recipe_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe that trains in seconds."""
    path = tmp_path_factory.mktemp("recipe") / "tiny.toml"
    path.write_text(_RECIPE)
    return path


@pytest.fixture(scope="session")
def a_recipe(a_recipe_path: Path) -> Recipe:
    """The same, read."""
    return read_recipe(a_recipe_path)


@pytest.fixture(scope="session")
def a_run(a_recipe: Recipe, a_data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle trained on the generated films, with its checkpoints beside it."""
    return (
        made_once(tmp_path_factory, "run", lambda folder: train_bundle(a_recipe, a_data_dir, folder / "tiny")) / "tiny"
    )


_RECIPE = """
[bundle]
name = "tiny"
version = "1"
title = "Discs"
manufacturer = "tests"
description = "Says whether there is a disc."

[accepts]
kind = "radiograph"
modalities = ["DX"]
body_parts = ["CHEST"]
views = ["AP", "PA"]
min_rows = 16
min_columns = 16

[pixels]
rows = 64
columns = 64
channels = 1
fit = "pad"
low_percentile = 0.5
high_percentile = 99.5
mean = 0.5
std = 0.25

[[findings]]
key = "pneumonia"
code = ["233604007", "SCT", "Pneumonia"]
site = ["39607008", "SCT", "Lung"]
acuity = "urgent"
terms = ["pneumonia"]
present = ["there is {extent} pneumonia {place}.", "{extent} pneumonia, clearly."]
possible = ["possible pneumonia."]
absent = ["no pneumonia."]

[[findings]]
key = "effusion"
code = ["60046008", "SCT", "Pleural effusion"]
site = ["3120008", "SCT", "Pleura"]
acuity = "non_critical"
terms = ["effusion"]
present = ["there is an effusion."]
possible = ["possible effusion."]
absent = ["no effusion."]

[language]
place = "on the {side}"
place_both = "everywhere"
sides = ["right", "left"]
extents = ["small", "large"]
extent_borders = [0.1]

[phantoms]
kind = "chest"
sketches = 0
pasted = 8
foreign = 4
structures = ["right lung", "left lung", "heart"]

[phantoms.lesions]
consolidation = { pneumonia = 1 }
effusion = { effusion = 1, pneumonia = 0 }

[phantoms.mask_of]
effusion = ["effusion"]

[encoder]
widths = [4, 8, 8, 16]
layers = 1
heads = 2
dropout = 0.0

[decoder]
width = 32
layers = 2
heads = 2
max_new_tokens = 24
possible_margin = 0.2
prompts = 3

[augment]
rotation_degrees = 5.0
smallest_zoom = 0.95
largest_zoom = 1.05
shift = 0.02
gamma = 0.1
contrast = 0.1
noise = 0.02
erased = 0.1
mirror = true

[fit]
seed = 3
threads = 1
language_steps = 60
stages = [{ side = 32, steps = 30, batch = 16, learning_rate = 1e-2, strange = 0.0 }]
weight_decay = 0.01
label_smoothing = 0.02
average_decay = 0.9
views = 2
decoder_steps = 60
decoder_batch = 16
decoder_learning_rate = 1e-2
checkpoint_steps = 10

[teacher]
widths = [4, 8, 16, 32]
layers = 1
heads = 2
dropout = 0.0

[distill]
stages = [
    { side = 32, steps = 30, batch = 16, learning_rate = 1e-2 },
    { side = 64, steps = 20, batch = 8, learning_rate = 5e-3, pasted = 0.2, hidden = 0.3 },
]

[prune]
transformer = 0.5
convolution = 0.25
stages = [{ side = 64, steps = 10, batch = 8, learning_rate = 2e-3 }]

[comparer]
seed = 1
width = 8
heads = 2
series = 12
measured_series = 6
steps = 20
batch = 8
learning_rate = 5e-3

[card]
bootstrap = 50
main_finding = "pneumonia"
licences = ["drawn by the test"]
limits = ["none of it is real"]
"""
