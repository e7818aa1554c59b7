"""Explanations on request, and which methods may be drawn unasked."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT
from PIL import Image
from tiny_bundle import add_tiny_gradients, write_tiny_bundle

from dicomnode.cli.main import main
from dicomnode.errors import PermanentError
from dicomnode.node.explaining import explain_study
from dicomnode.node.methods import method_faults, methods_like_chance
from dicomnode.node.rooms import bundle_paths
from dicomnode.settings import Conditions, ExplainSettings, Rule, Settings

FILM = ROOT / "sample_dicom" / "chest-opacity"


@pytest.fixture
def a_judged_bundle(tmp_path: Path) -> Path:
    """A bundle named `chest` with gradients, whose card says that Grad-CAM is no better than chance."""
    folder = write_tiny_bundle(tmp_path / "chest")
    verdicts = {"grad_cam": {"better_than_chance": False}, "hires_cam": {"better_than_chance": True}}
    (folder / "card.json").write_text(json.dumps({"explanations": {"methods": verdicts}}))
    return add_tiny_gradients(folder)


@pytest.fixture
def a_read_house(a_house, a_judged_bundle: Path):
    """A house that has read a film with an opacity."""
    house = a_house(
        rules=(Rule(name="chest", when=Conditions(body_part=("CHEST",)), bundle="chest"),),
        infer=Settings().infer.model_copy(update={"bundles": (str(a_judged_bundle),)}),
    )
    house.receive(*FILM.glob("*.dcm"))
    house.plan()
    house.work()
    return house


def with_explain(settings: Settings, **values: object) -> Settings:
    """The settings with other ones for heat maps."""
    return settings.model_copy(update={"explain": ExplainSettings(**values)})


def study_of(house) -> str:
    """UID of the only study."""
    return house.stores.jobs.list()[0]["study_instance_uid"]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"method": "magic"}, "explain.method: no explanation method 'magic'; known: class_activation"),
        (
            {"method": "grad_cam"},
            "explain.method: 'grad_cam' does no better than chance",
        ),
        (
            {"findings": {"opacity": "grad_cam"}},
            "explain.findings.opacity: 'grad_cam' does no better",
        ),
        ({"findings": {"opacity": "magic"}}, "explain.findings.opacity: no explanation method 'magic'"),
        ({"findings": {"gout": "rise"}}, "no configured bundle assesses 'gout'; known: opacity, pleural_effusion"),
    ],
)
def test_methods_that_may_not_be_drawn_are_refused(values, says, a_read_house):
    """What is unknown, or does no better than chance by the bundle's own card, does not start."""
    settings = with_explain(a_read_house.settings, **values)

    (said,) = method_faults(settings.explain, bundle_paths(settings))

    assert says in said


def test_methods_that_were_measured_or_not_at_all_are_taken(a_read_house):
    """One that beat chance is fine, and so is one that nobody measured."""
    settings = with_explain(a_read_house.settings, method="hires_cam", findings={"opacity": "rise"})

    assert [] == list(method_faults(settings.explain, bundle_paths(settings)))
    assert frozenset() == methods_like_chance(write_tiny_bundle(a_read_house.settings.store.data_dir / "other"))


def test_maps_on_request_are_written_as_pictures_and_weights(a_read_house, tmp_path: Path):
    """Each method that can draw leaves a picture and its weights; the others say why not."""
    asked = ("hires_cam", "class_activation", "temporal_attention")

    rows = explain_study(a_read_house.settings, a_read_house.stores, study_of(a_read_house), asked, (), tmp_path / "x")

    assert [("opacity", method) for method in asked] == [(row["finding"], row["method"]) for row in rows]
    assert "temporal attention needs a volume or an earlier study" in rows[2]["why"]
    for row in rows[:2]:
        with Image.open(tmp_path / "x" / row["picture"]) as picture:
            assert "RGB" == picture.mode
        with np.load(tmp_path / "x" / Path(row["picture"]).with_suffix(".npz")) as kept:
            assert 2 == kept["weights"].ndim
            assert 0 <= kept["weights"].min() <= kept["weights"].max() <= 1
    assert {"opacity-class_activation.npz", "opacity-class_activation.png"} < {
        p.name for p in (tmp_path / "x").iterdir()
    }


def test_a_finding_that_is_not_suspected_can_be_asked_for(a_read_house, tmp_path: Path):
    """By its key."""
    uid = study_of(a_read_house)

    rows = explain_study(a_read_house.settings, a_read_house.stores, uid, (), ("pleural_effusion",), tmp_path)

    assert [("pleural_effusion", "class_activation")] == [(row["finding"], row["method"]) for row in rows]


@pytest.mark.parametrize(
    ("uid", "findings", "says"),
    [
        ("1.2.3", (), "no bundle has read a study 1.2.3"),
        (None, ("gout",), "the bundle does not assess gout; it"),
    ],
)
def test_what_cannot_be_explained_is_said(uid, findings, says, a_read_house, tmp_path: Path):
    """Studies that are not kept and findings that are not judged are named."""
    study = uid or study_of(a_read_house)

    with pytest.raises(PermanentError, match=says):
        explain_study(a_read_house.settings, a_read_house.stores, study, (), findings, tmp_path)


def test_the_command_lists_what_it_drew(a_read_house, tmp_path: Path, capsys, monkeypatch):
    """`dicomnode explain study` prints a row for each finding and method."""
    settings = a_read_house.settings
    monkeypatch.setattr("dicomnode.cli.explain.read_settings", lambda _path: settings)

    words = (
        "explain",
        "study",
        study_of(a_read_house),
        "--method",
        "occlusion",
        "--out",
        str(tmp_path / "y"),
        "--json",
    )
    assert 0 == main(words)

    (row,) = json.loads(capsys.readouterr().out)
    assert ("opacity", "occlusion", "opacity-occlusion.png") == (row["finding"], row["method"], row["picture"])


def test_a_rule_for_one_finding_decides_its_overlay(a_house, a_judged_bundle: Path, monkeypatch):
    """`explain.findings` stands above `explain.method`; a method that has nothing to go by leaves no map."""
    drawn = []

    def noted(method, case):
        drawn.append((case.spec.key, method))
        return kept(method, case)

    from dicomnode.node import pipeline

    kept = pipeline.explain
    monkeypatch.setattr(pipeline, "explain", noted)
    house = a_house(
        rules=(Rule(name="chest", when=Conditions(body_part=("CHEST",)), bundle="chest"),),
        infer=Settings().infer.model_copy(update={"bundles": (str(a_judged_bundle),)}),
        explain=ExplainSettings(method="class_activation", findings={"opacity": "temporal_attention"}),
    )
    house.receive(*FILM.glob("*.dcm"))
    house.plan()
    (job,) = house.work()

    assert [("opacity", "temporal_attention")] == drawn
    assert "findings" == job["outcome"]
    roles = {result.role for result in house.stores.results.of_job(job["id"])}
    assert not any(role.startswith("overlay") for role in roles)
