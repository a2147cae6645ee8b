"""MusicXML, the notation that score editors exchange, to scores and back."""

import io
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO
from xml.etree import ElementTree

import lazy_loader
import numpy as np

from zoo.errors import UserError
from zoo.music.files import read_bytes, writing
from zoo.music.notes import KEYS, fifths, pitch_name
from zoo.music.score import MOST_VOICES, VOICE_NAMES, Bar, Note, Score, check_tempo, time_signature
from zoo.music.voicing import TimedNote, ordered, voiced

music21 = lazy_loader.load("music21")  # takes seconds, and most commands do without

_MOST_BYTES = 2**28  # of what a compressed file holds
_TREBLE, _TENOR, _BASS = "TrebleClef", "Treble8vbClef", "BassClef"
_CLEFS = (_TREBLE, _TREBLE, _TENOR, _BASS)  # of four voices
_CONTAINER = "META-INF/container.xml"  # in a compressed file
_WHERE = '<container><rootfiles><rootfile full-path="score.musicxml"/></rootfiles></container>'
_MIDDLE = 60  # where the bass clef ends and the treble clef begins


def read(path: str | Path, steps_per_quarter: int = 4) -> Score:
    """Reads MusicXML, compressed (.mxl) or not, as it sounds.

    The parts are the voices if they are four at most and have one note at a time, by their names if
    these are soprano, alto, tenor and bass, else by their mean pitch; anything else is reduced
    (`zoo.music.voicing.voiced`). Grace notes, chord symbols and percussion are left out, repeats
    are not played.

    The key is the first key signature with its mode. Where no mode is given, it is the minor key if
    the lowest voice ends on the tonic of that, else the major one.

    Raises:
        UserError: the file is missing, empty, damaged, no MusicXML or without notes.
    """
    return parse(read_bytes(path), str(path), steps_per_quarter)


def parse(content: bytes, name: str, steps_per_quarter: int = 4) -> Score:
    """Reads the content of a MusicXML file: see `read`. `name` is that of the file."""
    document = _parsed(content, name)
    scale = Fraction(steps_per_quarter)
    parts = [(part.partName or "", _notes(part, scale)) for part in document.parts]
    pitches, onsets, reduced = voiced(ordered(parts), name)
    bass = pitches[:, -1]
    positions = _positions(document.parts, len(pitches), scale)
    key, stem = _key(document, last_bass=int(bass[bass > 0][-1])), Path(name).stem
    return Score(pitches, onsets, steps_per_quarter, positions, key, stem, reduced=reduced)


def write(score: Score, path: str | Path | BinaryIO, tempo: float = 100) -> None:
    """Writes a score as MusicXML that notation programs show: bars, ties, key, clefs, tempo.

    Four voices are named soprano, alto, tenor and bass; the tempo is in quarter notes a minute. The
    file, by convention .musicxml, is compressed if its name ends in .mxl.

    Raises:
        UserError: the tempo cannot be played (`check_tempo`), the file cannot be written, or the
            score has no step.
    """
    check_tempo(tempo)
    if not len(score):
        raise UserError(f"{path}: the piece is empty: there is nothing to write")
    document = music21.stream.Score()
    document.insert(0, music21.metadata.Metadata(title=score.name or "Untitled", composer=""))
    for voice in range(score.voices):
        document.insert(0, _part(score, voice, tempo if voice == 0 else None))
    with warnings.catch_warnings(action="ignore"):
        content = music21.musicxml.m21ToXml.GeneralObjectExporter(document).parse()
    with writing(path) as file:
        if not (isinstance(path, str | Path) and Path(path).suffix.lower() == ".mxl"):
            file.write(content)
            return
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(_CONTAINER, _WHERE)
            archive.writestr("score.musicxml", content)


def number_of_parts(content: bytes, name: str) -> int:
    """How many parts the content of a MusicXML file has, found without music21."""
    return len(_root(content, name).findall("part"))


def _unpacked(content: bytes, name: str) -> bytes:
    """The XML of a compressed file, whose container tells where it is; else the content."""
    if not content.startswith(b"PK"):
        return content
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(part.file_size for part in archive.infolist()) > _MOST_BYTES:
                raise UserError(f"{name}: more than {_MOST_BYTES:,} bytes unpacked: it is no score")
            container = ElementTree.fromstring(archive.read(_CONTAINER))
            return archive.read(container.findall(".//{*}rootfile")[0].attrib["full-path"])
    except UserError:
        raise
    except Exception as error:  # zipfile does not say which errors a damaged archive can cause
        raise UserError(f"{name}: the compressed MusicXML is damaged: fetch it again") from error


def _root(content: bytes, name: str) -> ElementTree.Element:
    try:
        root = ElementTree.fromstring(_unpacked(content, name))
    except (ElementTree.ParseError, ValueError, LookupError) as error:  # of the XML, its encoding
        raise UserError(f"{name}: this is not XML, or damaged ({error})") from error
    if root.tag != "score-partwise":
        raise UserError(
            f"{name}: this is not MusicXML by parts (<{root.tag}> is not <score-partwise>): "
            "export it from a notation program"
        )
    return root


def _parsed(content: bytes, name: str) -> Any:
    try:
        text = ElementTree.tostring(_root(content, name), encoding="unicode")
        with warnings.catch_warnings(action="ignore"):
            document = music21.converter.parseData(text, format="musicxml")
            return document.toSoundingPitch(inPlace=False)
    except UserError:
        raise
    except Exception as error:  # music21 does not say which errors a wrong document can cause
        reason = (str(error) or type(error).__name__).partition("\n")[0]
        raise UserError(f"{name}: music21 cannot read this MusicXML: {reason}") from error


def _notes(part: Any, scale: Fraction) -> list[TimedNote]:
    """The notes of a part, those that are tied being one."""
    notes: list[TimedNote] = []
    last: dict[int, int] = {}  # the index of the last note of each pitch
    for element in part.flatten().notes:
        start = Fraction(element.offset) * scale
        stop = start + Fraction(element.quarterLength) * scale
        if stop == start:  # a grace note, or a chord symbol
            continue
        for note in getattr(element, "notes", [element]):  # those of a chord
            if not hasattr(note, "pitch"):  # percussion
                continue
            pitch = note.pitch.midi
            goes_on = note.tie is not None and note.tie.type in ("stop", "continue")
            if goes_on and pitch in last and notes[last[pitch]].stop == start:
                notes[last[pitch]] = notes[last[pitch]]._replace(stop=stop)
            else:
                last[pitch] = len(notes)
                notes.append(TimedNote(start, stop, pitch))
    return notes


def _positions(parts: Sequence[Any], steps: int, scale: Fraction) -> np.ndarray:
    """Steps since the bar line; two measures that a repeat sign parts are one bar."""
    longest = max(parts, key=lambda part: part.highestTime)
    measures = []  # the start, the length, that of a whole bar, and what is missing at the start
    for own in longest.getElementsByClass("Measure"):
        bar = own.barDuration.quarterLength
        times = (own.offset, own.duration.quarterLength, bar, own.paddingLeft)
        measures.append([Fraction(quarters) * scale for quarters in times])
    positions = np.zeros(steps, np.int16)
    filled = Fraction(0)  # of the bar that the measure before left unfinished
    for number, (start, length, bar, missing) in enumerate(measures):
        after = measures[number + 1][1] if number + 1 < len(measures) else 0
        if filled + length > bar:
            filled = Fraction(0)
        if number == 0 and length < bar:
            filled = bar - length
        elif not filled and length + after > bar:  # music21 takes the first of two parts for a
            filled = missing  # pickup at times; a pickup is followed by a whole bar
        for step in range(-(-start // 1), min(steps, -(-(start + length) // 1))):
            positions[step] = (step - start + filled) % bar // 1
        filled = (filled + length) % bar
    return positions


def _key(document: Any, last_bass: int) -> str | None:
    signature = next(iter(document.recurse().getElementsByClass("KeySignature")), None)
    if signature is None or signature.sharps is None:
        return None
    keys = [key for key in KEYS if (fifths(key) - signature.sharps) % 12 == 0]
    major, minor = sorted(keys, key=KEYS.index)
    mode = getattr(signature, "mode", None)
    if mode in ("major", "minor"):
        return major if mode == "major" else minor
    return minor if KEYS.index(minor) % 12 == last_bass % 12 else major


def _part(score: Score, voice: int, tempo: float | None) -> Any:
    """A voice; the first one tells the tempo."""
    in_four = score.voices == MOST_VOICES
    notes = score.notes(voice)
    part = music21.stream.Part()
    part.partName = VOICE_NAMES[voice] if in_four else f"Voice {voice + 1}"
    mean = np.mean([note.pitch for note in notes] or [_MIDDLE])
    name = _CLEFS[voice] if in_four else _TREBLE if mean >= _MIDDLE else _BASS
    beginning = [getattr(music21.clef, name)()]
    if score.key is not None:
        tonic, mode = score.key.split()
        beginning.append(music21.key.Key(_in_music21(tonic), mode))
    if tempo is not None:
        quarter = music21.duration.Duration(1)
        beginning.append(music21.tempo.MetronomeMark(number=tempo, referent=quarter))

    bars, metre = score.bars(), None
    first_number = 1 if bars[0].stop == bars[0].length else 0  # a pickup does not count
    for number, bar in enumerate(bars, first_number):
        measure = music21.stream.Measure(number=number)
        for element in beginning:
            measure.insert(0, element)
        beginning = []
        if bar.length != metre and not (bar is bars[-1] and bar.length < (metre or 0)):
            metre = bar.length
            ratio = "{}/{}".format(*time_signature(metre, score.steps_per_quarter))
            measure.insert(0, music21.meter.TimeSignature(ratio))
        if number == 0:
            measure.paddingLeft = _quarters(bar.length - bar.stop, score)
        for element in _elements(score, notes, bar):
            measure.append(element)
        measure.splitAtDurations()  # five sixteenths are a quarter tied to a sixteenth
        part.append(measure)
    return part


def _elements(score: Score, notes: list[Note], bar: Bar) -> Iterator:
    """The notes and rests of a voice in a bar; notes that cross a bar line are tied."""
    reached = bar.start
    for note in notes:
        start, stop = max(note.start, bar.start), min(note.stop, bar.stop)
        if start >= stop:
            continue
        if reached < start:
            yield music21.note.Rest(quarterLength=_quarters(start - reached, score))
        written = music21.note.Note(_in_music21(pitch_name(note.pitch, score.key)))
        written.quarterLength = _quarters(stop - start, score)
        begun, goes_on = note.start < start, stop < note.stop
        if begun or goes_on:
            kind = "continue" if begun and goes_on else "stop" if begun else "start"
            written.tie = music21.tie.Tie(kind)
        yield written
        reached = stop
    if reached < bar.stop:
        yield music21.note.Rest(quarterLength=_quarters(bar.stop - reached, score))


def _quarters(steps: int, score: Score) -> float:
    return steps / score.steps_per_quarter  # exact: the grids are powers of two


def _in_music21(name: str) -> str:
    """The name of a note or tonic as music21 writes it: flats by a minus sign."""
    return name[0] + name[1:].replace("b", "-")
