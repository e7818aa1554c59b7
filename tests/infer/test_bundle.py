"""A bundle either runs or says why not."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
import tiny_bundle

from dicomnode.errors import BundleError
from dicomnode.infer.bundle import check_bundle, load_bundle
from dicomnode.infer.model import Model
from dicomnode.records import Acuity
from dicomnode.settings import InferSettings


def _edit(folder: Path, old: str, new: str) -> None:
    path = folder / "bundle.toml"
    content = path.read_text()
    assert old in content
    path.write_text(content.replace(old, new))


def _renew_digest(folder: Path, name: str, content: bytes) -> None:
    before = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    (folder / name).write_bytes(content)
    _edit(folder, before, hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize("kind", ["radiograph", "ct", "classifier"])
def test_a_whole_bundle_has_no_fault(tmp_path, kind):
    """What the builder of the tests writes is a bundle by every rule."""
    assert [] == check_bundle(tiny_bundle.write_tiny_bundle(tmp_path / kind, kind=kind))


def test_a_bundle_says_what_stands_in_it(a_bundle_folder):
    """Identity, findings and words come from the files, the digest from bundle.toml."""
    bundle = load_bundle(a_bundle_folder)

    digest = hashlib.sha256((a_bundle_folder / "bundle.toml").read_bytes()).hexdigest()
    assert ("tiny-radiograph", digest) == (bundle.identity.name, bundle.identity.digest)
    assert ["opacity", "pleural_effusion"] == [finding.key for finding in bundle.findings]
    assert (Acuity.URGENT, ("60046008", "SCT", "Pleural effusion")) == (
        bundle.findings[0].acuity,
        bundle.findings[1].code,
    )
    assert b" opacity" in bundle.drafting.tokenizer.pieces.values()
    assert (2, 2) == bundle.calibration.shape == bundle.drafting.study_calibration.shape
    assert ("bright", "dark") == bundle.structures


def test_a_classifier_needs_no_words(tmp_path):
    """A bundle without a decoder has neither tokens nor the files that go with them."""
    folder = tiny_bundle.write_tiny_bundle(tmp_path / "classifier", kind="classifier")

    assert load_bundle(folder).drafting is None
    assert {"encoder.onnx", "calibration.json", "card.md", "card.json", "bundle.toml"} == {
        path.name for path in folder.iterdir()
    }


@pytest.mark.parametrize("name", ["bundle.toml", "encoder.onnx", "prompter.onnx", "tokenizer.json", "card.md"])
def test_a_missing_file_is_named(a_bundle_folder, name):
    """A bundle that lacks a file says which."""
    (a_bundle_folder / name).unlink()

    with pytest.raises(BundleError, match=f"{name} is missing"):
        load_bundle(a_bundle_folder)


def test_one_altered_byte_is_found(a_bundle_folder):
    """A file that is not the one the manifest names is never loaded."""
    path = a_bundle_folder / "encoder.onnx"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)

    with pytest.raises(BundleError, match=r"encoder\.onnx does not match its SHA-256 in bundle\.toml"):
        load_bundle(a_bundle_folder)


MISTAKES = {
    "unknown key": ("[accepts]", "[accepts]\nlaterality = 1", "accepts.laterality is not a known key"),
    "missing key": ('title = "A bundle for tests (radiograph)"\n', "", "title is missing"),
    "past format": ("format = 2", "format = 1", "format 1 is not supported; this node reads format 2"),
    "no token limit": ("max_new_tokens = 32\n", "", "lacks max_new_tokens: a bundle that drafts has decoder, tokens"),
    "no prompt width": ("width = 1\nprompts", "prompts", "decoder.width is missing"),
    "unknown kind": ('kind = "radiograph"', 'kind = "ultrasound"', "accepts.kind: Input should be"),
    "no TOML": ("[accepts]", "[accepts", "is not readable TOML"),
    "windows on a film": ('fit = "pad"', 'fit = "pad"\nwindows = [[40, 80]]', "are for CT only"),
    "percentiles reversed": ("low_percentile = 0.5", "low_percentile = 99.9", "must be below high_percentile"),
    "same finding twice": ('key = "pleural_effusion"', 'key = "opacity"', "the keys of findings must be unique"),
    "kind of nothing": (
        'key = "pleural_effusion"',
        'key = "pleural_effusion"\nimplies = ["gout"]',
        "finding pleural_effusion implies gout, which is not a finding; known: opacity, pleural_effusion",
    ),
    "kind of itself": (
        'key = "opacity"',
        'key = "opacity"\nimplies = ["opacity"]',
        "finding opacity implies itself: opacity implies opacity",
    ),
    "unknown file": ('"card.md" =', '"notes.md" =', "lacks card.md"),
    "wrong code": ('["60046008", "SCT", "Pleural effusion"]', '["60046008"]', r"findings\.1\.code"),
}
MISFITS = {
    "image size": ("rows = 64", "rows = 32", "encoder.onnx: the graph failed while computing logits"),
    "cache": ("heads = 1", "heads = 2", r"prompter.onnx: encoder_key_values must be float32 of shape (1, 2, 1, 2, "),
    "prompts": ("prompts = 2", "prompts = 3", "prompter.onnx: prompt_embeds must be float32 of shape (1, 3, 1), got"),
    "width": ("\nwidth = 1", "\nwidth = 4", "prompter.onnx: prompt_embeds must be float32 of shape (1, 2, 4), got"),
    "anatomy": ('["bright", "dark"]', '["bright"]', "encoder.onnx: segmentation must be float32 of shape (2, 1, "),
}
"""What the manifest says otherwise than the graphs compute, and what is then said of the graphs."""


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_wrong_manifest_is_refused_in_one_sentence(a_bundle_folder, mistake):
    """Each mistake in bundle.toml is named by its key."""
    old, new, said = MISTAKES[mistake]
    _edit(a_bundle_folder, old, new)

    with pytest.raises(BundleError, match=said):
        load_bundle(a_bundle_folder)


def test_ct_needs_a_window_for_each_channel(tmp_path):
    """A CT recipe whose windows and channels disagree is refused."""
    folder = tiny_bundle.write_tiny_bundle(tmp_path / "ct", kind="ct")
    _edit(folder, "channels = 2", "channels = 3")

    said = "bundle.toml: pixels.windows must name one [center, width] for each channel of a CT"
    assert [said] == check_bundle(folder)


@pytest.mark.parametrize("mistake", MISFITS)
def test_graphs_are_held_to_the_manifest(a_bundle_folder, mistake):
    """A graph that computes other shapes than the manifest says is found before the first study."""
    old, new, said = MISFITS[mistake]
    _edit(a_bundle_folder, old, new)

    assert check_bundle(a_bundle_folder)[0].startswith(said)
    with pytest.raises(BundleError, match=r"(encoder|prompter)\.onnx"):
        Model(load_bundle(a_bundle_folder))


def test_an_encoder_that_takes_one_image_only_is_refused(a_bundle_folder):
    """A graph whose batch was fixed at export cannot be run in batches, and is not."""
    model = onnx.load(a_bundle_folder / "encoder.onnx")
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    _renew_digest(a_bundle_folder, "encoder.onnx", model.SerializeToString())

    (fault,) = check_bundle(a_bundle_folder)
    assert "encoder.onnx: the graph failed" in fault
    assert "its inputs were pixel_values (2, 1, 64, 64)" in fault


def test_graphs_that_need_too_much_memory_are_not_opened(a_bundle_folder):
    """A bundle over the limit is refused by its figures, before it is loaded."""
    (fault,) = check_bundle(a_bundle_folder, InferSettings(memory_limit_mb=100))

    assert fault.endswith("more than infer.memory_limit_mb = 100: raise the limit or use a smaller bundle")
    with pytest.raises(BundleError, match="need about 170 MB of memory in each worker"):
        Model(load_bundle(a_bundle_folder), InferSettings(memory_limit_mb=100))


def _rename_output(model: onnx.ModelProto) -> None:
    model.graph.output[0].name = "scores"
    for node in model.graph.node:
        node.output[:] = ["scores" if name == "logits" else name for name in node.output]
        node.input[:] = ["scores" if name == "logits" else name for name in node.input]


def _rename_input(model: onnx.ModelProto) -> None:
    name = model.graph.input[0].name
    model.graph.input[0].name = "x"
    for node in model.graph.node:
        node.input[:] = ["x" if one == name else one for one in node.input]


@pytest.mark.parametrize(
    ("name", "spoil", "said"),
    [
        ("encoder.onnx", _rename_output, "encoder.onnx must have the output logits"),
        ("prompter.onnx", _rename_input, "prompter.onnx must have the input logits of type tensor(float), not nothing"),
        ("decoder.onnx", _rename_output, "decoder.onnx must have the output logits"),
        (
            "encoder.onnx",
            _rename_input,
            "encoder.onnx must have the input pixel_values of type tensor(float), not nothing",
        ),
        ("decoder.onnx", _rename_input, "decoder.onnx has the unknown input x"),
    ],
)
def test_a_graph_with_other_names_is_refused(
    a_bundle_folder: Path, name: str, spoil: Callable[[onnx.ModelProto], None], said: str
):
    """Inputs and outputs must bear the names of the contract."""
    model = onnx.load(a_bundle_folder / name)
    spoil(model)
    _renew_digest(a_bundle_folder, name, model.SerializeToString())

    assert said in check_bundle(a_bundle_folder)


def test_a_file_that_is_no_graph_is_refused(a_bundle_folder):
    """Bytes that are no ONNX graph are named, not traced."""
    _renew_digest(a_bundle_folder, "decoder.onnx", b"no graph")

    assert ["decoder.onnx cannot be loaded (InvalidProtobuf)"] == check_bundle(a_bundle_folder)


def test_every_finding_needs_its_calibration(a_bundle_folder):
    """Without slope and offset a probability would mean nothing."""
    _renew_digest(a_bundle_folder, "calibration.json", json.dumps({"platt": {"opacity": [1, 0]}}).encode())

    lacking = ["platt.pleural_effusion", "study_platt.opacity", "study_platt.pleural_effusion"]
    assert [f"calibration.json lacks {key} = [slope, offset]" for key in lacking] == check_bundle(a_bundle_folder)


def test_every_token_needs_a_word(a_bundle_folder):
    """A token that the decoder can give has a word, and so have the special ones."""
    path = a_bundle_folder / "tokenizer.json"
    content = json.loads(path.read_bytes())
    del content["model"]["vocab"]["opacity"]
    _renew_digest(a_bundle_folder, "tokenizer.json", json.dumps(content).encode())
    assert "tokenizer.json lacks the token ids" in check_bundle(a_bundle_folder)[0]

    del content["model"]["vocab"]["[EOS]"]
    _renew_digest(a_bundle_folder, "tokenizer.json", json.dumps(content).encode())
    assert ["tokenizer.json has no token for eos_token_id 2"] == check_bundle(a_bundle_folder)


@pytest.mark.parametrize("content", [b"[]", b"no JSON", b'{"model": {"type": "BPE", "vocab": {}}}'])
def test_a_broken_tokenizer_is_a_fault_of_the_bundle(a_bundle_folder, content):
    """Whatever stands in tokenizer.json, the answer is a sentence about that file."""
    _renew_digest(a_bundle_folder, "tokenizer.json", content)

    with pytest.raises(BundleError, match=r"tokenizer\.json"):
        load_bundle(a_bundle_folder)


def test_every_fault_is_told_at_once(a_bundle_folder):
    """The operator mends a bundle in one round."""
    (a_bundle_folder / "card.md").unlink()
    (a_bundle_folder / "card.json").unlink()

    assert ["card.json is missing", "card.md is missing"] == check_bundle(a_bundle_folder)


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.write_bytes(b"PK")])
def test_what_is_no_folder_is_no_bundle(tmp_path, make):
    """A missing path and an archive are told apart from a bundle."""
    make(tmp_path / "cxr.zip")

    with pytest.raises(BundleError, match="a bundle is a folder"):
        load_bundle(tmp_path / "cxr.zip")


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"conformal": {"opacity": {"certain": [0.1]}}}, "conformal.opacity.certain must be"),
        ({"conformal": 3}, "conformal must be a table"),
        ({"platt_resamples": {"opacity": [[1, 0]]}}, "platt_resamples must have the same number"),
        (
            {"platt_resamples": {"opacity": [[1, 0]], "pleural_effusion": [[1, "x"]]}},
            "platt_resamples must have the same number",
        ),
        ({"quality": {"charm": [0, 1]}}, r"quality.charm must be \[lowest, highest\] of contrast"),
    ],
)
def test_doubt_that_cannot_be_read_is_a_fault(a_bundle_folder, table, said):
    """A table that says how sure the bundle is must be whole; a bundle without one can be run."""
    platt = {"opacity": [1, 0], "pleural_effusion": [1, 0]}
    content = {"platt": platt, "study_platt": platt} | table
    _renew_digest(a_bundle_folder, "calibration.json", json.dumps(content).encode())

    (fault,) = check_bundle(a_bundle_folder)

    assert re.search(said, fault)


def test_doubt_is_read(a_bundle_folder):
    """Bounds go to the findings that have them, and limits of quality are the bundle's."""
    platt = {"opacity": [1, 0], "pleural_effusion": [1, 0]}
    content = {
        "platt": platt,
        "study_platt": platt,
        "platt_resamples": {"opacity": [[1, 0], [2, 0]], "pleural_effusion": [[1, 0], [1, 1]]},
        "conformal": {"opacity": {"certain": [0.2, 0.8], "promised": [0.9, 0.9]}},
        "quality": {"contrast": [0.1, 1]},
    }
    _renew_digest(a_bundle_folder, "calibration.json", json.dumps(content).encode())

    bundle = load_bundle(a_bundle_folder)

    assert [(0.2, 0.8), None] == [spec.certain for spec in bundle.findings]
    assert (2, 2, 2) == bundle.resamples.shape
    assert {"contrast": (0.1, 1.0)} == bundle.quality
