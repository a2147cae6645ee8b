"""MusicXML: what notation programs show, and files of others."""

import zipfile
from xml.etree import ElementTree

import pytest
from support.refusals import refused
from support.score_examples import METRES, random_score

from zoo.music import musicxml

TIME = "<time><beats>4</beats><beat-type>4</beat-type></time>"


def note(pitch, sixteenths, more=""):
    """A note like "C4" as XML; "-" is a rest."""
    what = f"<pitch><step>{pitch[0]}</step><octave>{pitch[-1]}</octave></pitch>"
    what = "<rest/>" if pitch == "-" else what
    return f"<note>{more}{what}<duration>{sixteenths}</duration></note>"


def document(*parts, key=""):
    """A file of parts, each a list of measures of XML."""
    names, content = "", ""
    for number, (first, *rest) in enumerate(parts):
        names += f'<score-part id="P{number}"><part-name>Part</part-name></score-part>'
        first = f"<attributes><divisions>4</divisions>{key}{TIME}</attributes>{first}"
        content += f'<part id="P{number}">'
        content += (
            "".join(f"<measure>{measure}</measure>" for measure in (first, *rest)) + "</part>"
        )
    list_ = f"<part-list>{names}</part-list>"
    return f'<score-partwise version="4.0">{list_}{content}</score-partwise>'.encode()


def parsed(*parts, **options):
    return musicxml.parse(document(*parts, **options), "piece.xml")


def test_the_notation_is_what_a_reader_expects(tmp_path):
    musicxml.write(random_score(40, positions=METRES["a pickup"]), tmp_path / "a.xml", tempo=84)
    root = ElementTree.parse(tmp_path / "a.xml").getroot()
    names = [name.text for name in root.findall(".//score-part/part-name")]
    assert names == ["Soprano", "Alto", "Tenor", "Bass"]
    assert [clef.findtext("sign") for clef in root.findall(".//clef")] == ["G", "G", "G", "F"]
    assert [e.text for e in root.findall(".//clef-octave-change")] == ["-1"]
    assert (root.findtext(".//key/fifths"), root.findtext(".//per-minute")) == ("3", "84")
    numbers = [measure.attrib["number"] for measure in root.find("part").findall("measure")]
    assert numbers == ["0", "1", "2", "3"]
    for part in root.findall("part"):
        divisions, measures = int(part.findtext(".//divisions")), part.findall("measure")
        lengths = [[int(e.text) for e in m.findall("note/duration")] for m in measures]
        assert [sum(some) / divisions for some in lengths] == [1, 4, 4, 4]  # the last with rests
    assert root.find(".//tie") is not None
    nothing = random_score().sliced(0, 0)
    refused("the piece is empty", musicxml.write, nothing, tmp_path / "piece.xml")


def test_ties_across_bars_are_one_note_and_grace_notes_have_no_time():
    tied = note("C5", 8, '<tie type="start"/>'), note("C5", 4, '<tie type="stop"/>')
    score = parsed([note("C5", 8) + tied[0], tied[1] + note("C5", 12)])
    assert score.notes(0) == [(0, 8, 72), (8, 20, 72), (20, 32, 72)]
    grace = "<note><grace/><pitch><step>D</step><octave>5</octave></pitch></note>"
    assert parsed([grace + note("C5", 16)]).notes(0) == [(0, 16, 72)]


def test_parts_are_ordered_and_chords_reduced_to_ranks():
    score = parsed([note("C3", 16)], [note("E5", 8) + note("-", 8)])
    assert score.pitches[[0, 8]].tolist() == [[76, 48], [0, 48]]
    chord = note("C4", 16) + note("E4", 16, "<chord/>")
    score = parsed([chord], [note("E5", 16)])
    assert (score.pitches[0].tolist(), score.reduced) == ([76, 64, 60], 0)
    five = "".join(note(f"{letter}4", 16, "<chord/>" * (letter != "C")) for letter in "CDEFG")
    score = parsed([five])
    assert (score.pitches[0].tolist(), score.reduced) == ([67, 65, 64, 60], 1)
    assert musicxml.number_of_parts(document([chord], [five]), "a.xml") == 2


def test_transposing_instruments_sound_as_they_sound():
    key = "<transpose><diatonic>-1</diatonic><chromatic>-2</chromatic></transpose>"
    content = document([note("D5", 16)]).replace(b"</attributes>", f"{key}</attributes>".encode())
    assert musicxml.parse(content, "clarinet.xml").pitches[0].tolist() == [72]


@pytest.mark.parametrize("parts", [(12, 4), (4, 12), (8, 4, 4)])
def test_a_bar_that_repeats_part_is_one_and_a_short_first_one_a_pickup(parts):
    measures = [note("C5", length) for length in (16, *parts, 16)]
    assert parsed(measures).positions.tolist() == [*range(16)] * 3
    score = parsed([note("C5", 4), note("C5", 16), note("C5", 8)])
    assert score.positions.tolist() == [*range(12, 16), *range(16), *range(8)]


def test_the_key_with_its_mode_and_without():
    def key(fifths, last, mode=""):
        signature = f"<key><fifths>{fifths}</fifths>{mode}</key>"
        return parsed([note("C5", 12) + note(last, 4)], key=signature).key

    assert key(1, "E4", "<mode>major</mode>") == "G major"
    assert key(1, "G4", "<mode>minor</mode>") == "E minor"
    assert key(1, "E4") == "E minor"
    assert key(1, "G4") == key(1, "C4") == "G major"
    assert key(-6, "C4") == key(6, "C4") == "F# major"
    assert parsed([note("C5", 16)]).key is None


def test_no_piece_of_music(tmp_path):
    with zipfile.ZipFile(tmp_path / "other.mxl", "w") as archive:
        archive.writestr("text.txt", "text")
    for content, message in (
        (b"MThd", "not XML"),
        (b"\xff\xfe<\0", "not XML"),
        (b"<score-partwise>", "not XML, or damaged"),
        (b'<?xml version="1.0" encoding="klingon"?><a/>', "not XML"),
        (b"<html/>", "<html> is not <score-partwise>"),
        (b"PK\3\4", "compressed MusicXML is damaged"),
        ((tmp_path / "other.mxl").read_bytes(), "compressed MusicXML is damaged"),
        (b"<score-partwise/>", "no note|cannot read"),
        (document([note("-", 16)]), "no note to be heard"),
        (document([note("C4", "many")]), "no note|cannot read"),
    ):
        (tmp_path / "piece.musicxml").write_bytes(content)
        refused(rf"piece\.musicxml: .*({message})", musicxml.read, tmp_path / "piece.musicxml")
