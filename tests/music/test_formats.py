"""MIDI and MusicXML: what is written is read back, by others too, and files of others are read."""

import io
import itertools
import zipfile
from xml.etree import ElementTree

import mido
import numpy as np
import pytest
from support.music_pieces import METRES, assert_same_music, random_score, score_of
from support.refusals import refused

from zoo.errors import UserError
from zoo.music import KEYS, audio, midi, musicxml, piano_roll

FORMATS = {".mid": midi, ".musicxml": musicxml, ".mxl": musicxml}
WRITERS = {".mid": midi.write, ".xml": musicxml.write, ".wav": audio.write_wav}


@pytest.fixture(params=FORMATS)
def there_and_back(request, tmp_path):
    def there_and_back(score):
        path, module = tmp_path / f"piece{request.param}", FORMATS[request.param]
        module.write(score, path)
        return module.read(path, score.steps_per_quarter)

    return there_and_back


@pytest.mark.parametrize("metre", METRES)
def test_what_is_written_is_read_back_in_every_metre(there_and_back, metre):
    for voices in (1, 4):
        score = random_score(len(METRES[metre]), voices, METRES[metre])
        assert_same_music(there_and_back(score), score)


@pytest.mark.parametrize("steps_per_quarter", [1, 2, 8, 16])
def test_on_every_grid(there_and_back, steps_per_quarter):
    score = random_score(30, 3, steps_per_quarter=steps_per_quarter)
    assert_same_music(there_and_back(score), score)


def test_keys_are_kept(there_and_back):
    for key in (None, *KEYS):
        assert there_and_back(random_score(4, 1, key=key)).key == key


def test_voices_keep_their_names_where_they_cross(there_and_back):
    score = score_of("C4 E4 G4 C5", "C4 E4 F4 C5")
    assert there_and_back(score).pitches.tolist() == score.pitches.tolist()


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_tempo_that_is_none_and_a_file_that_cannot_be_written(tmp_path, suffix):
    for tempo in (0, -60, 3.9, 1001, float("nan"), float("inf")):
        message = "give 4 to 1000 quarter notes a minute"
        refused(message, WRITERS[suffix], random_score(4), tmp_path / "a", tempo)
        assert not (tmp_path / "a").exists()
    for write in (WRITERS[suffix], piano_roll.draw):
        refused("cannot be written", write, random_score(4), tmp_path / "absent" / f"a{suffix}")


@pytest.mark.parametrize("module", [midi, musicxml])
def test_a_missing_file_a_folder_and_an_empty_file(tmp_path, module):
    (tmp_path / "empty").touch()
    messages = {"absent": "no such file", "": "cannot be read", "empty": "is empty"}
    for name, message in messages.items():
        refused(message, module.read, tmp_path / name)


TICKS = 96  # in a quarter note


def notes(*some, channel=0, name="", more=()):
    """A track of (start, stop, pitch), in ticks, after other messages."""
    events = [(start, 1, pitch) for start, _, pitch in some]
    events += [(stop, 0, pitch) for _, stop, pitch in some]
    track, before = mido.MidiTrack([mido.MetaMessage("track_name", name=name), *more]), 0
    for time, struck, pitch in sorted(events):
        kind = "note_on" if struck else "note_off"
        track.append(mido.Message(kind, note=pitch, channel=channel, time=time - before))
        before = time
    return track


@pytest.fixture
def read(tmp_path):
    def read(*tracks, grid=4, **options):
        file = mido.MidiFile(ticks_per_beat=TICKS, **options)
        file.tracks += tracks
        file.save(tmp_path / "piece.mid")
        return midi.read(tmp_path / "piece.mid", grid)

    return read


def test_the_file_is_one_that_players_understand(tmp_path):
    midi.write(random_score(), tmp_path / "piece.mid", tempo=96)
    file = mido.MidiFile(tmp_path / "piece.mid")
    assert [track.name for track in file.tracks] == ["", "Soprano", "Alto", "Tenor", "Bass"]
    metas = {message.type: message for message in file.tracks[0]}
    assert metas["set_tempo"].tempo == 625_000
    assert (metas["time_signature"].numerator, metas["time_signature"].denominator) == (4, 4)
    assert file.length == pytest.approx(10 / 96 * 60)
    assert {m.channel for track in file.tracks[1:] for m in track if not m.is_meta} == {0, 1, 2, 3}


def test_parts_by_their_mean_pitch(read):
    score = read(notes((0, 96, 40)), notes((0, 48, 60), (48, 96, 64)), grid=2)
    assert score.pitches.tolist() == [[60, 40], [64, 40]]
    assert score.onsets.tolist() == [[True, True], [True, False]]
    assert (score.name, score.key, score.reduced) == ("piece", None, 0)
    # Channels of one track are parts, and a note that is never ended lasts to the end.
    track = notes((0, 96, 50), more=[mido.Message("note_on", note=70, channel=1)])
    assert read(track, type=0, grid=2).pitches.tolist() == [[70, 50]] * 2


def test_a_note_struck_with_no_force_ends_and_drums_are_left_out(read):
    end = mido.Message("note_on", note=60, velocity=0, time=96)
    later = [mido.Message("note_on", note=64, time=96), mido.Message("note_off", note=64, time=96)]
    track = mido.MidiTrack([mido.Message("note_on", note=60), end, *later])
    score = read(track, notes(), notes((0, 384, 40), channel=9), grid=1)
    assert score.notes(0) == [(0, 1, 60), (2, 3, 64)]


@pytest.mark.parametrize("order", [("off", "on"), ("on", "off"), ("on", "off of no force")])
def test_repeated_notes_are_all_read_whichever_event_comes_first_at_a_tick(read, order):
    """Programs write the next beginning of a note before or after the end of the note before."""
    kinds = {"on": ("note_on", 80), "off": ("note_off", 0), "off of no force": ("note_on", 0)}
    track = mido.MidiTrack([mido.Message("note_on", note=60)])
    for _ in range(3):
        for i, event in enumerate(order):
            kind, velocity = kinds[event]
            time = 0 if i else TICKS
            track.append(mido.Message(kind, note=60, velocity=velocity, time=time))
    track.append(mido.Message("note_off", note=60, time=TICKS))
    assert read(track, grid=1).notes(0) == [(i, i + 1, 60) for i in range(4)]


@pytest.mark.parametrize(
    ("track", "expected", "reduced"),
    [
        (((3, 20, 60), (25, 30, 62), (61, 96, 64)), [(0, 1, 60), (1, 2, 62), (3, 4, 64)], 0),
        (((0, 8, 60), (8, 24, 62), (24, 96, 64)), [(0, 1, 62), (1, 4, 64)], 1),
        (((0, 72, 60), (48, 96, 62), (96, 144, 62)), [(0, 2, 60), (2, 4, 62), (4, 6, 62)], 0),
    ],
    ids=["rounded to the grid, none lost", "too fast: the longest is kept", "legato is cut"],
)
def test_times_on_the_grid(read, track, expected, reduced):
    score = read(notes(*track))
    assert (score.notes(0), score.voices, score.reduced) == (expected, 1, reduced)


def test_chords_of_one_track_are_ranked_and_more_than_four_reduced(read):
    score = read(notes((0, 96, 60), (0, 48, 64), (48, 96, 67)), grid=2)
    assert (score.pitches.tolist(), score.ranked) == ([[64, 60], [67, 60]], False)
    assert score.onsets.tolist() == [[True, True], [True, False]]
    score = read(notes((0, 96, 60), (48, 96, 64)), grid=2)  # whose rank changes begins again
    assert (score.pitches.tolist(), score.onsets[1].tolist()) == ([[60, 0], [64, 60]], [True] * 2)
    score = read(*(notes((0, 96, pitch)) for pitch in (72, 67, 64, 60, 48)), grid=1)
    assert (score.pitches.tolist(), score.reduced) == ([[72, 67, 64, 48]], 1)


def test_a_metre_that_changes(read):
    first = mido.MetaMessage("time_signature", numerator=3, denominator=8)
    second = mido.MetaMessage("time_signature", numerator=2, denominator=4, time=2 * 144)
    meta = mido.MidiTrack([first, second])
    score = read(meta, notes((0, 7 * 96, 60)), grid=2)
    assert score.positions.tolist() == [0, 1, 2, 0, 1, 2, *(0, 1, 2, 3) * 2]
    assert read(meta, notes((0, 288, 60)), grid=1).positions.tolist() == [0, 1, 0]


C_AND_E = bytes.fromhex("00903c506080 3c00 00904050 60804000 00ff2f00")


@pytest.mark.parametrize(
    "odd",
    [
        *("00ff5902fdff", "00ff5902f700", "00ff5900"),  # keys: no mode, nine flats, nothing
        *("00ff510207a1", "00ff5803040218", "00ff580400ff1808", "00ff540160"),  # tempo, metre, time
        *("00f004438500f7", "00ff2003010203", "0090c87f 0080 c800"),  # other bytes out of range
        "00ff7f03010203",  # of one program
    ],
)
@pytest.mark.parametrize("container", [False, True])
def test_what_says_nothing_of_the_notes_may_be_odd(tmp_path, odd, container):
    track = bytes.fromhex(odd) + C_AND_E
    content = (
        b"MThd\0\0\0\6\0" + b"\1\0\1\0\x60XFIH\0\0\0\2ab" + b"MTrk" + len(track).to_bytes(4) + track
    )
    if container:
        content = b"RIFF\0\0\0\0RMIDdata\0\0\0\0" + content
    (tmp_path / "piece.mid").write_bytes(content)
    found = [pitch for *_, pitch in midi.read(tmp_path / "piece.mid").notes(0)]
    assert [pitch for pitch in found if pitch < 127] == [60, 64]


def test_half_a_file_and_bytes_at_random_are_refused_in_one_line(tmp_path):
    path = tmp_path / "piece.mid"
    midi.write(random_score(), path)
    whole, errors = path.read_bytes(), []
    generator = np.random.default_rng(0)
    for _ in range(60):
        content = bytearray(whole)
        for place in generator.integers(4, len(whole), 3):
            content[place] = generator.integers(256)
        path.write_bytes(content)
        try:
            midi.read(path)
        except UserError as error:
            errors.append(str(error))
    assert len(errors) > 15
    assert not any("\n" in message for message in errors)
    path.write_bytes(whole[:60])
    refused("damaged", midi.read, path)


def test_hours_and_the_lowest_note_are_refused(read):
    refused("lasts longer than 200,000 steps", read, notes((0, 96 * 60_000, 60)))
    refused("C-1", read, notes((0, 96, 0)))


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
        measures = "".join(f"<measure>{measure}</measure>" for measure in (first, *rest))
        content += f'<part id="P{number}">{measures}</part>'
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


HEAD, EMPTY = b"MThd\0\0\0\6\0", b"MTrk\0\0\0\4\0\xff\x2f\0"


END, ENTITY = b"</score-partwise>", b"<!DOCTYPE l [<!ENTITY a "
LAUGHS = ENTITY + b'"xxxxxxxxxx">'  # a billion of them, in a kilobyte
for one, other in itertools.pairwise("abcdefghij"):
    LAUGHS += f'<!ENTITY {other} "{f"&{one};" * 10}">'.encode()
LAUGHS += b"]><score-partwise>&j;" + END


def packed(content):
    """A compressed score."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("META-INF/container.xml", '<a><rootfile full-path="s.xml"/></a>')
        archive.writestr("s.xml", content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("a.mid", b"\x89PNG\r\n", "not a MIDI file"),
        ("a.mid", b"MThd", "damaged"),
        ("a.mid", HEAD + b"\1\0\1\0\x60MTrk\0\0\0\x10\0\x90", "damaged"),
        ("a.mid", HEAD + b"\1\0\1\0\x60" + EMPTY, "no note to be heard"),
        ("a.mid", HEAD + b"\2\0\1\0\x60" + EMPTY, "type 2"),
        ("a.mid", HEAD + b"\1\0\1\xe8\x28" + EMPTY, "in seconds"),
        ("a.mxl", b"MThd", "not XML"),
        ("a.mxl", b"\xff\xfe<\0", "not XML"),
        ("a.mxl", b"<score-partwise>", "not XML, or damaged"),
        ("a.mxl", b'<?xml version="1.0" encoding="klingon"?><a/>', "not XML"),
        ("a.mxl", b"<score-partwise>" + b"<a>" * 10**5 + b"</a>" * 10**5 + END, "recursion"),
        ("a.mxl", LAUGHS, "amplification"),
        ("a.mxl", ENTITY + b'SYSTEM "file:///etc/passwd">]><score-partwise>&a;' + END, "undefined"),
        ("a.mxl", packed(b" " * (2**28 + 1)), "bytes unpacked"),
        ("a.mxl", b"<html/>", "<html> is not <score-partwise>"),
        ("a.mxl", b"PK\3\4", "compressed MusicXML is damaged"),
        ("a.mxl", b"PK\5\6" + bytes(18), "compressed MusicXML is damaged"),  # holds nothing
        ("a.mxl", b"<score-partwise/>", "no note|cannot read"),
        ("a.mxl", document([note("-", 16)]), "no note to be heard"),
        ("a.mxl", document([note("C4", "many")]), "no note|cannot read"),
    ],
)
def test_no_piece_of_music(tmp_path, file, content, message):
    (tmp_path / file).write_bytes(content)
    refused(rf"{file}: .*({message})", FORMATS[file[1:]].read, tmp_path / file)
