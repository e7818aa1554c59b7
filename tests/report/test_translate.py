"""Machine translation of what no code stands for."""

from __future__ import annotations

import builtins
import shutil
from pathlib import Path

import numpy as np
import pytest

from dicomnode.errors import SettingsError
from dicomnode.records import Section
from dicomnode.report import check_report
from dicomnode.report.translate import _opened, translators
from dicomnode.settings import ReportSettings

FREE = "The heart is normal in size."
WIDTH = 8
GENERATOR = np.random.default_rng(3)


@pytest.fixture(scope="module")
def a_model(tmp_path_factory):
    """A tiny Transformer of random weights, as CTranslate2 converts Marian models, with its SentencePiece models."""
    ctranslate2 = pytest.importorskip("ctranslate2", reason="the extra `translate` is not installed")
    pytest.importorskip("sentencepiece", reason="the extra `translate` is not installed")
    folder = tmp_path_factory.mktemp("model") / "en-de"
    folder.mkdir()
    pieces = write_pieces(folder)
    spec = a_spec(["</s>", "<unk>", *pieces, "<pad>"])
    spec.validate()
    spec.save(str(folder))
    assert ctranslate2.contains_model(str(folder))
    return folder


def write_pieces(folder: Path) -> list[str]:
    """Train SentencePiece models of a few words; the pieces of both are the same."""
    import sentencepiece

    corpus = folder.parent / "corpus.txt"
    corpus.write_text("the heart is normal in size\ndas herz ist normal gross\n" * 20)
    sentencepiece.SentencePieceTrainer.train(
        input=str(corpus), model_prefix=str(folder / "m"), vocab_size=60, hard_vocab_limit=False, minloglevel=2
    )
    for name in ("source.spm", "target.spm"):
        shutil.copy(folder / "m.model", folder / name)
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(folder / "m.model"))
    return [pieces.id_to_piece(n) for n in range(3, pieces.get_piece_size())]


def a_spec(vocabulary: list[str]):
    """Return a Transformer of one layer on each side."""
    from ctranslate2.specs import common_spec, transformer_spec

    spec = transformer_spec.TransformerSpec.from_config(1, 2, activation=common_spec.Activation.SWISH)
    for side in (spec.encoder, spec.decoder):
        embeddings = side.embeddings[0] if isinstance(side.embeddings, list) else side.embeddings
        embeddings.weight = weights(len(vocabulary), WIDTH)
        side.position_encodings.encodings = weights(512, WIDTH)
        norm(side.layer_norm)
        for layer in side.layer:
            attention(layer.self_attention, 3 * WIDTH, WIDTH)
            linear(layer.ffn.linear_0, 2 * WIDTH, WIDTH)
            linear(layer.ffn.linear_1, WIDTH, 2 * WIDTH)
            norm(layer.ffn.layer_norm)
    attention(spec.decoder.layer[0].attention, WIDTH, 2 * WIDTH, WIDTH)
    linear(spec.decoder.projection, len(vocabulary), WIDTH)
    spec.config.decoder_start_token = "</s>"
    spec.config.bos_token, spec.config.eos_token, spec.config.unk_token = "<pad>", "</s>", "<unk>"
    spec.register_source_vocabulary(vocabulary)
    spec.register_target_vocabulary(vocabulary)
    return spec


def weights(*shape: int):
    """Random numbers."""
    return GENERATOR.normal(0, 0.3, shape).astype(np.float32)


def linear(one, rows: int, columns: int) -> None:
    """Fill a linear layer."""
    one.weight, one.bias = weights(rows, columns), weights(rows)


def norm(one) -> None:
    """Fill a layer norm that changes nothing."""
    one.gamma, one.beta = np.ones(WIDTH, np.float32), np.zeros(WIDTH, np.float32)


def attention(one, *rows: int) -> None:
    """Fill an attention layer."""
    for layer, count in zip(one.linear, rows, strict=True):
        linear(layer, count, WIDTH)
    norm(one.layer_norm)


def test_a_sentence_without_codes_is_translated_and_marked(a_report, a_model):
    """A model from a folder serves it, and the text says that a machine did; the English report keeps it as it is."""
    settings = {"languages": ("en", "de-AT"), "translation_models": {"de": a_model}}

    english, german = a_report((0.1, 0.1, 0.1), FREE, **settings).texts

    translated = translators({"de": a_model})["de"](FREE)
    sentence = german.sections[Section.FINDINGS][0]
    assert translated
    assert (f"{translated} [maschinell übersetzt]", None) == (sentence.text, sentence.language)
    assert FREE == english.lines(Section.FINDINGS)[0]


def test_translating_repeats_itself(a_model):
    """The same sentence gives the same words."""
    translate = translators({"de": a_model})["de"]

    assert translate(FREE) == translate(FREE)


def test_a_folder_that_holds_no_model_is_named(tmp_path):
    """A wrong folder, and one whose files are no model, say so before the first study comes."""
    settings = ReportSettings(languages=("de",), translation_models={"de": tmp_path})
    with pytest.raises(SettingsError, match=r"lacks model\.bin, source\.spm, target\.spm"):
        check_report(settings, set())
    pytest.importorskip("ctranslate2", reason="the extra `translate` is not installed")
    for name in ("model.bin", "source.spm", "target.spm"):
        (tmp_path / name).write_bytes(b"no model")
    with pytest.raises(SettingsError, match="cannot be opened"):
        check_report(settings, set())


def test_the_extra_is_named_where_it_is_missing(tmp_path, monkeypatch):
    """Who sets a model without the packages reads which extra to install."""
    for name in ("model.bin", "source.spm", "target.spm"):
        (tmp_path / name).write_bytes(b"")
    usual = builtins.__import__

    def without(name, *rest):
        if name == "ctranslate2":
            raise ImportError(name)
        return usual(name, *rest)

    _opened.cache_clear()
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(SettingsError, match="needs the extra translate"):
        translators({"de": tmp_path})


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"translation_models": {"fr": "somewhere"}}, "names 'fr', not in report.languages; known: de, en"),
        ({"recommendations": {"measles": {"en": "Rest."}}}, "names 'measles'; known: pneumonia, emergent, urgent"),
        ({"languages": ["en", "tlh"]}, "'tlh' is not supported"),
    ],
)
def test_settings_that_cannot_be_followed_are_refused(settings, said):
    """Nothing is set for a language or a finding that there is not."""
    with pytest.raises(SettingsError, match=said):
        check_report(ReportSettings(**{"languages": ["en", "de"]} | settings), {"pneumonia"})
