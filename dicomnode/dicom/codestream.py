"""What stands in the bytes of a compressed frame, looked at before a decoder believes it."""

from __future__ import annotations

import struct

_START_OF_SCAN = 0xDA
_SEQUENTIAL = (0xC0, 0xC1)  # SOF0 and SOF1: JPEG processes 1, 2 and 4
_START_OF_FRAME = frozenset({*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC})  # ITU-T T.81 Table B.1; T.87 for JPEG-LS
_JPEG_2000_START = b"\xff\x4f\xff\x51"  # ITU-T T.800 A.4.1 and A.5.1: SOC, then SIZ at once


def claimed_samples(frame: bytes) -> int:
    """How many samples a JPEG, JPEG-LS or JPEG 2000 frame says that it holds; 0 where it does not say.

    Decoders reserve memory for what the frame claims, not for what the header of the instance says.
    """
    start = frame.find(_JPEG_2000_START)
    if start >= 0 and len(frame) >= start + 42:
        right, bottom, left, top, components = struct.unpack_from(">4I16xH", frame, start + 8)
        return int(max(0, right - left) * max(0, bottom - top) * components)
    for marker, place in _segments(frame):
        if marker in _START_OF_FRAME and len(frame) >= place + 10:
            rows, columns, components = struct.unpack_from(">HHB", frame, place + 5)
            return int(rows * columns * components)
    return 0


def sequential_scan_repaired(frame: bytes) -> bytes:
    """One JPEG frame whose scan says that it covers all coefficients.

    Some encoders write 0 as the last coefficient of a sequential scan, where ITU-T T.81 Table B.3 asks for 63. The
    data that follow are whole, and the decoders of viewers read them; libjpeg refuses.

    Returns
    -------
    The bytes as they were where they are not a sequential JPEG with that fault.
    """
    segments = dict(_segments(frame))
    scan = segments.get(_START_OF_SCAN)
    if scan is None or not segments.keys() & set(_SEQUENTIAL) or len(frame) < scan + 5:
        return frame
    first = scan + 5 + 2 * frame[scan + 4]  # past marker, length, number of components and their tables
    if frame[first : first + 2] != b"\0\0":  # first and last coefficient
        return frame
    return frame[: first + 1] + b"\x3f" + frame[first + 2 :]


def _segments(frame: bytes) -> list[tuple[int, int]]:
    """Marker and place of each segment of a JPEG up to its first scan."""
    found: list[tuple[int, int]] = []
    place = 2
    while len(frame) >= place + 4 and frame[place] == 0xFF:
        marker = frame[place + 1]
        if marker == 0xFF:  # fill byte, T.81 B.1.1.2
            place += 1
            continue
        found.append((marker, place))
        if marker == _START_OF_SCAN:
            break
        place += 2 + struct.unpack_from(">H", frame, place + 2)[0]
    return found
