"""MIDI files: what players understand, and files of others."""

import mido
import numpy as np
import pytest
from support.refusals import refused
from support.score_examples import random_score

from zoo.errors import UserError
from zoo.music import midi

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
    midi.write(random_score(), tmp_path / "piece.mid", tempo=120)
    file = mido.MidiFile(tmp_path / "piece.mid")
    assert [track.name for track in file.tracks] == ["", "Soprano", "Alto", "Tenor", "Bass"]
    metas = {message.type: message for message in file.tracks[0]}
    assert metas["set_tempo"].tempo == 500_000
    assert (metas["time_signature"].numerator, metas["time_signature"].denominator) == (4, 4)
    assert file.length == pytest.approx(10 / 120 * 60)
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
    track = mido.MidiTrack([mido.Message("note_on", note=60), end])
    score = read(track, notes(), notes((0, 384, 40), channel=9), grid=1)
    assert score.notes(0) == [(0, 1, 60)]


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


HEAD, EMPTY = b"MThd\0\0\0\6\0", b"MTrk\0\0\0\4\0\xff\x2f\0"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x89PNG\r\n", "not a MIDI file"),
        (b"MThd", "damaged"),
        (HEAD + b"\1\0\1\0\x60MTrk\0\0\0\x10\0\x90", "damaged"),
        (HEAD + b"\1\0\1\0\x60" + EMPTY, "no note to be heard"),
        (HEAD + b"\2\0\1\0\x60" + EMPTY, "type 2"),
        (HEAD + b"\1\0\1\xe8\x28" + EMPTY, "in seconds"),
    ],
)
def test_no_piece_of_music(tmp_path, content, message):
    (tmp_path / "piece.mid").write_bytes(content)
    refused(rf"piece\.mid: .*({message})", midi.read, tmp_path / "piece.mid")


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
    content = HEAD + b"\1\0\1\0\x60XFIH\0\0\0\2ab" + b"MTrk" + len(track).to_bytes(4) + track
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
