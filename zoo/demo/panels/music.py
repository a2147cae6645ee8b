"""Chorales from their first notes, or around a melody that is written or drawn."""

import io
import threading
from collections.abc import Sequence
from typing import Any

import gradio as gr
import numpy as np

from zoo import music
from zoo.application.sampling import SamplingOptions
from zoo.demo import marks
from zoo.demo.panels.panel import Panel, guarded, parse_seed, require_text, seed_input
from zoo.errors import UserError
from zoo.music.melodies import HIGHEST, LOWEST, parse_melody, traced_melody

_ANY = "any"
_MOST_TEXT = 1_000  # characters of notes
_MOST_BARS = 16
_DRAWN_BARS = 4
_CANVAS = 480, 240
_INK, _GREY = 160, 215  # of 255: what is darker is drawn; lines of the paper
_CANDIDATES = 16  # harmonies, of which the one that the melody suits best is kept
_ENGRAVING = threading.Lock()  # music21 loads lazily, which two threads must not do at once
_MELODY = "C5 D5 E5 F5 | G5:2 E5:2 | F5 E5 D5 C5 | D5:2 C5:2"


class MusicPanel(Panel):
    """First notes or a melody in; a piano roll, a player and files to take along."""

    def body(self) -> None:
        """What both ways of writing share, then a part for each."""
        with gr.Row():
            keys = [_ANY, *music.KEYS]
            key = gr.Dropdown(keys, value="C major", label="Key", min_width=120)
            tempo = gr.Slider(40, 200, 90, step=1, label="Quarter notes a minute")
            temperature = gr.Slider(0.1, 2.0, 1.0, step=0.05, label="Temperature")
            seed = seed_input()
        rules = gr.Checkbox(label="Keep the rules: no parallel fifths or octaves, notes in range")
        how = [key, tempo, temperature, seed, rules]
        with gr.Tab("Compose"):
            beginning = self.text_input(
                "First notes: one, a chord from the top, or chords with | between; or none",
                lines=1,
                examples=self._beginnings(),
            )
            bars = gr.Slider(1, _MOST_BARS, 8, step=1, label="Most bars")
            compose = gr.Button("Compose", variant="primary")
            asked = [self.model, beginning, bars, *how]
            self.answers(compose, self.compose, asked, [gr.HTML()], "compose")
        with gr.Tab("Harmonise"):
            gr.Markdown(
                "Draw the soprano: time from left to right, four bars, a note a quarter; pitch "
                "from bottom to top, with grey lines at C4 and C5. The line snaps to the scale of "
                "the key, or to semitones where that is any. Or write the notes below."
            )
            drawing = gr.Sketchpad(
                value=_paper(),
                label="Drawn melody",
                image_mode="L",
                brush=gr.Brush(8, colors=["#14213d"], color_mode="fixed"),
                eraser=gr.Eraser(24),
                layers=False,
                transforms=(),
                canvas_size=_CANVAS,
                fixed_canvas=True,
                buttons=[],
            )
            melody = gr.Textbox(
                label="Melody: C5 is a quarter, C5:2 twice as long, - a rest",
                value=_MELODY,
                lines=2,
                max_lines=6,
            )
            misread = gr.HTML()
            read = guarded(self.read, 1)
            drawing.input(read, [drawing, key], [misread, melody], api_visibility="private")
            harmonise = gr.Button("Harmonise", variant="primary")
            asked = [self.model, melody, *how]
            self.answers(harmonise, self.harmonise, asked, [gr.HTML()], "harmonise")

    def _beginnings(self) -> Sequence[str]:
        return ("C5", *self.task.examples_for(self.models.metrics(self._first())))

    def read(self, drawing: dict[str, Any] | None, key: str) -> Any:
        """The notes of a drawn melody, for the text box; that stays if nothing is drawn."""
        image = (drawing or {}).get("composite")
        if image is None:
            return gr.skip()
        return traced_melody(np.asarray(image) < _INK, 4 * _DRAWN_BARS, _key(key)) or gr.skip()

    def compose(
        self,
        model: str,
        beginning: str,
        bars: float,
        key: str,
        tempo: float,
        temperature: float,
        seed: str | None,
        rules: bool,
    ) -> str:
        """A piece from its first notes, as HTML."""
        if beginning:
            beginning = require_text(beginning, "beginning", _MOST_TEXT).strip()
        predictor = self.models.load(model)
        length = 4 * predictor.encoder.steps_per_quarter * int(bars)
        settings = _settings(temperature, seed, rules)
        (piece,) = predictor.generate(beginning or "", key=_key(key), length=length, **settings)
        return _answer(piece, tempo, settings["seed"])

    def harmonise(
        self,
        model: str,
        melody: str,
        key: str,
        tempo: float,
        temperature: float,
        seed: str | None,
        rules: bool,
    ) -> str:
        """The best of some harmonies of a melody, as HTML."""
        text = require_text(melody, "melody", _MOST_TEXT)
        predictor = self.models.load(model)
        soprano = parse_melody(text, predictor.encoder.steps_per_quarter)
        if soprano.quarters > 4 * _MOST_BARS:
            raise UserError(
                f"the melody lasts {soprano.quarters:g} quarters, and {4 * _MOST_BARS} are the "
                "most on this page: cut it"
            )
        settings = _settings(temperature, seed, rules)
        pieces = predictor.generate(key=_key(key), melody=soprano, pieces=_CANDIDATES, **settings)
        best = max(pieces, key=lambda piece: piece["melody_log_probability"])
        return _answer(best, tempo, settings["seed"])


def _key(name: str) -> str | None:
    return None if name == _ANY else music.parse_key(name)


def _settings(temperature: float, seed: str | None, rules: bool) -> dict[str, Any]:
    return {**SamplingOptions(temperature, seed=parse_seed(seed)).settings(), "rules": bool(rules)}


def _answer(piece: dict[str, Any], tempo: float, seed: int) -> str:
    """A piece to see, to hear and to take along."""
    score = piece["score"]
    if not len(score):
        raise UserError("the piece ended before its first chord: ask again, with another seed")
    midi, musicxml, sound, roll = (io.BytesIO() for _ in range(4))
    music.midi.write(score, midi, tempo)
    with _ENGRAVING:
        music.musicxml.write(score, musicxml, tempo)
    music.audio.write_wav(score, sound, tempo)
    music.piano_roll.draw(score, roll)
    first, last = (music.chord_name(score.pitches[i], score.key) for i in (0, -1))
    words = (
        f"Piano roll of {len(score.bars())} bars in {score.voices} voices"
        f"{f', in {score.key}' if score.key else ''}, from {first} to {last}"
    )
    return marks.box(
        marks.picture(roll.getvalue(), words),
        marks.sound(sound.getvalue(), "The piece"),
        marks.download(midi.getvalue(), "piece.mid", "audio/midi"),
        marks.download(
            musicxml.getvalue(), "piece.musicxml", "application/vnd.recordare.musicxml+xml"
        ),
    ) + marks.note(
        f"Seed {seed}. The model's log P of the piece is {piece['log_probability']:.1f} nats, "
        f"{piece['log_probability'] / len(score):.2f} a step."
    )


def _paper() -> np.ndarray:
    """What is drawn on: (height, width) uint8, white, with grey lines for bars, C4 and C5."""
    width, height = _CANVAS
    paper = np.full((height, width), 255, "uint8")
    paper[:, width // _DRAWN_BARS :: width // _DRAWN_BARS] = _GREY
    rows = HIGHEST - LOWEST + 1
    for pitch in range(LOWEST, HIGHEST + 1, 12):
        paper[round(height * (1 - (pitch - LOWEST + 0.5) / rows))] = _GREY
    return paper
