"""The recipe file."""

from __future__ import annotations

from pathlib import Path

import pytest

from dicomnode.errors import SettingsError
from dicomnode.measure.calibration import Calibration
from dicomnode.train.bundle import _finding
from dicomnode.train.recipe import read_recipe

_ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("seed = 3", "seed = 3\nsead = 4", "fit.sead: is not a known setting"),
        ('main_finding = "pneumonia"', 'main_finding = "gout"', "card.main_finding must be one of pneumonia, effusion"),
        ("rows = 64", "rows = 65", "pixels must be square"),
        ("heads = 2\ndropout", "heads = 3\ndropout", "encoder: width 16 must be divisible by heads 3"),
        ('absent = ["no effusion."]', 'absent = ["no fluid."]', "'no fluid.' contains none of the terms of effusion"),
        ('key = "effusion"', 'key = "pneumonia"', "the keys of findings must be unique"),
        ('title = "Discs"', 'title = "Discs"\nreports = ["effusion"]', "the main finding among them"),
        (
            'key = "effusion"',
            'key = "effusion"\nimplies = ["gout"]',
            "finding effusion implies gout, which is not a finding; known: pneumonia, effusion",
        ),
        ("[distill]", "[distil]", "distil: is not a known setting"),
        ("[bundle]", "[bundle", "is not a readable TOML file"),
    ],
)
def test_a_mistake_is_named(a_recipe_path: Path, tmp_path: Path, before: str, after: str, said: str):
    """A recipe with a mistake is refused with one line that names the key."""
    text = a_recipe_path.read_text()
    assert before in text
    path = tmp_path / "wrong.toml"
    path.write_text(text.replace(before, after, 1))

    with pytest.raises(SettingsError) as caught:
        read_recipe(path)

    assert said in str(caught.value)
    assert "\n" not in str(caught.value).strip() or "TOML" in said


def test_a_missing_recipe_is_named(tmp_path: Path):
    """A path without a file is said to be one."""
    with pytest.raises(SettingsError, match="no recipe .*none.toml"):
        read_recipe(tmp_path / "none.toml")


def test_the_shipped_recipe_is_valid():
    """The recipe of the shipped bundle can be read."""
    assert "cxr" == read_recipe(_ROOT / "conf" / "train" / "cxr.toml").bundle.name


def test_words_of_the_card_do_not_change_the_digest(a_recipe_path: Path, tmp_path: Path):
    """Only what decides the weights makes older checkpoints useless."""
    text = a_recipe_path.read_text()
    (tmp_path / "card.toml").write_text(text.replace("none of it is real", "all of it is drawn"))
    (tmp_path / "seed.toml").write_text(text.replace("seed = 3", "seed = 4"))
    before, card, seed = (
        read_recipe(path).digest for path in (a_recipe_path, tmp_path / "card.toml", tmp_path / "seed.toml")
    )

    assert before == card
    assert before != seed


def test_what_a_finding_implies_goes_into_the_bundle_and_decides_no_weight():
    """Kinds stand in bundle.toml; a checkpoint made before they were stated still fits, and faults are named."""
    plain = read_recipe(_ROOT / "conf" / "train" / "head_ct.toml")
    findings = tuple(one.model_copy(update={"implies": ()}) for one in plain.findings)

    assert {"any_ich": (), "edh": ("any_ich",), "iph": ("any_ich",)} == {
        one.key: one.implies for one in plain.reported.findings
    }
    assert plain.digest == plain.model_copy(update={"findings": findings}).digest
    reports = plain.bundle.model_copy(update={"reports": ("edh", "any_ich")})
    assert [(), ("any_ich",)] == [one.implies for one in plain.model_copy(update={"bundle": reports}).reported.findings]
    for finding in plain.findings:
        assert finding.implies == _finding(finding, Calibration(slope=1.0, offset=0.0, threshold=0.5)).get(
            "implies", ()
        )
