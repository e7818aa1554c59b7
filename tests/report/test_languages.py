"""Every language says the same."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from fluent.syntax import FluentParser, FluentSerializer, ast
from hypothesis import given, settings
from hypothesis import strategies as st
from report.conftest import FINDINGS_KNOWN as KNOWN
from report.conftest import SPECS, english_in

from dicomnode.compose.evaluations import WHY
from dicomnode.dicom import codes, words
from dicomnode.records import (
    Acuity,
    Change,
    ChangeUnknown,
    CodedConcept,
    Draft,
    PriorState,
    QualityFault,
    Reading,
    ReviewReason,
    Section,
    Stance,
    estimate_of,
)
from dicomnode.report import write_report
from dicomnode.report.coherence import read_back
from dicomnode.report.languages import _LOCALES, FILES, known_languages, language_of
from dicomnode.report.places import place_and_size
from dicomnode.report.sentences import CLAIMS, IMPRESSIONS, estimate
from dicomnode.report.terms import finding_term, findings
from dicomnode.report.verdict import verdict
from dicomnode.settings import AcuitySettings, ReportSettings

LANGUAGES = known_languages()
PLURALS = {"ar": 6, "zh": 1, "hi": 2, "en": 2, "de": 2, "es": 2, "fr": 2, "pt": 2}


def _messages(language: str) -> dict[str, ast.Message]:
    paths = [_LOCALES.joinpath(language, file) for file in FILES]
    content = "\n".join(path.read_text(encoding="utf-8") for path in paths if path.is_file())
    parsed = FluentParser().parse(content)
    assert not [entry for entry in parsed.body if isinstance(entry, ast.Junk)]
    found = [entry for entry in parsed.body if isinstance(entry, ast.Message)]
    assert len({entry.id.name for entry in found}) == len(found)
    return {entry.id.name: entry for entry in found}


def _variables(node: ast.BaseNode) -> set[str]:
    names: set[str] = set()

    def look(part: object) -> None:
        if isinstance(part, ast.VariableReference):
            names.add(part.id.name)
        if isinstance(part, ast.BaseNode):
            for value in vars(part).values():
                look(value)
        if isinstance(part, list):
            for one in part:
                look(one)

    look(node)
    return names


ENGLISH = _messages("en")
GRAMMAR = {"gender", "starts", "level"}
"""Only some languages ask for these; German writes 95 % as part of a compound."""
CASES = {"accusative": "finding", "dative": "finding", "alternatives": "findings"}
"""Forms of one variable."""


def _asked(message: ast.Message) -> set[str]:
    return {CASES.get(name, name) for name in _variables(message) - GRAMMAR}


def _report(specs, probabilities, *sentences, languages=LANGUAGES, **more):
    reading = Reading(
        images=(),
        encodings=(),
        logits=np.zeros(len(specs), np.float32),
        probabilities=np.array(probabilities, np.float32),
        slice_attention=np.zeros((len(specs), 0), np.float32),
        strangeness=np.zeros(0, np.float32),
        best_images=(0,) * len(specs),
        not_judged=0,
        draft=Draft(
            sentences=sentences,
            is_truncated=False,
            mean_log_probability=0.0,
            attention=np.zeros((len(sentences), 1), np.float32),
        ),
    )
    return write_report(
        specs=specs,
        reading=reading,
        heatmaps={},
        regions={},
        bundle=None,
        acuity=AcuitySettings(),
        settings=ReportSettings(languages=languages),
        **more,
    )


def test_a_reason_of_any_length_can_be_said():
    """Fluent refuses to fill in more than 2500 characters; a reason that lists every image of a large study is cut."""
    said = language_of("en").say("details", reason="image 1.2.3 is not read; " * 1000)
    assert said.startswith("Details: image 1.2.3 is not read;")
    assert said.rstrip(".").endswith("…")
    assert 2600 > len(said)


def test_there_are_eight_languages():
    """Those that were promised, and each has its code in DICOM."""
    assert {"en", "es", "de", "fr", "pt", "zh", "hi", "ar"} <= set(LANGUAGES)
    assert set(LANGUAGES) <= set(codes.LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_message_is_there_with_its_variables(language):
    """No language lacks a message, has one of its own, or asks for what English does not."""
    own = _messages(language)

    assert set(ENGLISH) == set(own)
    for name, message in own.items():
        assert _asked(message) == _asked(ENGLISH[name]), name


SAME_AS_ENGLISH = {
    "*": {"examination-plain", "examination-dated", "qualifiers", "method-grad_cam", "method-hires_cam", "method-rise"},
    "fr": {"label-patient", "label-image", "label-page", "label-urgent", "heading-technique"},
    "es": {"place-both"},
    "pt": {"place-both"},
}
"""Messages that may be written as in English: frames without words, and words that both languages have."""


@pytest.mark.parametrize("language", [one for one in LANGUAGES if one != "en"])
def test_no_message_is_left_in_english(language):
    """Message by message, against the English file; and no pair of English words stands in any of them."""
    own, english = _texts(language), _texts("en")
    same = {name for name, text in own.items() if text.casefold() == english[name].casefold()}

    assert same <= SAME_AS_ENGLISH["*"] | SAME_AS_ENGLISH.get(language, set())
    assert not {name: found for name, text in own.items() if (found := english_in(text))}


def _texts(language: str) -> dict[str, str]:
    """Each message as it is written, its variables taken out."""
    written = {name: FluentSerializer().serialize_entry(one) for name, one in _messages(language).items()}
    return {name: re.sub(r"\{.*?\}|\[\w+\]", "0", text.partition("=")[2]).strip() for name, text in written.items()}


@pytest.mark.parametrize("language", LANGUAGES)
def test_counts_have_every_plural(language):
    """Each count is said in as many forms as the language has; Arabic has six."""
    texts = {n: language_of(language).say("withheld", count=n) for n in (0, 1, 2, 3, 11, 100)}
    forms = {re.sub(r"[\d\u2068\u2069]+", "#", text) for text in texts.values()}

    assert min(PLURALS[language], 5) <= len(forms) <= PLURALS[language]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_term_has_its_name_and_every_code_its_message(language):
    """No term, outcome, reason, fault or change is without words."""
    known = language_of(language)

    assert not [term.key for term in findings() if language not in term.names]
    needed = [f"review-{one}" for one in ReviewReason] + [f"fault-{one}" for one in QualityFault]
    needed += [f"change-{one}" for one in Change] + [f"change-why-{one}" for one in ChangeUnknown]
    needed += [*CLAIMS.values(), *(message for message, _ in IMPRESSIONS.values())]
    needed += [f"heading-{one}" for one in Section]
    needed += [f"recommend-{one}" for one in Acuity]
    needed += [f"comparison-{one}" for one in PriorState if one is not PriorState.COMPARED]
    needed += [f"recommend-{term.recommendation}" for term in findings() if term.recommendation]
    assert not [message for message in needed if not known.has(message)]


def test_terms_differ_within_each_language():
    """Two findings never share a name, or nobody could tell which is meant."""
    for language in LANGUAGES:
        names = [term.names[language].text.casefold() for term in findings()]
        assert len(set(names)) == len(names)


@settings(deadline=None)
@given(st.lists(st.sampled_from(range(len(KNOWN))), unique=True, min_size=1, max_size=6), st.data())
def test_a_text_read_back_gives_the_same_findings(chosen, data):
    """Whatever is found, every language says it so that its term table gives it back."""
    specs = tuple(KNOWN[index] for index in chosen)
    probabilities = [data.draw(st.sampled_from([0.1, 0.4, 0.6, 0.9])) for _ in specs]
    expected = {spec.key: verdict(spec, p) for spec, p in zip(specs, probabilities, strict=True)}
    report = _report(specs, probabilities)

    for text in report.texts:
        said = read_back(text, report.findings)
        for key, judged in expected.items():
            assert said[key], (text.language, key)
            assert all(stance.fits(judged) for stance in said[key]), (text.language, key)


def test_reading_back_tells_texts_apart():
    """A finding that a text does not name is not read out of it."""
    report = _report(KNOWN, [0.9, *(0.1 for _ in KNOWN[1:])], languages=("de",))
    sections = {
        section: tuple(one for one in said if one.finding == KNOWN[0].key)
        for section, said in report.text.sections.items()
    }

    said = read_back(replace(report.text, sections=sections), report.findings)

    assert {KNOWN[0].key: {Stance.SUGGESTED}} == {key: stances for key, stances in said.items() if stances}


@pytest.mark.parametrize("language", [one for one in LANGUAGES if one != "en"])
def test_a_coded_draft_leaves_no_english_behind(language):
    """Sentences that claim something are said from their codes, place and size included."""
    sentences = ("small pneumonia in the right upper zone.", "no pulmonary edema.")
    report = _report(KNOWN[8:10], [0.9, 0.1], *sentences)
    (text,) = (text for text in report.texts if text.language == language)
    said = " ".join(text.lines(Section.FINDINGS)).casefold()

    assert not re.search(r"\b(small|right|zone|no|opacity|probability)\b", said)
    assert f"({place_and_size(('small', 'right', 'upper'), language_of(language))})".casefold() in said.replace(
        "（", "("
    ).replace("）", ")").replace("\u2068", "").replace("\u2069", "")


@pytest.mark.parametrize("language", [one for one in LANGUAGES if one != "en"])
def test_a_sentence_without_a_code_keeps_its_language_and_says_so(language):
    """Nobody translates what is not understood, unless a model for that is set."""
    report = _report(KNOWN[8:9], [0.1], "the heart is large.", languages=(language,))
    sentence = report.text.sections[Section.FINDINGS][0]

    assert "en" == sentence.language
    assert sentence.text.startswith("the heart is large. ")
    assert language_of(language).language_name("en") in sentence.text


def test_a_finding_without_a_term_keeps_its_english_name_and_says_so():
    """A bundle may judge what the table does not know: the code's meaning stands, and the limits tell."""
    spec = replace(SPECS[0], code=CodedConcept("X", "99TEST", "Curly lung"))

    english, german = _report((spec,), [0.9], languages=("en", "de")).texts

    assert finding_term(spec.code) is None
    assert "Verdacht auf curly lung" in german.lines(Section.IMPRESSION)[0]
    assert "In dieser Sprache ohne Bezeichnung: Curly lung." in german.lines(Section.LIMITS)
    assert not any("No name" in line for line in english.lines(Section.LIMITS))


def test_arabic_runs_from_right_to_left():
    """Numbers and Latin words keep their place by isolating marks; other languages need none."""
    arabic, english = _report(KNOWN[:1], [0.9], languages=("ar", "en")).texts

    assert arabic.is_right_to_left
    assert not english.is_right_to_left
    assert "\u2068" in arabic.lines(Section.IMPRESSION)[0]
    assert not any("\u2068" in line for line in english.lines(Section.IMPRESSION))


@pytest.mark.parametrize(
    ("tag", "percent", "number"), [("en-US", "87%", "1.5"), ("de-DE", "87\xa0%", "1,5"), ("pt-BR", "87%", "1,5")]
)
def test_numbers_are_written_as_the_region_does(tag, percent, number):
    """Percent signs and decimal marks follow the region."""
    assert (percent, number) == (language_of(tag).percent(87), language_of(tag).decimal(1.5))


def test_regions_say_some_things_otherwise():
    """Portugal is not Brazil, and Britain writes haemorrhage; the rest is as the language has it."""
    base, region = _messages("pt"), _messages("pt-PT")
    assert set(region) < set(base)
    for name, message in region.items():
        assert _asked(message) == _asked(base[name]), name
    assert "treino" in language_of("pt-PT").say("review-out_of_distribution")
    assert "treinamento" in language_of("pt-BR").say("review-out_of_distribution")
    assert "intracranial haemorrhage" == language_of("en-GB").name(KNOWN[0]).text
    assert "intracranial hemorrhage" == language_of("en-US").name(KNOWN[0]).text


def test_gender_agrees():
    """New findings agree with their noun where the language wants it; French elides."""
    said = {
        language: [language_of(language).say("change-new", finding="X", gender=g) for g in ("feminine", "masculine")]
        for language in ("es", "fr", "pt", "ar", "hi")
    }
    assert all(feminine != masculine for feminine, masculine in said.values())
    (text,) = _report(tuple(KNOWN[k] for k in (8, 9)), [0.9, 0.9], languages=("fr",)).texts
    assert "Suspicion d'œdème pulmonaire" in " ".join(text.lines(Section.IMPRESSION))
    assert "Suspicion de pneumonie" in " ".join(text.lines(Section.IMPRESSION))


def test_a_message_with_a_missing_variable_is_an_error():
    """A gap is never shown to a physician."""
    with pytest.raises(ValueError, match="de/report.ftl, suspected"):
        language_of("de").say("suspected", finding="X")
    with pytest.raises(ValueError, match="has no message nonsense"):
        language_of("de").say("nonsense")


FORMS = {"finding": "X", "accusative": "X", "dative": "X"}
CERTAINTY = {
    "claim-suggested": {
        "en": "consistent with",
        "de": "vereinbar mit",
        "fr": "compatible avec",
        "es": "compatibles con",
        "pt": "compatíveis com",
        "zh": "相符",
        "hi": "के अनुरूप",
        "ar": "متوافقة مع",
    },
    "claim-doubted": {
        "en": "possible",
        "de": "möglicherweise",
        "fr": "possible",
        "es": "posible",
        "pt": "possível",
        "zh": "可能",
        "hi": "हो सकत",
        "ar": "احتمال",
    },
    "claim-open": {
        "en": "indeterminate",
        "de": "nicht sicher zu beurteilen",
        "fr": "indéterminé",
        "es": "indeterminad",
        "pt": "indeterminad",
        "zh": "无法判定",
        "hi": "अनिर्धारित",
        "ar": "غير محسوم",
    },
    "claim-denied": {
        "en": "no sign of",
        "de": "kein hinweis auf",
        "fr": "pas de signe d",
        "es": "sin signos de",
        "pt": "sem sinais de",
        "zh": "未见",
        "hi": "कोई संकेत नहीं",
        "ar": "لا علامات على",
    },
    "suspected": {
        "en": "suspected",
        "de": "verdacht auf",
        "fr": "suspicion d",
        "es": "sospecha de",
        "pt": "suspeita de",
        "zh": "疑似",
        "hi": "का संदेह",
        "ar": "اشتباه",
    },
    "suspected-undetermined": {
        "en": "suspected, but not certain",
        "de": "jedoch nicht sicher",
        "fr": "sans certitude",
        "es": "sin certeza",
        "pt": "sem certeza",
        "zh": "但不确定",
        "hi": "पर निश्चित नहीं",
        "ar": "غير مؤكد",
    },
    "undetermined": {
        "en": "neither be confirmed nor excluded",
        "de": "weder zu bestätigen noch auszuschließen",
        "fr": "ni confirmée ni exclue",
        "es": "ni descartar",
        "pt": "nem excluir",
        "zh": "既不能确认也不能排除",
        "hi": "न उसे नकारा जा सकता",
        "ar": "ولا نفيه",
    },
    "change-resolved": {
        "en": "no longer seen",
        "de": "nicht mehr nachweisbar",
        "fr": "n'est plus visible",
        "es": "ya no se observa",
        "pt": "não se observa mais",
        "zh": "不再可见",
        "hi": "अब नहीं",
        "ar": "لم ",
    },
    "recommend-undecided": {
        "en": "not certain enough",
        "de": "nicht sicher genug",
        "fr": "pas assez sûr",
        "es": "no es lo bastante seguro",
        "pt": "não é suficientemente seguro",
        "zh": "不够确定",
        "hi": "इतना निश्चित नहीं",
        "ar": "ليست مؤكدة بما يكفي",
    },
}
"""Words that carry the certainty of a message, by language; only these may be said of a finding that is not certain."""


@pytest.mark.parametrize("language", [*LANGUAGES, "en-GB", "pt-PT"])
@pytest.mark.parametrize("message", CERTAINTY)
@pytest.mark.parametrize("gender", ["masculine", "feminine"])
@pytest.mark.parametrize("starts", ["vowel", "other"])
def test_every_language_says_a_message_with_the_same_certainty(language, message, gender, starts):
    """No "consistent with" and no "suspected" becomes a plain assertion, whatever the grammar of the name."""
    known = language_of(language)
    marker = (
        "já não se observa" if (language, message) == ("pt-PT", "change-resolved") else CERTAINTY[message][known.base]
    )

    said = known.say(message, **FORMS, gender=gender, starts=starts, estimate="E", qualifiers="")

    assert marker.casefold() in said.casefold()


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_hedge_of_one_certainty_stands_in_a_message_of_another(language):
    """A message holds the mark of its own certainty and not that of a firmer one."""
    known = language_of(language)
    words = {**FORMS, "gender": "other", "starts": "other", "estimate": "E", "qualifiers": ""}
    for message in ("claim-suggested", "claim-doubted", "claim-open", "claim-denied"):
        said = known.say(message, **words).casefold()
        others = {other for other in CERTAINTY if other != message and CERTAINTY[other][language] in said}
        assert not others, (message, others)


@pytest.mark.parametrize("language", LANGUAGES)
def test_resolved_never_reads_as_more(language):
    """Nothing says of a finding that has gone what could be read as "more visible"."""
    said = language_of(language).say("change-resolved", finding="X", gender="masculine")

    assert not re.search(r"(?<!n'est )plus visible|(?<!no longer )seen", said)


def test_the_english_words_of_objects_and_alerts_are_those_of_the_report():
    """Warning, certainty and probability read alike in a document, in an alert and in the text."""
    english = language_of("en")
    assert words.WARNING == english.say("warning")
    for probability, interval in ((0.64, (0.53, 0.73)), (0.64, None), (0.99, (0.985, 1.0))):
        known = estimate_of(probability, interval)
        assert words.probability(known) == estimate(known, english)
    for judged, (message, _) in IMPRESSIONS.items():
        said = english.say(message, finding="X", gender="other", starts="other", estimate="E")
        assert f"X {words.certainty(judged)} (E)." == said
    assert WHY == {one: english.say(f"review-{one}") for one in ReviewReason}
