"""The sessions do what the graphs say, and the cache changes nothing."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import tiny_bundle

from dicomnode.infer.calibrate import calibrated
from dicomnode.infer.generate import greedy
from dicomnode.infer.model import CachedDecoder, Model
from dicomnode.infer.prepare import prepare
from dicomnode.infer.sessions import open_session, run

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
def an_opaque_film(make_film):
    """The same with a bright blob in the right lung."""
    pixels = np.zeros((200, 160), dtype=np.uint8)
    pixels[:, 70:90] = 255
    pixels[70:110, 20:50] = 255
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
    assert 1 == reading.best_images[0]
    assert reading.encodings[1].probabilities[0] == reading.probabilities[0]
    assert "There is an opacity." in reading.draft.sentences


def test_an_image_reads_the_same_in_any_company(a_model, a_film_bundle, a_normal_film, an_opaque_film):
    """An encoding does not depend on which images are encoded with it."""
    images = prepare([a_normal_film, an_opaque_film], a_film_bundle)

    alone = [a_model.encode(image) for image in images]
    together = a_model.encode_many(images)

    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one.logits, other.logits)


def test_cached_and_full_decoding_agree(a_model, a_film_bundle, an_opaque_film):
    """Decoding token by token with a cache gives the logits of decoding the whole text at once."""
    encoding = a_model.encode(prepare([an_opaque_film], a_film_bundle)[0])
    session = open_session(a_film_bundle.folder / "decoder.onnx", 1)
    cached = CachedDecoder(session, a_film_bundle, encoding.encoder_key_values)
    seen: list[np.ndarray] = []

    def step(decoder_input_ids: np.ndarray) -> np.ndarray:
        seen.append(cached(decoder_input_ids))
        return seen[-1]

    token_ids = greedy(step, bos_token_id=1, eos_token_id=2, max_new_tokens=32).token_ids
    feeds = {
        "decoder_input_ids": np.array([[1, *token_ids]], dtype=np.int64),
        "encoder_key_values": encoding.encoder_key_values,
        "past_key_values": np.zeros(a_film_bundle.contract.key_values_shape(0), dtype=np.float32),
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
