"""Measuring a bundle, on films whose every answer is known: a bundle that counts bright pixels reads them."""

from __future__ import annotations

import csv
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_bundle
from PIL import Image

from dicomnode.errors import PermanentError
from dicomnode.infer.bundle import load_bundle
from dicomnode.infer.model import Model
from dicomnode.train.data import Film, read_split
from dicomnode.train.evaluation.answers import answered
from dicomnode.train.evaluation.boxes import read_boxes
from dicomnode.train.evaluation.card import not_claimed
from dicomnode.train.evaluation.cases import groups, somebody_else
from dicomnode.train.evaluation.evaluate import evaluate_bundle
from dicomnode.train.evaluation.maps import map_figures, overlap
from dicomnode.train.evaluation.page import write_report
from dicomnode.train.recipe import Recipe

_KEYS = ("opacity", "pleural_effusion")
_COLUMNS = ["file", "source", "patient_id", "split", "view", "sex", "age", *_KEYS, "boxes"]
_OPACITY = (slice(16, 40), slice(16, 24))
_EFFUSION = (slice(40, 48), slice(16, 24))
_WRONG = {3, 8}  # films that are labelled against their pixels


def _film(number: int) -> bytes:
    """Dim, with one black and one white line that fix the grey scale; odd ones with a bright opacity."""
    image = np.random.default_rng(number).normal(70, 4, (64, 64))
    image[0], image[1] = 255, 0
    if number % 2:
        image[_OPACITY] = 190
    if number % 3 == 0:
        image[_EFFUSION] = 255
    target = io.BytesIO()
    Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(target, "PNG")
    return target.getvalue()


def _row(number: int) -> dict[str, object]:
    here = number % 4 < 2
    has_opacity = bool(number % 2) != (number in _WRONG)
    return {
        "file": f"test/{number}.png",
        "source": "here" if here else "there",
        "patient_id": f"p{number}",
        "split": "test",
        "view": "PA",
        "sex": "F" if number % 8 < 4 else "M",
        "age": 30 if here else 5,
        "opacity": int(has_opacity),
        "pleural_effusion": int(number % 3 == 0) if here else "",
        "boxes": '[["Opacity", 0.25, 0.25, 0.375, 0.625], ["Mass", 0, 0, 1, 1]]' if number in (1, 5) else "",
    }


@pytest.fixture(scope="module")
def some_films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty labelled films of two sources."""
    folder = tmp_path_factory.mktemp("measured")
    with (folder / "labels.csv").open("w", newline="") as text, tarfile.open(folder / "test.tar", "w") as tar:
        writer = csv.DictWriter(text, _COLUMNS)
        writer.writeheader()
        for number in range(60):
            writer.writerow(_row(number))
            member, content = tarfile.TarInfo(f"test/{number}.png"), _film(number)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return folder


@pytest.fixture(scope="module")
def a_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that reads bright pixels."""
    return tiny_bundle.write_tiny_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def some_figures(a_bundle: Path, some_films: Path) -> dict[str, Any]:
    """What the evaluation finds."""
    return evaluate_bundle(a_bundle, some_films, bootstrap=40)


def test_figures_follow_from_the_pixels_and_labels(some_figures: dict[str, Any]):
    """One wrong label in each source costs one of sixteen found here, and one of sixteen not called there."""
    opacity = some_figures["classifier"]["opacity"]["groups"]

    assert 15 / 16 == opacity["here"]["sensitivity"]["value"] == opacity["there"]["specificity"]["value"]
    assert 1 == opacity["here"]["specificity"]["value"] == opacity["there"]["sensitivity"]["value"]
    assert {"here", "there", "here, sex F", "here, sex M", "there, sex F", "there, sex M"} == set(opacity)
    assert 0 <= opacity["here"]["auroc"]["interval"][0] <= opacity["here"]["auroc"]["value"] <= 1
    assert ["here"] == [name for name in some_figures["classifier"]["pleural_effusion"]["groups"] if "," not in name]


def test_few_cases_carry_no_claim(some_figures: dict[str, Any]):
    """Groups with fewer than ten cases of a class are shown and marked, and told in the card."""
    groups_of_opacity = some_figures["classifier"]["opacity"]["groups"]

    assert groups_of_opacity["here"]["claim"]
    assert not groups_of_opacity["here, sex F"]["claim"]
    assert any("sex F" in sentence for sentence in not_claimed(some_figures["classifier"]))


def test_the_text_says_what_the_classifier_says(some_figures: dict[str, Any]):
    """A decoder that words the classifier agrees with it on every film, and has its F1."""
    text = some_figures["text"]["opacity"]

    assert 1 == text["agrees_with_classifier"]["value"] == text["spoken_of_where_label_known"]["value"]
    assert text["f1_classifier"] == text["f1_text"]
    assert some_figures["report"]["label_f1_text"] == some_figures["report"]["label_f1_classifier"]


def test_controls_show_that_words_come_from_pixels(some_figures: dict[str, Any]):
    """A black image is called nothing, a nearly white one is not judged, somebody else's image tells little."""
    spoilt = some_figures["controls"]["spoilt_images"]
    swapped = some_figures["controls"]["swapped_patients"]

    assert 0 == spoilt["black"]["positive"]
    assert 0 < spoilt["as they are"]["positive"] < 1
    assert swapped["label_f1_swapped_images"]["value"] < swapped["label_f1_own_images"]["value"] - 0.2


def test_heat_maps_are_held_against_boxes(some_figures: dict[str, Any], a_bundle: Path, some_films: Path):
    """The maps of the two boxed films lie in their boxes; a box of something else is left out."""
    opacity = some_figures["heat_maps"]["boxes"]["opacity"]
    specs = load_bundle(a_bundle).findings
    split = read_split(some_films, "test", _KEYS, load_bundle(a_bundle).pixels)
    marked = read_boxes(some_films, split, specs)

    assert 2 == opacity["marked"]
    assert 1 == opacity["pointing_game"]["value"]
    assert opacity["energy_inside"]["value"] > 0.6 > opacity["marked_area"]["value"]
    assert {(1, 0), (5, 0)} == set(marked)
    assert (16, 39) == tuple(np.flatnonzero(marked[1, 0].any(1))[[0, -1]])
    assert (16, 23) == tuple(np.flatnonzero(marked[1, 0].any(0))[[0, -1]])


def test_a_wrong_box_is_refused(some_films: Path, a_bundle: Path, tmp_path: Path):
    """Corners in pixels, or no JSON, get one sentence that says what is right."""
    split = read_split(some_films, "test", _KEYS, load_bundle(a_bundle).pixels)
    text = (some_films / "labels.csv").read_text()
    for wrong in ("0.375, 0.625]", "[["):
        (tmp_path / "labels.csv").write_text(text.replace("0.375, 0.625]", "24, 40]" if wrong[0] == "0" else "24,"))
        with pytest.raises(PermanentError, match=r"test/1\.png: boxes must be a JSON list"):
            read_boxes(tmp_path, split, load_bundle(a_bundle).findings)


def test_a_map_on_a_mask():
    """All evidence inside is full marks; a map without evidence for the finding lies nowhere."""
    mask = np.zeros((16, 16), bool)
    mask[:8, :8] = True
    inside = np.full((2, 2), -1, np.float32)
    inside[0, 0] = 3
    nowhere = overlap(-np.ones((2, 2), np.float32), mask)

    assert overlap(inside, mask).is_pointing
    assert overlap(inside, mask).energy > 0.75
    assert overlap(inside, mask).iou > 0.75
    assert (False, 0.0, 0.0, 0.25) == (nowhere.is_pointing, nowhere.energy, nowhere.iou, nowhere.area)
    assert {} == map_figures({(0, 0): ~mask & mask}, inside[None, None], ("x",), np.array(["p"]), (5, 1))


def test_a_volume_is_one_study(tmp_path: Path):
    """All slices of a volume go through one prompting; its draft is one."""
    model = Model(load_bundle(tiny_bundle.write_tiny_bundle(tmp_path / "ct", kind="ct")))
    images = np.random.default_rng(1).random((5, 2, 64, 64)).astype(np.float32) * 0.3

    answers = answered(model, images, (np.array([0, 2, 4]), np.array([1, 3])))

    assert (5, 1) == answers.probabilities.shape
    assert (2, 1) == answers.study_probabilities.shape
    assert 2 == len(answers.drafts)


def test_the_page_stands_alone(some_figures: dict[str, Any], tmp_path: Path):
    """The report is one HTML file with plots and tables inside, and the same figures as JSON."""
    write_report("tiny <films>", some_figures, tmp_path / "report")
    html = (tmp_path / "report" / "report.html").read_text()

    assert some_figures["classifier"] == json.loads((tmp_path / "report" / "report.json").read_text())["classifier"]
    assert 4 == html.count("<svg")
    assert "tiny &lt;films&gt;" in html
    assert not any(word in html for word in ("<script", "src=", "href="))


def test_a_recipe_of_other_findings_is_refused(a_bundle: Path, some_films: Path, a_recipe: Recipe):
    """Recipe and bundle must name the same findings in the same order."""
    with pytest.raises(PermanentError, match="recipe and bundle do not match"):
        evaluate_bundle(a_bundle, some_films, recipe=a_recipe)


def _a_film(patient: str, source: str, age: float) -> Film:
    return Film(
        file="f", files=("f",), source=source, patient_id=patient, split="test", view="", sex="", age=age,
        volume="f", order=0, labels=(0.0,),
    )  # fmt: skip


def test_the_swapped_patient_is_another_one():
    """Everybody gets an image of another patient of the same source; who is alone keeps the own."""
    films = [_a_film(f"p{number // 2}", "a", 50) for number in range(10)] + [_a_film("q", "b", 50)]

    other = somebody_else(films, 1)

    assert all(films[i].patient_id != films[j].patient_id for i, j in enumerate(other[:10]))
    assert {"a"} == {films[j].source for j in other[:10]}
    assert 10 == other[10]


def test_age_bands_part_children_from_adults():
    """Seventeen is a child, eighteen is not; an unknown age is in no band."""
    ages = [17.9] * 10 + [18.0] * 10 + [float("nan")] * 10
    films = tuple(_a_film(f"p{number}", "a", age) for number, age in enumerate(ages))
    truth = np.arange(30).astype(np.float32) % 2

    class Some:
        """Films alone."""

    some = Some()
    some.films = films

    found = groups(some, truth)

    assert {"a", "a, age 0-17", "a, age 18-39"} == set(found)
    assert range(10) == range(*np.flatnonzero(found["a, age 0-17"])[[0, -1]] + [0, 1])
