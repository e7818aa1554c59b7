"""Checks of bundles, explanation methods and everything that reports are written and drawn with."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from dicomnode.bundles import shipped_bundle
from dicomnode.errors import BundleError, NodeError, SettingsError
from dicomnode.node.checks import Check, Found, error, warning
from dicomnode.settings import Settings

_MEGABYTE = 2**20


def _bundles(settings: Settings) -> Iterator[Found]:
    from dicomnode.infer.bundle import check_bundle
    from dicomnode.infer.sessions import require_provider

    infer = settings.infer
    try:
        require_provider(infer.provider)
    except SettingsError as wrong:
        yield error("infer.provider", str(wrong))
        infer = infer.model_copy(update={"provider": "cpu"})  # whatever else is wrong with the bundles
    for name, path in _folders(settings).items():
        try:
            faults = check_bundle(path, infer)
        except SettingsError as wrong:
            yield error("infer.provider", str(wrong))
            continue
        if faults:
            yield error("infer.bundles", f"bundle {name!r} at {path} cannot be run: {'; '.join(faults)}")


def _ensembles(settings: Settings) -> Iterator[Found]:
    if not settings.infer.ensembles:
        return
    from dicomnode.node.models import Models  # heavy: only the workers of a service need it otherwise

    folders, sound = _folders(settings), _sound(settings)
    models = Models(sound, settings.infer)
    for name in settings.infer.ensembles:
        if name not in folders or name not in sound:
            continue  # told by others
        try:
            models.get(name)
        except NodeError as wrong:
            yield error("infer.ensembles", str(wrong))


def _memory(settings: Settings) -> Iterator[Found]:
    from dicomnode.infer.bundle import load_bundle
    from dicomnode.infer.memory import needed_mb

    graphs = [graph for path in _sound(settings).values() for graph in load_bundle(path).graphs]
    workers = settings.infer.worker_count
    needed = needed_mb(graphs) * workers
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // _MEGABYTE
    if needed > there:
        yield warning(
            "infer.workers",
            f"{workers} workers with all bundles loaded need about {needed} MB of memory, this machine has {there} MB; "
            "set infer.workers to a lower number",
        )


def _methods(settings: Settings) -> Iterator[Found]:
    from dicomnode.node.methods import method_faults

    sound = _sound(settings)
    are_all = len(sound) == len(_folders(settings))
    yield from (error("explain", says) for says in method_faults(settings.explain, sound, are_all=are_all))


def _words(settings: Settings) -> Iterator[Found]:
    """Languages, translation models and recommendations, each tried by itself."""
    from dicomnode.infer.bundle import load_bundle
    from dicomnode.report import check_report

    report, sound = settings.report, _sound(settings)
    findings = {finding.key for path in sound.values() for finding in load_bundle(path).findings}
    plain = report.model_copy(update={"translation_models": {}, "recommendations": {}})
    known: list[str] = []
    for tag in report.languages:
        try:
            check_report(plain.model_copy(update={"languages": (tag,)}), findings)
            known.append(tag)
        except SettingsError as wrong:
            yield error("report.languages", str(wrong))
    are_all = len(sound) == len(_folders(settings)) and len(known) == len(report.languages)
    each: dict[str, Mapping[str, object]] = {
        "translation_models": report.translation_models if len(known) == len(report.languages) else {},
        "recommendations": report.recommendations if are_all else {},
    }
    for key, entries in each.items():
        for name, entry in entries.items():
            try:
                check_report(plain.model_copy(update={key: {name: entry}}), findings)
            except SettingsError as wrong:
                yield error(f"report.{key}", str(wrong))


def _letters(settings: Settings) -> Iterator[Found]:
    """Whether pictures can show the languages of the reports."""
    from dicomnode.compose.typeface import can_be_shaped, font_path, missing
    from dicomnode.report.languages import language_of

    wanted = Path(settings.compose.font) if settings.compose.font else None
    if wanted is not None and not wanted.is_file():
        yield error("compose.font", f"compose.font: there is no file {wanted}")
        return
    font = font_path(wanted)
    if wanted is not None and font != wanted:
        yield error("compose.font", f"compose.font: {wanted} is not a TrueType or OpenType font")
        return
    for tag in settings.report.languages:
        try:
            sample = language_of(tag).say("title")
        except NodeError:
            continue  # told by `_words`
        if missing(sample, font):
            yield warning(
                "compose.font",
                f"report.languages: the font of pictures and PDF has no letters for {tag!r}, so these are in English; "
                "set compose.font to a font file that has them",
            )
        elif not can_be_shaped(sample):
            yield warning(
                "report.languages",
                f"report.languages: pictures in {tag!r} need the library FriBiDi, so these are in English; install it, "
                "for example: apt-get install libfribidi0",
            )


def _folders(settings: Settings) -> dict[str, Path]:
    """Folder of every bundle, by the name that rules use."""
    return {Path(name).name: shipped_bundle(name) or Path(name) for name in settings.infer.bundles}


def _sound(settings: Settings) -> Mapping[str, Path]:
    """Those that can be loaded; `_bundles` tells of the others."""
    from dicomnode.infer.bundle import load_bundle

    found = {}
    for name, path in _folders(settings).items():
        try:
            load_bundle(path)
        except BundleError:
            continue
        found[name] = path
    return found


CHECKS: tuple[Check, ...] = (_bundles, _ensembles, _memory, _methods, _words, _letters)
