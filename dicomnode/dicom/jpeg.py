"""JPEG bytes that decoders refuse although every pixel is there."""

from __future__ import annotations

_START_OF_SCAN = b"\xff\xda"
_SEQUENTIAL_FRAMES = (b"\xff\xc0", b"\xff\xc1")  # SOF0 and SOF1: processes 1, 2 and 4


def sequential_scan_repaired(frame: bytes) -> bytes:
    """One JPEG frame whose scan says that it covers all coefficients.

    Some encoders write 0 as the last coefficient of a sequential scan, where ITU-T T.81 Table B.3 asks for 63. The
    data that follow are whole, and the decoders of viewers read them; libjpeg refuses.

    Returns
    -------
    The bytes as they were where they are not a sequential JPEG with that fault.
    """
    scan = frame.find(_START_OF_SCAN)
    if scan < 0 or not any(marker in frame[:scan] for marker in _SEQUENTIAL_FRAMES):
        return frame
    first = scan + 5 + 2 * frame[scan + 4] if len(frame) > scan + 4 else len(frame)
    if frame[first : first + 2] != b"\0\0":  # first and last coefficient
        return frame
    return frame[: first + 1] + b"\x3f" + frame[first + 2 :]
