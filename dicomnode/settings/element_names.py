"""Names of data elements as people write them in settings: by keyword, by tag, or by private creator."""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import cache

_TAG = re.compile(r"\(?\s*(?:0x)?([0-9a-f]{4})\s*[,: ]?\s*([0-9a-f]{4})\s*\)?", re.IGNORECASE)
_PRIVATE = re.compile(r"\(?\s*([0-9a-f]{4})\s*,\s*xx([0-9a-f]{2})\s*,\s*(.*?\S)\s*\)?", re.IGNORECASE)
_BINARY = frozenset(("OB", "OW", "OF", "OD", "OL", "OV", "OB or OW"))
_FIRST_PIXELS = 0x7FE0


def element_name(written: str) -> str:
    """One spelling for each element: its keyword, "gggg,eeee", or "gggg,xxee,CREATOR" for one of a private block.

    Parameters
    ----------
    written
        A keyword in capitals or not, a tag with or without comma and brackets, or a private element with its creator.

    Raises
    ------
    ValueError
        If it names no element, or one whose value cannot be held against a text.
    """
    from pydicom.datadict import dictionary_has_tag, dictionary_keyword, dictionary_VR  # only where a rule names one

    if private := _PRIVATE.fullmatch(written.strip()):
        if int(private[1], 16) % 2 == 0:
            raise ValueError(
                f"{written!r}: group {private[1]} is even, and private elements are in odd groups (PS3.5 7.8)"
            )
        return f"{private[1].upper()},xx{private[2].upper()},{private[3]}"
    tag = _tag(written)
    group = tag >> 16
    if group in (0x0000, 0x0002):
        raise ValueError(f"{written!r} is not in the data set: command and file meta are no part of it")
    if group >= _FIRST_PIXELS:
        raise ValueError(f"{written!r} is part of the pixel data or follows it, and rules read only elements before it")
    is_known = dictionary_has_tag(tag)
    vr = dictionary_VR(tag) if is_known else ""
    if vr == "SQ" or vr in _BINARY:
        raise ValueError(f"{written!r} is {'a sequence' if vr == 'SQ' else 'binary'}: rules compare texts and numbers")
    keyword = dictionary_keyword(tag) if is_known else ""
    return keyword or f"{group:04X},{tag & 0xFFFF:04X}"


def _tag(written: str) -> int:
    from pydicom.datadict import repeater_has_keyword

    known = _keywords().get(_folded(written))
    if known is not None:
        return known
    if found := _TAG.fullmatch(written.strip()):
        return int(found[1] + found[2], 16)
    if repeater_has_keyword(written.strip()):
        raise ValueError(f'{written!r} names an element of several groups: write one of them as "gggg,eeee"')
    raise ValueError(f"{written!r} is not the name of a data element{_near(written)}")


def _near(written: str) -> str:
    from pydicom.datadict import dictionary_keyword

    near = get_close_matches(_folded(written), _keywords(), n=3, cutoff=0.75)
    names = [dictionary_keyword(_keywords()[name]) for name in near]
    return f"; near it: {', '.join(names)}" if names else '; elements are named by keyword or by "gggg,eeee"'


def _folded(name: str) -> str:
    return re.sub(r"[^0-9a-z]", "", name.casefold()) if not _TAG.fullmatch(name.strip()) else ""


@cache
def _keywords() -> dict[str, int]:
    from pydicom.datadict import keyword_dict

    return {_folded(keyword): tag for keyword, tag in keyword_dict.items() if keyword}
