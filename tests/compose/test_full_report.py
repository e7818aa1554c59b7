"""A report that has all a report can have: doubt, change, quality, review, prior study, several languages."""

from __future__ import annotations

import copy
import dataclasses

import pytest
from compose.conftest import (
    PRIOR,
    PRIOR_TRACKING_UID,
    TRANSLATIONS,
    a_doubtful_finding,
    a_finding,
    a_full_report,
    a_report,
)
from compose.test_objects import every_item, values_of
from pydicom import Dataset

from dicomnode.compose import compose
from dicomnode.records import Acuity, Change, Outcome, ReviewReason, Section, Sentence
from dicomnode.report.labels import labels_in
from dicomnode.report.languages import language_of


@pytest.fixture
def full(a_request, a_dx_film) -> dict[str, Dataset]:
    """Results of a film with a full report."""
    return {c.role: c.dataset for c in compose(a_request((a_dx_film,), a_full_report(a_dx_film)))}


def texts_of(ds: Dataset, heading: str) -> list[str]:
    """Sentences of the section with this Code Value."""
    section = [i for i in ds.ContentSequence if i.ConceptNameCodeSequence[0].CodeValue == heading]
    return [item.TextValue for item in every_item(section[0]) if item.ValueType == "TEXT"] if section else []


def groups_of(ds: Dataset) -> list[Dataset]:
    """Measurement groups of a document."""
    return [i for i in every_item(ds) if i.ValueType == "CONTAINER" and _name(i) == "125007"]


def _name(item: Dataset) -> str:
    return str(item.ConceptNameCodeSequence[0].CodeValue)


def test_there_is_one_text_report_a_language_in_a_series_that_says_so(full):
    """Each names its language in a code and in its Series Description, and no other as its predecessor."""
    texts = {role.removeprefix("text-sr."): ds for role, ds in full.items() if role.startswith("text-sr")}

    assert ["en", *TRANSLATIONS] == list(texts)
    assert [[tag] for tag in texts] == [values_of(ds, "121049")[:1] for ds in texts.values()]
    assert all(f"AI text report {tag} " in ds.SeriesDescription for tag, ds in texts.items())
    assert 5 == len({ds.SeriesInstanceUID for ds in texts.values()}) == len({ds.SeriesNumber for ds in texts.values()})
    assert not any("PredecessorDocumentsSequence" in ds for ds in texts.values())
    assert {"ISO_IR 192"} == {ds.SpecificCharacterSet for ds in texts.values()}


def test_an_unknown_language_is_coded_by_its_tag(a_request, a_dx_film):
    """A language that our table does not name is no error: RFC 5646 tags are codes themselves."""
    report = a_report(Outcome.NOTHING_FOUND)
    report = dataclasses.replace(report, texts=(dataclasses.replace(report.text, language="sw-KE"),))

    results = {c.role: c.dataset for c in compose(a_request((a_dx_film,), report))}

    assert ["sw-KE"] == values_of(results["text-sr.sw-KE"], "121049")


def test_every_section_stands_under_its_code(full):
    """What is said of examination, technique and limits describes the procedure; the others have their own heading."""
    said = {h: len(texts_of(full["text-sr.en"], h)) for h in ("55111-9", "55114-3", "59776-5", "19005-8", "18783-1")}

    assert {"55111-9": 5, "55114-3": 1, "59776-5": 1, "19005-8": 1, "18783-1": 1} == said


@pytest.mark.parametrize(("acuity", "told"), [(Acuity.URGENT, 1), (Acuity.NON_CRITICAL, 0)])
def test_what_is_critical_stands_under_critical_results_too(acuity, told, a_request, a_dx_film):
    """The impression of an urgent finding is repeated where critical results are looked for."""
    finding = dataclasses.replace(a_finding(a_dx_film), acuity=acuity)
    report = a_report(Outcome.FINDINGS, finding)
    impression = {Section.IMPRESSION: (Sentence(text="Pneumonia suspected.", finding="pneumonia"),)}
    report = dataclasses.replace(report, texts=(dataclasses.replace(report.text, sections=impression),))

    ds = {c.role: c.dataset for c in compose(a_request((a_dx_film,), report))}["text-sr.en"]

    assert ["Pneumonia suspected."] * told == texts_of(ds, "73568-8")


def test_headings_are_translated_and_keep_their_codes(full):
    """A German report has German headings under the codes of the standard."""
    headings = {_name(i): i.ConceptNameCodeSequence[0].CodeMeaning for i in full["text-sr.de"].ContentSequence}

    assert "Befund" == headings["59776-5"]


@pytest.mark.parametrize(
    ("tag", "title", "critical"),
    [
        ("en", "Diagnostic Imaging Report", "Communication of Critical Results"),
        ("de", "Radiologischer Befundbericht", "Mitteilung kritischer Befunde"),
        ("zh", "影像诊断报告", "危急值通报"),
    ],
)
def test_title_and_critical_results_are_named_in_the_report_s_language(tag, title, critical, a_request, a_dx_film):
    """What a viewer shows first is not left in English; the codes stay those of the standard."""
    report = a_report(Outcome.FINDINGS, a_finding(a_dx_film))
    said = {Section.IMPRESSION: (Sentence(text="X.", finding="pneumonia"),)}
    text = dataclasses.replace(report.text, language=tag, labels=labels_in(language_of(tag)), sections=said)

    results = compose(a_request((a_dx_film,), dataclasses.replace(report, texts=(text,))))
    (ds,) = (one.dataset for one in results if one.role == f"text-sr.{tag}")

    names = {_name(one): one.ConceptNameCodeSequence[0].CodeMeaning for one in (ds, *ds.ContentSequence)}
    assert (title, critical) == (names["18748-4"], names["73568-8"])


def test_the_procedure_is_that_of_the_order_else_of_modality_and_body_part(a_request, a_dx_film, a_ct_series):
    """Text report and measurement reports name what was done, as narrowly as the images tell."""
    coded = Dataset()
    coded.CodeValue, coded.CodingSchemeDesignator, coded.CodeMeaning = "TH2", "99HOUSE", "Thorax in two planes"
    ordered = copy.deepcopy(a_dx_film)
    ordered.ProcedureCodeSequence = [coded]

    for sources, expected in (((a_dx_film,), "30745-4"), ((ordered,), "TH2"), (a_ct_series, "24725-4")):
        results = compose(a_request(sources, a_report(Outcome.FINDINGS, a_finding(sources[0], rows=64, columns=64))))
        found = [values_of(c.dataset, "121058") for c in results if c.role in ("text-sr.en", "study-sr", "regions-sr")]
        assert found
        assert all([expected] == one for one in found), found


def test_a_free_sentence_in_another_language_says_so(full):
    """Who reads the Arabic report knows that one sentence of it is English."""
    free = [i for i in every_item(full["text-sr.ar"]) if i.get("TextValue") == "Free remark."]

    assert [["en"]] == [values_of(item, "121049") for item in free]


def test_a_doubtful_finding_keeps_its_region_but_is_not_called_a_finding(full):
    """Undetermined and leaning to present: it is shown where, and said how unsure."""
    certain, doubtful = groups_of(full["regions-sr"])

    assert [["233604007"], []] == [values_of(group, "121071") for group in (certain, doubtful)]
    assert ["373068000"] == values_of(doubtful, "36118008")
    assert any(item.ValueType == "SCOORD" for item in doubtful.ContentSequence)


def test_the_interval_stands_beside_the_probability(full):
    """Distances to the limits, in percent as the text has them, under the concepts for measurement uncertainty."""
    numbers = {
        _name(item): (str(item.MeasuredValueSequence[0].NumericValue), _unit(item))
        for item in groups_of(full["regions-sr"])[0].ContentSequence
        if item.ValueType == "NUM"
    }

    assert {"111012": ("85", "%"), "371885007": ("5", "%"), "371886008": ("10", "%")} == {
        name: (value.removesuffix(".0"), unit) for name, (value, unit) in numbers.items()
    }


def _unit(item: Dataset) -> str:
    return str(item.MeasuredValueSequence[0].MeasurementUnitsCodeSequence[0].CodeValue)


@pytest.mark.parametrize(
    ("change", "coded"),
    [
        (Change.NEW, "129721008"),
        (Change.INCREASED, "15454001"),
        (Change.UNCHANGED, "129723006"),
        (Change.DECREASED, "19776001"),
        (Change.RESOLVED, "413322009"),
        (None, None),
    ],
)
def test_change_is_coded(change, coded, a_request, a_dx_film):
    """Each way in which a finding stands against the prior study has its code; not compared has none."""
    finding = dataclasses.replace(a_finding(a_dx_film), change=change)
    results = {c.role: c.dataset for c in compose(a_request((a_dx_film,), a_report(Outcome.FINDINGS, finding)))}

    assert ([coded] if coded else []) == values_of(results["regions-sr"], "111049")


def test_a_finding_keeps_the_tracking_uid_of_the_prior_study(full):
    """Viewers that follow findings over time see one, not two."""
    uids = [i.UID for group in groups_of(full["regions-sr"]) for i in group.ContentSequence if i.ValueType == "UIDREF"]

    assert PRIOR_TRACKING_UID == uids[1] != uids[0]


def test_the_prior_study_is_pertinent_evidence_of_documents(full):
    """What was compared with is named, apart from the study's own images; key objects have no place for it."""
    for role, ds in full.items():
        evidence = ds.get("PertinentOtherEvidenceSequence", [])
        expected = [PRIOR.study_instance_uid] if "-sr" in role else []
        assert expected == [item.StudyInstanceUID for item in evidence]


def test_quality_review_and_comparison_are_coded(full):
    """For the study as a whole, in both documents."""
    for role in ("regions-sr", "study-sr"):
        ds = full[role]
        assert ["RID13"] == values_of(ds, "111101")
        assert ["111210", "111211", "111212", "111207", "111213"] == values_of(ds, "113010")
        assert ["128201"] == values_of(ds, "121075")
        assert ["373066001"] == values_of(ds, "122140")
        assert len(ReviewReason) == sum("Review: " in i.get("TextValue", "") for i in every_item(ds))


@pytest.mark.parametrize(
    ("method", "coded"),
    [("class_activation", "130402"), ("grad_cam", "130403"), ("integrated_gradients", "130404"), ("rise", "130404")],
)
def test_the_heat_map_says_of_which_kind_it_is(method, coded, a_request, a_dx_film):
    """Class activation, gradient-weighted class activation or saliency, with the method's own name."""
    finding = a_finding(a_dx_film)
    finding = dataclasses.replace(finding, heatmap=dataclasses.replace(finding.heatmap, method=method))
    results = {c.role: c.dataset for c in compose(a_request((a_dx_film,), a_report(Outcome.FINDINGS, finding)))}

    shown = [i for i in every_item(results["regions-sr"]) if i.ValueType == "IMAGE" and _name(i) == "130401"]

    assert [[coded]] == [values_of(item, "370129005") for item in shown]
    assert method.replace("_", " ") in [i.get("TextValue") for i in every_item(shown[0])]


def test_a_doubtful_finding_alone_has_a_heat_map_and_no_key_objects(a_request, a_ct_series):
    """Undetermined is no finding: nothing calls for action but the text that asks for review."""
    report = dataclasses.replace(a_report(Outcome.UNDETERMINED, a_doubtful_finding(a_ct_series[0])))

    roles = [c.role for c in compose(a_request(a_ct_series, report))]

    assert ["overlay.pneumothorax", "summary", "text-sr.en", "regions-sr", "study-sr"] == roles
