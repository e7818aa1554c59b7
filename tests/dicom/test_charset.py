"""Specific Character Set: the examples of PS3.5 Annexes H to K, and what senders get wrong."""

from __future__ import annotations

import pytest
from dicom.raw_headers import encoded_element, header_of

from dicomnode.dicom.charset import decoded
from dicomnode.dicom.elements import Person, element, fault, items, person, text, texts
from dicomnode.dicom.header import identity

IN_NAMES = b"\\^="
KANJI = b"\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B"


@pytest.mark.parametrize(
    ("declared", "encoded", "name"),
    [
        pytest.param(
            ["", "ISO 2022 IR 87"], b"Yamada^Tarou=" + KANJI, "Yamada^Tarou=山田^太郎=やまだ^たろう", id="H.3.1"
        ),
        pytest.param(
            ["ISO 2022 IR 13", "ISO 2022 IR 87"],
            b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=" + KANJI.replace(b"\x1b(B", b"\x1b(J"),
            "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",
            id="H.3.2",
        ),
        pytest.param(
            ["", "ISO 2022 IR 149"],
            b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
            "Hong^Gildong=洪^吉洞=홍^길동",
            id="I.2",
        ),
        pytest.param(["ISO_IR 192"], "Wang^XiaoDong=王^小東=".encode(), "Wang^XiaoDong=王^小東=", id="J.1"),
        pytest.param(["GB18030"], b"Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab=", "Wang^XiaoDong=王^小东=", id="J.3"),
        pytest.param(
            ["", "ISO 2022 IR 58"],
            b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab=",
            "Zhang^XiaoDong=张^小东=",
            id="K.2",
        ),
        pytest.param(["", "ISO 2022 IR 159"], b"\x1b$(D\x30\x21\x1b(B", "丂", id="IR 159"),
        pytest.param(
            ["ISO 2022 IR 100", "ISO 2022 IR 144"],
            b"Buc^J\xe9r\xf4me=\x1b-L\xbb\xee\xda",
            "Buc^Jérôme=Люк",
            id="IR 144",
        ),
        pytest.param(["ISO 2022 IR 6", "ISO 2022 IR 126"], b"Dion\x1b-F\xc4\xe9\xef\xed", "DionΔιον", id="IR 126"),
        *(
            pytest.param([f"ISO_IR {number}"], name.encode(codec), name, id=f"ISO_IR {number}")
            for number, codec, name in (
                (100, "iso8859_1", "Äneas^Rüdiger"),
                (101, "iso8859_2", "Wałęsa^Łukasz"),
                (109, "iso8859_3", "Ħaġar^Ġorġ"),
                (110, "iso8859_4", "Ģirts^Šķēle"),
                (126, "iso8859_7", "Διονυσιος"),
                (127, "iso8859_6", "قباني^لنزار"),
                (138, "iso8859_8", "שרון^דבורה"),
                (144, "iso8859_5", "Люкceмбypг"),
                (148, "iso8859_9", "Çavuşoğlu^Şükrü"),
                (166, "iso8859_11", "สมชาย^ใจดี"),
                (203, "iso8859_15", "Œuvré^Žofie"),
            )
        ),
    ],
)
def test_names_in_every_set_of_the_standard_are_read(declared, encoded, name):
    """Each set and each code extension gives the characters that the standard's example shows."""
    assert (name, True) == decoded(encoded, declared, IN_NAMES)


@pytest.mark.parametrize(
    ("declared", "encoded", "name"),
    [
        pytest.param(["ISO_IR 192"], b"M\xfcller", "Müller", id="Latin-1 in place of UTF-8"),
        pytest.param([], "Müller".encode(), "Müller", id="UTF-8 undeclared"),
        pytest.param([], b"M\xfcller", "Müller", id="Latin-1 undeclared"),
        pytest.param(["ISO_IR 6"], b"M\xfcller", "Müller", id="Latin-1 under ASCII"),
        pytest.param(["ISO_IR 100"], "Müller^Jürgen".encode(), "Müller^Jürgen", id="UTF-8 in place of Latin-1"),
        pytest.param(["ISO_IR 100"], b"O\x92Brien", "O’Brien", id="Windows-1252 in place of Latin-1"),
        pytest.param(["nonsense"], b"M\xfcller", "Müller", id="no set of the standard"),
        pytest.param(["ISO_IR 192"], "王小东".encode()[:-1], "王小", id="UTF-8 cut in the middle of a character"),
        pytest.param(["", "ISO 2022 IR 149"], "김^희중".encode("euc_kr"), "김^희중", id="escape sequence left out"),
        pytest.param(["", "ISO 2022 IR 87"], "山田".encode("cp932"), "山田", id="Shift JIS"),
        pytest.param(
            ["", "ISO 2022 IR 58"], b"Zhang=\x1b$)A\xd5\xc5^\xd0\xa1", "Zhang=张^小", id="designated once, not after ^"
        ),
        pytest.param([], KANJI, "山田^太郎=やまだ^たろう", id="escape sequences undeclared"),
        pytest.param(["ISO_IR 192"], b"\x1b$B;3ED\x1b(B", "山田", id="escape sequences under UTF-8"),
        pytest.param(["ISO_IR 144"], "Иванов".encode(), "Иванов", id="UTF-8 in place of Cyrillic"),
    ],
)
def test_what_is_not_as_declared_is_still_read(declared, encoded, name):
    """Bytes that the declared set does not hold give the text that was meant, and are told apart from right ones."""
    assert name == decoded(encoded, declared, IN_NAMES).text


@pytest.mark.parametrize(
    "spelt", ["ISO-IR 100", "ISO_IR_100", "iso_ir 100", "ISO 2022 IR 100", "ISO IR 100", "ISO-8859-1", "ISO_IR100"]
)
def test_misspelt_sets_are_known(spelt):
    """A set that is spelt in another way than PS3.3 C.12.1.1.2 does means the same."""
    assert ("Äneas", True) == decoded(b"\xc4neas", [spelt])


def test_every_byte_has_a_reading():
    """Whatever the bytes and the set, there is a text, and no replacement character in it."""
    for declared in ([], ["ISO_IR 192"], ["", "ISO 2022 IR 87"], ["ISO 2022 IR 13"], ["GB18030"]):
        for byte in range(256):
            assert "\ufffd" not in decoded(bytes((0x41, byte, 0x1B, byte)), declared).text


def test_items_take_the_set_of_the_data_set_around_them():
    """A name inside a sequence is in the set that the header declares (PS3.5 7.5.3)."""
    inside = encoded_element("PatientName", "PN", b"Zhang=\x1b$)A\xd5\xc5")
    item = b"\xfe\xff\x00\xe0" + len(inside).to_bytes(4, "little") + inside
    ds = header_of(("SpecificCharacterSet", "CS", b"\\ISO 2022 IR 58"), ("ReferencedPatientPhotoSequence", "SQ", item))

    assert ["Zhang=张"] == [text(one, "PatientName") for one in items(ds, "ReferencedPatientPhotoSequence")]


def test_names_reach_the_archive_with_all_their_characters():
    """The identity that results are filed under holds what was meant, and the fault is told without the name."""
    ds = header_of(
        ("SpecificCharacterSet", "CS", b"ISO_IR 192"),
        ("PatientName", "PN", b"M\xfcller^J\xfcrgen"),
        ("PatientID", "LO", b"Z\xfc\\7"),
    )
    copy = identity(ds)

    assert "Müller^Jürgen" == str(copy.PatientName)
    assert ["Zü", "7"] == list(copy.PatientID)
    assert Person("Müller^Jürgen", "", "") == person(ds, "PatientName")
    assert "Patient's Name (0010,0010) is not in the character set that the header declares" == fault(ds, "PatientName")


def test_a_backslash_inside_a_character_parts_no_values():
    """The second byte of a GB18030 character may be that of a backslash."""
    ds = header_of(("SpecificCharacterSet", "CS", b"GB18030"), ("StudyDescription", "LO", "誠\\X".encode("gb18030")))

    assert ("誠", "X") == texts(ds, "StudyDescription")
    assert ["誠", "X"] == list(element(ds, "StudyDescription").value)
