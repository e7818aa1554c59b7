"""Cache of encodings, so that triage and reading encode a study only once."""

from __future__ import annotations

import hashlib
from collections import OrderedDict

import numpy as np

from dicomnode.records import BundleIdentity, Encoding, PreparedImage


class EncodingCache:
    """The encodings that this process used last.

    Does: know an encoding by the digests of the bundle and of the pixels that made it.
    Does not: outlive the process, hold pixels.

    Parameters
    ----------
    capacity
        Number of images; the least recently used is dropped first. 0: nothing is cached.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._encodings: OrderedDict[str, Encoding] = OrderedDict()

    def get(self, key: str) -> Encoding | None:
        """The encoding of this key, None where there is none (any more)."""
        if key in self._encodings:
            self._encodings.move_to_end(key)
        return self._encodings.get(key)

    def put(self, key: str, encoding: Encoding) -> None:
        """Remember an encoding."""
        self._encodings[key] = encoding
        self._encodings.move_to_end(key)
        while len(self._encodings) > self._capacity:
            self._encodings.popitem(last=False)


def encoding_key(bundle: BundleIdentity, image: PreparedImage) -> str:
    """SHA-256 over the bundle's digest and the pixel values, hexadecimal."""
    digest = hashlib.sha256(bundle.digest.encode())
    digest.update(np.ascontiguousarray(image.pixel_values).data)
    return digest.hexdigest()
