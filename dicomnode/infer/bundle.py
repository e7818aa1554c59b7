"""A model bundle: a folder with everything the node needs to run one model."""

from __future__ import annotations

import hashlib
import json
import math
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from dicomnode.errors import BundleError
from dicomnode.infer.contract import DECODER, ENCODER, PROMPTER, DecoderContract, GraphContract, graph_faults
from dicomnode.infer.manifest import (
    FORMAT,
    OPTIONAL_FILES,
    Accepts,
    DecoderShape,
    Manifest,
    PixelRecipe,
    Prefers,
    Tokens,
)
from dicomnode.infer.memory import memory_faults
from dicomnode.infer.quality import MEASURES, Limits
from dicomnode.infer.tokenizer import Tokenizer, TokenizerError, read_tokenizer
from dicomnode.records import BundleIdentity, FindingSpec, FloatArray
from dicomnode.settings import InferSettings

MANIFEST_NAME = "bundle.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafting:
    """Additional parts of a bundle that writes drafts."""

    tokens: Tokens
    shape: DecoderShape
    tokenizer: Tokenizer
    max_new_tokens: int
    study_calibration: FloatArray
    """(K, 2) Platt slope and offset of the prompter's study logits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A checked bundle: a model with its vocabulary and calibration."""

    identity: BundleIdentity
    title: str
    languages: tuple[str, ...]
    """Languages of the drafts (RFC 5646)."""
    accepts: Accepts
    prefers: Prefers
    pixels: PixelRecipe
    structures: tuple[str, ...]
    """Anatomy, in the order of the encoder's segmentation."""
    findings: tuple[FindingSpec, ...]
    """In the order of the encoder's logits."""
    calibration: FloatArray
    """(K, 2) Platt slope and offset of the logits of one image."""
    drafting: Drafting | None
    """None: the bundle classifies and drafts nothing."""
    resamples: FloatArray | None
    """(K, R, 2) Platt coefficients of studies, fitted to resamples of patients; None: not known."""
    quality: Limits
    """Usual values of the measures of image quality; empty: not known."""
    folder: Path
    optional: frozenset[str] = frozenset()
    """Those of `manifest.OPTIONAL_FILES` that it has."""

    @property
    def is_volume(self) -> bool:
        """Whether all images of a study are read together, as one volume."""
        return self.accepts.kind == "ct"

    @property
    def graphs(self) -> tuple[Path, ...]:
        """Files of the graphs."""
        names = [ENCODER] if self.drafting is None else [ENCODER, PROMPTER, DECODER]
        names += sorted(name for name in self.optional if name.endswith(".onnx"))
        return tuple(self.folder / name for name in names)

    @property
    def contract(self) -> GraphContract:
        """Inputs and outputs that the graphs must have."""
        return GraphContract(
            pixel_shape=(self.pixels.channels, self.pixels.rows, self.pixels.columns),
            findings=len(self.findings),
            structures=len(self.structures),
            is_volume=self.is_volume,
            decoder=None if self.drafting is None else _decoder_contract(self.drafting),
            optional=self.optional,
        )


def _decoder_contract(drafting: Drafting) -> DecoderContract:
    tokenizer = drafting.tokenizer
    return DecoderContract(
        **drafting.shape.model_dump(),
        bos_token_id=drafting.tokens.bos_token_id,
        token_ids=None if tokenizer.may_lack_ids else frozenset(tokenizer.pieces),
    )


def load_bundle(path: Path) -> Bundle:
    """Read a bundle folder and check every digest; the graphs themselves are opened by `Model`.

    Raises
    ------
    BundleError
        If anything is missing, altered or not as the format says; the message names the first fault.
    """
    bundle, faults = _read(path)
    if bundle is None or faults:
        more = f"; {len(faults) - 1} more faults follow" if len(faults) > 1 else ""
        raise BundleError(f"{path}: {faults[0]}{more}")
    return bundle


def check_bundle(path: Path, settings: InferSettings | None = None) -> list[str]:
    """Every reason why the node cannot run a bundle; empty where it can.

    Opens the graphs and runs them once on empty images.

    Parameters
    ----------
    settings
        Where the graphs are opened, and the memory that a worker may use: graphs that need more are not opened. None:
        on the CPU, without limit.

    Raises
    ------
    SettingsError
        If ONNX Runtime cannot compute where the settings want it to.
    """
    bundle, faults = _read(path)
    if bundle is None or faults:
        return faults
    too_large = [] if settings is None else memory_faults(bundle.graphs, settings.memory_limit_mb)
    return too_large or graph_faults(bundle.folder, bundle.contract, "cpu" if settings is None else settings.provider)


def _read(path: Path) -> tuple[Bundle | None, list[str]]:
    """The bundle as far as it can be read, and all that is wrong with it."""
    faults: list[str] = []
    read = _read_manifest(path, faults)
    if read is None:
        return None, faults
    manifest, digest = read
    for name, expected in manifest.files.items():
        _check_digest(path / name, expected, faults)
    if faults:
        return None, faults
    return _assembled(path, manifest, digest, faults), faults


def _read_manifest(folder: Path, faults: list[str]) -> tuple[Manifest, str] | None:
    if not folder.is_dir():
        found = "a file: unpack it first" if folder.is_file() else "missing"
        faults.append(f"a bundle is a folder that contains {MANIFEST_NAME}; this is {found}")
        return None
    try:
        content = (folder / MANIFEST_NAME).read_bytes()
        tables = tomllib.loads(content.decode("utf-8"))
    except FileNotFoundError:
        faults.append(f"{MANIFEST_NAME} is missing")
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        faults.append(f"{MANIFEST_NAME} is not readable TOML: {error}")
    else:
        if tables.get("format") != FORMAT:
            faults.append(
                f"{MANIFEST_NAME}: format {tables.get('format')!r} is not supported; this node reads format {FORMAT}"
            )
            return None
        try:
            return Manifest.model_validate(tables), hashlib.sha256(content).hexdigest()
        except ValidationError as error:
            faults.extend(_sentence(one) for one in error.errors())
    return None


def _sentence(error: Any) -> str:
    """One validation error of pydantic in words."""
    key = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"{MANIFEST_NAME}: {key} is not a known key"
    if error["type"] == "missing":
        return f"{MANIFEST_NAME}: {key} is missing"
    return f"{MANIFEST_NAME}: {key + ': ' if key else ''}{error['msg'].removeprefix('Value error, ')}"


def _check_digest(path: Path, expected: str, faults: list[str]) -> None:
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        faults.append(f"{path.name} is missing")
    except OSError as error:
        faults.append(f"{path.name} cannot be read: {error.strerror}")
    else:
        if found != expected:
            faults.append(f"{path.name} does not match its SHA-256 in {MANIFEST_NAME}")


def _read_json(path: Path, faults: list[str]) -> Any:
    """Content of a JSON file; an empty dict and a fault where it is none."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        faults.append(f"{path.name} is not readable JSON: {error}")
        return {}


def _calibration(content: Any, table: str, keys: list[str], faults: list[str]) -> FloatArray:
    """(K, 2) in the order of the keys; a fault for each finding that has no pair of finite numbers."""
    platt = content.get(table) if isinstance(content, dict) else None
    pairs = [platt.get(key) if isinstance(platt, dict) else None for key in keys]
    for key, pair in zip(keys, pairs, strict=True):
        if not _is_pair(pair):
            faults.append(f"calibration.json lacks {table}.{key} = [slope, offset]")
    return np.array([pair if _is_pair(pair) else (1, 0) for pair in pairs], dtype=np.float32)


def _is_pair(pair: Any) -> bool:
    return (
        isinstance(pair, list)
        and len(pair) == 2
        and all(isinstance(one, int | float) and math.isfinite(one) for one in pair)
    )


def _optional(content: Any, table: str, faults: list[str]) -> dict[str, Any]:
    """A table that older bundles lack; empty where it is missing."""
    found = content.get(table, {}) if isinstance(content, dict) else {}
    if not isinstance(found, dict):
        faults.append(f"calibration.json: {table} must be a table")
        return {}
    return found


def _certain(content: Any, keys: list[str], faults: list[str]) -> dict[str, tuple[float, float] | None]:
    """Probabilities below which a finding is absent and from which it is present, None where not known."""
    table = _optional(content, "conformal", faults)
    found: dict[str, tuple[float, float] | None] = dict.fromkeys(keys)
    for key in [key for key in keys if key in table]:
        pair = table[key].get("certain") if isinstance(table[key], dict) else None
        if isinstance(pair, list) and _is_pair(pair):
            found[key] = (float(pair[0]), float(pair[1]))
        else:
            faults.append(f"calibration.json: conformal.{key}.certain must be [absent below, present from]")
    return found


def _resamples(content: Any, keys: list[str], faults: list[str]) -> FloatArray | None:
    """(K, R, 2); None where the table is missing or does not hold as many pairs for each finding."""
    table = _optional(content, "platt_resamples", faults)
    if not table:
        return None
    rows = [table.get(key) for key in keys]
    pairs = [pair for row in rows for pair in (row if isinstance(row, list) else [None])]
    if not all(_is_pair(pair) for pair in pairs) or len({len(row) for row in rows if row}) != 1:
        faults.append(
            "calibration.json: platt_resamples must have the same number of [slope, offset] pairs for every finding"
        )
        return None
    return np.array(rows, dtype=np.float32)


def _quality(content: Any, faults: list[str]) -> Limits:
    table = _optional(content, "quality", faults)
    for name, pair in table.items():
        if name not in MEASURES or not _is_pair(pair):
            faults.append(f"calibration.json: quality.{name} must be [lowest, highest] of {', '.join(MEASURES)}")
            return {}
    return {name: (float(low), float(high)) for name, (low, high) in table.items()}


def _read_tokenizer(path: Path, tokens: Tokens, faults: list[str]) -> Tokenizer:
    """The tokenizer; one that knows no token, and a fault, where the file holds none."""
    nothing = Tokenizer(pieces={}, may_lack_ids=True)
    faults_before = len(faults)
    content = _read_json(path, faults)
    if len(faults) > faults_before:
        return nothing
    try:
        tokenizer = read_tokenizer(content)
    except TokenizerError as error:
        faults.append(f"{path.name} {error}")
        return nothing
    for name, token_id in tokens.model_dump().items():
        if token_id not in tokenizer.pieces:
            faults.append(f"{path.name} has no token for {name} {token_id}")
    return tokenizer


def _drafting(folder: Path, manifest: Manifest, calibration: Any, faults: list[str]) -> Drafting | None:
    if manifest.tokens is None or manifest.decoder is None or manifest.max_new_tokens is None:
        return None
    return Drafting(
        tokens=manifest.tokens,
        shape=manifest.decoder,
        tokenizer=_read_tokenizer(folder / "tokenizer.json", manifest.tokens, faults),
        max_new_tokens=manifest.max_new_tokens,
        study_calibration=_calibration(calibration, "study_platt", _keys(manifest), faults),
    )


def _keys(manifest: Manifest) -> list[str]:
    return [finding.key for finding in manifest.findings]


def _is_synthetic(folder: Path) -> bool:
    """Whether the card names computed images as the only source of the training data."""
    card = _read_json(folder / "card.json", [])
    data = card.get("data") if isinstance(card, dict) else None
    trained_on = data.get("train") if isinstance(data, dict) else None
    return isinstance(trained_on, dict) and set(trained_on) == {"synthetic"}


def _assembled(folder: Path, manifest: Manifest, digest: str, faults: list[str]) -> Bundle:
    identity = BundleIdentity(
        name=manifest.name,
        version=manifest.version,
        manufacturer=manifest.manufacturer,
        digest=digest,
        is_synthetic=_is_synthetic(folder),
    )
    calibration = _read_json(folder / "calibration.json", faults)
    certain = _certain(calibration, _keys(manifest), faults)
    return Bundle(
        identity=identity,
        title=manifest.title,
        languages=manifest.languages,
        accepts=manifest.accepts,
        prefers=manifest.prefers,
        pixels=manifest.pixels,
        structures=manifest.anatomy.structures,
        findings=tuple(FindingSpec(**dict(finding), certain=certain[finding.key]) for finding in manifest.findings),
        calibration=_calibration(calibration, "platt", _keys(manifest), faults),
        drafting=_drafting(folder, manifest, calibration, faults),
        resamples=_resamples(calibration, _keys(manifest), faults),
        quality=_quality(calibration, faults),
        folder=folder,
        optional=frozenset(manifest.files) & frozenset(OPTIONAL_FILES),
    )
