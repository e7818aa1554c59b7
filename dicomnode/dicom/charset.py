"""Bytes of a header to text: Specific Character Set (0008,0005) as PS3.5 6.1 and PS3.3 C.12.1.1.2 define it.

Where the bytes are not what the header declares, the text is still found if there is a reading that loses nothing.
No reading puts a replacement character into a text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

_ESC = 0x1B
_NO_REGISTRATION = {"GB18030": "GB18030", "GBK": "GB18030", "ISO 2022 GBK": "GB18030", "UTF-8": "192", "UTF8": "192"}
_ISO_8859 = {
    "1": "100",
    "2": "101",
    "3": "109",
    "4": "110",
    "5": "144",
    "6": "127",
    "7": "126",
    "8": "138",
    "9": "148",
    "11": "166",
    "15": "203",
}
"""Registration of each part of ISO 8859 that DICOM has."""
_STAND_ALONE = {"192": "utf-8", "GB18030": "gb18030"}
"""Character sets without code extensions (PS3.3 Table C.12-5)."""
_LATIN = frozenset(("100", "101", "109", "110", "148", "203"))


class _CodeElement(NamedTuple):
    """One set that can be designated as G0 or G1 (PS3.3 Tables C.12-2 to C.12-4)."""

    codec: str
    width: int = 1
    """Bytes of a character."""


_ASCII = _CodeElement("ascii")  # ISO-IR 14, Romaji, differs in two signs that DICOM needs as they are
_KATAKANA = _CodeElement("shift_jis")
_KANJI = _CodeElement("euc_jp", 2)
_SUPPLEMENTARY_KANJI = _CodeElement("jisx0212", 2)
_HANGUL = _CodeElement("cp949", 2)
_HANZI = _CodeElement("gbk", 2)
_RIGHT_HALVES = {
    "100": _CodeElement("iso8859_1"),
    "101": _CodeElement("iso8859_2"),
    "109": _CodeElement("iso8859_3"),
    "110": _CodeElement("iso8859_4"),
    "144": _CodeElement("iso8859_5"),
    "127": _CodeElement("iso8859_6"),
    "126": _CodeElement("iso8859_7"),
    "138": _CodeElement("iso8859_8"),
    "148": _CodeElement("iso8859_9"),
    "203": _CodeElement("iso8859_15"),
    "166": _CodeElement("iso8859_11"),
    "13": _KATAKANA,
    "149": _HANGUL,
    "58": _HANZI,
}
"""Code element in G1, by the number of its registration."""
_FINAL_BYTES = dict(zip("ABCDLGFHMbT", list(_RIGHT_HALVES.values())[:11], strict=True))
_ESCAPES: dict[bytes, tuple[int, _CodeElement]] = {
    b"\x1b(B": (0, _ASCII),
    b"\x1b(J": (0, _ASCII),
    b"\x1b$B": (0, _KANJI),
    b"\x1b$@": (0, _KANJI),  # the edition of 1978
    b"\x1b$(B": (0, _KANJI),
    b"\x1b$(D": (0, _SUPPLEMENTARY_KANJI),
    b"\x1b)I": (1, _KATAKANA),
    b"\x1b$)C": (1, _HANGUL),
    b"\x1b$)A": (1, _HANZI),
    b"\x1b$(C": (0, _HANGUL),  # these two are ISO-2022-KR and -CN as others write them
    b"\x1b$A": (0, _HANZI),
    **{b"\x1b-" + final.encode(): (1, element) for final, element in _FINAL_BYTES.items()},
}
"""Escape sequence to the half that it designates, 0 for G0 and 1 for G1, and the code element."""
_ANY_ESCAPE = re.compile(rb"\x1b[\x20-\x2f]*[\x30-\x7e]")


class Decoded(NamedTuple):
    """Text of one element."""

    text: str
    is_as_declared: bool
    """The bytes are what the header declares; False: the text was found by other means."""


def decoded(encoded: bytes, declared: Sequence[str], delimiters: bytes = b"\\") -> Decoded:
    """Decode the value of one element, all its values at once.

    Parameters
    ----------
    declared
        Values of Specific Character Set, as they stand in the header.
    delimiters
        Characters that end what escape sequences have designated, beside the control characters: the backslash,
        and in person names "^" and "=" (PS3.5 6.1.2.5.3).
    """
    if encoded.isascii() and _ESC not in encoded:
        return Decoded(encoded.decode("ascii"), is_as_declared=True)
    sets = [_registration(term) for term in declared]
    for reading, is_as_declared in _readings(sets, delimiters, has_escapes=_ESC in encoded):
        try:
            return Decoded(reading(encoded), is_as_declared)
        except UnicodeError:
            continue
    return Decoded(_as_windows_latin(encoded), is_as_declared=False)


def _registration(term: str) -> str:
    """Number of a set in the ISO register, or GB18030: "ISO_IR 100", "ISO 2022 IR 100", "iso-ir-100" are all 100."""
    name = " ".join(term.upper().split())
    if name in _NO_REGISTRATION:
        return _NO_REGISTRATION[name]
    part = re.search(r"8859[-_ ](\d+)$", name)
    if part:
        return _ISO_8859.get(part[1], "")
    number = re.search(r"(\d+)$", name)
    return number[1] if number else ""


def _readings(
    sets: Sequence[str], delimiters: bytes, *, has_escapes: bool
) -> Iterator[tuple[Callable[[bytes], str], bool]]:
    """Ways to read bytes, the likeliest first, with whether each is what the header declares."""
    first = sets[0] if sets else ""
    if first in _LATIN and not has_escapes:
        # No word of a Latin alphabet is a row of well-formed UTF-8 sequences by chance.
        yield _as_utf_8, False
    if first in _STAND_ALONE and not has_escapes:
        yield lambda encoded: encoded.decode(_STAND_ALONE[first]), True
    yield lambda encoded: _as_iso_2022(encoded, first, delimiters), bool(sets)
    if has_escapes:
        # Some writers designate once, and not again after each delimiter.
        yield lambda encoded: _as_iso_2022(encoded, first, b""), False
    yield _as_utf_8, False
    for other in sets[1:]:  # its escape sequence is missing
        yield lambda encoded, other=other: _as_iso_2022(encoded, other, delimiters), False  # type: ignore[misc]
    if {"13", "87", "159"} & set(sets):
        yield lambda encoded: encoded.decode("cp932"), False


def _as_utf_8(encoded: bytes) -> str:
    """UTF-8, without the character at its end that a limit of bytes has cut through."""
    try:
        return encoded.decode("utf-8")
    except UnicodeDecodeError as error:
        whole = encoded[: error.start]
        if error.reason != "unexpected end of data" or whole.isascii():
            raise
        return whole.decode("utf-8")


def _as_windows_latin(encoded: bytes) -> str:
    """ISO 8859-1, which reads every byte; where it has none, the signs that Windows puts there."""
    plain = _ANY_ESCAPE.sub(b"", encoded)
    return "".join(bytes((byte,)).decode("cp1252", "ignore") for byte in plain)


def _as_iso_2022(encoded: bytes, first: str, delimiters: bytes) -> str:
    """Text with code extensions (PS3.5 6.1.2.5).

    Parameters
    ----------
    first
        Set that holds at the beginning and after each delimiter; "" for ASCII alone.
    """
    at_start = [_ASCII, _RIGHT_HALVES.get(first)]
    halves = list(at_start)
    characters: list[str] = []
    place = 0
    while place < len(encoded):
        byte = encoded[place]
        if byte == _ESC:
            escape = next((one for one in _ESCAPES if encoded.startswith(one, place)), None)
            if escape is None:
                raise UnicodeError("an escape sequence that PS3.3 does not list")
            half, element = _ESCAPES[escape]
            halves[half] = element
            place += len(escape)
            continue
        element = _ASCII if byte <= 0x20 else _designated(halves[byte >> 7])  # noqa: PLR2004  # blanks and controls
        characters.append(_character(encoded[place : place + element.width], element))
        place += element.width
        if element is _ASCII and (byte < 0x20 or byte in delimiters):  # noqa: PLR2004
            halves = list(at_start)
    return "".join(characters)


def _designated(element: _CodeElement | None) -> _CodeElement:
    if element is None:
        raise UnicodeError("a byte above 127, and no set for it")
    return element


def _character(code: bytes, element: _CodeElement) -> str:
    """One character of a code element; bytes of both halves of the code table are the same there."""
    if len(code) < element.width:
        raise UnicodeError("a character is cut off")
    high = bytes(byte | 0x80 for byte in code)
    if element is _ASCII:
        return code.decode("ascii")
    if element is _SUPPLEMENTARY_KANJI:
        return (b"\x8f" + high).decode("euc_jp")
    if element is _KANJI:
        return _kanji(high)
    character = (high if element.width > 1 else code).decode(element.codec)
    if len(character) != 1 or "\x80" <= character <= "\x9f":
        raise UnicodeError("a control character of C1")
    return character


def _kanji(code: bytes) -> str:
    """Character of JIS X 0208; what it lacks is read as Windows does, which adds signs that names are written with."""
    try:
        return code.decode("euc_jp")
    except UnicodeDecodeError:
        row, cell = code[0] - 0xA1, code[1] - 0xA1  # from 0
        lead = row // 2 + (0x81 if row < 62 else 0xC1)  # noqa: PLR2004  # the two ranges of lead bytes of Shift JIS
        trail = cell + 0x9F if row % 2 else cell + (0x40 if cell < 63 else 0x41)  # noqa: PLR2004
        return bytes((lead, trail)).decode("cp932")
