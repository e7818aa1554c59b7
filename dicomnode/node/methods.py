"""Whether the methods of explanation of the settings are fit to be drawn unasked; it loads no model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dicomnode.errors import SettingsError
from dicomnode.explain import methods
from dicomnode.infer.bundle import load_bundle
from dicomnode.node.rooms import bundle_paths
from dicomnode.settings import Settings


def check_methods(settings: Settings) -> None:
    """Whether every method of the settings is known, and draws something with the bundles that it will be used for.

    Raises
    ------
    SettingsError
        If one is unknown, a finding is unknown, or the card of a bundle says that a method is no better than chance
        there. A bundle whose card has no such table is taken as it is.
    """
    named = {"explain.method": settings.explain.method}
    named |= {f"explain.findings.{key}": method for key, method in settings.explain.findings.items()}
    for where, method in named.items():
        if method not in methods():
            raise SettingsError(f"{where}: no explanation method {method!r}; known: {', '.join(methods())}")
    keys: set[str] = set()
    for name, path in bundle_paths(settings).items():
        refused = methods_like_chance(path)
        findings = {finding.key for finding in load_bundle(path).findings}
        keys |= findings
        for where, method in named.items():
            concerns = where == "explain.method" or where.rpartition(".")[2] in findings
            if concerns and method in refused:
                raise SettingsError(
                    f"{where}: {method!r} is not shown to point better than chance by the card of the bundle {name!r}; "
                    "ask for it by `dicomnode explain study` where it is wanted all the same"
                )
    for key in sorted(set(settings.explain.findings) - keys):
        known = ", ".join(sorted(keys)) or "none"
        raise SettingsError(f"explain.findings: no bundle of the settings judges {key!r}; known: {known}")


def methods_like_chance(bundle: Path) -> frozenset[str]:
    """Methods not shown to be better than chance with a bundle, by its card.json; none where nothing was measured."""
    card = json.loads((bundle / "card.json").read_text(encoding="utf-8"))
    told = card.get("explanations") if isinstance(card, dict) else None
    verdicts: dict[str, Any] = told.get("methods", {}) if isinstance(told, dict) else {}
    return frozenset(name for name, row in verdicts.items() if row.get("better_than_chance") is False)
