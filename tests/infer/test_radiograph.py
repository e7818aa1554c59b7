"""Films of every make become what the encoder was trained on."""

from __future__ import annotations

import numpy as np
import pytest
from dicom.raw_headers import with_raw
from pydicom import Dataset, dcmread
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEG2000Lossless, JPEGLSLossless, RLELossless

from dicomnode.errors import NotApplicableError, UnsupportedImageError
from dicomnode.infer.prepare import prepare
from dicomnode.records import Placement

# Patient Orientation of a frame that shows the patient upright after so many quarter turns and a flip
ORIENTATIONS = {
    ("L", "F"): (0, False),
    ("R", "F"): (0, True),
    ("F", "R"): (3, False),
    ("R", "H"): (2, False),
    ("H", "L"): (1, False),
    ("L", "H"): (2, True),
    ("H", "R"): (1, True),
    ("F", "L"): (3, True),
}


def _a_gradient(rows: int = 60, columns: int = 80, dtype: str = "uint8") -> np.ndarray:
    largest = np.iinfo(dtype).max if dtype == "uint8" else 4095
    return np.rint(np.linspace(0, largest, rows * columns).reshape(rows, columns)).astype(dtype)


def _stored(placement: Placement, shape: tuple[int, int], row: float, column: float) -> tuple[float, float]:
    """Follow the words of `Placement` from the model's grid back to the stored frame."""
    upright_rows, upright_columns = shape if placement.rotate_quarters % 2 == 0 else shape[::-1]
    row, column = row / placement.scale + placement.top, column / placement.column_scale + placement.left
    if placement.flip_columns:
        column = upright_columns - 1 - column
    for _ in range(placement.rotate_quarters):  # undo one np.rot90: its output[i, j] is input[j, last - i]
        row, column = column, upright_rows - 1 - row
        upright_rows, upright_columns = upright_columns, upright_rows
    return row, column


def _brightest(grid: np.ndarray) -> tuple[float, float]:
    """Centre of mass of what is bright, in pixel centre coordinates."""
    weights = grid - grid.min()
    weights[weights < 0.1 * weights.max()] = 0
    rows, columns = np.indices(grid.shape)
    return (rows * weights).sum() / weights.sum(), (columns * weights).sum() / weights.sum()


@pytest.mark.parametrize("shape", [(300, 300), (411, 233), (200, 517), (40, 30)])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_a_dot_is_found_where_it_was_put(make_film, a_film_bundle, shape, orientation):
    """The placement leads from the encoder's grid back to the stored pixel, for every hanging and shape."""
    row, column = int(shape[0] * 0.3), int(shape[1] * 0.72)
    radius = max(2, max(shape) // 60)
    pixels = np.zeros(shape, dtype=np.uint8)
    pixels[row - radius : row + radius + 1, column - radius : column + radius + 1] = 200
    path = make_film(pixels, PatientOrientation=list(orientation))

    (image,) = prepare([path], a_film_bundle)

    assert ORIENTATIONS[orientation] == (image.placement.rotate_quarters, image.placement.flip_columns)
    found = _stored(image.placement, shape, *_brightest(image.pixel_values[0]))
    assert pytest.approx((row, column), abs=0.25 / image.placement.scale) == found
    np.testing.assert_array_equal(image.display, np.where(pixels, 255, 0))


NOT_SQUARE = {
    "2 percent": {"PixelSpacing": [0.4, 0.408]},
    "7 percent": {"ImagerPixelSpacing": [0.214, 0.2]},
    "twice as high": {"PixelSpacing": [0.8, 0.4]},
    "half as high": {"NominalScannedPixelSpacing": [0.1, 0.2]},
    "aspect ratio": {"PixelAspectRatio": [2, 1]},
    "spacing counts, not the ratio beside it": {"PixelSpacing": [0.3, 0.2], "PixelAspectRatio": [1, 1]},
    "a spacing that is none": {"PixelSpacing": [0, 0], "PixelAspectRatio": [2, 1]},
}


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("name", NOT_SQUARE)
def test_pixels_that_are_not_square_are_made_so(make_film, a_film_bundle, name, orientation):
    """A disc is round on the model's grid, and the placement leads from there back to the stored pixel."""
    elements = NOT_SQUARE[name]
    height, width = next(pair for pair in elements.values() if min(pair) > 0)
    rows, columns = np.indices((300, 400))
    disc = np.hypot((rows - 180) * height / width, columns - 120) < 40
    path = make_film(np.where(disc, 200, 0).astype(np.uint8), PatientOrientation=list(orientation), **elements)

    (image,) = prepare([path], a_film_bundle)

    found = _stored(image.placement, disc.shape, *_brightest(image.pixel_values[0]))
    assert pytest.approx((180, 120), abs=0.3 / image.placement.scale) == found
    grid = image.pixel_values[0] - image.pixel_values[0].min()
    down, across = (np.flatnonzero(grid.max(1 - axis) > 0.5 * grid.max()).size for axis in (0, 1))
    assert abs(down - across) <= 1
    assert disc.shape == image.display.shape
    assert pytest.approx(height / width) == image.placement.pixel_aspect


BAD_VALUES = {
    "decimal commas": [
        ("PixelSpacing", "DS", b"0,4\\0,4"),
        ("WindowCenter", "DS", b"127,5"),
        ("WindowWidth", "DS", b"256"),
    ],
    "another VR": [
        ("PixelSpacing", "UT", b"0.4\\0.4"),
        ("WindowCenter", "LO", b"127.5"),
        ("WindowWidth", "UN", b"256"),
    ],
    "words": [
        ("PixelSpacing", "DS", b"fine\\fine"),
        ("SliceThickness", "DS", b"5mm"),
        ("PixelPaddingValue", "LO", b"?"),
    ],
    "text for binary": [
        ("ShutterShape", "US", b"\1\0"),
        ("PixelAspectRatio", "IS", b"one\\one"),
        ("Exposure", "IS", b"1.5"),
    ],
    "no sequence": [
        ("VOILUTSequence", "LO", b"none"),
        ("ViewCodeSequence", "SH", b"PA"),
        ("StudyDate", "DA", b"today"),
    ],
    "bytes": [
        ("WindowCenter", "DS", b"\xff\xfe"),
        ("WindowWidth", "DS", b"\xff\xfe"),
        ("PatientName", "PN", b"\xff\xfe"),
    ],
}


@pytest.mark.parametrize("name", BAD_VALUES)
def test_values_that_a_film_can_do_without_do_not_stop_it(make_film, a_film_bundle, tmp_path, name):
    """What is malformed and not needed is unknown; the film is read as without it."""
    path = make_film(_a_gradient())
    (expected,) = prepare([path], a_film_bundle)
    with_raw(dcmread(path), *BAD_VALUES[name]).save_as(tmp_path / "bad.dcm", enforce_file_format=True)
    (image,) = prepare([tmp_path / "bad.dcm"], a_film_bundle)

    np.testing.assert_allclose(expected.pixel_values, image.pixel_values, atol=2e-2)
    np.testing.assert_allclose(expected.display, image.display, atol=1)


def test_a_rescale_that_is_no_number_is_named(make_film, a_film_bundle, tmp_path):
    """What the values mean is needed: the element is named, its value is not quoted."""
    bad = with_raw(dcmread(make_film(_a_gradient())), ("RescaleSlope", "DS", b"secret"))
    bad.save_as(tmp_path / "bad.dcm", enforce_file_format=True)

    with pytest.raises(UnsupportedImageError, match=r"Rescale Slope \(0028,1053\) must be a finite number") as raised:
        prepare([tmp_path / "bad.dcm"], a_film_bundle)
    assert "secret" not in str(raised.value)


def test_a_sigmoid_window_reads_as_a_linear_one(make_film, a_film_bundle):
    """The model sees the film as through the linear window; the picture is drawn on what a viewer shows."""
    window = {"WindowCenter": 128, "WindowWidth": 200}
    (linear,) = prepare([make_film(_a_gradient(), **window)], a_film_bundle)
    (sigmoid,) = prepare([make_film(_a_gradient(), **window, VOILUTFunction="SIGMOID")], a_film_bundle)

    np.testing.assert_array_equal(linear.pixel_values, sigmoid.pixel_values)
    assert np.abs(linear.display.astype(int) - sigmoid.display).max() > 10


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_every_hanging_of_a_film_looks_the_same(make_film, a_film_bundle, orientation):
    """A film stored turned or mirrored gives the pixels of the upright film."""
    quarters, flip = ORIENTATIONS[orientation]
    upright = _a_gradient(60, 80)
    stored = np.rot90(upright[:, ::-1] if flip else upright, -quarters)
    path = make_film(np.ascontiguousarray(stored), PatientOrientation=list(orientation))

    (expected,) = prepare([make_film(upright)], a_film_bundle)
    (image,) = prepare([path], a_film_bundle)

    np.testing.assert_allclose(expected.pixel_values, image.pixel_values, atol=1e-6)
    np.testing.assert_array_equal(np.rint(stored), image.display)


def test_an_unknown_orientation_leaves_the_film_as_it_is(make_film, a_film_bundle):
    """Letters that the standard does not know turn nothing."""
    (image,) = prepare([make_film(_a_gradient(), PatientOrientation=["X", "F"])], a_film_bundle)

    assert (0, False) == (image.placement.rotate_quarters, image.placement.flip_columns)


def test_monochrome1_is_inverted(make_film, a_film_bundle):
    """The same film stored with white as 0 gives the same pixels."""
    pixels = _a_gradient()
    (expected,) = prepare([make_film(pixels)], a_film_bundle)
    (image,) = prepare([make_film(255 - pixels, PhotometricInterpretation="MONOCHROME1")], a_film_bundle)

    np.testing.assert_allclose(expected.pixel_values, image.pixel_values, atol=1e-6)
    np.testing.assert_array_equal(expected.display, image.display)


def test_bits_stored_below_bits_allocated(make_film, a_film_bundle):
    """A 12-bit film in 16-bit words shows its whole range."""
    pixels = _a_gradient(dtype="uint16")
    (image,) = prepare([make_film(pixels, BitsStored=12, HighBit=11)], a_film_bundle)

    np.testing.assert_array_equal(np.rint(pixels / 4095 * 255), image.display)


def test_signed_values_and_rescale(make_film, a_film_bundle):
    """Signed stored values with a rescale come out as the unsigned film does."""
    pixels = _a_gradient(dtype="uint16").astype(np.int16)
    (expected,) = prepare([make_film(pixels.astype(np.uint16))], a_film_bundle)
    (image,) = prepare([make_film(pixels - 2048, RescaleSlope=2, RescaleIntercept=7)], a_film_bundle)

    np.testing.assert_array_equal(expected.display, image.display)


def test_the_first_window_is_applied(make_film, a_film_bundle):
    """Below the window is black, above it white, whatever other windows there are."""
    pixels = _a_gradient(dtype="uint16")
    (image,) = prepare([make_film(pixels, WindowCenter=[1000, 9], WindowWidth=[500, 9])], a_film_bundle)

    assert 0 == image.display[pixels <= 750].max()
    assert 255 == image.display[pixels >= 1250].min()
    assert 50 < image.display[(pixels > 950) & (pixels < 1050)].mean() < 200


def _a_table(first: int, entries: list[int], bits: int) -> Dataset:
    table = Dataset()
    table.add_new("LUTDescriptor", "US", [len(entries), first, bits])
    table.add_new("LUTData", "US", entries)
    return table


def test_a_voi_table_stands_above_the_window(make_film, a_film_bundle):
    """An inverting table of 8 bits over 12-bit values is followed and its ends hold beyond the table."""
    pixels = _a_gradient(dtype="uint16")
    entries = np.rint(np.linspace(255, 0, 1000)).astype(int).tolist()
    path = make_film(pixels, VOILUTSequence=[_a_table(100, entries, 8)], WindowCenter=9, WindowWidth=9)
    (image,) = prepare([path], a_film_bundle)

    assert 255 == image.display[pixels <= 100].min()
    assert 0 == image.display[pixels >= 1099].max()
    assert (np.diff(image.display.ravel()[pixels.ravel() < 1099].astype(int)) <= 0).all()


def test_a_modality_table_is_applied(make_film, a_film_bundle):
    """A modality LUT that squares makes the film darker in the middle."""
    pixels = _a_gradient()
    table = _a_table(0, [value * value for value in range(256)], 16)
    (image,) = prepare([make_film(pixels, ModalityLUTSequence=[table])], a_film_bundle)

    np.testing.assert_allclose((pixels / 255.0) ** 2 * 255, image.display, atol=0.51)


def test_a_broken_table_is_refused(make_film, a_film_bundle):
    """A modality LUT without descriptor is named: nobody knows what the values mean."""
    with pytest.raises(UnsupportedImageError, match="look-up table has no usable descriptor"):
        prepare([make_film(_a_gradient(), ModalityLUTSequence=[Dataset()])], a_film_bundle)


def test_a_broken_voi_table_leaves_the_window(make_film, a_film_bundle):
    """A VOI LUT that cannot be read is passed over: the window, or the range of the film, shows it too."""
    pixels = _a_gradient(dtype="uint16")
    window = {"WindowCenter": 1000, "WindowWidth": 500}
    (expected,) = prepare([make_film(pixels, **window)], a_film_bundle)
    (image,) = prepare([make_film(pixels, **window, VOILUTSequence=[Dataset()])], a_film_bundle)

    np.testing.assert_array_equal(expected.display, image.display)


def test_padding_is_black_and_does_not_count(make_film, a_film_bundle):
    """Pixel padding changes neither the range of the film nor shows."""
    pixels = _a_gradient(dtype="uint16")
    padded = pixels + 1
    padded[:, :10] = 60000
    (image,) = prepare([make_film(padded, PixelPaddingValue=60000)], a_film_bundle)
    (inverted,) = prepare(
        [make_film(padded, PixelPaddingValue=60000, PhotometricInterpretation="MONOCHROME1")], a_film_bundle
    )

    assert 0 == image.display[:, :10].max() == inverted.display[:, :10].max()
    assert 255 == image.display.max()


def test_colour_becomes_luminance(make_film, a_film_bundle):
    """A film scanned in colour is read by its brightness."""
    grey = _a_gradient()
    colour = np.repeat(grey[..., np.newaxis], 3, axis=-1)
    path = make_film(
        grey,
        PixelData=colour.tobytes(),
        SamplesPerPixel=3,
        PlanarConfiguration=0,
        PhotometricInterpretation="RGB",
    )
    (image,) = prepare([path], a_film_bundle)

    np.testing.assert_array_equal(grey, image.display)


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless, JPEGLSLossless], ids=lambda uid: uid.name)
def test_every_frame_of_a_compressed_film_is_read(make_film, a_film_bundle, syntax):
    """The second compressed frame is the second frame."""
    pixels = np.stack([_a_gradient(), 255 - _a_gradient()])
    images = prepare([make_film(pixels, NumberOfFrames=2, transfer_syntax=syntax)], a_film_bundle)

    np.testing.assert_array_equal(pixels, [image.display for image in images])


@pytest.mark.parametrize(
    "syntax", [RLELossless, JPEG2000Lossless, JPEGLSLossless, DeflatedExplicitVRLittleEndian], ids=lambda uid: uid.name
)
def test_compression_changes_nothing(make_film, a_film_bundle, syntax):
    """A losslessly compressed film gives the pixels of the plain one."""
    pixels = _a_gradient(dtype="uint16")
    (expected,) = prepare([make_film(pixels)], a_film_bundle)
    if syntax == DeflatedExplicitVRLittleEndian:
        path = make_film(pixels)
        ds = dcmread(path)
        ds.file_meta.TransferSyntaxUID = syntax
        ds.save_as(path)
    else:
        path = make_film(pixels, transfer_syntax=syntax)
    (image,) = prepare([path], a_film_bundle)

    np.testing.assert_array_equal(expected.display, image.display)


def test_every_frame_of_a_film_is_read(make_film, a_film_bundle):
    """A dual energy film of two frames gives two images with their frame numbers."""
    pixels = np.stack([_a_gradient(), 255 - _a_gradient()])
    images = prepare([make_film(pixels, NumberOfFrames=2)], a_film_bundle)

    assert [1, 2] == [image.frame_number for image in images]
    np.testing.assert_array_equal(255 - images[0].display, images[1].display)


def test_every_frontal_film_of_a_study_is_read(make_film, a_film_bundle):
    """Lateral films and reports beside them are left out, and the order of files does not matter."""
    films = [make_film(_a_gradient(), InstanceNumber=1), make_film(_a_gradient(), ViewPosition="AP", InstanceNumber=2)]
    others = [make_film(_a_gradient(), ViewPosition="LL"), make_film(_a_gradient(), Modality="PR")]

    images = prepare([*others, *reversed(films)], a_film_bundle)

    assert [dcmread(path).SOPInstanceUID for path in films] == [image.sop_instance_uid for image in images]


def test_pixel_values_follow_the_recipe(make_film, a_film_bundle):
    """Percentiles to [0, 1], padding of the grid black, then mean and standard deviation."""
    (image,) = prepare([make_film(_a_gradient(60, 80))], a_film_bundle)

    recipe = a_film_bundle.pixels
    values = image.pixel_values * recipe.std + recipe.mean
    assert ((1, 64, 64), np.float32) == (image.pixel_values.shape, image.pixel_values.dtype)
    np.testing.assert_allclose(0, values[0, :8], atol=1e-6)  # 60 x 80 leaves 8 rows above and below
    np.testing.assert_allclose([0, 1], [values.min(), values.max()], atol=5e-3)
    assert pytest.approx((64 / 80, -0.5 - 7.5 / 0.8)) == (image.placement.scale, image.placement.top)


NOT_APPLICABLE = {
    "Modality is MR; the model reads CR, DX": {"Modality": "MR"},
    "Body Part Examined is KNEE; the model reads CHEST, THORAX": {"BodyPartExamined": "KNEE"},
    "View Position is LL; the model reads AP, PA": {"ViewPosition": "LL"},
    "View Position is not a known value; the model reads AP, PA": {"ViewPosition": "Zyxwv^Quentin"},
    "View Position is LATERAL; the model reads AP, PA": {"ViewPosition": None, "PatientOrientation": ["A", "F"]},
    "FOR PROCESSING": {"PresentationIntentType": "FOR PROCESSING"},
}


@pytest.mark.parametrize("said", NOT_APPLICABLE)
def test_what_the_model_does_not_read_is_named(make_film, a_film_bundle, said):
    """A misfit of the header is answered with what was found and what would be right."""
    with pytest.raises(NotApplicableError, match=said):
        prepare([make_film(_a_gradient(), **NOT_APPLICABLE[said])], a_film_bundle)


def test_a_small_frame_is_not_read(make_film, a_film_bundle):
    """A thumbnail is no film."""
    with pytest.raises(NotApplicableError, match="8 x 8 pixels; the model needs at least 16 x 16"):
        prepare([make_film(_a_gradient(8, 8))], a_film_bundle)


def _a_view(code: str) -> list[Dataset]:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code, "SCT", "view"
    return [item]


def test_the_view_may_stand_in_a_code(make_film, a_film_bundle):
    """Where View Position is missing, View Code decides."""
    frontal = make_film(_a_gradient(), ViewPosition=None, ViewCodeSequence=_a_view("272479007"))
    lateral = make_film(_a_gradient(), ViewPosition=None, ViewCodeSequence=_a_view("399173006"))

    assert 1 == len(prepare([frontal, lateral], a_film_bundle))
    with pytest.raises(NotApplicableError, match="View Position is LL"):
        prepare([lateral], a_film_bundle)


@pytest.mark.parametrize(
    ("said", "is_read"),
    [
        ("CHEST LAT", False),
        ("Thorax seitlich", False),
        ("Thorax profil gauche", False),
        ("胸部侧位", False),
        ("CHEST PA AND LATERAL", True),
        ("胸部正侧位", True),
        ("CHEST LATERAL DECUBITUS", True),
        ("CHEST BILATERAL", True),
        ("CHEST", True),
    ],
)
def test_where_nothing_says_the_view_the_description_may(make_film, a_film_bundle, said, is_read):
    """A film that is called lateral, and that alone, is not read as a frontal one; an element counts before it."""
    nameless = {"ViewPosition": None, "SeriesDescription": said, "SpecificCharacterSet": "ISO_IR 192"}
    paths = [make_film(_a_gradient(), **nameless)]

    if is_read:
        assert 1 == len(prepare(paths, a_film_bundle))
    else:
        with pytest.raises(NotApplicableError, match="View Position is LATERAL"):
            prepare(paths, a_film_bundle)
    assert 1 == len(prepare([make_film(_a_gradient(), **nameless | {"ViewPosition": "PA"})], a_film_bundle))


@pytest.mark.parametrize(
    "said", ["FRONTAL", "AP SUPINE", "PA_ERECT", "AP-SEMI-ERECT", "POSTERO_ANTERIOR", "ap portable"]
)
def test_a_frontal_view_is_read_however_it_is_written(make_film, a_film_bundle, said):
    """The posture behind the projection and a projection in full are no other view."""
    assert 1 == len(prepare([make_film(_a_gradient(), ViewPosition=said)], a_film_bundle))


@pytest.mark.parametrize("said", ["AP AXIAL", "LLD", "LAT SUPINE", "RLO"])
def test_another_view_is_not_read_for_its_first_letters(make_film, a_film_bundle, said):
    """An apical view, a decubitus or an oblique is not what the model was measured on."""
    with pytest.raises(NotApplicableError, match="View Position is"):
        prepare([make_film(_a_gradient(), ViewPosition=said)], a_film_bundle)


def test_an_absent_body_part_and_view_are_accepted(make_film, a_film_bundle):
    """Old films say neither; routing has chosen the bundle."""
    assert 1 == len(prepare([make_film(_a_gradient(), BodyPartExamined=None, ViewPosition=None)], a_film_bundle))


UNSUPPORTED = {
    "has no pixel data": {"PixelData": None},
    "Rows or Columns is missing": {"Rows": None},
    "cannot be decoded": {"PixelData": b"\0" * 10},
    "pixels cannot be 10 times as high as wide": {"ImagerPixelSpacing": [1, 0.1]},
    "the same grey value everywhere": {"PixelData": bytes(60 * 80)},
    "17 frames; a radiograph has at most 16": {"NumberOfFrames": 17},
}


@pytest.mark.parametrize("said", UNSUPPORTED)
def test_an_unreadable_film_is_refused_by_name(make_film, a_film_bundle, said):
    """What keeps a film from being read is said in one sentence."""
    with pytest.raises(UnsupportedImageError, match=said):
        prepare([make_film(_a_gradient(), **UNSUPPORTED[said])], a_film_bundle)


def test_one_unreadable_film_refuses_the_study(make_film, a_film_bundle):
    """A study is never answered from the readable half of its films."""
    with pytest.raises(UnsupportedImageError, match="no pixel data"):
        prepare([make_film(_a_gradient()), make_film(_a_gradient(), PixelData=None)], a_film_bundle)


def test_a_file_that_is_no_dicom_is_refused(tmp_path, a_film_bundle):
    """Text in place of a DICOM file is named, not traced."""
    (tmp_path / "note.txt").write_text("no DICOM")

    with pytest.raises(UnsupportedImageError, match=r"note\.txt cannot be read as a DICOM file"):
        prepare([tmp_path / "note.txt"], a_film_bundle)


def test_an_empty_study_is_refused(a_film_bundle):
    """A study without instances is not applicable."""
    with pytest.raises(NotApplicableError, match="no instance"):
        prepare([], a_film_bundle)
