"""The sessions do what the graphs say, and the cache changes nothing."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import tiny_bundle
from pydicom import dcmread

from dicomnode.errors import NotJudgedError, SettingsError
from dicomnode.infer.cache import EncodingCache
from dicomnode.infer.calibrate import calibrated
from dicomnode.infer.decoding import CachedDecoder
from dicomnode.infer.generate import Step, generate
from dicomnode.infer.model import Model
from dicomnode.infer.prepare import prepare
from dicomnode.infer.sessions import open_session, run
from dicomnode.settings import InferSettings

PARITY_TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def a_model(a_film_bundle) -> Model:
    """The radiograph bundle, loaded."""
    return Model(a_film_bundle)


@pytest.fixture
def a_normal_film(make_film):
    """A film with nothing in it but a bright spine."""
    pixels = np.zeros((200, 160), dtype=np.uint8)
    pixels[:, 70:90] = 255
    return make_film(pixels)


@pytest.fixture
def a_white_film(make_film):
    """A film that is white but for its rim: nothing that looks like a chest."""
    pixels = np.full((200, 200), 255, dtype=np.uint8)
    pixels[:4] = 0
    return make_film(pixels)


def test_words_and_figures_depend_on_the_pixels(a_model, a_film_bundle, a_normal_film, an_opaque_film):
    """The same model says the opposite of two films that differ in one place."""
    normal = a_model.read(prepare([a_normal_film], a_film_bundle))
    opaque = a_model.read(prepare([an_opaque_film], a_film_bundle))

    assert ("No opacity is seen.", "No effusion is seen.") == normal.draft.sentences
    assert ("There is an opacity.", "No effusion is seen.") == opaque.draft.sentences
    assert normal.probabilities[0] < 0.5 < opaque.probabilities[0]


def test_class_maps_add_up_to_the_logit(a_model, a_film_bundle, an_opaque_film):
    """What the maps show is what the logit is made of, and it lies where the blob lies."""
    encoding = a_model.encode(prepare([an_opaque_film], a_film_bundle)[0])

    np.testing.assert_allclose(
        encoding.logits, encoding.class_maps.sum(axis=(1, 2)) + tiny_bundle.BIAS, rtol=1e-5, atol=1e-5
    )
    row, column = np.unravel_index(encoding.class_maps[0].argmax(), encoding.class_maps[0].shape)
    assert (3, 2) == (row, column)


def test_a_study_is_as_suspicious_as_its_worst_film(a_model, a_film_bundle, a_normal_film, an_opaque_film):
    """Probabilities are the largest over the films, and the draft speaks of the film that holds them."""
    reading = a_model.read(prepare([a_normal_film, an_opaque_film], a_film_bundle))

    assert 2 == len(reading.images) == len(reading.encodings)
    best = reading.best_images[0]
    assert str(dcmread(an_opaque_film).SOPInstanceUID) == reading.images[best].sop_instance_uid
    assert reading.encodings[best].probabilities[0] == reading.probabilities[0]
    assert "There is an opacity." in reading.draft.sentences


def test_an_image_reads_the_same_in_any_company(a_model, a_film_bundle, a_normal_film, an_opaque_film):
    """An encoding does not depend on which images are encoded with it."""
    images = prepare([a_normal_film, an_opaque_film, a_normal_film], a_film_bundle)
    alone = [Model(a_film_bundle, InferSettings(cache_images=0)).encode(image) for image in images]

    for batch_size in (1, 2, 8):
        together = Model(a_film_bundle, InferSettings(batch_size=batch_size, cache_images=0)).encode_many(images)
        for one, other in zip(alone, together, strict=True):
            np.testing.assert_array_equal(one.logits, other.logits)
            np.testing.assert_array_equal(one.class_maps, other.class_maps)


def test_no_batch_is_larger_than_the_settings_say(a_film_bundle, make_film, monkeypatch):
    """Seven images in batches of three are encoded by three runs."""
    model = Model(a_film_bundle, InferSettings(batch_size=3))
    batches, encode = [], model._encode_batch
    monkeypatch.setattr(model, "_encode_batch", lambda images: batches.append(len(images)) or encode(images))
    random = np.random.default_rng(0)
    films = [make_film(random.integers(0, 255, (64, 64)).astype(np.uint8)) for _ in range(7)]

    model.encode_many(prepare(films, a_film_bundle))

    assert [3, 3, 1] == batches


def test_triage_and_reading_encode_once(a_film_bundle, a_normal_film, monkeypatch):
    """The encodings of triage are still there when the study is read, and give the same answer."""
    model = Model(a_film_bundle)
    images = prepare([a_normal_film], a_film_bundle)
    graded = model.triage(images)
    monkeypatch.setattr(model, "_encode_batch", None)

    np.testing.assert_array_equal(graded, model.read(prepare([a_normal_film], a_film_bundle)).probabilities)


def test_the_cache_forgets_the_oldest(a_film_bundle, a_normal_film, an_opaque_film):
    """A cache of one image holds the last one, and tells bundles and images apart."""
    cache = EncodingCache(1)
    model = Model(a_film_bundle, cache=cache)
    normal, opaque = (prepare([film], a_film_bundle)[0] for film in (a_normal_film, an_opaque_film))

    first = model.encode(normal)
    assert first is model.encode(normal)
    assert first is not model.encode(opaque)
    assert first is not model.encode(normal)


def test_a_film_that_looks_strange_is_left_out(a_model, a_film_bundle, a_white_film, an_opaque_film):
    """What the model cannot judge has no part in the answer, and the reading says that it was left out."""
    reading = a_model.read(prepare([a_white_film, an_opaque_film], a_film_bundle))

    assert (1, 1) == (len(reading.images), reading.not_judged)
    assert a_model.read(prepare([an_opaque_film], a_film_bundle)).draft.sentences == reading.draft.sentences


def test_where_every_film_looks_strange_nothing_is_read(a_model, a_film_bundle, a_white_film, monkeypatch):
    """There is no draft and no grade of a study that cannot be judged."""
    monkeypatch.setattr(a_model, "generate", None)

    for ask in (a_model.read, a_model.triage):
        with pytest.raises(NotJudgedError, match="may be rotated, inverted, or of another body part"):
            ask(prepare([a_white_film], a_film_bundle))


def test_slices_are_judged_together(a_ct_bundle, make_slice, a_bleed):
    """A volume is read as long as most of its slices look right; the slice with blood counts most."""
    model = Model(a_ct_bundle)
    bone = np.full((64, 64), 2000, dtype=np.int16)
    volume = [make_slice(0, bone), make_slice(5), make_slice(10, a_bleed), make_slice(15)]
    reading = model.read(prepare(volume, a_ct_bundle))

    assert (4, 0, (2,)) == (len(reading.images), reading.not_judged, reading.best_images)
    assert reading.strangeness[0] > 1 > reading.strangeness[1:].max()
    np.testing.assert_allclose(reading.slice_attention.sum(axis=1), 1, rtol=1e-6)
    each = np.array([encoding.logits[0] for encoding in reading.encodings])
    np.testing.assert_allclose(reading.logits[0], reading.slice_attention[0] @ each, rtol=1e-5)
    assert ("There is a hemorrhage.",) == reading.draft.sentences

    with pytest.raises(NotJudgedError):
        model.read(prepare([make_slice(20 + 5 * n, bone) for n in range(3)] + [make_slice(35)], a_ct_bundle))


def test_a_classifier_finds_what_its_encoder_finds(a_film_bundle, a_classifier_bundle, a_normal_film, an_opaque_film):
    """Without prompter and decoder the likeliest film answers, nothing is strange, and there is no draft."""
    films = [a_normal_film, an_opaque_film]
    expected = Model(a_film_bundle).read(prepare(films, a_film_bundle))
    reading = Model(a_classifier_bundle).read(prepare(films, a_classifier_bundle))

    np.testing.assert_allclose(expected.probabilities, reading.probabilities, rtol=1e-5)
    assert expected.best_images == reading.best_images
    assert () == reading.draft.sentences
    assert not any(encoding.has_maps for encoding in reading.encodings)
    assert 0 == reading.strangeness.max()


def test_a_sentence_knows_where_the_decoder_looked(a_model, a_film_bundle, an_opaque_film):
    """Each sentence of the draft looks at the finding that it speaks of."""
    draft = a_model.read(prepare([an_opaque_film], a_film_bundle)).draft

    np.testing.assert_allclose([[1, 0], [0, 1]], draft.attention, atol=1e-6)


def test_beams_write_no_worse_text(a_model, a_film_bundle, an_opaque_film):
    """Beam search over the graph itself, with its cache, finds a text that is at least as likely."""
    prompted = a_model.prompt([a_model.encode(prepare([an_opaque_film], a_film_bundle)[0])])
    greedy, wide = (a_model.generate(prompted, beams=beams) for beams in (1, 4))

    assert greedy.sentences == wide.sentences
    assert wide.mean_log_probability >= greedy.mean_log_probability - 1e-9


def test_a_gpu_that_is_not_there_is_told(a_film_bundle):
    """The CPU never stands in for a GPU in silence."""
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime has CUDA")
    with pytest.raises(SettingsError, match=r"lacks CUDAExecutionProvider: install onnxruntime-gpu"):
        Model(a_film_bundle, InferSettings(provider="cuda"))


def test_cuda_is_asked_for_by_name(a_film_bundle, monkeypatch):
    """Where ONNX Runtime claims CUDA but cannot start it, the node says so and does not compute elsewhere."""
    import onnxruntime

    asked, make = [], onnxruntime.InferenceSession

    def session(path, options, providers):
        asked.append(providers)
        return make(path, options, providers=["CPUExecutionProvider"])  # what ONNX Runtime does without a driver

    both = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: both)
    monkeypatch.setattr(onnxruntime, "InferenceSession", session)
    with pytest.raises(SettingsError, match="CUDAExecutionProvider cannot be started: check the driver"):
        Model(a_film_bundle, InferSettings(provider="cuda"))
    assert [["CUDAExecutionProvider"]] == asked


def test_cached_and_full_decoding_agree(a_model, a_film_bundle, an_opaque_film):
    """Decoding token by token with a cache gives the logits of decoding the whole text at once."""
    prompted = a_model.prompt([a_model.encode(prepare([an_opaque_film], a_film_bundle)[0])])
    session = open_session(a_film_bundle.folder / "decoder.onnx", 1)
    nothing = a_film_bundle.contract.decoder.empty_cache
    cached = CachedDecoder(session, nothing, prompted)
    seen: list[np.ndarray] = []

    def step(decoder_input_ids: np.ndarray, parents: np.ndarray) -> Step:
        said = cached(decoder_input_ids, parents)
        seen.append(said.logits)
        return said

    token_ids = generate(step, bos_token_id=1, eos_token_id=2, max_new_tokens=32).token_ids
    feeds = {
        "decoder_input_ids": np.array([[1, *token_ids]], dtype=np.int64),
        "prompt_embeds": prompted.prompt_embeds,
        "encoder_key_values": prompted.encoder_key_values,
        "anatomical_bias": prompted.anatomical_bias,
        "past_key_values": nothing,
    }
    (full,) = run(session, ("logits",), feeds)

    assert 10 == len(token_ids)
    np.testing.assert_allclose(full, np.concatenate(seen, axis=1), atol=PARITY_TOLERANCE)


def test_calibration_is_the_sigmoid_of_a_line():
    """Platt scaling, without overflow at either end."""
    platt = np.array([[1, 0], [2, -1], [1, 0]], dtype=np.float32)

    expected = [0.5, 1 / (1 + np.exp(-1)), 1.0]
    np.testing.assert_allclose(expected, calibrated(np.array([0, 1, 1e4], dtype=np.float32), platt), rtol=1e-6)
    assert 0.0 == calibrated(np.array([-1e4], dtype=np.float32), platt[:1])[0]


def test_a_study_without_images_cannot_be_read(a_model):
    """Whoever calls `read` must have images."""
    with pytest.raises(ValueError, match="at least one image"):
        a_model.read(())


def test_serving_loads_no_training_library():
    """Importing what reads a study loads neither torch nor onnx nor transformers."""
    code = (
        "import sys, dicomnode.infer.model, dicomnode.infer.prepare, dicomnode.infer.bundle; "
        "print(*{'torch', 'transformers', 'onnx'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert ("", "") == (done.stdout.strip(), done.stderr)
