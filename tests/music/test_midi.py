"""MIDI files: what is written is read back, and files of others."""

import mido
import numpy as np
import pytest
from support.score_examples import random_score

from zoo.errors import UserError
from zoo.music import midi

TICKS = 96  # in a quarter note


def notes(*some, channel=0, name=""):
    """A track of (start, stop, pitch), in ticks."""
    events = [(start, 1, pitch) for start, _, pitch in some]
    events += [(stop, 0, pitch) for _, stop, pitch in some]
    track, before = mido.MidiTrack([mido.MetaMessage("track_name", name=name)]), 0
    for time, struck, pitch in sorted(events):
        kind = "note_on" if struck else "note_off"
        track.append(mido.Message(kind, note=pitch, channel=channel, time=time - before))
        before = time
    return track


@pytest.fixture
def save(tmp_path):
    def save(*tracks, name="piece.mid", **options):
        file = mido.MidiFile(ticks_per_beat=TICKS, **options)
        file.tracks += tracks
        file.save(tmp_path / name)
        return tmp_path / name

    return save


def test_the_file_is_one_that_players_understand(tmp_path):
    midi.write(random_score(), tmp_path / "piece.mid", tempo=120)
    file = mido.MidiFile(tmp_path / "piece.mid")
    assert [track.name for track in file.tracks] == ["", "Soprano", "Alto", "Tenor", "Bass"]
    metas = {message.type: message for message in file.tracks[0]}
    assert metas["set_tempo"].tempo == 500_000
    assert (metas["time_signature"].numerator, metas["time_signature"].denominator) == (4, 4)
    assert file.length == pytest.approx(10 / 120 * 60)
    assert {m.channel for track in file.tracks[1:] for m in track if not m.is_meta} == {0, 1, 2, 3}


def test_parts_by_their_mean_pitch(save):
    low, high = notes((0, 96, 40)), notes((0, 48, 60), (48, 96, 64))
    score = midi.read(save(low, high), 2)
    assert score.pitches.tolist() == [[60, 40], [64, 40]]
    assert score.onsets.tolist() == [[True, True], [True, False]]
    assert (score.name, score.key, score.reduced) == ("piece", None, 0)


def test_channels_of_one_track_are_parts(save):
    track = notes((0, 96, 50))
    track.insert(1, mido.Message("note_on", note=70, channel=1))
    score = midi.read(save(track, type=0), 1)
    assert score.pitches.tolist() == [[70, 50]]


def test_a_note_struck_with_no_force_ends(save):
    track = mido.MidiTrack([mido.Message("note_on", note=60)])
    track.append(mido.Message("note_on", note=60, velocity=0, time=96))
    track.append(mido.MetaMessage("end_of_track", time=96))
    assert midi.read(save(track), 1).notes(0) == [(0, 1, 60)]


@pytest.mark.parametrize(
    ("track", "expected", "reduced"),
    [
        (((3, 20, 60), (25, 30, 62), (61, 96, 64)), [(0, 1, 60), (1, 2, 62), (3, 4, 64)], 0),
        (((0, 8, 60), (8, 24, 62), (24, 96, 64)), [(0, 1, 62), (1, 4, 64)], 1),
        (((0, 72, 60), (48, 96, 62), (96, 144, 62)), [(0, 2, 60), (2, 4, 62), (4, 6, 62)], 0),
    ],
    ids=["rounded to the grid, none lost", "too fast: the longest is kept", "legato is cut"],
)
def test_times_on_the_grid(save, track, expected, reduced):
    score = midi.read(save(notes(*track)))
    assert (score.notes(0), score.voices, score.reduced) == (expected, 1, reduced)


@pytest.mark.parametrize(
    ("track", "pitches", "onsets"),
    [
        (((0, 96, 60), (0, 48, 64), (48, 96, 67)), [[64, 60], [67, 60]], [[1, 1], [1, 0]]),
        (((0, 96, 60), (48, 96, 64)), [[60, 0], [64, 60]], [[1, 0], [1, 1]]),
    ],
    ids=["from the top", "a note whose rank changes begins again"],
)
def test_chords_of_one_track_are_ranked(save, track, pitches, onsets):
    score = midi.read(save(notes(*track)), 2)
    assert score.pitches.tolist() == pitches
    assert score.onsets.tolist() == onsets
    assert not score.ranked


def test_more_than_four_at_once_are_reduced(save):
    five = [notes((0, 96, pitch)) for pitch in (72, 67, 64, 60, 48)]
    score = midi.read(save(*five), 1)
    assert score.pitches.tolist() == [[72, 67, 64, 48]]
    assert score.reduced == 1


def test_drums_and_silent_tracks_are_left_out(save):
    score = midi.read(save(notes(), notes((0, 96, 40), channel=9), notes((0, 96, 60))), 1)
    assert score.pitches.tolist() == [[60]]


def test_a_note_that_is_never_ended_lasts_to_the_end(save):
    track = notes((0, 96, 62))
    track.insert(1, mido.Message("note_on", note=50, channel=1))
    assert midi.read(save(track), 2).pitches[:, 1].tolist() == [50, 50]


def test_a_metre_that_changes(save):
    meta = mido.MidiTrack(
        [
            mido.MetaMessage("time_signature", numerator=3, denominator=8),
            mido.MetaMessage("time_signature", numerator=2, denominator=4, time=2 * 144),
        ]
    )
    score = midi.read(save(meta, notes((0, 7 * 96, 60))), 2)
    assert score.positions.tolist() == [0, 1, 2, 0, 1, 2, *(0, 1, 2, 3) * 2]
    assert midi.read(save(meta, notes((0, 288, 60))), 1).positions.tolist() == [0, 1, 0]


@pytest.fixture
def write(tmp_path):
    def write(content):
        (tmp_path / "piece.mid").write_bytes(content)
        return tmp_path / "piece.mid"

    return write


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x89PNG\r\n", "not a MIDI file"),
        (b"MThd", "damaged"),
        (b"MThd\0\0\0\6\0\1\0\1\0\x60MTrk\0\0\0\x10\0\x90", "damaged"),
        (b"MThd\0\0\0\6\0\1\0\1\0\x60MTrk\0\0\0\4\0\xff\x2f\0", "no note to be heard"),
        (b"MThd\0\0\0\6\0\2\0\1\0\x60MTrk\0\0\0\4\0\xff\x2f\0", "type 2"),
        (b"MThd\0\0\0\6\0\1\0\1\xe8\x28MTrk\0\0\0\4\0\xff\x2f\0", "in seconds"),
        (b"MThd\0\0\0\6\0\1\0\1\0\0MTrk\0\0\0\4\0\xff\x2f\0", "in seconds|damaged"),
    ],
)
def test_no_piece_of_music(write, content, message):
    with pytest.raises(UserError, match=rf"piece\.mid: .*({message})") as raised:
        midi.read(write(content))
    assert "\n" not in str(raised.value)


def test_half_a_file_and_bytes_at_random_are_refused_in_one_line(tmp_path, write):
    midi.write(random_score(), tmp_path / "whole.mid")
    whole = (tmp_path / "whole.mid").read_bytes()
    for stop in (20, 60, 150):
        with pytest.raises(UserError, match="damaged"):
            midi.read(write(whole[:stop]))
    generator = np.random.default_rng(0)
    refused = []
    for _ in range(200):
        content = bytearray(whole)
        for place in generator.integers(4, len(whole), 3):
            content[place] = generator.integers(256)
        try:
            midi.read(write(bytes(content)))
        except UserError as error:
            refused.append(str(error))
    assert len(refused) > 50
    assert not any("\n" in message for message in refused)


def test_hours_and_the_lowest_note_are_refused(save):
    with pytest.raises(UserError, match="lasts longer than 200,000 steps"):
        midi.read(save(notes((0, 96 * 60_000, 60))))
    with pytest.raises(UserError, match="C-1"):
        midi.read(save(notes((0, 96, 0))))
