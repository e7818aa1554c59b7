"""Pixels into an object of ours, compressed without loss.

JPEG-LS is the default: viewers (cornerstone, Weasis) and PACS built on DCMTK or Orthanc decode it, and it stays RGB
with its components interleaved by pixel (PS3.5 8.2.3), which all of them display alike. JPEG 2000 makes smaller files,
as its reversible colour transform takes out what the components have in common, but DCMTK and Orthanc alone do not
decode it, and some versions of OHIF take YBR_RCT for greyscale. RLE hardly shrinks an anatomical image. A peer that
takes neither gets the same instance uncompressed (`send.store_scu`).
"""

from __future__ import annotations

from pydicom import Dataset
from pydicom.uid import UID, JPEG2000Lossless, JPEGLSLossless

from dicomnode.records import ByteArray
from dicomnode.settings import ComposeSettings

_SYNTAXES: dict[str, tuple[UID, str]] = {
    "jpeg-ls": (JPEGLSLossless, "RGB"),
    "jpeg-2000": (JPEG2000Lossless, "YBR_RCT"),
}
"""Transfer syntax and Photometric Interpretation (PS3.5 8.2.3, 8.2.4)."""


def set_pixels(ds: Dataset, pixels: ByteArray, settings: ComposeSettings) -> None:
    """Give a data set its pixels, (rows, columns, 3) RGB, and its file meta information their transfer syntax."""
    ds.set_pixel_data(pixels, "RGB", 8, generate_instance_uid=False)
    if settings.compression == "none":
        return
    syntax, photometric_interpretation = _SYNTAXES[settings.compression]
    # With YBR_RCT the encoder applies the transform itself to RGB pixels.
    ds.PhotometricInterpretation = photometric_interpretation
    ds.compress(syntax, generate_instance_uid=False)
