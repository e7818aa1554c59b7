"""Where a finding lies and how large it is, as a radiologist writes it: "right middle zone, small"."""

from __future__ import annotations

from collections.abc import Collection

from dicomnode.report.languages import Language

SIDES = ("right", "left", "both")
ZONES = ("upper", "middle", "lower", "upper_lobe", "middle_lobe", "lower_lobe")
SIZES = ("small", "moderate", "large")


def place_and_size(keys: Collection[str], language: Language) -> str:
    """Places and sizes in one language, the place first; empty where there are none.

    A side and a zone make one place; what is not of a kind is never joined by an "and".

    Parameters
    ----------
    keys
        Qualifiers of `terms.toml`.
    """
    sides, zones, sizes = ([key for key in group if key in keys] for group in (SIDES, ZONES, SIZES))
    places = [f"{side}-{zone}" for zone in zones for side in sides] if sides and zones else [*sides, *zones]
    said = [*(f"place-{place}" for place in places), *(f"size-{size}" for size in sizes)]
    return language.joined([language.say(message) for message in said])
