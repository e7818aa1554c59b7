"""Whether the explanation methods of the settings are good enough to be used for every study; it loads no model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dicomnode.explain import methods
from dicomnode.infer.bundle import load_bundle
from dicomnode.settings import ExplainSettings


def method_faults(settings: ExplainSettings, bundles: Mapping[str, Path], *, are_all: bool = True) -> Iterator[str]:
    """A sentence for each method that is unknown or does no better than chance with a bundle, and each unknown finding.

    A bundle whose card has no measurements of methods is accepted as it is.

    Parameters
    ----------
    bundles
        Folders of bundles that can be loaded, by name.
    are_all
        Whether these are all bundles of the settings: only then is it known that a finding is judged by none.
    """
    named = {"explain.method": settings.method}
    named |= {f"explain.findings.{key}": method for key, method in settings.findings.items()}
    for where, method in named.items():
        if method not in methods():
            yield f"{where}: no explanation method {method!r}; known: {', '.join(methods())}"
    keys: set[str] = set()
    for name, path in bundles.items():
        refused = methods_like_chance(path)
        findings = {finding.key for finding in load_bundle(path).findings}
        keys |= findings
        for where, method in named.items():
            concerns = where == "explain.method" or where.rpartition(".")[2] in findings
            if concerns and method in refused:
                yield (
                    f"{where}: {method!r} does no better than chance with the bundle {name!r}, according to its card; "
                    "`dicomnode explain study` can still draw it"
                )
    for key in sorted(set(settings.findings) - keys) if are_all else ():
        yield f"explain.findings: no configured bundle assesses {key!r}; known: {', '.join(sorted(keys)) or 'none'}"


def methods_like_chance(bundle: Path) -> frozenset[str]:
    """Methods not shown to be better than chance with a bundle, by its card.json; none where nothing was measured."""
    card = json.loads((bundle / "card.json").read_text(encoding="utf-8"))
    told = card.get("explanations") if isinstance(card, dict) else None
    verdicts: dict[str, Any] = told.get("methods", {}) if isinstance(told, dict) else {}
    return frozenset(name for name, row in verdicts.items() if row.get("better_than_chance") is False)
