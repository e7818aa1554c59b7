"""The purpose of a CT reconstruction, from the manufacturer's name of the convolution kernel.

Makers name kernels as they like. What is here was put together from their conformance statements and from headers;
names that are not here stay unknown, and the noise of the images decides (`infer/noise.py`).

- Siemens: a letter for the region (B body, H head, J and I iterative, U ultra sharp, S, T topogram), on newer scanners
  a second one for the kind (Br, Hr, Bv, Bl lung, Qr quantitative), then a number that grows with sharpness, then the
  scan mode: `H30s`, `J40s`, `Br64d`, `Hr40h`. From 50 on it is sharp: of the head for bone, of the body for bone and
  lung alike.
- GE: words, `STANDARD`, `SOFT`, `DETAIL`, `CHST` for soft tissue, `BONE`, `BONEPLUS`, `EDGE`, `ULTRA`, `LUNG`.
- Philips: letters, from smooth to sharp. A, B, C for the body, UA, UB, UC for the brain, CA, CB, CC and XA to XC for
  the heart, SA to SC; D, E, YA to YE and the like for bone; L for the lung.
- Toshiba, Canon: `FC` and a number: 01 to 29, 40 to 49 and 60 to 69 soft tissue and brain, 30 to 39, 80 and 81 bone,
  50 to 59 and 82 to 89 lung.
- United Imaging, Hitachi, Neusoft and others: words such as `H_SOFT_B`, `B_VSHARP_C`, `LUNG`.

To add a kernel: put it into one of the tables below and into `tests/infer/test_kernels.py`.
"""

from __future__ import annotations

import re

from dicomnode.records import KernelClass

_SIEMENS = re.compile(r"([BHJIUSTQ])([A-Z]?)(\d{2})[A-Z]?\d?")
_SIEMENS_SHARP = 50
_TOSHIBA = re.compile(r"FC_?(\d{1,2})(?!\d)")
_TOSHIBA_RANGES = (
    (range(1, 30), KernelClass.SOFT),
    (range(30, 40), KernelClass.BONE),
    (range(40, 50), KernelClass.SOFT),
    (range(50, 60), KernelClass.LUNG),
    (range(60, 70), KernelClass.SOFT),
    (range(80, 82), KernelClass.BONE),
    (range(82, 90), KernelClass.LUNG),
)
_PHILIPS = {
    **dict.fromkeys(("A", "B", "C", "UA", "UB", "UC", "CA", "CB", "CC"), KernelClass.SOFT),
    **dict.fromkeys(("XA", "XB", "XC", "SA", "SB", "SC"), KernelClass.SOFT),
    **dict.fromkeys(("D", "E", "EB", "EC", "UD", "UE", "CD", "SD"), KernelClass.SHARP),
    **dict.fromkeys(("YA", "YB", "YC", "YD", "YE"), KernelClass.SHARP),
    "L": KernelClass.LUNG,
}
_WORDS = (
    (KernelClass.LUNG, ("LUNG", "PULMO", "LUNGE", "POUMON", "PULMON")),
    (
        KernelClass.BONE,
        ("BONE", "EDGE", "OSS", "OSTEO", "KNOCHEN", "HUESO", "OSEO", "INNER EAR", "PETROUS"),
    ),
    (KernelClass.SHARP, ("SHARP", "ULTRA", "HIGHRES", "HIGH RES", "HRCT")),
    (
        KernelClass.SOFT,
        ("SOFT", "STANDARD", "STND", "STD", "SMOOTH", "DETAIL", "CHST", "BRAIN", "PARENCHYMA", "WEICHTEIL", "HIRN"),
    ),
)
"""Beginnings of words, the most telling first: `BODY SHARP` is sharp, `SOFT BONE` is for bone."""


def kernel_class(kernel: str, manufacturer: str = "") -> KernelClass:
    """What a Convolution Kernel (0018,1210) is for.

    Parameters
    ----------
    kernel
        First value of the element, in which a maker may say more after it.
    manufacturer
        Manufacturer (0008,0070): single letters mean something only to Philips.
    """
    name = " ".join(kernel.upper().split())
    if not name:
        return KernelClass.UNKNOWN
    toshiba = _TOSHIBA.match(name)
    if toshiba:
        number = int(toshiba[1])
        return next((kind for numbers, kind in _TOSHIBA_RANGES if number in numbers), KernelClass.UNKNOWN)
    siemens = _SIEMENS.fullmatch(name)
    if siemens:
        return _of_siemens(siemens[1], siemens[2], int(siemens[3]))
    words = words_class(name)
    if words is not KernelClass.UNKNOWN:
        return words
    return _of_philips(name, manufacturer)


def _of_siemens(region: str, kind: str, number: int) -> KernelClass:
    if number < _SIEMENS_SHARP:
        return KernelClass.SOFT
    if kind == "L":
        return KernelClass.LUNG
    return KernelClass.BONE if region == "H" else KernelClass.SHARP


def _of_philips(name: str, manufacturer: str) -> KernelClass:
    """Letters alone, or in brackets behind words: `Brain Standard (UB)`."""
    bracketed = re.search(r"\(([A-Z]{1,2})\)", name)
    if bracketed:
        return _PHILIPS.get(bracketed[1], KernelClass.UNKNOWN)
    is_philips = not manufacturer or any(one in manufacturer.upper() for one in ("PHILIPS", "MARCONI", "PICKER"))
    return _PHILIPS.get(name, KernelClass.UNKNOWN) if is_philips else KernelClass.UNKNOWN


def words_class(text: str) -> KernelClass:
    """What words say, those of a kernel or, as weak evidence, those of a description."""
    words = re.sub(r"[^A-Z]+", " ", text.upper())
    for kind, beginnings in _WORDS:
        if any(re.search(rf"\b(?:V|HD)?{beginning}", words) for beginning in beginnings):
            return kind
    return KernelClass.UNKNOWN
