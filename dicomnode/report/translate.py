"""Local machine translation of sentences that have no code: a Marian model in CTranslate2's format, from a folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path

from dicomnode.errors import SettingsError

Translator = Callable[[str], str]
"""Takes a sentence of the draft's language; gives nothing where the model fails on it."""
FILES = ("model.bin", "source.spm", "target.spm")
"""A converted model with its two SentencePiece models, as `ct2-opus-mt-converter` and a Marian checkpoint have them."""


def translators(folders: Mapping[str, Path]) -> dict[str, Translator]:
    """Open the model of each language.

    Raises
    ------
    SettingsError
        If the extra is not installed, or a folder holds no such model.
    """
    return {language: _opened(folder) for language, folder in folders.items()}


@lru_cache(maxsize=16)
def _opened(folder: Path) -> Translator:
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise SettingsError(f"report.translation_models: {folder} lacks {', '.join(missing)}")
    try:
        from ctranslate2 import Translator as Engine
        from sentencepiece import SentencePieceProcessor
    except ImportError:
        raise SettingsError(
            "report.translation_models needs the extra translate: pip install 'dicomnode-ai[translate]'"
        ) from None
    try:
        engine = Engine(str(folder), device="cpu", inter_threads=1, intra_threads=1)
        source, target = (SentencePieceProcessor(model_file=str(folder / name)) for name in FILES[1:])
    except (RuntimeError, OSError, ValueError) as error:
        raise SettingsError(f"report.translation_models: {folder} cannot be opened ({type(error).__name__})") from None

    def translate(sentence: str) -> str:
        pieces = [*source.encode(sentence, out_type=str), "</s>"]
        try:
            best = engine.translate_batch([pieces], beam_size=4, max_decoding_length=256)[0].hypotheses[0]
        except RuntimeError:  # too long for the model, for example: the sentence stays as it is
            return ""
        return str(target.decode([piece for piece in best if piece != "</s>"])).strip()

    return translate
