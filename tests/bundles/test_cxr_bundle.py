"""The shipped chest film bundle, with nothing but what serving has."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

import dicomnode.bundles
from dicomnode.errors import NotJudgedError
from dicomnode.infer.bundle import Bundle, load_bundle
from dicomnode.infer.grid import fitted, normalized, stretched
from dicomnode.infer.model import Model
from dicomnode.infer.prepare import prepare
from dicomnode.records import Change, Encoding, FloatArray, Placement, PreparedImage, Reading

_FOLDER = Path(dicomnode.bundles.__file__).parent / "cxr"
_SAMPLES = Path(__file__).parents[2] / "sample_dicom"
_FEWEST_POSITIVES = 10


@pytest.fixture(scope="module")
def a_model() -> Model:
    """The bundle, loaded."""
    return Model(load_bundle(_FOLDER))


@pytest.fixture(scope="module")
def a_card() -> dict[str, Any]:
    """Its figures."""
    return json.loads((_FOLDER / "card.json").read_text(encoding="utf-8"))


def _drawn_chest() -> FloatArray:
    """Two dark lungs and a heart in a grey body: enough to look like a chest from afar."""
    image = Image.new("F", (320, 300), 0.15)
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((20, 10, 300, 300), 60, fill=0.7)
    draw.ellipse((60, 50, 140, 250), fill=0.2)
    draw.ellipse((180, 50, 260, 250), fill=0.2)
    draw.ellipse((135, 140, 215, 250), fill=0.85)
    for top in range(60, 240, 28):
        draw.arc((50, top, 150, top + 40), 190, 350, fill=0.45, width=5)
        draw.arc((170, top, 270, top + 40), 190, 350, fill=0.45, width=5)
    return np.asarray(image, np.float32)


def _prepared(grid: FloatArray, bundle: Bundle) -> PreparedImage:
    return PreparedImage(
        sop_instance_uid="2.25.1",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.1.1",
        frame_number=1,
        pixel_values=normalized([grid], bundle.pixels),
        display=np.rint(grid * 255).astype(np.uint8),
        placement=Placement(scale=1.0, top=0.0, left=0.0),
    )


def _chest(model: Model) -> Encoding:
    image = _drawn_chest()
    upright = stretched(image, np.ones(image.shape, bool), model.bundle.pixels)
    return model.encode(_prepared(fitted(upright, model.bundle.pixels, 0, False)[0], model.bundle))


def _inverted(pixel_values: FloatArray) -> FloatArray:
    return pixel_values.max() + pixel_values.min() - pixel_values


def _black(model: Model) -> Encoding:
    shape = (model.bundle.pixels.rows, model.bundle.pixels.columns)
    return model.encode(_prepared(np.zeros(shape, np.float32), model.bundle))


def test_the_main_figure_stands_in_the_card(a_card: dict[str, Any]):
    """Pneumonia's AUC on the test split stands there for the children and for the adults, with its interval."""
    groups = a_card["classifier"]["pneumonia"]["groups"]

    for start in ("Kermany", "NIH"):
        name = next(name for name in groups if name.startswith(start))
        low, high = groups[name]["auroc"]["interval"]
        assert 0 <= low < groups[name]["auroc"]["value"] < high <= 1
        assert f"{groups[name]['auroc']['value']:.3f} [{low:.3f}, {high:.3f}]" in (_FOLDER / "card.md").read_text()


def test_what_was_hardly_measured_is_not_claimed(a_card: dict[str, Any]):
    """Every group with fewer than ten films with a finding, or without it, is named as one of which nothing is said."""
    card = (_FOLDER / "card.md").read_text()

    for key, finding in a_card["classifier"].items():
        for name, group in finding["groups"].items():
            few = min(group["positives"], group["cases"] - group["positives"]) < _FEWEST_POSITIVES
            assert few == (name in _not_claimed(card, key)), (key, name)


def _not_claimed(card: str, key: str) -> list[str]:
    """The card's groups of which nothing may be claimed for a finding."""
    section = card.split("## May not be claimed")[1].split("## Limits")[0]
    start = f"- {key}: nothing for "
    line = next((line for line in section.splitlines() if line.startswith(start)), "")
    return line.removeprefix(start).split(": fewer than")[0].split("; ")


def test_the_licences_are_named(a_card: dict[str, Any]):
    """Both data sets are attributed as their licences ask."""
    text = " ".join(a_card["licences"])

    assert "https://nihcc.app.box.com/v/ChestXray-NIHCC" in text
    assert "CC BY 4.0" in text
    assert "doi:10.17632/rscbjbr9sj" in text


def test_the_words_depend_on_the_pixels(a_model: Model):
    """A clear film and one with an opacity are not described in the same words, on any processor.

    Between a black image and a drawn chest, say, the words are a toss-up, which processors' rounding decides.
    """
    readings = [_read_sample(a_model, name) for name in ("chest-normal", "chest-opacity")]
    drafts = [a_model.generate(a_model.prompt(reading.encodings)).sentences for reading in readings]

    assert all(drafts)
    assert drafts[0] != drafts[1]


def test_a_black_image_is_not_judged(a_model: Model):
    """Where there is nothing to see, nothing is found: the image is called strange."""
    shape = (a_model.bundle.pixels.rows, a_model.bundle.pixels.columns)

    with pytest.raises(NotJudgedError):
        a_model.read([_prepared(np.zeros(shape, np.float32), a_model.bundle)])


@pytest.mark.parametrize("name", ["chest-normal", "chest-opacity", "hard-header"])
@pytest.mark.parametrize("spoil", [lambda p: np.rot90(p, 1, (1, 2)), lambda p: np.rot90(p, 2, (1, 2)), _inverted])
def test_a_turned_or_inverted_film_is_not_judged(a_model: Model, name: str, spoil: Callable[[FloatArray], FloatArray]):
    """A sample film is read as it is; turned or inverted it is called strange."""
    (image,) = prepare(sorted((_SAMPLES / name).glob("*.dcm")), a_model.bundle)
    a_model.read([image])

    with pytest.raises(NotJudgedError):
        a_model.read([replace(image, pixel_values=np.ascontiguousarray(spoil(image.pixel_values)))])


def test_the_draft_ends(a_model: Model):
    """A draft ends by its end token, not by its limit."""
    assert not a_model.generate(a_model.prompt([_chest(a_model)])).is_truncated


def _read_sample(model: Model, name: str) -> Reading:
    return model.read(prepare(sorted((_SAMPLES / name).glob("*.dcm")), model.bundle))


def test_the_comparer_is_small():
    """It adds less than 300 kB to the bundle."""
    assert (_FOLDER / "comparer.onnx").stat().st_size < 300_000


@pytest.mark.parametrize("name", ["chest-normal", "chest-opacity"])
def test_a_film_has_not_changed_against_itself(a_model: Model, name: str):
    """Nothing is new in a film that is compared with itself, and time has no direction in it."""
    reading = _read_sample(a_model, name)
    comparison = a_model.compare(reading, reading)

    assert {Change.UNCHANGED} == set(comparison.changes)
    np.testing.assert_allclose(comparison.probabilities, comparison.probabilities[:, ::-1], atol=1e-2)


def test_without_a_prior_film_nothing_is_said(a_model: Model):
    """What was learned for a missing prior holds no opinion: all five changes are nearly alike."""
    comparison = a_model.compare(_read_sample(a_model, "chest-opacity"), None)

    assert {None} == set(comparison.changes)
    assert comparison.probabilities.max() < 0.35


def test_what_is_new_one_way_is_resolved_the_other(a_model: Model):
    """Two sample films compared both ways give the same probabilities in the opposite order."""
    normal, opaque = (_read_sample(a_model, name) for name in ("chest-normal", "chest-opacity"))
    there, back = a_model.compare(opaque, normal), a_model.compare(normal, opaque)

    np.testing.assert_allclose(there.probabilities, back.probabilities[:, ::-1], atol=2e-2)


def test_the_card_says_that_change_was_synthetic(a_card: dict[str, Any]):
    """Every finding has its figures beside those of the baseline, under a heading that says what they are of."""
    text = (_FOLDER / "card.md").read_text(encoding="utf-8")

    assert "### Comparer: measured on synthetic pairs" in text
    assert "None of it may be claimed for patients" in text
    for row in a_card["change"]["findings"].values():
        assert {"macro_f1", "baseline_macro_f1", "auroc_increased_against_decreased", "baseline_auroc"} <= set(row)


def test_class_maps_explain_the_logits(a_model: Model):
    """What a class map does not explain is the same for every image: the bias."""
    biases = [e.logits - e.class_maps.sum((1, 2)) for e in (_black(a_model), _chest(a_model))]

    assert np.abs(biases[0] - biases[1]).max() < 1e-4
