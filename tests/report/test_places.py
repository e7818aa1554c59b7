"""Places and sizes as a radiologist writes them."""

from __future__ import annotations

from itertools import product

import pytest

from dicomnode.report.languages import known_languages, language_of
from dicomnode.report.places import SIDES, SIZES, ZONES, place_and_size
from dicomnode.report.terms import qualifiers

LANGUAGES = known_languages()
AND = {"en": "and", "de": "und", "es": "y", "fr": "et", "pt": "e", "zh": "和", "hi": "और", "ar": "و"}
"""Word that joins like things; a place and a size are not alike."""


@pytest.mark.parametrize(
    ("tag", "keys", "expected"),
    [
        ("en", ("right", "middle", "small"), "right middle zone, small"),
        ("de", ("right", "middle", "small"), "rechtes Mittelfeld, klein"),
        ("es", ("right", "middle", "small"), "campo medio derecho, de pequeña extensión"),
        ("fr", ("right", "middle", "small"), "champ moyen droit, de faible étendue"),
        ("pt", ("right", "middle", "small"), "campo médio direito, de pequena extensão"),
        ("zh", ("right", "middle", "small"), "右中肺野，范围小"),
        ("hi", ("right", "middle", "small"), "दाएँ फेफड़े का मध्य भाग, सीमित विस्तार"),
        ("ar", ("right", "middle", "small"), "في الحقل الرئوي الأوسط الأيمن، بامتداد صغير"),
        ("en", ("both", "lower", "large"), "both lower zones, large"),
        ("de", ("both", "lower", "large"), "beide Unterfelder, groß"),
        ("de", ("left", "upper_lobe"), "linker Oberlappen"),
        ("fr", ("both", "lower"), "champs inférieurs des deux côtés"),
        ("es", ("both", "upper_lobe"), "ambos lóbulos superiores"),
        ("pt", ("left", "large"), "à esquerda, de grande extensão"),
        ("en", ("upper",), "upper zone"),  # the side is not known
        ("de", ("small",), "klein"),
        ("en", ("right", "left", "lower"), "right lower zone, left lower zone"),
        ("de", ("right", "left"), "rechts, links"),
        ("en", (), ""),
    ],
)
def test_side_and_zone_are_one_place(tag, keys, expected):
    """An adjective agrees with its noun and stands where the language has it; the size follows."""
    assert expected == place_and_size(keys, language_of(tag))


@pytest.mark.parametrize("tag", LANGUAGES)
def test_no_place_is_joined_to_a_size_by_an_and(tag):
    """Whatever a draft names, in every language."""
    known = language_of(tag)
    said = {
        place_and_size([key for key in keys if key], known)
        for keys in product(("", *SIDES), ("", *ZONES), ("", *SIZES))
    }

    assert len(said) == (len(SIDES) + 1) * (len(ZONES) + 1) * (len(SIZES) + 1)
    assert not [text for text in said if AND[tag] in (text if tag == "zh" else text.split())]


def test_every_place_and_size_of_the_table_has_words():
    """A qualifier that is added to `terms.toml` is not dropped in silence."""
    assert {*SIDES, *ZONES, *SIZES} == {term.key for term in qualifiers()}
