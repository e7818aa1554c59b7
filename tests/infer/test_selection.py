"""Of all that a scanner sends, the slices are read that the model was made for, whatever they are called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.uid import CTImageStorage, SecondaryCaptureImageStorage, generate_uid

from dicomnode.errors import NotApplicableError, NotJudgedError, UnsupportedImageError
from dicomnode.infer.files import Header
from dicomnode.infer.frames import FrameReader
from dicomnode.infer.manifest import Accepts, Prefers
from dicomnode.infer.selection import Chosen, choose_stack
from dicomnode.records import Contrast, KernelClass, Omission, ReviewReason

ACCEPTS = Accepts(kind="ct", modalities=("CT",), body_parts=("HEAD", "BRAIN"), min_rows=64, min_columns=64)
HEAD = Prefers(
    kernels=("soft",),
    contrast="native",
    thickness_mm=(4.0, 6.0),
    coverage_mm=115.0,
    least_coverage_mm=60.0,
    refuses=("contrast",),
)
AXIAL, SAGITTAL, CORONAL = [1, 0, 0, 0, 1, 0], [0, 1, 0, 0, 0, -1], [1, 0, 0, 0, 0, -1]


def a_slice(z_mm: float, **elements: Any) -> Dataset:
    """Header of one axial slice of a head, soft kernel, 5 mm; None leaves an element out."""
    ds = Dataset()
    told = {
        "SOPClassUID": CTImageStorage, "Modality": "CT", "BodyPartExamined": "HEAD", "Manufacturer": "SIEMENS",
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"], "ConvolutionKernel": "H30s", "RescaleType": "HU",
        "RescaleSlope": 1, "RescaleIntercept": -1024, "Rows": 256, "Columns": 256, "PixelSpacing": [1, 1],
        "ImagePositionPatient": [-128, -128, z_mm], "ImageOrientationPatient": AXIAL, "SliceThickness": 5,
        "SeriesNumber": 2, "AcquisitionNumber": 1, "AcquisitionDate": "20260105", "AcquisitionTime": "101500",
        "InstanceNumber": round(z_mm) + 1, "SeriesInstanceUID": "2.25.2", "SOPInstanceUID": generate_uid(),
    }  # fmt: skip
    for keyword, value in (told | elements).items():
        if value is not None:
            setattr(ds, keyword, value)
    return ds


def a_stack(count: int = 24, step_mm: float = 5.0, **elements: Any) -> list[Dataset]:
    """Headers of a stack that begins at the skull base."""
    return [a_slice(step_mm * place, **elements) for place in range(count)]


def a_scout(**elements: Any) -> Dataset:
    """A sagittal view for planning; nothing says what it is."""
    told = {"ImageOrientationPatient": SAGITTAL, "ImagePositionPatient": [0, -128, 200], "SeriesNumber": 1}
    return a_slice(0, **told | elements)


def choose(datasets: Sequence[Dataset], prefers: Prefers = HEAD) -> Chosen:
    """Choose among headers whose files hold no pixels."""
    headers = [Header(Path(f"/nowhere/{index}"), ds) for index, ds in enumerate(datasets)]
    return choose_stack(headers, ACCEPTS, prefers, FrameReader())


def read(datasets: Sequence[Dataset], prefers: Prefers = HEAD) -> list[Dataset]:
    """Headers of the slices that are chosen, in order."""
    return [frame.ds for frame in choose(datasets, prefers).frames]


def reasons(chosen: Chosen) -> dict[str, set[Omission]]:
    """Why what was left out was left out, by Series Instance UID."""
    found: dict[str, set[Omission]] = {}
    for one in chosen.selection.left_out:
        found.setdefault(one.facts.series_instance_uid, set()).add(one.reason)
    return found


def a_whole_study() -> tuple[list[Dataset], dict[str, list[Dataset]]]:
    """The soft 5 mm series of a head CT, and everything that a scanner sends with it, by the reason not to read it."""
    soft = a_stack()
    post = {"ContrastBolusAgent": "IOPAMIDOL", "AcquisitionTime": "102500"}
    others = {
        "kernel": a_stack(SeriesInstanceUID="2.25.3", ConvolutionKernel="H60s", SeriesNumber=3),
        "thickness": a_stack(120, 1.0, SeriesInstanceUID="2.25.4", SliceThickness=1, SeriesNumber=4),
        "contrast": a_stack(SeriesInstanceUID="2.25.5", SeriesNumber=5, **post),
        "derived": a_stack(SeriesInstanceUID="2.25.6", SeriesNumber=6, ImageType=["DERIVED", "SECONDARY", "AXIAL"]),
        "not_hu": a_stack(SeriesInstanceUID="2.25.7", SeriesNumber=7, RescaleType="MGML"),
        "rendered": a_stack(SeriesInstanceUID="2.25.8", SeriesNumber=8, ImageType=["DERIVED", "SECONDARY", "MIP"]),
        "not_axial": a_stack(40, SeriesInstanceUID="2.25.9", SeriesNumber=9, ImageOrientationPatient=CORONAL),
        "localizer": [a_scout(), a_scout(SeriesInstanceUID="2.25.10", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])],
        "incomplete": a_stack(16, SeriesInstanceUID="2.25.11", SeriesNumber=11),
        "other_phase": a_stack(SeriesInstanceUID="2.25.12", SeriesNumber=12, AcquisitionTime="101900"),
    }
    return soft, others


def renamed(datasets: Sequence[Dataset], draw: Callable[[int], int]) -> list[Dataset]:
    """The same slices under new UIDs of series and instances, in a new order."""
    series = {str(ds.SeriesInstanceUID): f"2.25.{draw(10**9)}{index}" for index, ds in enumerate(datasets)}
    copies = []
    for index, ds in enumerate(datasets):
        copy = Dataset(ds)
        copy.SeriesInstanceUID = series[str(ds.SeriesInstanceUID)]
        copy.SOPInstanceUID = f"2.25.{draw(10**9)}{index}"
        copies.append(copy)
    return sorted(copies, key=lambda _: draw(10**6))


@settings(max_examples=12, deadline=None)
@given(st.randoms(use_true_random=False), st.sets(st.sampled_from(sorted(a_whole_study()[1]))))
def test_the_right_series_is_read_in_every_order_and_under_every_uid(dice, present):
    """Whatever else is there, the native soft 5 mm slices are read, whole and in order."""
    soft, others = a_whole_study()
    study = [*soft, *(ds for name in present for ds in others[name])]

    chosen = choose(renamed(study, dice.randrange))

    assert [5.0 * place for place in range(24)] == [frame.place for frame in chosen.frames]
    (facts,) = chosen.selection.read
    assert (2, "H30s", 5.0, 24) == (facts.series_number, facts.kernel, facts.slice_thickness_mm, facts.images)
    assert not chosen.selection.doubts
    assert {Omission(name) for name in present} == {one.reason for one in chosen.selection.left_out}


@settings(max_examples=12, deadline=None)
@given(st.randoms(use_true_random=False))
def test_series_mixed_under_one_uid_are_parted(dice):
    """The same holds where all slices came under one Series Instance UID: contents part them."""
    soft, others = a_whole_study()
    study = [*soft, *(ds for members in others.values() for ds in members)]
    for ds in study:
        ds.SeriesInstanceUID = "2.25.1"

    chosen = choose(renamed(study, dice.randrange))

    assert [5.0 * place for place in range(24)] == [frame.place for frame in chosen.frames]
    assert {("H30s", 5, "101500")} == {
        (frame.kernel, int(frame.ds.SliceThickness), frame.ds.AcquisitionTime) for frame in chosen.frames
    }


def test_why_each_series_is_left_out_is_said():
    """Every series that was not read has its reason, coded and in a sentence without UIDs."""
    soft, others = a_whole_study()
    chosen = choose([*soft, *(ds for members in others.values() for ds in members)])

    said = reasons(chosen)
    for name, members in others.items():
        if name != "localizer":
            assert {Omission(name)} == said[members[0].SeriesInstanceUID]
    assert all(one.sentence and "2.25" not in one.sentence for one in chosen.selection.left_out)
    assert 10 == chosen.selection.others
    assert 24 == chosen.selection.rows()[0]["images"]


BEFORE = {
    "no hint before a hint of a rendering": ({"SliceThickness": 1}, {"SeriesDescription": "AX MIP 5.0"}),
    "no hint before a hint of a map": ({}, {"SeriesDescription": "Iodine (Water) 5mm", "AcquisitionTime": "0900"}),
    "no hint before a hint of one energy": ({"SliceThickness": 3}, {"SeriesDescription": "HEAD 190keV"}),
    "contrast before kernel": ({"ConvolutionKernel": "H60s"}, {"ContrastBolusAgent": "IOHEXOL"}),
    "kernel before thickness": ({"SliceThickness": 1}, {"ConvolutionKernel": "BONE"}),
    "kernel before original": ({"ImageType": ["DERIVED", "SECONDARY", "AXIAL"]}, {"ConvolutionKernel": "BONE"}),
    "thickness before original": (
        {"ImageType": ["DERIVED", "SECONDARY", "REFORMATTED", "AVERAGE"]},
        {"SliceThickness": 10},
    ),
    "original before derived": ({}, {"ImageType": ["DERIVED", "PRIMARY", "AXIAL"]}),
    "derived before reformatted": (
        {"ImageType": ["DERIVED", "PRIMARY", "AXIAL"]},
        {"ImageType": ["DERIVED", "PRIMARY", "MPR"]},
    ),
    "known before unknown kernels": ({}, {"ConvolutionKernel": None}),
    "unknown before wrong kernels": ({"ConvolutionKernel": "?"}, {"ConvolutionKernel": "H60s"}),
    "no hint before a hint of contrast": ({}, {"SeriesDescription": "HEAD POST CONTRAST"}),
    "earlier before later": ({"AcquisitionTime": "0900"}, {"AcquisitionTime": "0905"}),
    "acquisition number": ({"AcquisitionNumber": 1}, {"AcquisitionNumber": 2}),
    "series number": ({"SeriesNumber": 2}, {"SeriesNumber": 3}),
    "measured before unmeasured thickness": ({"SliceThickness": 4}, {"SliceThickness": 3}),
    "the middle of the range": ({"SliceThickness": 5}, {"SliceThickness": 4}),
}


@pytest.mark.parametrize("better_uid", ["2.25.1", "2.25.99"])
@pytest.mark.parametrize("rule", BEFORE)
def test_the_written_rule_decides(rule, better_uid):
    """Of two stacks that differ in one point the better is read, whichever UID is the lower."""
    better, worse = BEFORE[rule]
    study = [*a_stack(SeriesInstanceUID="2.25.50", **worse), *a_stack(SeriesInstanceUID=better_uid, **better)]

    assert {better_uid} == {ds.SeriesInstanceUID for ds in read(study)}
    assert {better_uid} == {ds.SeriesInstanceUID for ds in read(study[::-1])}


@pytest.mark.parametrize("kind", ["LOCALIZER", "SCOUT", "SCANOSCOPE", "TOPOGRAM", "SURVEY", "SURVIEW", "SCANO", "PLAN"])
def test_a_localizer_is_known_by_its_label_wherever_it_stands(kind):
    """Makers name localizers in their own ways, in any value of the Image Type."""
    labelled = a_slice(60, ImageType=["ORIGINAL", "PRIMARY", "AXIAL", f"CT_SOM5 {kind}"], SeriesInstanceUID="2.25.1")

    chosen = choose([labelled, *a_stack()])

    assert 24 == len(chosen.frames)
    assert {"2.25.1": {Omission.LOCALIZER}} == reasons(chosen)
    with pytest.raises(NotApplicableError, match=f"the series is a {kind}"):
        choose([labelled])


@pytest.mark.parametrize("uid", ["1.2.3.1.1", "2.25.999999"])
@pytest.mark.parametrize("count", [1, 2])
def test_a_localizer_is_known_by_its_geometry(uid, count):
    """A turned slice or two in an axial series are left out, whatever they are called and whatever sorts first."""
    scouts = [a_scout(SOPInstanceUID=f"{uid}.{index}", SeriesNumber=2) for index in range(count)]

    chosen = choose([*scouts, *a_stack()])

    assert 24 == len(chosen.frames)
    assert {"2.25.2": {Omission.LOCALIZER}} == reasons(chosen)


def test_slices_without_a_place_do_not_hide_those_that_have_one():
    """A scout without Image Position is left out; the volume is read."""
    chosen = choose([a_scout(ImagePositionPatient=None, SeriesInstanceUID="2.25.1"), *a_stack()])

    assert {"2.25.1": {Omission.NO_POSITION}} == reasons(chosen)


@pytest.mark.parametrize("kind", ["MGML", "Z_EFF", "ED", "EDW", "HU_MOD", "PCT", "OD", "z_eff"])
def test_values_that_are_no_hounsfield_units_are_not_read(kind):
    """A map is left out beside the CT, and is nothing for the model where it stands alone (PS3.3 C.11.1.1.2)."""
    maps = a_stack(SeriesInstanceUID="1.2.3.1", RescaleType=kind)

    assert {"2.25.2"} == {ds.SeriesInstanceUID for ds in read([*maps, *a_stack()])}
    with pytest.raises(NotApplicableError, match=f"Rescale Type is {kind.upper()}"):
        choose(maps)


@pytest.mark.parametrize("kind", ["MAT_SPECIFIC", "EFF_ATOMIC_NUM", "ELECTRON_DENSITY", "IODINE", "RHO_Z", "VNC"])
def test_maps_are_known_by_their_image_type(kind):
    """The material images of multi-energy CT are no CT numbers even where no Rescale Type says so."""
    maps = a_stack(SeriesInstanceUID="1.2.3.1", RescaleType=None, ImageType=["DERIVED", "PRIMARY", "AXIAL", kind])

    assert {"2.25.2"} == {ds.SeriesInstanceUID for ds in read([*maps, *a_stack()])}
    with pytest.raises(NotApplicableError, match=kind):
        choose(maps)


def test_a_rescale_type_that_may_be_anything_is_not_quoted():
    """What stands in the header may be a name; an error does not repeat it."""
    with pytest.raises(NotApplicableError) as caught:
        choose(a_stack(RescaleType="Mustermann^Max, born 1950"))

    assert "MUSTERMANN" not in str(caught.value).upper()


@pytest.mark.parametrize("kind", ["MIP", "MIN IP", "VRT", "PROJECTION IMAGE", "SCREEN SAVE", "CPR", "CBF", "MIP_THIN"])
def test_renderings_are_not_read(kind):
    """Pictures made from slices are no slices, even if they lie like axial ones."""
    pictures = a_stack(48, 2.5, SeriesInstanceUID="1.2.3.1", ImageType=["DERIVED", "SECONDARY", "AXIAL", kind])

    assert {"2.25.2"} == {ds.SeriesInstanceUID for ds in read([*pictures, *a_stack()])}


@pytest.mark.parametrize(
    "said", ["HEAD 3D 0.6", "LOW DOSE HEAD", "HEAD 5.0 HR40 AXIAL", "VUE AXIALE", "Schädel nativ", "头颅平扫"]
)
def test_what_plain_slices_are_called_is_no_hint(said):
    """Descriptions of reconstructions as they are usual cast no doubt."""
    assert {} == choose(a_stack(SeriesDescription=said)).selection.doubts


def test_a_secondary_capture_is_not_read():
    """A screen save may say that it is an original axial CT."""
    capture = a_slice(60, SOPClassUID=SecondaryCaptureImageStorage, SeriesInstanceUID="1.2.3.1")

    assert {"1.2.3.1": {Omission.RENDERED}} == reasons(choose([capture, *a_stack()]))


GIVEN = {
    "agent": ({"ContrastBolusAgent": "OMNIPAQUE"}, Contrast.GIVEN),
    "volume": ({"ContrastBolusVolume": 80}, Contrast.GIVEN),
    "time": ({"ContrastBolusStartTime": "101000"}, Contrast.GIVEN),
    "no agent": ({"ContrastBolusAgent": "NONE"}, Contrast.NATIVE),
    "without": ({"ContrastBolusAgent": "w/o contrast"}, Contrast.NATIVE),
    "by mouth": ({"ContrastBolusAgent": "BARIUM", "ContrastBolusRoute": "ORAL"}, Contrast.NATIVE),
    "hint": ({"SeriesDescription": "HEAD +C 5.0"}, Contrast.SUSPECTED),
    "angiography": ({"ProtocolName": "CTA_HEAD"}, Contrast.SUSPECTED),
    "hint of none": ({"SeriesDescription": "HEAD WITHOUT CONTRAST"}, Contrast.UNKNOWN),
    "nothing": ({}, Contrast.UNKNOWN),
}


AGENTS = {
    Contrast.NATIVE: [
        "NO IV CONTRAST",
        "Kein KM",
        "sin contraste",
        "sem contraste",
        "pas de contraste",
        "无",
        "not given",
    ],
    Contrast.UNKNOWN: ["-", "?", "UNKNOWN", "unbekannt", "不详"],
    Contrast.GIVEN: ["NON-IONIC", "no iónico", "IV", "ULTRAVIST 370", "KM i.v.", "碘海醇"],
}


@pytest.mark.parametrize(("agent", "expected"), [(agent, kind) for kind, agents in AGENTS.items() for agent in agents])
def test_words_for_no_agent_are_none_in_every_language(agent, expected):
    """A field that must be filled in is filled with "none" or "unknown" too; neither is an agent."""
    either = HEAD.model_copy(update={"contrast": "either"})
    slices = a_stack(ContrastBolusAgent=agent, SpecificCharacterSet="ISO_IR 192")

    assert expected == choose(slices, either).selection.read[0].contrast


@pytest.mark.parametrize("case", GIVEN)
def test_contrast_is_told_from_elements_and_only_hinted_at_by_words(case):
    """An agent in the vessels is contrast; one by mouth, or a word for none, is not."""
    elements, expected = GIVEN[case]
    either = HEAD.model_copy(update={"contrast": "either"})

    assert expected == choose(a_stack(**elements), either).selection.read[0].contrast


@pytest.mark.parametrize(
    ("prefers", "elements", "review"),
    [
        ({}, {"ConvolutionKernel": "H60s"}, ReviewReason.OUT_OF_DISTRIBUTION),
        ({}, {"SliceThickness": 1}, ReviewReason.OUT_OF_DISTRIBUTION),
        ({}, {"SeriesDescription": "POST CONTRAST"}, ReviewReason.OUT_OF_DISTRIBUTION),
        ({}, {"SeriesDescription": "AX_MIP_10x3"}, ReviewReason.OUT_OF_DISTRIBUTION),
        ({}, {"SeriesDescription": "Monoenergetic Plus 40 keV"}, ReviewReason.OUT_OF_DISTRIBUTION),
        ({}, {"ImageType": ["DERIVED", "PRIMARY", "MPR"]}, ReviewReason.OUT_OF_DISTRIBUTION),
        ({"contrast": "contrast"}, {}, ReviewReason.OUT_OF_DISTRIBUTION),
        ({"coverage_mm": 130.0}, {}, ReviewReason.INCOMPLETE),
    ],
)
def test_what_is_unlike_what_was_measured_excludes_nothing(prefers, elements, review):
    """A stack outside the bundle's limits is read, and the doubt is handed on."""
    chosen = choose(a_stack(**elements), HEAD.model_copy(update=prefers))

    assert [review] == list(chosen.selection.doubts)


@pytest.mark.parametrize(
    ("prefers", "elements", "review"),
    [
        ({}, {"ContrastBolusAgent": "IOHEXOL"}, ReviewReason.OUT_OF_DISTRIBUTION),
        ({"refuses": ("kernels",)}, {"ConvolutionKernel": "H60s"}, ReviewReason.OUT_OF_DISTRIBUTION),
        ({"refuses": ("thickness_mm",)}, {"SliceThickness": 1}, ReviewReason.OUT_OF_DISTRIBUTION),
        ({"contrast": "contrast"}, {"ContrastBolusAgent": "NONE"}, ReviewReason.OUT_OF_DISTRIBUTION),
    ],
)
def test_what_a_bundle_refuses_is_not_judged(prefers, elements, review):
    """Where nothing else is there, the study is not judged, with a coded reason."""
    with pytest.raises(NotJudgedError) as caught:
        choose(a_stack(**elements), HEAD.model_copy(update=prefers))

    assert review == caught.value.review


@pytest.mark.parametrize(
    ("count", "is_judged", "is_whole"), [(3, False, False), (11, False, False), (12, True, False), (23, True, True)]
)
def test_a_truncated_volume_excludes_nothing_or_is_not_judged(count, is_judged, is_whole):
    """Coverage along the normal decides, whichever end is missing."""
    for cut in (a_stack()[:count], a_stack()[-count:]):
        if not is_judged:
            with pytest.raises(NotJudgedError, match=f"covers {5 * count} mm") as caught:
                choose(cut)
            assert ReviewReason.INCOMPLETE == caught.value.review
        else:
            assert is_whole == (ReviewReason.INCOMPLETE not in choose(cut).selection.doubts)


def test_coverage_counts_where_slices_overlap_or_say_no_thickness():
    """It is measured from face to face, not by adding slices up."""
    overlapping = a_stack(47, 2.5)
    without = a_stack(24, SliceThickness=None)

    assert pytest.approx(120) == choose(overlapping).selection.read[0].coverage_mm
    assert pytest.approx(120) == choose(without).selection.read[0].coverage_mm
    with pytest.raises(NotJudgedError):
        choose(overlapping[:20])


def test_a_whole_bone_series_is_read_before_a_stump_of_the_soft_one():
    """What may not be judged gives way to what may."""
    bone = a_stack(SeriesInstanceUID="2.25.3", ConvolutionKernel="H60s")

    chosen = choose([*a_stack()[:4], *bone])

    assert KernelClass.BONE == chosen.selection.read[0].kernel_class
    assert {"2.25.2": {Omission.INCOMPLETE}} == reasons(chosen)


def test_a_sequential_scan_is_one_stack():
    """Each slice of a step-and-shoot scan is an acquisition of its own, and some are thicker."""
    scan = [
        a_slice(z, AcquisitionNumber=index + 1, AcquisitionTime=f"1015{index:02}", SliceThickness=thick)
        for index, (z, thick) in enumerate([*((5 * i, 5) for i in range(12)), *((62.5 + 10 * i, 10) for i in range(6))])
    ]

    assert 18 == len(choose(scan).frames)


PHASES = {
    "acquisition": lambda phase: {"AcquisitionNumber": phase + 1},
    "temporal position": lambda phase: {"TemporalPositionIdentifier": phase + 1},
    "contrast": lambda phase: {"ContrastBolusAgent": ("", "IOHEXOL")[phase]},
    "tube voltage": lambda phase: {"KVP": (80, 140)[phase]},
    "field of view": lambda phase: {"ReconstructionDiameter": (220, 250)[phase]},
    "kernel of one kind": lambda phase: {"ConvolutionKernel": ("H30s", "H31s")[phase]},
    "instance numbers": lambda phase: {},
}


@pytest.mark.parametrize("by", PHASES)
def test_phases_of_one_series_are_parted(by):
    """A series that covers the head twice is two stacks, by whatever tells them apart; the first is read."""
    phases = [
        [a_slice(5.0 * z, InstanceNumber=24 * phase + z + 1, **PHASES[by](phase)) for z in range(24)]
        for phase in (0, 1)
    ]
    different = [*phases[1], *phases[0]]

    chosen = choose(different)

    assert 24 == len(chosen.frames)
    assert all(any(frame.ds is ds for ds in phases[0]) for frame in chosen.frames)


def test_tilted_and_repeated_slices_give_way_to_sound_ones():
    """A stack without usable geometry is read by nobody, and hides no other."""
    tilt = float(np.radians(15))
    leaning = a_stack(
        SeriesInstanceUID="1.2.3.1", ImageOrientationPatient=[1, 0, 0, 0, float(np.cos(tilt)), float(-np.sin(tilt))]
    )

    chosen = choose([*leaning, *a_stack()])

    assert {"1.2.3.1": {Omission.GEOMETRY}} == reasons(chosen)
    with pytest.raises(UnsupportedImageError, match="gantry tilt"):
        choose(leaning)


def test_a_bundle_without_preferences_reads_the_stack_that_covers_most():
    """Bundles that say nothing of kernels or thickness are served as before."""
    small, large = a_stack(10, SeriesInstanceUID="1.2.3.1"), a_stack(20, ConvolutionKernel="BONE")

    assert large == read([*small, *large], Prefers())


def test_ranges_that_make_no_sense_are_refused():
    """A bundle's limits are in order."""
    with pytest.raises(ValueError, match="thinnest"):
        Prefers(thickness_mm=(6.0, 4.0))
    with pytest.raises(ValueError, match="least_coverage_mm"):
        Prefers(coverage_mm=50.0, least_coverage_mm=60.0)
