"""No report contradicts itself, in any language; and what does is found."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from report.conftest import BUNDLE, SPECS
from structlog.testing import capture_logs

from dicomnode.errors import ReportError
from dicomnode.records import (
    Acuity,
    Change,
    ChangeUnknown,
    Claim,
    CodedConcept,
    Draft,
    FindingSpec,
    ImageQuality,
    Outcome,
    Presence,
    PriorState,
    PriorStudy,
    QualityFault,
    QualityLevel,
    Reading,
    Report,
    ReviewReason,
    Section,
    Sentence,
    Stance,
    Verdict,
)
from dicomnode.report import write, write_report
from dicomnode.report.coherence import contradictions, read_back
from dicomnode.report.drafts import checked
from dicomnode.report.languages import known_languages, language_of
from dicomnode.report.sentences import CLAIMS, IMPRESSIONS, lists, named
from dicomnode.report.terms import findings
from dicomnode.settings import AcuitySettings, ReportSettings

LANGUAGES = (*known_languages(), "en-GB", "pt-PT")
READINGS = 400
"""For each number of findings; 2,000 in all."""
KNOWN = findings()
SENTENCES = (
    "there are small airspace opacities in the right middle zone consistent with {}.",
    "there is {} on the left.",
    "extensive {} in both lungs is seen.",
    "possible {}.",
    "there may be moderate {} in the left upper zone.",
    "{} cannot be excluded.",
    "{} is likely.",
    "findings are suspicious for {}.",
    "no {}.",
    "there is no sign of {}.",
    "the {} has resolved.",
    "new {} since the prior study.",
    "no change in the {}.",
    "{} on the right, no {} on the left.",
    "{} with an air bronchogram.",
    "no {} or {}.",
    "no {}, but {} is seen.",
    "the heart is of normal size.",
    "the lungs are clear.",
    "no acute abnormality.",
    "unremarkable study.",
    "",
)


@st.composite
def some_specs(draw: Callable, count: int) -> tuple[FindingSpec, ...]:
    """Findings with names in every language, at any thresholds and bounds, some kinds of others."""
    terms = draw(st.lists(st.sampled_from(KNOWN), unique_by=lambda term: term.key, min_size=count, max_size=count))
    share = st.floats(0.02, 0.98)
    return tuple(
        FindingSpec(
            key=term.key,
            code=CodedConcept(*term.code, term.names["en"].text),
            site=SPECS[0].site,
            threshold=draw(share),
            acuity=draw(st.sampled_from(Acuity)),
            terms=(term.names["en"].text,),
            certain=draw(st.none() | st.tuples(share, share)),
            implies=tuple(draw(st.sets(st.sampled_from([one.key for one in terms[:k]])))) if k else (),
        )
        for k, term in enumerate(terms)
    )


@st.composite
def some_reading(draw: Callable, specs: tuple[FindingSpec, ...]) -> Reading:
    """What a model might say of them, coherent or not, with any draft."""
    count = len(specs)
    share = st.floats(0, 1, width=32)
    probabilities = np.array([draw(share) for _ in specs], np.float32)
    limits = np.array([sorted((draw(share), p, draw(share)))[::2] for p in probabilities], np.float32)
    names = st.sampled_from([spec.terms[0] for spec in specs])
    chosen = draw(st.lists(st.sampled_from(SENTENCES), max_size=4))
    drafted = tuple(one.format(draw(names), draw(names)) for one in chosen)
    faults = draw(st.lists(st.sampled_from(QualityFault), max_size=2, unique=True))
    return Reading(
        images=(),
        encodings=(),
        logits=np.zeros(count, np.float32),
        probabilities=probabilities,
        slice_attention=np.zeros((count, 0), np.float32),
        strangeness=np.zeros(0, np.float32),
        best_images=(0,) * count,
        not_judged=draw(st.sampled_from((0, 2))),
        draft=Draft(
            sentences=drafted,
            is_truncated=draw(st.booleans()),
            mean_log_probability=0.0,
            attention=np.zeros((len(drafted), 1), np.float32),
        ),
        intervals=limits if draw(st.booleans()) else None,
        quality=ImageQuality(level=draw(st.sampled_from(QualityLevel)), faults=tuple(faults)),
        missing_images=draw(st.sampled_from((0, 1, 3))),
        members_disagree=draw(st.booleans()),
        cannot_exclude=tuple(draw(st.sets(st.sampled_from(ReviewReason), max_size=2))),
    )


@st.composite
def some_report(draw: Callable, count: int, languages: tuple[str, ...] = LANGUAGES) -> Report:
    """A report of any reading, with or without an earlier study."""
    specs = draw(some_specs(count))
    prior = None
    if draw(st.booleans()):
        presences = {spec.key: draw(st.sampled_from(Presence)) for spec in specs if draw(st.booleans())}
        prior = PriorStudy(
            study_instance_uid="2.25.1",
            study_date=dt.date(2025, 12, 24),
            instances=(),
            presences=presences,
            is_verified=draw(st.booleans()),
        )
    changes = st.sampled_from((*Change, *ChangeUnknown))
    return write_report(
        specs=specs,
        reading=draw(some_reading(specs)),
        heatmaps={},
        regions={},
        bundle=BUNDLE,
        acuity=AcuitySettings(),
        settings=ReportSettings(
            languages=languages,
            unsupported_sentences=draw(st.sampled_from(("rewrite", "withhold"))),
            impression_first=draw(st.booleans()),
        ),
        prior=prior,
        prior_note=PriorState.NONE_FOUND if prior is None else PriorState.COMPARED,
        changes={spec.key: draw(changes) for spec in specs if draw(st.booleans())},
    )


@pytest.mark.timeout(900)
@pytest.mark.parametrize("count", range(1, 6))
@settings(max_examples=READINGS, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_no_report_contradicts_itself(count, data):
    """Whatever the model says and the draft drafts: one verdict for a finding in every sentence and language.

    The checker, which every report passes, must have nothing to mend, and the words read back must give the verdicts.
    """
    with capture_logs() as logged:
        report = data.draw(some_report(count))

    assert [] == logged
    verdicts = {finding.spec.key: finding.verdict for finding in report.findings}
    assert len(LANGUAGES) == len(report.texts)
    for text in report.texts:
        for key, stances in read_back(text, report.findings).items():
            assert all(stance.fits(verdicts[key]) for stance in stances), (text.language, key)
            assert stances or verdicts[key] is Verdict.ABSENT, (text.language, key)
    for finding in report.findings:
        for whole in (one for one in report.findings if one.spec.key in finding.spec.implies):
            assert whole.probability >= finding.probability
            assert whole.verdict.rank >= finding.verdict.rank
    if report.cannot_exclude:
        assert Verdict.ABSENT not in verdicts.values()


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(some_report(3, ("en",)))
def test_every_finding_says_its_change_or_why_that_cannot_be_told(report):
    """With an earlier study no finding is left without a word on how it stands against it."""
    for finding in report.findings if report.prior else ():
        was_and_is_absent = Presence.ABSENT is finding.presence is report.prior.presences.get(finding.spec.key)
        says = finding.change is not None or finding.change_unknown is not None
        assert says is not was_and_is_absent
        name = report.text.names[finding.spec.key].casefold()
        section = Section.COMPARISON if was_and_is_absent else Section.FINDINGS
        wanted = ("sign then or now",) if was_and_is_absent else ("prior study",)
        lines = [line.casefold() for line in report.text.lines(section)]
        assert any(name in line and any(one in line for one in wanted) for line in lines)


def a_coherent_report(a_report: Callable[..., Report], language: str, probability: float = 0.9) -> Report:
    """Return a report on three findings in one language; of the first as likely as asked for."""
    specs = tuple(
        replace(spec, code=CodedConcept(*term.code, term.names["en"].text), certain=(0.2, 0.8))
        for spec, term in zip(SPECS, KNOWN[8:11], strict=True)
    )
    return a_report((probability, 0.1, 0.1), specs=specs, languages=(language,))


def with_text(report: Report, section: Section, *sentences: Sentence) -> Report:
    """Return the report with other sentences in one of its sections."""
    text = replace(report.text, sections={**report.text.sections, section: sentences})
    return replace(report, texts=(text,))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("section", [Section.FINDINGS, Section.IMPRESSION])
@pytest.mark.parametrize("probability", [0.1, 0.3, 0.6, 0.9])
def test_words_that_say_otherwise_are_found_in_every_language(a_report, language, section, probability):
    """The claims in the records are right, only the words are not: each message of another stance is refused."""
    report = a_coherent_report(a_report, language, probability)
    finding = next(one for one in report.findings if one.spec.key == "pneumonia")
    known = language_of(language)
    messages = [*CLAIMS.items(), *((stance, message) for message, stance in IMPRESSIONS.values())]
    for stance, message in messages:
        if stance.fits(finding.verdict):
            continue
        wrong = Sentence(text=named(finding, message, known, qualifiers=""), finding="pneumonia")
        tampered = with_text(report, section, *report.text.sections[section], wrong)

        assert any(found.startswith(f"{language}, {section}") for found in contradictions(tampered)), message


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_list_that_denies_too_much_is_found(a_report, language):
    """One name too many in "no sign of ..." denies what is suspected."""
    report = a_coherent_report(a_report, language)
    known = language_of(language)
    wrong = Sentence(text=known.sentence("claim-denied-list", **lists(report.findings, known)))

    tampered = with_text(report, Section.FINDINGS, *report.text.sections[Section.FINDINGS], wrong)

    assert () == contradictions(report)
    assert contradictions(tampered)


def the_first(report: Report, **changed: object) -> Report:
    """Return the report with its first finding changed."""
    first, *others = report.findings
    return replace(report, findings=(replace(first, **changed), *others))


PRIOR = PriorStudy(
    study_instance_uid="2.25.1",
    study_date=None,
    instances=(),
    presences={"pneumonia": Presence.PRESENT},
    is_verified=True,
)


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (lambda r: replace(r, outcome=Outcome.NOTHING_FOUND), "the outcome is nothing_found"),
        (lambda r: replace(r, acuity=Acuity.NON_ACTIONABLE), "the study is non_actionable"),
        (lambda r: replace(r, cannot_exclude=(ReviewReason.QUALITY,)), "although nothing can be excluded"),
        (lambda r: replace(r, cannot_exclude=(ReviewReason.QUALITY,)), "no review is asked for"),
        (lambda r: the_first(r, verdict=Verdict.POSSIBLE), "and no review is asked for"),
        (lambda r: the_first(r, verdict=Verdict.ABSENT), "pneumonia is absent, and is suggested"),
        (lambda r: the_first(r, probability=0.7), "the words do not say what pneumonia should be"),
        (lambda r: the_first(r, change=Change.NEW), "pneumonia is said to be new"),
        (lambda r: the_first(replace(r, prior=PRIOR), change=Change.NEW), "pneumonia is said to be new"),
        (lambda r: the_first(replace(r, prior=PRIOR), change=Change.RESOLVED), "pneumonia is said to be resolved"),
        (
            lambda r: the_first(
                replace(r, prior=PRIOR), change=Change.UNCHANGED, change_unknown=ChangeUnknown.NOT_MEASURED
            ),
            "pneumonia has a change that cannot be told",
        ),
        (
            lambda r: the_first(r, spec=replace(r.findings[0].spec, implies=("effusion",))),
            "pneumonia is a kind of effusion, and is judged higher",
        ),
        (lambda r: with_text(r, Section.IMPRESSION), "not every section says so"),
        (
            lambda r: with_text(r, Section.FINDINGS, *r.text.sections[Section.FINDINGS] * 2),
            "a sentence stands twice",
        ),
        (
            lambda r: with_text(
                replace(r, review=(ReviewReason.DISAGREEMENT,)),
                Section.LIMITS,
                Sentence(text=language_of("en").sentence("recommend-non_actionable")),
            ),
            "recommend-non_actionable is said of a study that is findings",
        ),
        (
            lambda r: with_text(r, Section.FINDINGS, Sentence(text="The lungs are clear.", is_drafted=True)),
            "the draft denies everything",
        ),
        (
            lambda r: with_text(r, Section.FINDINGS, Sentence(text="No pneumonia.", is_drafted=True)),
            "the draft's words do not say what its claims are",
        ),
        (
            lambda r: with_text(
                r, Section.FINDINGS, Sentence(text="", claims=(Claim(finding="gout", stance=Stance.DENIED),))
            ),
            "gout was not judged",
        ),
        (
            lambda r: with_text(
                r, Section.FINDINGS, Sentence(text=named(r.findings[0], "change-resolved", language_of("en")))
            ),
            "the words say that pneumonia is resolved",
        ),
    ],
)
def test_each_kind_of_contradiction_is_found(a_report, tamper, said):
    """The checker is no decoration: what is tampered with is told."""
    report = a_coherent_report(a_report, "en")

    assert () == contradictions(report)
    assert any(said in found for found in contradictions(tamper(report))), contradictions(tamper(report))


def test_a_draft_that_would_contradict_is_left_out_and_logged(a_report, monkeypatch):
    """If a drafted sentence slips through, the study still gets its answer, from codes alone."""
    monkeypatch.setattr(write, "checked", lambda *given: replace(checked(*given), is_supported=True))

    with capture_logs() as logged:
        report = a_report((0.9, 0.1, 0.1), "No pneumonia.")

    assert () == contradictions(report)
    assert "Findings consistent with pneumonia." in report.text.lines(Section.FINDINGS)
    assert "No pneumonia." not in report.text.lines(Section.FINDINGS)
    assert ["the report contradicts itself and is rewritten from the codes"] == [one["event"] for one in logged]


def test_a_language_that_contradicts_is_left_out_and_logged(a_report, monkeypatch):
    """Where the words of one language are at fault the others are given."""
    whole = write.contradictions
    monkeypatch.setattr(
        write,
        "contradictions",
        lambda report, *more: ("de is wrong",) if "de" in [t.language for t in report.texts] else whole(report, *more),
    )

    with capture_logs() as logged:
        report = a_report((0.9, 0.1, 0.1), languages=("en", "de"))

    assert ["en"] == [text.language for text in report.texts]
    assert [["de"]] == [one["languages"] for one in logged if "languages" in one]


def test_where_nothing_is_left_the_report_is_refused(a_report, monkeypatch):
    """The caller answers that the study could not be read, and why; it never gives a report that cannot be right."""
    monkeypatch.setattr(write, "contradictions", lambda *_: ("everything is wrong",))

    with pytest.raises(ReportError, match="the report contradicts itself: everything is wrong"):
        a_report((0.9, 0.1, 0.1))


@pytest.mark.parametrize("language", ["en", "de", "fr", "es", "pt", "zh", "hi", "ar"])
def test_where_nothing_is_excluded_no_sentence_says_that_something_is(a_report, language):
    """That some cannot be excluded is said only where others are; where none is, it would say less than is true."""
    said = {}
    for name, reading in (("nothing", {"cannot_exclude": (ReviewReason.QUALITY,)}), ("some", {})):
        intervals = np.array([[0.1, 0.9], [0.0, 0.1], [0.0, 0.1]], np.float32)
        report = a_report((0.2, 0.02, 0.02), reading={"intervals": intervals, **reading}, languages=(language,))
        assert Outcome.UNDETERMINED is report.outcome
        said[name] = [sentence.text for sentence in report.texts[0].sections[Section.IMPRESSION]]
    some = language_of(language).sentence("nothing-certain")

    assert some in said["some"]
    assert some not in said["nothing"]
