"""Pairs with a known change, and the comparer that learns from them."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from dicomnode.errors import PermanentError, SettingsError
from dicomnode.infer.bundle import check_bundle, load_bundle
from dicomnode.infer.contract import COMPARER
from dicomnode.infer.model import Model
from dicomnode.infer.sessions import open_session
from dicomnode.measure.tables import figure_tables
from dicomnode.records import Change
from dicomnode.train.comparer import Comparer, ServedComparer
from dicomnode.train.compress.export import comparer_example, export_comparer, float_comparer
from dicomnode.train.compress.graphs import COMPARER as NAMES
from dicomnode.train.compress.graphs import TOLERANCE
from dicomnode.train.data import Split, read_split
from dicomnode.train.evaluation.changes import Pairs, baseline, compared
from dicomnode.train.pairs import CHANGES, UNKNOWN, Seen, changes, drawn_series
from dicomnode.train.pasting import paste_chest_lesion
from dicomnode.train.recipe import Recipe, read_recipe
from dicomnode.train.run import add_comparer

_INT8_TOLERANCE = 0.15
"""Mean difference of change logits between FP32 and INT8 weights."""


@pytest.fixture(scope="module")
def some_films(a_data_dir: Path, a_recipe: Recipe) -> Split:
    """The generated training films."""
    return read_split(a_data_dir, "train", a_recipe.keys, a_recipe.pixels, a_recipe.data)


@pytest.fixture
def a_comparer(a_recipe: Recipe) -> Comparer:
    """Untrained, with weights that are not all nought."""
    torch.manual_seed(0)
    comparer = Comparer(a_recipe.comparer, len(a_recipe.keys), 16, 4)
    with torch.no_grad():
        for parameter in comparer.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape))
    return comparer.eval()


def _sides(recipe: Recipe, pairs: int = 3) -> tuple[Seen, Seen]:
    parts = comparer_example(recipe, 16, pairs)
    return Seen(*parts[:4]), Seen(*parts[4:8])


def _film(side: int = 96) -> np.ndarray:
    """A grey film with two dark lungs."""
    rows, columns = (np.indices((side, side)) + 0.5) / side
    image = np.full((side, side), 0.7, np.float32)
    for centre in (0.28, 0.72):
        image[((rows - 0.46) / 0.3) ** 2 + ((columns - centre) / 0.16) ** 2 < 1] = 0.25
    return image


@pytest.mark.parametrize("kind", ["consolidation", "infiltrate", "edema", "effusion", "atelectasis"])
def test_the_same_lesion_can_be_drawn_larger(kind: str):
    """With the same draws and a larger scale it covers more of the film, and most of what it covered before."""
    for seed in range(6):
        drawn = [paste_chest_lesion(np.random.default_rng(seed), _film(), kind, scale) for scale in (1.0, 1.5)]
        if None not in drawn:
            small, large = (mask for _, mask in drawn)
            assert large.sum() > 1.05 * small.sum()
            assert (small & large).sum() > 0.7 * small.sum()
            return
    raise AssertionError(f"no {kind} found a place")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (0.0, 0.1, Change.NEW),
        (0.1, 0.125, Change.INCREASED),
        (0.1, 0.12, Change.UNCHANGED),
        (0.1, 0.085, Change.UNCHANGED),
        (0.1, 0.07, Change.DECREASED),
        (0.1, 0.0, Change.RESOLVED),
        (0.0, 0.0, Change.UNCHANGED),
        (1.0, 1.0, Change.UNCHANGED),
        (np.nan, 0.1, None),
        (0.1, np.nan, None),
    ],
)
def test_areas_say_what_changed(before: float, after: float, expected: Change | None):
    """A quarter more or less of the drawn area is a change; what is unknown on one side is unknown."""
    found = changes(np.array([before], np.float32), np.array([after], np.float32), 1.25)

    assert [UNKNOWN if expected is None else CHANGES.index(expected)] == found.tolist()


def test_six_views_of_one_film_hold_every_change(a_recipe: Recipe, some_films: Split):
    """Twice without the lesion, twice with it, twice larger; films with a real finding stay as they are."""
    kinds = set()
    for series in drawn_series(a_recipe, some_films, 12, np.random.default_rng(0)):
        kinds.add(series.kind)
        assert (6, 1, 64, 64) == tuple(series.images.shape)
        assert not torch.equal(series.images[2], series.images[3])
        if series.kind == "real":
            np.testing.assert_array_equal(series.areas[0], series.areas[5])
            assert 1 in series.areas
            assert not series.masks.any()
            continue
        index = a_recipe.keys.index("effusion" if series.kind == "effusion" else "pneumonia")
        none, again, small, same, large, larger = series.areas[:, index]
        assert (0, 0) == (none, again)
        assert 0 < small == same < large == larger
        if series.kind == "effusion":
            assert not series.masks[0, index].any()
            assert series.masks[4, index].float().sum() > series.masks[2, index].float().sum() > 0
    assert {"consolidation", "effusion", "real"} == kinds


def test_films_without_a_normal_one_make_no_pairs(a_recipe: Recipe, some_films: Split):
    """Where every film has a finding there is nothing to draw on, and it is said so."""
    sick = [index for index, film in enumerate(some_films.films) if film.labels[0] == 1]
    films = Split(films=tuple(some_films.films[index] for index in sick), images=some_films.images[sick])

    with pytest.raises(PermanentError, match="the split has none"):
        next(drawn_series(a_recipe, films, 1, np.random.default_rng(0)))


def test_time_may_be_turned(a_recipe: Recipe, a_comparer: Comparer):
    """What is new one way is resolved the other way, with the same logit; attention changes sides."""
    current, prior = _sides(a_recipe)
    everywhere = torch.ones(3)

    there, back = a_comparer(current, prior, everywhere), a_comparer(prior, current, everywhere)

    torch.testing.assert_close(there.change_logits, back.change_logits.flip(-1))
    torch.testing.assert_close(there.attentions, back.attentions.flip(2))
    torch.testing.assert_close(torch.ones(3, 2), there.attentions.sum((2, 3, 4)))


@pytest.mark.parametrize("name", ["absent_token", "absent_attended", "absent_logits"])
def test_without_a_prior_image_learned_inputs_stand_for_it(a_recipe: Recipe, a_comparer: Comparer, name: str):
    """What stands in the prior's place then does not count, and what was learned for its absence does."""
    current, prior = _sides(a_recipe)
    has_prior = torch.tensor([1.0, 0.0, 0.0])
    before = a_comparer(current, prior, has_prior).change_logits
    other = Seen(*(part + 1 for part in prior))

    torch.testing.assert_close(before[1:], a_comparer(current, other, has_prior).change_logits[1:])
    with torch.no_grad():
        getattr(a_comparer, name).add_(torch.randn(getattr(a_comparer, name).shape))
    after = a_comparer(current, prior, has_prior).change_logits
    torch.testing.assert_close(before[0], after[0])
    assert (before[1:] - after[1:]).abs().amax() > 1e-3


def test_the_graph_is_the_module(a_recipe: Recipe, a_comparer: Comparer, tmp_path: Path):
    """FP32 ONNX agrees with PyTorch for any number of pairs, with a prior image and without; INT8 nearly so."""
    assert float_comparer(a_comparer, a_recipe, tmp_path / "float.onnx") <= TOLERANCE
    export_comparer(a_comparer, a_recipe, tmp_path)

    example = comparer_example(a_recipe, 16, 4)
    feeds = {name: part.numpy() for name, part in zip(NAMES[0], example, strict=True)}
    logits = [open_session(tmp_path / name, 1).run(["change_logits"], feeds)[0] for name in ("float.onnx", COMPARER)]
    np.testing.assert_allclose(ServedComparer(a_comparer)(*example)[0].detach().numpy(), logits[0], atol=1e-4)
    assert np.abs(logits[0] - logits[1]).mean() < _INT8_TOLERANCE


def test_a_trained_bundle_compares(a_run: Path):
    """The comparer is one of the bundle's files, learned what stands for a missing prior, and its card has figures."""
    bundle = load_bundle(a_run)
    learned = [
        onnx.numpy_helper.to_array(one) for one in onnx.load(a_run / COMPARER).graph.initializer if "absent" in one.name
    ]

    assert [] == check_bundle(a_run)
    assert COMPARER in bundle.optional
    assert 3 == len(learned)
    assert all(np.abs(one).max() > 1e-4 for one in learned)
    card = (a_run / "card.md").read_text()
    assert "### Comparer: measured on synthetic pairs" in card
    assert "None of it may be claimed for patients" in card
    assert "| pneumonia: increased |" in card


def test_a_comparer_is_added_without_touching_the_rest(a_run: Path, a_recipe: Recipe, a_data_dir: Path, tmp_path: Path):
    """Another table [comparer] makes another comparer; the encoder, the words and the other figures stay."""
    folder = tmp_path / "tiny"
    shutil.copytree(a_run, folder)
    table = a_recipe.comparer.model_copy(update={"steps": 5, "width": 4})
    before = json.loads((folder / "card.json").read_text())

    shutil.copytree(a_run.with_name("tiny.training"), tmp_path / "tiny.training")
    (tmp_path / "tiny.training" / "comparer.pt").unlink()
    figures = add_comparer(a_recipe.model_copy(update={"comparer": table}), a_data_dir, folder)

    assert [] == check_bundle(folder)
    for name in ("encoder.onnx", "prompter.onnx", "decoder.onnx", "calibration.json", "tokenizer.json"):
        assert (a_run / name).read_bytes() == (folder / name).read_bytes()
    assert (a_run / COMPARER).read_bytes() != (folder / COMPARER).read_bytes()
    card = json.loads((folder / "card.json").read_text())
    assert figures == card["change"] == json.loads((tmp_path / "tiny.training" / "change.json").read_text())
    assert before["classifier"] == card["classifier"]


def test_a_recipe_without_the_table_compares_nothing(a_run: Path, a_recipe: Recipe, a_data_dir: Path):
    """It is said what the recipe lacks."""
    with pytest.raises(SettingsError, match=r"no table \[comparer\]"):
        add_comparer(a_recipe.model_copy(update={"comparer": None}), a_data_dir, a_run)


def test_a_bundle_of_another_recipe_gets_no_comparer(a_run: Path, a_recipe: Recipe, a_data_dir: Path):
    """The series must be read by the encoder that the recipe made."""
    other = a_recipe.model_copy(update={"fit": a_recipe.fit.model_copy(update={"seed": 99})})

    with pytest.raises(SettingsError, match="was not made by this recipe"):
        add_comparer(other, a_data_dir, a_run)


def test_the_comparer_decides_no_other_weight(a_recipe: Recipe):
    """Checkpoints of the encoder stay valid whatever the table [comparer] says."""
    assert a_recipe.digest == a_recipe.model_copy(update={"comparer": None}).digest


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("\nwidth = 8\nheads", "\nwidth = 7\nheads", "width 7 must be divisible by heads 2"),
        ('kind = "chest"\nsketches', 'kind = "head_ct"\nsketches', "only chest lesions are drawn at several sizes"),
        ("measured_series = 6", "measured_series = 6\ngrowth = 1.0", "comparer.growth"),
    ],
)
def test_a_wrong_table_is_named(a_recipe_path: Path, tmp_path: Path, old: str, new: str, said: str):
    """What cannot be is refused when the recipe is read."""
    path = tmp_path / "wrong.toml"
    path.write_text(a_recipe_path.read_text().replace(old, new))

    with pytest.raises(SettingsError, match=said):
        read_recipe(path)


def test_measured_as_serving_compares(a_run: Path, a_recipe: Recipe, a_data_dir: Path, some_films: Split):
    """The figures are of the shipped graph: changing what it says without a prior changes that control alone."""
    pairs = compared(a_run, a_recipe, a_recipe.comparer, some_films)
    model = Model(load_bundle(a_run))

    assert len(pairs.truth) == 11 * a_recipe.comparer.measured_series
    assert {CHANGES.index(change) for change in Change} <= set(pairs.truth[:, 0].tolist())
    assert not np.allclose(pairs.said, pairs.without_prior)
    assert not np.allclose(pairs.said, pairs.wrong_prior)
    assert model.bundle.optional


def _pairs(before: list[float], after: list[float], truth: list[Change]) -> Pairs:
    nothing = np.zeros((len(before), 1, 5), np.float32)
    maps = np.zeros((len(before), 1, 2, 4, 4), np.float32)
    logits = tuple(np.array(side, np.float32)[:, None] for side in (before, after))
    return Pairs(
        truth=np.array([[CHANGES.index(change)] for change in truth]),
        logits=(logits[0], logits[1]),
        masks=maps > 0,
        is_drawn=np.ones(len(before), bool),
        has_finding=np.ones((len(before), 1), bool),
        patients=np.arange(len(before)).astype(str),
        said=nothing,
        attentions=maps,
        without_prior=nothing,
        wrong_prior=nothing,
    )


def test_the_baseline_is_as_good_as_two_thresholds_can_be():
    """Logits that tell every change apart are told apart."""
    truth = [Change.NEW, Change.RESOLVED, Change.INCREASED, Change.DECREASED, Change.UNCHANGED, Change.UNCHANGED]
    pairs = _pairs([-4, 3, 1, 4, 3, -4], [3, -4, 4, 1, 3.1, -4.2], truth)

    rule = baseline(pairs, 0)

    assert pairs.truth[:, 0].tolist() == rule(*(side[:, 0] for side in pairs.logits)).tolist()
    nobody = replace(pairs, truth=np.full((6, 1), UNKNOWN))
    assert nobody.truth.max() == UNKNOWN


def test_a_card_without_a_comparer_has_no_such_table():
    """What was not measured has no heading."""
    assert not [table for table in figure_tables({"change": {}}) if "Comparer" in table.title]
