"""Statistics of four-part writing: how often a composer, or a model, does what is avoided."""

import itertools
from collections.abc import Sequence

import numpy as np

from zoo.music.notes import SILENCE, parse_pitch
from zoo.music.score import VOICE_NAMES, Score

# What textbooks of harmony give a choir, at the widest. Of the notes of Bach's chorales 0.2 % lie
# outside, nearly all of them low ones of the bass.
RANGES = {
    "Soprano": (parse_pitch("C4"), parse_pitch("A5")),
    "Alto": (parse_pitch("F3"), parse_pitch("D5")),
    "Tenor": (parse_pitch("C3"), parse_pitch("A4")),
    "Bass": (parse_pitch("E2"), parse_pitch("D4")),
}

PERFECT = (7, 0)  # the intervals that must not be parallel: semitones, octaves taken off
_NONE = np.zeros((0, len(VOICE_NAMES)), int)  # chords
_STEP = 2  # semitones of the widest step; more is a leap


def statistics(scores: Sequence[Score]) -> dict:
    """Counts over all scores of four voices together; by them Bach and a model can be compared.

    A chord is what sounds until the next pitch changes in any voice, passing notes being chords of
    their own. What is out of the question, for want of notes, is 0.

    Returns:
        Numbers by name, for JSON:
        - `pieces`, `chords`, `notes`.
        - `out_of_range`: share of the notes outside `RANGES`.
        - `crossings_per_100_chords`: chords in which a voice sounds below its lower neighbour.
        - `parallel_fifths_per_100_changes`, `parallel_octaves_per_100_changes`: pairs of voices
          that move from one chord to the next in the same direction and are a perfect fifth (seven
          semitones, however spelled), or a unison or octave, apart in both, octaves between them
          being taken off; over all changes of chords.
        - `repeated_notes`: of two notes of a voice with no rest between, the share where the second
          has the pitch of the first.
        - `mean_interval`: by voice, the mean of such intervals in semitones, repeated notes left
          out.
        - `stepwise`: by voice, the share of them of two semitones or less.

    Raises:
        ValueError: a score has not four voices.
    """
    if any(score.voices != len(VOICE_NAMES) for score in scores):
        raise ValueError(f"statistics of counterpoint are those of {len(VOICE_NAMES)} voices")
    chords = [_chords(score) for score in scores]
    changes = sum(max(len(some) - 1, 0) for some in chords)
    total = sum(map(len, chords))
    lines = {name: [s.notes(voice) for s in scores] for voice, name in enumerate(VOICE_NAMES)}
    intervals = {name: _intervals(some) for name, some in lines.items()}
    moved = {name: some[some > 0] for name, some in intervals.items()}
    notes = sum(len(line) for some in lines.values() for line in some)
    outside = sum(
        not RANGES[name][0] <= note.pitch <= RANGES[name][1]
        for name, some in lines.items()
        for note in itertools.chain(*some)
    )
    fifths, octaves = (sum(_parallels(c, apart) for c in chords) for apart in PERFECT)
    every, together = np.concatenate(list(intervals.values())), np.concatenate([_NONE, *chords])
    upper, lower = together[:, :-1], together[:, 1:]
    crossed = ((upper < lower) & (upper != SILENCE)).any(axis=1)
    return {
        "pieces": len(scores),
        "chords": total,
        "notes": notes,
        "out_of_range": _ratio(outside, notes),
        "crossings_per_100_chords": 100 * _ratio(int(crossed.sum()), total),
        "parallel_fifths_per_100_changes": 100 * _ratio(fifths, changes),
        "parallel_octaves_per_100_changes": 100 * _ratio(octaves, changes),
        "repeated_notes": _ratio(int((every == 0).sum()), len(every)),
        "mean_interval": {n: _ratio(int(some.sum()), len(some)) for n, some in moved.items()},
        "stepwise": {n: _ratio(int((some <= _STEP).sum()), len(some)) for n, some in moved.items()},
    }


def _chords(score: Score) -> np.ndarray:
    """The pitches that sound together, each as long as nothing changes: (chords, voices)."""
    pitches = score.pitches.astype(int)
    changed = (pitches[1:] != pitches[:-1]).any(axis=1)
    return pitches[np.concatenate([np.ones(len(pitches[:1]), bool), changed])]


def _parallels(chords: np.ndarray, interval: int) -> int:
    """How often two voices go on in an interval, both moving in one direction."""
    count = 0
    motion = np.sign(np.diff(chords, axis=0))
    sounds = (chords[:-1] != SILENCE) & (chords[1:] != SILENCE)
    for upper, lower in itertools.combinations(range(chords.shape[1]), 2):
        apart = np.abs(chords[:, upper] - chords[:, lower]) % 12 == interval
        together = (motion[:, upper] == motion[:, lower]) & (motion[:, upper] != 0)
        both = sounds[:, upper] & sounds[:, lower]
        count += int((apart[:-1] & apart[1:] & together & both).sum())
    return count


def _intervals(lines: list[list]) -> np.ndarray:
    """Semitones between the notes of a voice and their successors without a rest between."""
    pairs = [pair for line in lines for pair in itertools.pairwise(line)]
    found = [
        abs(after.pitch - before.pitch) for before, after in pairs if before.stop == after.start
    ]
    return np.array(found, dtype=int)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
