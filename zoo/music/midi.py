"""Standard MIDI files to scores and back."""

import io
import struct
from collections import defaultdict
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import mido
import numpy as np
from mido.midifiles import meta

from zoo.errors import UserError
from zoo.music.files import read_bytes, writing
from zoo.music.notes import parse_key
from zoo.music.score import MOST_VOICES, VOICE_NAMES, Score, check_tempo, time_signature
from zoo.music.voicing import MOST_STEPS, TimedNote, ordered, voiced

_DRUMS = 9  # the channel of General MIDI, counted from 0
_TICKS_PER_QUARTER = 480
_PROGRAM = 19  # church organ: it holds its notes, as singers do
_VELOCITY = 80
_SHORTEST_BEAT = 64  # a sixty-fourth


def read(path: str | Path, steps_per_quarter: int = 4) -> Score:
    """Reads a MIDI file of type 0 or 1, without its drums, tempo, loudness and pedal.

    Each channel of each track is a part. At most four parts of one note at a time are the voices,
    by their names if these are soprano, alto, tenor and bass, else by their mean pitch, the highest
    first; anything else is reduced (`zoo.music.voicing.voiced`). The piece ends with its last
    note. MIDI has no pickups; a first bar that is shorter than the second is taken for one.

    Raises:
        UserError: the file is missing, empty, damaged, no MIDI file or without notes; or it counts
            time in seconds, or holds several pieces (type 2). What says nothing of the notes may be
            as odd as it likes.
    """
    file = _parsed(path, read_bytes(path))
    steps_per_tick = Fraction(steps_per_quarter, file.ticks_per_beat)
    parts, signatures, key = [], [], None
    for track in file.tracks:
        parts += _parts(track, steps_per_tick)
        ticks = 0
        for message in track:
            ticks += message.time
            if _ODD in vars(message):
                continue
            if message.type == "time_signature":
                quarters = Fraction(4 * message.numerator, message.denominator)
                if quarters and message.denominator <= _SHORTEST_BEAT:
                    signatures.append((ticks * steps_per_tick, quarters * steps_per_quarter))
            elif message.type == "key_signature":
                key = key or parse_key(message.key)
    pitches, onsets, reduced = voiced(ordered(parts), str(path))
    positions = _positions(len(pitches), sorted(signatures), steps_per_quarter)
    name = Path(path).stem
    return Score(pitches, onsets, steps_per_quarter, positions, key, name, reduced=reduced)


def write(score: Score, path: str | Path | BinaryIO, tempo: float = 100) -> None:
    """Writes a score as a MIDI file of type 1, one track and channel a voice.

    Four voices are named soprano, alto, tenor and bass; the tempo is in quarter notes a minute.

    Raises:
        UserError: the tempo cannot be played (`check_tempo`), or the file cannot be written.
    """
    check_tempo(tempo)
    file = mido.MidiFile(type=1, ticks_per_beat=_TICKS_PER_QUARTER)
    file.tracks.append(_conductor(score, tempo))
    for voice in range(score.voices):
        file.tracks.append(_track(score, voice))
    with writing(path) as opened:
        file.save(file=opened)


def _parsed(path: str | Path, content: bytes) -> mido.MidiFile:
    if content.startswith(b"RIFF"):  # a container, as Windows has it
        content = content[max(content.find(b"MThd"), 0) :]
    if not content.startswith(b"MThd"):
        raise UserError(f"{path}: this is not a MIDI file, whatever its name is")
    try:
        file = mido.MidiFile(file=io.BytesIO(_tracks_only(content)), clip=True)
    except Exception as error:  # mido does not say which errors a damaged file can cause
        reason = (str(error) or "it ends too early").partition("\n")[0]
        raise UserError(f"{path}: the MIDI file is damaged ({reason}): fetch it again") from error
    if file.type == 2:
        raise UserError(f"{path}: MIDI files of type 2 hold several pieces: save it as type 1")
    if file.ticks_per_beat <= 0:
        raise UserError(f"{path}: its time is in seconds, not in beats: save it with beats")
    return file


def _tracks_only(content: bytes) -> bytes:
    """The chunks of a file that mido reads; the format lets programs add others."""
    kept, start = [], 0
    while start + 8 <= len(content):
        kind, size = struct.unpack_from(">4sL", content, start)
        if kind in (b"MThd", b"MTrk"):
            kept.append(content[start : start + 8 + size])
        start += 8 + size
    return b"".join(kept)


_ODD = "odd"


def _read_when_odd(name: str) -> None:
    """Lets mido read a meta event of the wrong size or value; such a message is marked `_ODD`."""
    spec = getattr(meta, f"MetaSpec_{name}")

    def decode(self: Any, message: Any, data: Any) -> None:
        try:
            spec.decode(self, message, data)
        except Exception:  # of mido's own, or of what it does with too few bytes
            vars(message)[_ODD] = True

    meta.add_meta_spec(type(spec.__name__, (spec,), {"decode": decode}))


for _name in (
    "sequence_number",
    "channel_prefix",
    "midi_port",
    "set_tempo",
    "smpte_offset",
    "time_signature",
    "key_signature",
):
    _read_when_odd(_name)


def _parts(track: mido.MidiTrack, steps_per_tick: Fraction) -> list[tuple[str, list[TimedNote]]]:
    """The notes of each channel of a track, with the name of the track."""
    ticks = 0
    begun: dict[tuple[int, int], int] = {}
    struck_again: dict[tuple[int, int], int] = {}
    notes: dict[int, list[TimedNote]] = defaultdict(list)

    def end(channel: int, pitch: int) -> bool:
        start = begun.pop((channel, pitch), ticks)
        if start < ticks:
            times = (start * steps_per_tick, ticks * steps_per_tick)
            notes[channel].append(TimedNote(*times, pitch))
        return start < ticks

    for message in track:
        ticks += message.time
        if message.type not in ("note_on", "note_off") or message.channel == _DRUMS:
            continue
        key = message.channel, message.note
        if message.type == "note_on" and message.velocity:
            if end(*key):  # a note that is struck again ends, too
                struck_again[key] = ticks
            begun[key] = ticks
        elif struck_again.pop(key, None) != ticks:  # else it ends the note before, at this tick
            end(*key)
    for channel, pitch in list(begun):
        end(channel, pitch)
    return [(track.name, notes[channel]) for channel in sorted(notes)]


def _positions(
    steps: int, signatures: list[tuple[Fraction, Fraction]], steps_per_quarter: int
) -> np.ndarray:
    """Steps since the bar line, from (start, length of a bar), both in steps; 4/4 without any."""
    metres = dict([(Fraction(0), Fraction(4 * steps_per_quarter)), *signatures])
    metres = {start: bar for start, bar in metres.items() if start <= steps}
    positions = np.zeros(steps, np.int16)
    edges = [*metres, Fraction(steps)]
    for (start, bar), stop in zip(metres.items(), edges[1:], strict=True):
        # Exact whole numbers: a bar of 3/8 is one and a half quarters.
        along = np.arange(-(-start // 1), min(-(-stop // 1), MOST_STEPS), dtype=np.int64)
        scale = bar.denominator * start.denominator
        within = (along * scale - int(start * scale)) % int(bar * scale)
        positions[along] = within // scale
    if len(metres) > 1:
        (_, first), (second_start, second) = list(metres.items())[:2]
        if first == second_start < second:  # a short bar of its own, then longer ones: a pickup
            pickup = int(first)
            positions[:pickup] += int(second) - pickup
    return positions


def _conductor(score: Score, tempo: float) -> mido.MidiTrack:
    """The track of tempo, key and metre."""
    events = [(0, mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(tempo)))]
    if score.key is not None:
        tonic, mode = score.key.split()
        key = tonic + ("m" if mode == "minor" else "")
        events.append((0, mido.MetaMessage("key_signature", key=key)))
    metre = None
    for start, length in _metres(score):
        if length != metre:
            beats, unit = time_signature(length, score.steps_per_quarter)
            metre_event = mido.MetaMessage("time_signature", numerator=beats, denominator=unit)
            events.append((start, metre_event))
        metre = length
    return _in_delta_times("", events, score.steps_per_quarter)


def _metres(score: Score) -> list[tuple[int, int]]:
    """The first step and the length of each bar, a pickup being a short bar of its own."""
    bars = score.bars()
    metres = [(bar.start, bar.length) for bar in bars]
    if bars and (pickup := bars[0].stop) < bars[0].length:
        metres[:1] = [(0, pickup)]
        # What tells it from a short bar is that a longer one follows.
        metres[1:2] = [(pickup, max([bars[0].length, *(bar.length for bar in bars[1:2])]))]
    if len(metres) > 1:  # the last bar may be unfinished
        metres[-1] = (metres[-1][0], max(metres[-2][1], metres[-1][1]))
    return metres


def _track(score: Score, voice: int) -> mido.MidiTrack:
    name = VOICE_NAMES[voice] if score.voices == MOST_VOICES else f"Voice {voice + 1}"
    events = [(0, mido.Message("program_change", channel=voice, program=_PROGRAM))]
    for start, stop, pitch in score.notes(voice):
        note = {"channel": voice, "note": pitch}
        events.append((start, mido.Message("note_on", velocity=_VELOCITY, **note)))
        events.append((stop, mido.Message("note_off", **note)))
    return _in_delta_times(name, events, score.steps_per_quarter)


def _in_delta_times(
    name: str, events: list[tuple[int, Any]], steps_per_quarter: int
) -> mido.MidiTrack:
    """A track of (step, message) in order; MIDI counts from one message to the next."""
    track = mido.MidiTrack([mido.MetaMessage("track_name", name=name)])
    before = 0
    for step, message in events:
        ticks = (step - before) * _TICKS_PER_QUARTER // steps_per_quarter
        track.append(message.copy(time=ticks))
        before = step
    return track
