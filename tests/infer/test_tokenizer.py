"""Tokens to sentences, of both kinds of vocabulary."""

from __future__ import annotations

import json

import pytest

from dicomnode.infer.tokenizer import TokenizerError, read_tokenizer

WORDS = ["[PAD]", "[BOS]", "[EOS]", "no", "effusion", ".", ",", "heart", "large"]
WORD_LEVEL = {"model": {"type": "WordLevel", "vocab": {word: token_id for token_id, word in enumerate(WORDS)}}}
TEXT = "Größe of the heart: 1.5 °C. No effusion!\nUnremarkable \N{LUNGS}."


def test_a_vocabulary_of_words_knows_every_word():
    """A WordLevel decoder may give no id without a word."""
    assert not read_tokenizer(WORD_LEVEL).may_lack_ids


@pytest.mark.parametrize(
    ("token_ids", "is_truncated", "expected"),
    [
        ([3, 4, 5, 7, 6, 8, 5], False, ("No effusion.", "Heart, large.")),
        ([3, 4, 5, 7, 8], False, ("No effusion.", "Heart large")),
        ([3, 4, 5, 7, 8], True, ("No effusion.",)),
        ([3], True, ()),
        ([], False, ()),
    ],
)
def test_words_become_sentences(token_ids, is_truncated, expected):
    """Sentences start upper-case and end at a full stop; half a sentence is not shown."""
    sentences = read_tokenizer(WORD_LEVEL).sentences(token_ids, is_truncated=is_truncated)

    assert expected == tuple(sentence.text for sentence in sentences)


def test_a_sentence_knows_its_tokens():
    """Every token belongs to the sentence that it is part of."""
    sentences = read_tokenizer(WORD_LEVEL).sentences([3, 4, 5, 7, 6, 8, 5], is_truncated=False)

    assert [(0, 1, 2), (3, 4, 5, 6)] == [sentence.tokens for sentence in sentences]


def byte_level(**changes: object) -> dict:
    """A tokenizer of single bytes, a merged word and two special tokens, as the language models have."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    letters = {byte: chr(byte) for byte in printable} | {byte: chr(256 + n) for n, byte in enumerate(others)}
    vocab = {letter: byte for byte, letter in letters.items()} | {"Ġheart": 256}
    return {
        "added_tokens": [{"id": 300, "content": "<|end|>", "special": True}],
        "model": {"type": "BPE", "vocab": vocab, "merges": []},
        "decoder": {"type": "ByteLevel"},
    } | changes


def test_bytes_become_sentences():
    """Byte-level BPE gives back any text: letters of several bytes, numbers with a point, lines."""
    tokenizer = read_tokenizer(byte_level())
    before, after = TEXT.split(" heart")
    token_ids = [*before.encode(), 256, *after.encode()]

    sentences = tokenizer.sentences(token_ids, is_truncated=False)

    assert ("Größe of the heart: 1.5 °C.", "No effusion!", "Unremarkable \N{LUNGS}.") == tuple(
        s.text for s in sentences
    )
    for sentence in sentences:
        spoken = b"".join(tokenizer.pieces[token_ids[place]] for place in sentence.tokens)
        assert sentence.text == spoken.decode().strip()


def test_an_id_beyond_the_vocabulary_says_nothing():
    """Language models pad their vocabulary to a round number."""
    tokenizer = read_tokenizer(byte_level())

    assert tokenizer.may_lack_ids
    assert ("Ab",) == tuple(s.text for s in tokenizer.sentences([*b"a", 999, *b"b"], is_truncated=False))


@pytest.mark.parametrize("decoder", [{"type": "Sequence", "decoders": [{"type": "ByteLevel"}]}, {"type": "ByteLevel"}])
def test_the_decoder_may_stand_in_a_sequence(decoder):
    """Llama 3 and Qwen write the same decoder in two ways."""
    assert b"<|end|>" == read_tokenizer(byte_level(decoder=decoder)).pieces[300]


@pytest.mark.parametrize(
    "changes",
    [
        {"decoder": None},
        {"decoder": {"type": "Sequence", "decoders": [{"type": "Replace"}, {"type": "ByteFallback"}]}},
        {"model": {"type": "Unigram", "vocab": {}}},
        {"model": {"type": "BPE", "vocab": {"\N{LOWER ONE EIGHTH BLOCK}a": 0}}},
    ],
)
def test_another_kind_of_vocabulary_is_refused(changes):
    """SentencePiece is told from byte-level BPE, rather than decoded into nonsense."""
    with pytest.raises(TokenizerError, match="byte-level|ByteLevel"):
        read_tokenizer(byte_level(**changes))


def test_a_token_over_the_end_of_a_sentence_belongs_to_both():
    """Every sentence has a token, whatever the vocabulary merges."""
    content = byte_level()
    content["model"]["vocab"]["o.ĊA"] = 257
    sentences = read_tokenizer(content).sentences([*b"N", 257, *b"ll."], is_truncated=False)

    assert [("No.", (0, 1)), ("All.", (1, 2, 3, 4))] == [tuple(sentence) for sentence in sentences]


def test_the_tokenizers_library_agrees():
    """Decoding is what the library of the file format does."""
    tokenizers = pytest.importorskip("tokenizers")
    library = tokenizers.Tokenizer(tokenizers.models.BPE())
    library.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    library.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=300, initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    library.train_from_iterator([TEXT] * 20, trainer)
    token_ids = library.encode(TEXT).ids
    tokenizer = read_tokenizer(json.loads(library.to_str()))

    assert library.decode(token_ids).encode() == b"".join(tokenizer.pieces[token_id] for token_id in token_ids)
