"""Writing the files of a bundle folder that are not graphs."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from dicomnode.infer.manifest import FILES, FORMAT, OPTIONAL_FILES, Prefers
from dicomnode.measure.calibration import Calibration
from dicomnode.train.language import BOS, EOS, PAD, tokenizer_json, vocabulary
from dicomnode.train.recipe import FindingRecipe, Recipe

Tables = dict[str, dict[str, object]]
"""Tables of `bundle.toml` that follow from the model, by name."""
_FILES_TABLE = "\n[files]\n"
"""Where the last table of `bundle.toml` begins."""


def write_words(
    recipe: Recipe, images: tuple[Calibration, ...], studies: tuple[Calibration, ...], folder: Path
) -> None:
    """Write `tokenizer.json` and `calibration.json`.

    Parameters
    ----------
    images, studies
        Calibrations of single images and of studies, one for each finding.
    """
    tables = {
        name: {key: [c.slope, c.offset] for key, c in zip(recipe.keys, calibrations, strict=True)}
        for name, calibrations in (("platt", images), ("study_platt", studies))
    }
    _write_json(folder / "calibration.json", tables)
    _write_json(folder / "tokenizer.json", tokenizer_json(vocabulary(recipe)))


def write_manifest(
    recipe: Recipe, calibrations: tuple[Calibration, ...], folder: Path, language: Tables | None = None
) -> None:
    """Write `bundle.toml`, last of all, as it holds the digest of every other file.

    Parameters
    ----------
    calibrations
        Of studies; their thresholds are the bundle's.
    language
        The tables `tokens` and `decoder` of another decoder than the recipe's.
    """
    wanted = recipe.prefers.model_dump(mode="json", exclude_none=True)
    preferences: Tables = {} if recipe.prefers == Prefers() else {"prefers": wanted}
    tables: Tables = {
        "accepts": recipe.accepts.model_dump(),
        **preferences,
        "pixels": recipe.pixels.model_dump(exclude_none=True),
        "anatomy": {"structures": recipe.phantoms.structures},
        "tokens": {"pad_token_id": PAD, "bos_token_id": BOS, "eos_token_id": EOS},
        "decoder": {
            "layers": recipe.decoder.layers,
            "heads": recipe.decoder.heads,
            "head_width": recipe.decoder.width // recipe.decoder.heads,
            "width": recipe.decoder.width,
            "prompts": recipe.decoder.prompts,
        },
        **(language or {}),
    }
    lines = _assignments(
        {
            "format": FORMAT,
            **recipe.bundle.model_dump(include={"name", "version", "title", "manufacturer"}),
            "languages": ["en"],
            "max_new_tokens": recipe.decoder.max_new_tokens,
        }
    )
    for name, table in tables.items():
        lines += ["", f"[{name}]", *_assignments(table)]
    for finding, calibration in zip(recipe.findings, calibrations, strict=True):
        lines += ["", "[[findings]]", *_assignments(_finding(finding, calibration))]
    (folder / "bundle.toml").write_text("\n".join(lines) + "\n" + _digests(folder), encoding="utf-8")


def renew_digests(folder: Path) -> None:
    """Write the digests of `bundle.toml` anew, after another file of the bundle has changed."""
    path = folder / "bundle.toml"
    before, _, _ = path.read_text(encoding="utf-8").partition(_FILES_TABLE)
    path.write_text(before + _digests(folder), encoding="utf-8")


def _digests(folder: Path) -> str:
    names = (*FILES, *(name for name in OPTIONAL_FILES if (folder / name).is_file()))
    digests = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
    return _FILES_TABLE + "".join(f'"{name}" = "{digest}"\n' for name, digest in digests.items())


def _finding(finding: FindingRecipe, calibration: Calibration) -> dict[str, object]:
    return {
        "key": finding.key,
        "code": finding.code,
        "site": finding.site,
        "threshold": calibration.threshold,
        "acuity": str(finding.acuity.value),
        "terms": finding.terms,
        **({"implies": finding.implies} if finding.implies else {}),
    }


def _assignments(table: dict[str, object]) -> list[str]:
    # JSON's strings, numbers and arrays of them are TOML's as well.
    return [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in table.items()]


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
