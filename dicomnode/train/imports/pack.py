"""Foreign models packed into bundles: `dicomnode bundle import`."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import onnx

from dicomnode import __version__
from dicomnode.errors import BundleError, SettingsError
from dicomnode.infer.bundle import MANIFEST_NAME, check_bundle
from dicomnode.infer.manifest import CLASSIFIER_FILES, FILES, FORMAT, Prefers
from dicomnode.train.bundle import Tables
from dicomnode.train.imports.about import About
from dicomnode.train.imports.checkpoints import read_tokenizer


def import_bundle(kind: str, source: Path, about: About, folder: Path) -> None:
    """Pack a foreign model.

    Parameters
    ----------
    kind
        One of `KINDS`.
    source
        ONNX file, or folder of a Hugging Face checkpoint.
    folder
        Of the new bundle; must not exist.

    Raises
    ------
    SettingsError
        If the kind is unknown, the folder exists, or the description does not fit the kind.
    BundleError
        If the model cannot be brought to the contract of a bundle.
    """
    if kind not in KINDS:
        raise SettingsError(f"unknown kind {kind!r}; known: {', '.join(KINDS)}")
    if folder.exists():
        raise SettingsError(f"{folder} exists; choose a new folder for the bundle")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
        made = Path(scratch, "bundle")
        made.mkdir(mode=0o755)
        tables = KINDS[kind](source, about, made)
        _write_figures(about, made, has_decoder=bool(tables))
        _write_cards(kind, source, about, made)
        write_manifest(about, tables, made)
        faults = check_bundle(made)
        if faults:
            raise BundleError(f"the bundle made from {source.name} cannot be run: {faults[0]}")
        made.rename(folder)


def _import_onnx(source: Path, about: About, folder: Path) -> Tables:
    from dicomnode.train.compress.quantize import without_traces
    from dicomnode.train.imports.onnx_classifier import OnnxAsk, classifier_graph

    _refuse_captioning(about)
    labels = [output for output in about.outputs if isinstance(output, str)]
    if labels:
        raise SettingsError(f"an ONNX graph has no labels: give output {labels[0]!r} as a number")
    ask = OnnxAsk(
        pixels=about.pixels,
        outputs=tuple(int(output) for output in about.outputs),
        findings=len(about.findings),
        scores=about.model.scores,
        output=about.model.output,
        mean=about.model.mean,
        std=about.model.std,
    )
    onnx.save(without_traces(classifier_graph(source, ask)), folder / "encoder.onnx")
    return {}


def _import_classifier(source: Path, about: About, folder: Path) -> Tables:
    from dicomnode.train.imports.classifier import classifier_from
    from dicomnode.train.imports.graph import write_classifier

    _refuse_captioning(about)
    _refuse_onnx_keys(about)
    classifier = classifier_from(source, about.pixels, about.outputs, len(about.findings), about.model.scores)
    write_classifier(classifier, _pixel_shape(about), folder / "encoder.onnx")
    return {}


def _import_captioner(source: Path, about: About, folder: Path) -> Tables:
    from dicomnode.train.imports.caption import captioner_from
    from dicomnode.train.imports.graph import write_captioner

    _refuse_onnx_keys(about)
    if about.outputs or about.model.scores:
        raise SettingsError("a captioner has no outputs and no scores: it is questioned with present and absent")
    if about.max_new_tokens is None:
        raise SettingsError("max_new_tokens is missing: the length of a captioner's drafts must be limited")
    tokenizer = read_tokenizer(source)
    captioner = captioner_from(source, about.pixels, about.phrases)
    shape, tokens = captioner.decoder.shape, captioner.tokens
    if about.max_new_tokens >= shape.positions:
        raise SettingsError(f"max_new_tokens must be below the model's {shape.positions} positions")
    write_captioner(captioner, _pixel_shape(about), shape.positions, folder)
    _write_json(folder / "tokenizer.json", tokenizer)
    return {"tokens": tokens.as_table(), "decoder": shape.as_table(prompts=0)}


KINDS: Mapping[str, Callable[[Path, About, Path], Tables]] = {
    "onnx-classifier": _import_onnx,
    "hf-classifier": _import_classifier,
    "hf-captioner": _import_captioner,
}
"""What can be imported; each writes its graphs into a folder and returns what they add to bundle.toml."""


def _refuse_captioning(about: About) -> None:
    if about.max_new_tokens is not None or any(finding.present or finding.absent for finding in about.findings):
        raise SettingsError("max_new_tokens, present and absent are for captioners only: a classifier writes no draft")


def _refuse_onnx_keys(about: About) -> None:
    if about.model.output or about.model.mean or about.model.std or about.model.scores == "probability":
        raise SettingsError(
            '[model] output, mean, std and scores = "probability" are for '
            "onnx-classifier only: a checkpoint contains them"
        )


def _pixel_shape(about: About) -> tuple[int, int, int]:
    return about.pixels.channels, about.pixels.rows, about.pixels.columns


def _write_figures(about: About, folder: Path, *, has_decoder: bool) -> None:
    platt = {finding.key: list(finding.platt) for finding in about.findings}
    tables = {"platt": platt, "study_platt": platt} if has_decoder else {"platt": platt}
    _write_json(folder / "calibration.json", tables)


def _write_cards(kind: str, source: Path, about: About, folder: Path) -> None:
    """Cards that say that nothing was measured here."""
    content: dict[str, Any] = {
        "bundle": f"{about.name} {about.version}",
        "description": about.description,
        "intended_use": "research; not for diagnostic use; a radiologist must verify every word",
        "figures": None,
        "made": {
            "command": f"dicomnode bundle import {kind} {source.name}",
            "date": dt.datetime.now(dt.UTC).date().isoformat(),
            "version": __version__,
            "source_digests": digests_of(source),
        },
        "licences": list(about.licences),
        "limits": [
            *about.limits,
            "Nothing was measured at import; calibration and thresholds were given by the person who imported it.",
            "It has no out-of-distribution score: it does not notice images unlike those it was trained on.",
        ],
    }
    _write_json(folder / "card.json", content)
    (folder / "card.md").write_text("\n".join(_card_lines(content)) + "\n", encoding="utf-8")


def _card_lines(content: Mapping[str, Any]) -> list[str]:
    made = content["made"]
    return [
        f"# {content['bundle']}",
        "",
        content["description"],
        f"Intended use: {content['intended_use']}.",
        "",
        "## Licences",
        *(f"- {licence}" for licence in content["licences"]),
        "",
        "## Figures",
        "Nothing was measured here.",
        "",
        "## Limits",
        *(f"- {limit}" for limit in content["limits"]),
        "",
        "## How it was made",
        f"`{made['command']}`, {made['date']}, dicomnode {made['version']}, from",
        *(f"- {name}, SHA-256 {digest}" for name, digest in made["source_digests"].items()),
    ]


def digests_of(source: Path) -> dict[str, str]:
    """SHA-256 of the weights in a file or a checkpoint's folder, by the names of the files."""
    files = [source] if source.is_file() else sorted(source.glob("*.safetensors"))
    found = {}
    for path in files:
        with path.open("rb") as file:
            found[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def write_manifest(about: About, tables: Tables, folder: Path) -> None:
    """Write bundle.toml, last of all, as it holds the digest of every other file.

    Parameters
    ----------
    tables
        What follows from the model: `tokens` and `decoder` of one that drafts, `anatomy` of one that outlines it.
    """
    top = about.model_dump(include={"name", "version", "title", "manufacturer", "languages"}, mode="json")
    if about.max_new_tokens is not None:
        top["max_new_tokens"] = about.max_new_tokens
    preferences = {} if about.prefers == Prefers() else {"prefers": about.prefers}
    named = {"accepts": about.accepts, **preferences, "pixels": about.pixels}
    tables = {name: table.model_dump(mode="json", exclude_none=True) for name, table in named.items()} | tables
    lines = _assignments({"format": FORMAT, **top})
    for name, table in tables.items():
        lines += ["", f"[{name}]", *_assignments(table)]
    for finding in about.findings:
        lines += ["", "[[findings]]", *_assignments(finding.as_table())]
    files = FILES if "decoder" in tables else CLASSIFIER_FILES
    digests = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in files}
    lines += ["", "[files]", *(f'"{name}" = "{digest}"' for name, digest in digests.items())]
    (folder / MANIFEST_NAME).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _assignments(table: Mapping[str, object]) -> list[str]:
    # JSON's strings, numbers and arrays of them are TOML's as well.
    return [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in table.items()]


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
