"""Blocks between markers, and who makes them.

A block begins with `<!-- generated: NAME ARGUMENT; ARGUMENT -->` and ends with `<!-- end of generated -->`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from docs.generate import bundles, commands, dicom, settings

DOCS = Path(__file__).parent.parent

BLOCKS: dict[str, Callable[..., str]] = {
    "settings": settings.every_table,
    "bundle-manifest": settings.bundle_manifest,
    "commands": commands.every_command,
    "bundles": bundles.overview,
    "preferences": bundles.preferences,
    "card-table": bundles.card_table,
    "card-sentences": bundles.card_sentences,
    "better-than-chance": bundles.better_than_chance,
    "received-classes": dicom.received_classes,
    "read-syntaxes": dicom.read_syntaxes,
    "fetched-classes": dicom.fetched_classes,
    "sent-classes": dicom.sent_classes,
    "coded-concepts": dicom.coded_concepts,
    "implementation": dicom.implementation,
}

_BLOCK = re.compile(
    r"(?P<begin><!-- generated: (?P<name>[\w-]+)(?: (?P<arguments>[^\n]*?))? -->\n)(?P<body>.*?)"
    r"(?P<end><!-- end of generated -->)",
    re.DOTALL,
)


def filled(page: str) -> str:
    """The page with every block made anew.

    Raises
    ------
    LookupError
        If a marker names a block that nobody makes.
    """
    return _BLOCK.sub(_made, page)


def _made(block: re.Match[str]) -> str:
    try:
        make = BLOCKS[block["name"]]
    except KeyError:
        raise LookupError(f"no block {block['name']!r}; known: {', '.join(sorted(BLOCKS))}") from None
    arguments = [argument.strip() for argument in (block["arguments"] or "").split(";") if argument.strip()]
    return f"{block['begin']}{make(*arguments).strip()}\n{block['end']}"
