"""Chorales from their first notes, or around a melody that is written or drawn."""

import io
from collections.abc import Sequence
from typing import Any

import gradio as gr
import numpy as np
from gradio.processing_utils import save_bytes_to_cache
from gradio.utils import get_upload_folder

from zoo import music
from zoo.application.sampling import SamplingOptions
from zoo.demo import marks
from zoo.demo.panels.panel import Panel, guarded, require_text
from zoo.errors import UserError
from zoo.music.melodies import parse_melody, traced_melody

_ANY = "any"
_MOST_TEXT = 1_000  # characters of notes
_MOST_BARS = 16
_DRAWN_QUARTERS = 16  # notes across the drawing
_CANVAS = 640, 240
_INK = 200  # of 255; what is darker is drawn
_CANDIDATES = 16  # harmonies, of which the one that the melody suits best is kept
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
            seed = gr.Number(
                value=None,
                precision=0,
                minimum=0,
                maximum=2**32 - 1,
                label="Seed (empty: a new one)",
                min_width=120,
            )
        how = [key, tempo, temperature, seed]
        with gr.Tab("Compose"):
            beginning = self.text_input(
                "First notes: one, a chord from the top, or chords with | between; or none",
                lines=1,
                examples=self._beginnings(),
            )
            bars = gr.Slider(1, _MOST_BARS, 8, step=1, label="Most bars")
            compose = gr.Button("Compose", variant="primary")
            asked = [self.model, beginning, bars, *how]
            self.answers(compose, self.compose, asked, self._shown(), "compose")
        with gr.Tab("Harmonise"):
            gr.Markdown(
                "Draw the soprano: time from left to right, four bars, a note a quarter; pitch "
                "from bottom to top, C4 to A5. The line snaps to the scale of the key, or to "
                "semitones where that is any. Or write its notes below."
            )
            drawing = gr.Sketchpad(
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
            drawing.change(read, [drawing, key], [misread, melody], api_visibility="private")
            harmonise = gr.Button("Harmonise", variant="primary")
            asked = [self.model, melody, *how]
            self.answers(harmonise, self.harmonise, asked, self._shown(), "harmonise")

    def _beginnings(self) -> Sequence[str]:
        return ("C5", *self.task.examples_for(self.models.metrics(self._first())))

    @staticmethod
    def _shown() -> list[Any]:
        files = gr.File(label="To download", file_count="multiple", interactive=False, height=110)
        return [gr.HTML(), files]

    def read(self, drawing: dict[str, Any] | None, key: str) -> Any:
        """The notes of a drawn melody, for the text box; that stays if nothing is drawn."""
        image = (drawing or {}).get("composite")
        if image is None:
            return gr.skip()
        return traced_melody(np.asarray(image) < _INK, _DRAWN_QUARTERS, _key(key)) or gr.skip()

    def compose(
        self,
        model: str,
        beginning: str,
        bars: float,
        key: str,
        tempo: float,
        temperature: float,
        seed: float | None,
    ) -> tuple[str, list[str]]:
        """A piece from its first notes: HTML, and the paths of its files."""
        if beginning:
            beginning = require_text(beginning, "beginning", _MOST_TEXT).strip()
        predictor = self.models.load(model)
        length = 4 * predictor.encoder.steps_per_quarter * int(bars)
        settings = _settings(temperature, seed)
        (piece,) = predictor.generate(beginning or "", key=_key(key), length=length, **settings)
        return _answer(piece, tempo, settings["seed"])

    def harmonise(
        self,
        model: str,
        melody: str,
        key: str,
        tempo: float,
        temperature: float,
        seed: float | None,
    ) -> tuple[str, list[str]]:
        """The best of some harmonies of a melody: HTML, and the paths of its files."""
        text = require_text(melody, "melody", _MOST_TEXT)
        predictor = self.models.load(model)
        soprano = parse_melody(text, predictor.encoder.steps_per_quarter)
        if soprano.quarters > 4 * _MOST_BARS:
            raise UserError(
                f"the melody lasts {soprano.quarters:g} quarters, and {4 * _MOST_BARS} are the "
                "most on this page: cut it"
            )
        settings = _settings(temperature, seed)
        pieces = predictor.generate(key=_key(key), melody=soprano, pieces=_CANDIDATES, **settings)
        best = max(pieces, key=lambda piece: piece["melody_log_probability"])
        return _answer(best, tempo, settings["seed"])


def _key(name: str) -> str | None:
    return None if name == _ANY else music.parse_key(name)


def _settings(temperature: float, seed: float | None) -> dict[str, Any]:
    return SamplingOptions(temperature, seed=None if seed is None else int(seed)).settings()


def _answer(piece: dict[str, Any], tempo: float, seed: int) -> tuple[str, list[str]]:
    """What is shown of a piece, and its files, which Gradio deletes with its other ones."""
    score = piece["score"]
    if not len(score):
        raise UserError("the piece ended before its first chord: ask again, with another seed")
    contents = {}
    for name, write in (("piece.mid", music.midi.write), ("piece.musicxml", music.musicxml.write)):
        file = io.BytesIO()
        write(score, file, tempo)
        contents[name] = file.getvalue()
    roll, sound = io.BytesIO(), io.BytesIO()
    music.piano_roll.draw(score, roll)
    music.audio.write_wav(score, sound, tempo)
    first, last = (music.chord_name(score.pitches[i], score.key) for i in (0, -1))
    words = (
        f"Piano roll of {len(score.bars())} bars in {score.voices} voices"
        f"{f', in {score.key}' if score.key else ''}, from {first} to {last}"
    )
    told = (
        f"Seed {seed}. The model's log P of the piece is {piece['log_probability']:.1f} nats, "
        f"{piece['log_probability'] / len(score):.2f} a step."
    )
    cache = get_upload_folder()
    return (
        marks.box(marks.picture(roll.getvalue(), words), marks.sound(sound.getvalue(), "The piece"))
        + marks.note(told),
        [save_bytes_to_cache(content, name, cache) for name, content in contents.items()],
    )
