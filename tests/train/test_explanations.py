"""How far maps can be trusted, measured where the answer is known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from dicomnode.errors import SettingsError
from dicomnode.infer.bundle import check_bundle, load_bundle
from dicomnode.infer.model import Model
from dicomnode.measure.tables import explanation_tables, figure_tables
from dicomnode.train.data import Film, Split
from dicomnode.train.evaluation.explanations import (
    RANDOM,
    evaluate_explanations,
    slice_figures,
)
from dicomnode.train.evaluation.faithfulness import (
    STEPS,
    area,
    hiding_curves,
    randomised_bundle,
    rank_correlation,
    shift_correlation,
    shifted,
)
from dicomnode.train.evaluation.maps import overlap
from dicomnode.train.evaluation.marked import BOXES, DRAWN, PHANTOMS, MarkedImage, marked_images
from dicomnode.train.evaluation.page import write_explanations
from dicomnode.train.evaluation.pointing import Found, beats_chance, places
from dicomnode.train.recipe import Recipe

GENERATOR = np.random.default_rng(4)
BOOTSTRAP = (200, 1)


def judge_of(mask: np.ndarray):
    """A model whose probability is the share of the masked pixels that still stand out."""
    return lambda images: np.clip(images[:, 0, mask].mean(1), 0, 1).astype(np.float32)


def test_hiding_the_right_place_first_is_told_from_hiding_the_wrong_one():
    """Deletion falls at once and insertion rises at once where the map is right; a wrong map does the opposite."""
    mask = np.zeros((64, 64), bool)
    mask[20:26, 30:36] = True
    image = mask[None].astype(np.float32)
    right = mask.astype(np.float32)

    deletion, insertion = hiding_curves(image, right, judge_of(mask), 1)
    wrong_deletion, wrong_insertion = hiding_curves(image, 1 - right, judge_of(mask), 1)

    assert (STEPS + 1,) == deletion.shape == insertion.shape
    assert deletion[0] == insertion[-1] == 1
    assert area(deletion) < 0.2 < 0.8 < area(wrong_deletion)
    assert area(insertion) > 0.8 > 0.2 > area(wrong_insertion)


def test_the_area_under_a_line_is_its_mean():
    """From 0 to 1 in equal steps: one half."""
    assert 0.5 == pytest.approx(area(np.linspace(0, 1, 5, dtype=np.float32)))


def test_a_level_map_agrees_with_nothing():
    """Ranks agree where order agrees; a map that is the same everywhere has none."""
    one = GENERATOR.random((8, 8))

    assert 1 == pytest.approx(rank_correlation(one, one**3))
    assert 0 == rank_correlation(one, np.zeros((8, 8)))


def test_a_map_that_moves_with_the_image_is_consistent():
    """A map that follows correlates fully; one that stays where it was does not."""
    image = GENERATOR.random((1, 64, 64)).astype(np.float32)
    moved = shifted(image)

    assert image.shape == moved.shape
    assert 1 == pytest.approx(shift_correlation(image[0], moved[0]))
    assert abs(shift_correlation(image[0], image[0])) < 0.2


def found_at(row: int, column: int, patient: int, mask: np.ndarray) -> Found:
    """A map with its peak there, on an image with this mask."""
    weights = np.full((64, 64), 0.01, np.float32)
    weights[row, column] = 1
    marked = MarkedImage(image=np.zeros((1, 64, 64), np.float32), finding=0, mask=mask, patient=str(patient))
    return Found(marked, overlap(weights, mask), int(weights.argmax()))


def some_found(*, follows: bool, varies: bool) -> list[Found]:
    """Twelve images; masks in the same or in different places, maps that follow them or always point at one place."""
    found = []
    for n in range(12):
        row = 5 * n if varies else 20
        mask = np.zeros((64, 64), bool)
        mask[row : row + 4, 8:16] = True
        found.append(found_at(row + 1 if follows else 60, 10, n, mask))
    return found


@pytest.mark.parametrize(
    ("follows", "varies", "expected"), [(True, True, True), (False, True, False), (True, False, False)]
)
def test_only_maps_that_follow_their_own_image_beat_chance(follows: bool, varies: bool, expected: bool):
    """Pointing at where findings always lie is better than a random place, but no better than another image's map."""
    found = some_found(follows=follows, varies=varies)

    assert expected is beats_chance(found, BOOTSTRAP)
    row = places(found, BOOTSTRAP)
    assert float(follows) == row["pointing_game"]["value"]
    if not varies:
        assert 1 == row["pointing_of_another_image"]["value"]


def test_a_randomised_bundle_runs_and_says_something_else(a_run: Path, tmp_path: Path):
    """Its weights are shuffled: the files are whole, the answers others."""
    spoilt = randomised_bundle(a_run, tmp_path, 1)

    assert [] == check_bundle(spoilt)
    images = GENERATOR.normal(size=(4, 1, 64, 64)).astype(np.float32)
    before, after = (Model(load_bundle(folder)).logits(images) for folder in (a_run, spoilt))
    assert np.abs(before - after).max() > 0.01


def test_marked_images_come_from_every_source_that_there_is(a_run: Path, a_recipe: Recipe, a_data_dir: Path):
    """Lesions with a place are drawn; a phantom whose lesion is no finding's place is left out, and so are no boxes."""
    films = Split(
        films=tuple(_film(n, (0.0, 0.0)) for n in range(3)),
        images=GENERATOR.random((3, 1, 64, 64)).astype(np.float32),
    )

    found = marked_images(a_recipe, load_bundle(a_run), a_data_dir, films, 6, 1)

    assert {DRAWN} == found.keys()
    assert all(one.mask.any() and one.mask.shape == (64, 64) for one in found[DRAWN])
    assert {1} == {one.finding for one in found[DRAWN]}
    assert not {PHANTOMS, BOXES} & found.keys()


def _film(number: int, labels: tuple[float, ...], *, volume: str = "") -> Film:
    return Film(
        file=f"{number}.jpg",
        files=(f"{number}.jpg",),
        source="near",
        patient_id=volume or str(number),
        split="test",
        view="",
        sex="",
        age=50.0,
        volume=volume or str(number),
        order=float(number),
        labels=labels,
    )


def test_attention_over_slices_is_held_against_the_slices_labels(tmp_path: Path):
    """A volume whose only bright slice is the only labelled one is pointed at; one without labels is left out."""
    from tiny_bundle import SIDE, write_tiny_bundle

    model = Model(load_bundle(write_tiny_bundle(tmp_path / "head", kind="ct")))
    images = np.zeros((8, 2, SIDE, SIDE), np.float32)
    images[2, 0] = 1.0
    films = [_film(n, (float(n == 2),), volume="a") for n in range(4)]
    films += [_film(n, (float("nan"),), volume="b") for n in range(4, 8)]

    figures = slice_figures(model, Split(films=tuple(films), images=images), BOOTSTRAP)

    assert (1, 1.0, 0.25) == (figures["marked"], figures["pointing_game"]["value"], figures["marked_area"]["value"])
    assert figures["energy_inside"]["value"] > 0.5


@pytest.fixture(scope="module")
def some_figures(a_run: Path, a_recipe: Recipe, a_data_dir: Path) -> dict:
    """Two methods on the tiny bundle."""
    return evaluate_explanations(
        a_run,
        a_data_dir,
        a_recipe,
        chosen=("class_activation", "integrated_gradients", "temporal_attention"),
        counts=(6, 3),
        bootstrap=(50, 1),
    )


def test_each_method_stands_beside_the_random_map(some_figures: dict):
    """Every source has a row for each method and one for chance."""
    for rows in some_figures["sources"].values():
        assert {"class_activation", "integrated_gradients", RANDOM} == rows.keys()
    assert isinstance(some_figures["methods"]["class_activation"]["better_than_chance"], bool)
    assert "better_than_chance" not in some_figures["methods"][RANDOM]


def test_figures_become_a_page_and_tables(some_figures: dict, tmp_path: Path):
    """The page has the plots, the card's tables have the methods, and a card without figures has none of them."""
    write_explanations("tiny", some_figures, tmp_path)

    page = (tmp_path / "explanations.html").read_text()
    assert "Explanations: drawn lesions" in page
    assert "not for diagnostic use" in page
    assert some_figures["methods"] == json.loads((tmp_path / "explanations.json").read_text())["methods"]
    names = [row[0] for row in explanation_tables(some_figures)[0].rows]
    assert ["class_activation", "integrated_gradients", RANDOM] == names
    assert [] == [table for table in figure_tables({}) if "Explanations" in table.title]


def test_an_unknown_method_is_refused(a_run: Path, a_recipe: Recipe, a_data_dir: Path):
    """By naming those there are."""
    with pytest.raises(SettingsError, match="no explanation method 'magic'; known: class_activation"):
        evaluate_explanations(a_run, a_data_dir, a_recipe, chosen=("magic",))
