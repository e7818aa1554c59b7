"""What physicians read: case, gender, articles and elision of findings in sentences, and one style of numbers."""

from __future__ import annotations

import re

import numpy as np
import pytest
from report.conftest import FINDINGS_KNOWN as KNOWN

from dicomnode.records import Acuity, Change, Finding, Presence, Section, Stance, Verdict, estimate_of
from dicomnode.report.languages import known_languages, language_of
from dicomnode.report.sentences import CLAIMS, IMPRESSIONS, estimate, lists, named

LANGUAGES = (*known_languages(), "en-GB", "pt-PT", "de-CH", "es-MX", "fr-CA")


def _finding(key: str, verdict: Verdict = Verdict.PRESENT) -> Finding:
    (spec,) = (one for one in KNOWN if one.key == key)
    return Finding(spec=spec, verdict=verdict, probability=0.9, acuity=Acuity.URGENT, interval=(0.85, 0.95))


@pytest.mark.parametrize(
    ("tag", "message", "key", "expected"),
    [
        ("de", "suspected", "nodule", "Verdacht auf solitären Lungenrundherd ("),
        ("de", "suspected-undetermined", "nodule", "Verdacht auf solitären Lungenrundherd, jedoch nicht sicher ("),
        ("de", "claim-denied", "nodule", "Kein Hinweis auf solitären Lungenrundherd."),
        ("de", "claim-suggested", "nodule", "Befund vereinbar mit solitärem Lungenrundherd."),
        ("de", "claim-suggested", "epidural_hemorrhage", "Befund vereinbar mit epiduraler Blutung."),
        ("de", "claim-doubted", "nodule", "Möglicherweise solitärer Lungenrundherd."),
        ("de", "undetermined", "nodule", "Solitärer Lungenrundherd weder zu bestätigen"),
        ("fr", "suspected", "pulmonary_edema", "Suspicion d'œdème pulmonaire ("),
        ("fr", "suspected", "intracranial_hemorrhage", "Suspicion d'hémorragie intracrânienne ("),
        ("fr", "claim-denied", "pleural_effusion", "Pas de signe d'épanchement pleural."),
        ("fr", "claim-suggested", "nodule", "Aspect compatible avec un nodule pulmonaire solitaire."),
        ("fr", "claim-suggested", "fracture", "Aspect compatible avec une fracture."),
        ("fr", "undetermined", "atelectasis", "La présence d'atélectasie ne peut être ni confirmée ni exclue ("),
        ("fr", "change-new", "fracture", "Fracture\N{NO-BREAK SPACE}: nouvelle par rapport à l'examen antérieur."),
        ("es", "claim-open", "fracture", "Fractura: indeterminada."),
        ("es", "change-new", "nodule", "Nódulo pulmonar solitario: nuevo respecto al estudio previo."),
        ("pt", "change-new", "pneumonia", "Pneumonia: nova em relação ao exame anterior."),
        ("hi", "change-new", "nodule", "एकल फुफ्फुसीय गाँठ: पिछली जाँच के बाद नई।"),
        ("zh", "suspected-undetermined", "pneumonia", "疑似肺炎，但不确定（"),
    ],
)
def test_a_name_agrees_with_its_sentence(tag, message, key, expected):
    """Each language has its own trap; the listed ones were or would be wrong."""
    said = named(_finding(key), message, language_of(tag), qualifiers="")

    assert said.startswith(expected), said


@pytest.mark.parametrize("key", [spec.key for spec in KNOWN])
def test_german_names_are_in_the_case_of_their_preposition(key):
    """After "auf" accusative, after "mit" dative: no masculine -er after the one, no -e after the other."""
    german = language_of("de")
    accusative = named(_finding(key), "suspected", german)
    dative = named(_finding(key), "claim-suggested", german, qualifiers="")

    assert not re.search(r"auf \w+er \w", accusative)
    assert not re.search(r"mit \w+(?:e|er(?! Blutung)) \w", dative)


@pytest.mark.parametrize(
    ("tag", "keys", "findings", "alternatives"),
    [
        ("en", ("pneumonia", "fracture"), "pneumonia and fracture", "pneumonia or fracture"),
        ("de", ("fracture", "nodule"), "Fraktur und solitären Lungenrundherd", "Fraktur oder solitären Lungenrundherd"),
        ("es", ("pneumonia", "infiltrate"), "neumonía e infiltrado pulmonar", "neumonía o infiltrado pulmonar"),
        ("es", ("fracture", "epidural_hemorrhage"), "fractura y hemorragia epidural", "fractura o hemorragia epidural"),
        ("zh", ("pneumonia", "pneumothorax"), "肺炎和气胸", "肺炎或气胸"),
    ],
)
def test_lists_of_findings_are_written_as_the_language_does(tag, keys, findings, alternatives):
    """What is denied is joined by "or", and Spanish says e before the sound of i."""
    said = lists([_finding(key) for key in keys], language_of(tag))

    assert {"findings": findings, "alternatives": alternatives} == said


@pytest.mark.parametrize("tag", LANGUAGES)
@pytest.mark.parametrize("interval", [None, (0.88, 0.92), (0.7, 0.95), (0.2, 1.0)])
def test_one_language_writes_percent_in_one_way(tag, interval):
    """As the region has it (CLDR): the figure, its limits and the level of the interval alike."""
    known = language_of(tag)
    text = estimate(estimate_of(0.9, interval), known)

    written = set(re.findall(r"\d(\s*)%", text))
    (wanted,) = re.findall(r"\d(\s*)%", known.percent(95))
    assert {wanted} == written
    assert wanted in ("", "\N{NO-BREAK SPACE}")


@pytest.mark.parametrize("tag", LANGUAGES)
def test_no_sentence_is_left_with_a_gap_or_a_stray_sign(tag):
    """Every finding in every frame: one blank between words, no sign twice, a full stop at the end, a capital first."""
    known = language_of(tag)
    frames = [*CLAIMS.values(), *(message for message, _ in IMPRESSIONS.values()), *(f"change-{one}" for one in Change)]
    for spec in KNOWN:
        for message in frames:
            said = named(_finding(spec.key), message, known, qualifiers="")
            bare = re.sub("[\u2068\u2069]", "", said)
            assert re.search(r"[.。।]$", bare), said
            assert not re.search(r"\s\s|\(\)|（）|[,;:.]{2}|\s[,.;)]|\(\s", bare.replace("\N{NO-BREAK SPACE}:", ":")), (
                said
            )
            assert bare[:1] == bare[:1].upper(), said


def test_verdicts_and_messages_are_one_to_one():
    """No two verdicts share a message, so that no language can say two certainties with the same words."""
    messages = [message for message, _ in IMPRESSIONS.values()]

    assert len(set(messages)) == len(messages) == len(Verdict) - 1
    assert Presence.ABSENT is Verdict.ABSENT.presence
    assert Stance.DENIED in CLAIMS


def test_a_percentage_beside_a_name_is_as_rough_as_in_the_sentence(a_report):
    """A bar says "about 85%" where the text does, and no page has both."""
    limits = np.array([[0.744, 0.93], [0, 0.05], [0, 0.2]], np.float32)
    english, french = a_report((0.87, 0.02, 0.1), reading={"intervals": limits}, languages=("en", "fr")).texts

    assert ("about 85%", "2%") == (english.percents["pneumonia"], english.percents["pneumothorax"])
    assert "environ 85\N{NO-BREAK SPACE}%" == french.percents["pneumonia"]
    assert french.percents["pneumonia"] in french.lines(Section.IMPRESSION)[0]


def test_a_drafted_sentence_begins_with_a_capital(a_report):
    """A decoder may write all in small letters; a report does not."""
    lines = a_report((0.1, 0.1, 0.1), "no pneumonia.").text.lines(Section.FINDINGS)

    assert "No pneumonia." == lines[0]
