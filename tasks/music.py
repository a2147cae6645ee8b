"""Chorales in the manner of Bach, from one note, one chord, a key, or a melody.

python -m tasks.music                                  train on the chorales, test, save
python -m tasks.music generate --out piece.mid
python -m tasks.music generate --seed-chord C5 --key "A minor" --out piece.mid --out piece.png
python -m tasks.music --help
"""

import operator
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zoo
from zoo.application import Card, Metric, Published, Rows, Task, TrainingOptions, Verb, option
from zoo.application.command_line import run
from zoo.application.options import ModelOptions, fixed
from zoo.application.sampling import SamplingOptions
from zoo.application.task import Output
from zoo.application.verbs import comparing
from zoo.errors import UserError

_SAMPLES = 2  # pieces that lie beside a trained model
_COUNTED = 64  # pieces whose statistics its card tells
_BARS = 16  # most bars of each
_LONGEST, _MOST_PIECES = 4096, 1024  # bars of a piece, and pieces that are drawn side by side
_CANDIDATES = 16  # of a harmonised melody

# How a piece is written, by the end of the file's name: a function of `zoo.music`, and whether it
# has a tempo.
_WRITERS = {
    **dict.fromkeys((".mid", ".midi"), ("midi.write", True)),
    **dict.fromkeys((".musicxml", ".xml", ".mxl"), ("musicxml.write", True)),
    ".wav": ("audio.write_wav", True),
    ".png": ("piano_roll.draw", False),
}


@dataclass
class Options(TrainingOptions):
    """What `train` takes."""

    limit: int | None = option(None, "Use so many pieces of each split.")
    bidirectional: bool = fixed(False)
    voices: int | None = option(
        None,
        "Voices of a piece: of more the upper ones are kept, of fewer the lower ones rest.  "
        "[default: what most pieces have]",
        least=1,
        most=4,
    )
    units: int = 400
    monitor: str = option("loss", choices=("loss", "perplexity"))
    batch_size: int = 32
    learning_rate: float = 3e-3
    transpose: int = option(
        6, "Train in other keys too, so many semitones up and down.", least=0, most=12
    )
    embedding_dim: int = option(32, "Size of the vector of a note.", least=1)
    interval_dim: int = option(
        16, "Size of the vector of an interval; 0 for a network without intervals.", least=0
    )
    voice_units: int = option(256, "Units of the hidden layer of each voice.", least=1)


def _check_tempo(value: float) -> float:
    zoo.music.score.check_tempo(value)
    return value


@dataclass
class GenerateOptions(SamplingOptions, ModelOptions):
    """What `generate` takes."""

    out: tuple[str, ...] = option(
        (),
        f"File of the piece, {', '.join(_WRITERS)}; can be repeated.  [default: its chords are "
        "shown]",
        file=True,
    )
    seed_chord: str | None = option(
        None,
        "Its first notes, from the top: C5, or 'C5 G4 E4 C3', or chords with | between.",
        what="chord",
    )
    key: str | None = option(None, "G, 'F# minor' or the like.", what="key")
    bars: int | None = option(
        None, "Most bars of 4/4; it may end earlier.  [default: 16]", least=1, most=_LONGEST
    )
    tempo: float = option(90.0, "Quarter notes a minute.", check=_check_tempo)
    melody: str | None = option(
        None, "MIDI or MusicXML file whose highest voice is harmonised.", what="file"
    )
    rules: bool = option(
        False,
        "Draw no parallel fifths and octaves, and no notes outside the ranges of four voices.",
        flag=True,
    )
    candidates: int | None = option(
        None,
        "Harmonies to draw, of which the one that the melody suits best is kept.  "
        f"[default: {_CANDIDATES}]",
        least=1,
        most=_MOST_PIECES,
    )


def generate(task: Task, options: GenerateOptions, output: Output) -> dict[str, Any]:
    """Writes a piece of music: as a file to play, to read, to see or to hear."""
    writers = [_writer(path, options.tempo) for path in options.out]
    if options.melody and (options.seed_chord or options.bars):
        other = "--seed-chord" if options.seed_chord else "--bars"
        raise UserError(f"the piece begins and ends with the melody: leave {other} out")
    if options.candidates and not options.melody:
        raise UserError("--candidates are harmonies of a --melody: give one")
    settings = options.settings()
    predictor = zoo.application.workflow.load(task, options.model)
    pieces = predictor.generate(
        pieces=(options.candidates or _CANDIDATES) if options.melody else 1,
        **_wanted(predictor, options),
        rules=options.rules,
        **settings,
    )
    piece = max(pieces, key=lambda piece: piece.get("melody_log_probability", 0.0))
    for write in writers:
        write(piece["score"])
    if options.seed is None:
        output.note(f"seed {settings['seed']}")
    score = piece.pop("score")
    chords = [zoo.music.chord_name(pitches, score.key) for pitches in score.pitches]
    for path in options.out:
        output.line(f"written: {path}")
    for chord in () if options.out else chords[:: max(1, score.steps_per_quarter)]:
        output.line(chord)
    about = {"steps": len(score), "steps_per_quarter": score.steps_per_quarter}
    files = [str(path) for path in options.out]
    return {"seed": settings["seed"], **piece, **about, "chords": chords, "files": files}


def _writer(path: str, tempo: float) -> Callable[[Any], None]:
    """A function that writes a score to a file of this name."""
    name, has_tempo = _WRITERS.get(Path(path).suffix.lower(), (None, False))
    if name is None:
        raise UserError(f"{path}: the name must end in {', '.join(_WRITERS)}")
    write = operator.attrgetter(name)(zoo.music)
    return lambda score: write(score, path, **({"tempo": tempo} if has_tempo else {}))


def _wanted(predictor: Any, options: GenerateOptions) -> dict[str, Any]:
    """What the piece shall be, as arguments of the predictor."""
    key = zoo.music.parse_key(options.key) if options.key else None
    grid = predictor.encoder.steps_per_quarter
    if options.melody:
        return {"key": key, "melody": zoo.datasets.music.read_score(options.melody, grid)}
    length = 4 * grid * (options.bars or _BARS)
    return {"key": key, "seed_chord": options.seed_chord or "", "length": length}


class Music(Task):
    """The next chord of a piece, voice by voice, from all that came before."""

    name = "music"
    summary = "Music: chorales for four voices, composed from one note or around a melody."
    corpus = "music"
    files = "a JSON file of chorales, a MIDI or MusicXML file, or a folder of these"
    dataset = "bach_chorales"
    predictor = "music_model"
    preset = "music_lstm_bach_chorales"
    rows = Rows("chords", {"next": [{"chord": "", "probability": 0.5}]})
    metric = Metric(
        "nll_per_step", lower_is_better=True, compared=("nll_per_step", "perplexity_per_note")
    )
    options = Options
    verbs = (
        Verb(generate, "Write a piece of music.", (GenerateOptions,)),
        comparing(Options),
    )
    card = Card(
        limits=(
            "It has learnt what follows what, and no plan of a piece: cadences come, but nothing "
            "is repeated on purpose.",
            "A melody is harmonised as it goes, without a look at what it does later.",
        ),
        examples=("C5 G4 E4 C3", "G4 D4 B3 G2 | A4 E4 C4 A2"),
        published={
            "jsb-chorales-quarter.json": (
                Published("RNN, independent keys (Bai et al. 2018)", "8.91"),
                Published("LSTM, independent keys (Bai et al. 2018)", "8.45"),
                Published("GRU, independent keys (Bai et al. 2018)", "8.43"),
                Published("TCN, independent keys (Bai et al. 2018)", "8.10"),
                Published(
                    "RNN-NADE, keys that depend on each other (Boulanger et al. 2012)", "5.56"
                ),
            )
        },
    )

    def model_name(self, options: Options) -> str:
        return super().model_name(options).replace("-", "_")

    def load_data(self, options: Options) -> Any:
        corpus, more = zoo.datasets.music, {"limit": options.limit, "voices": options.voices}
        if options.data:
            data = corpus.from_files(options.data, options.validation, options.test, **more)
        else:
            data = corpus.load(options.dataset or self.dataset, **more)
        _say_what_is_missing(data.train, data.validation, data.test)
        return data

    def load_test(self, predictor: Any, options: Any, metrics: dict[str, Any]) -> tuple[Any, str]:
        corpus = zoo.datasets.music
        more = {"limit": options.limit, "voices": predictor.encoder.voices}
        if options.data:
            scores, name = corpus.from_file(options.data, **more), options.data
        else:
            name = options.dataset or metrics.get("dataset", self.dataset)
            scores = corpus.load(name, **more).test
        _say_what_is_missing(scores)
        return scores, name

    def build(self, data: Any, options: Options) -> Any:
        encoder = zoo.music.chords.ChordEncoder.of(data.train.pieces[0])
        has_keys = any(piece.key for piece in data.train.pieces)
        model = zoo.networks.chord_model(
            encoder.voices,
            ranked=encoder.ranked,
            positions=encoder.bar,
            keys=len(zoo.music.notes.KEYS) if has_keys else 0,
            embedding_dim=options.embedding_dim,
            interval_dim=options.interval_dim,
            **options.recurrence(),
            voice_units=options.voice_units,
            dropout=options.dropout,
            name=self.name,
        )
        return zoo.predictors.MusicModel(model, encoder)

    def batches(self, predictor: Any, examples: Any, options: Options, shuffle: bool) -> Any:
        return predictor.batches(
            examples.pieces,
            options.batch_size,
            shuffle=shuffle,
            seed=options.seed,
            transpose=options.transpose if shuffle else 0,
        )

    def evaluate(self, predictor: Any, examples: Any) -> dict[str, Any]:
        return predictor.evaluate(examples.pieces) | _statistics(
            # As the model would have written them: of ranked voices nothing is struck again.
            [predictor.encoder.decode(predictor.encoder.encode(p)) for p in examples.pieces],
            "counterpoint",
        )

    def training_metadata(self, predictor: Any) -> dict[str, Any]:
        pieces = predictor.generate(length=_bars(predictor), pieces=_COUNTED, seed=1)
        return _statistics([piece["score"] for piece in pieces], "generated_counterpoint")

    def fit_baseline(self, data: Any, options: Options) -> Any:
        return _Chords.fit(data, options.transpose)

    def load_baseline(self, path: Path, predictor: Any) -> Any:
        return _Chords(zoo.evaluation.baselines.ChordBigrams.load(path), predictor.encoder)

    def details(self, metrics: dict[str, Any]) -> str:
        lines = [
            f"{metrics['steps']:,} steps, {metrics['steps_per_quarter']} to a quarter note; the "
            f"perplexity of the note of one voice is {metrics['perplexity_per_note']:.3f}. A chord "
            "is one event whose voices depend on each other; published figures of keys that do "
            "not are of another kind of model on the same events."
        ]
        if "baseline_unigram_nll_per_step" in metrics:
            lines.append(
                "The baseline is a bigram of chords with absolute discounting; the frequencies of "
                f"chords alone have {metrics['baseline_unigram_nll_per_step']:.3f} nats per step, "
                f"and equal probabilities {metrics['baseline_uniform_nll_per_step']:.3f}."
            )
        if "generated_counterpoint" in metrics:
            lines.append(_table(metrics["counterpoint"], metrics["generated_counterpoint"]))
        return "\n\n".join(lines)

    def pictures(self, metrics: dict[str, Any], predictor: Any, folder: Path) -> list[str]:
        pictures = []
        length = _bars(predictor)
        pieces = predictor.generate(length=length, pieces=_SAMPLES, seed=1)
        for number, piece in enumerate(pieces, 1):
            zoo.music.midi.write(piece["score"], folder / f"sample_{number}.mid")
            pictures.append(f"sample_{number}.png")
            zoo.music.piano_roll.draw(piece["score"], folder / pictures[-1])
        return pictures

    def examples_for(self, metrics: dict[str, Any]) -> Sequence[str]:
        """With as many notes to a chord as the model has voices."""

        def cut(chords: str) -> str:
            return " | ".join(
                " ".join(chord.split()[: metrics["voices"]]) for chord in chords.split("|")
            )

        return tuple(map(cut, self.card.examples))

    def show(self, prediction: dict[str, Any]) -> str:
        likeliest = ", ".join(f"{n['chord']} {n['probability']:.3f}" for n in prediction["next"])
        return f"{prediction['input']} ... {likeliest}"


def _say_what_is_missing(*splits: Any) -> None:
    """Tells, on standard error, how many notes of files were left out."""
    if missing := sum(scores.reduced for scores in splits):
        print(
            f"{missing:,} notes are left out, of lower voices or where more than four sound at "
            "once, of which the highest three and the lowest stay",
            file=sys.stderr,
        )


def _statistics(scores: Sequence[Any], name: str) -> dict[str, Any]:
    """The statistics of four-part writing by name; nothing of music in fewer parts."""
    if scores[0].voices != 4:
        return {}
    return {name: zoo.music.counterpoint.statistics(scores)}


def _table(bach: dict[str, Any], model: dict[str, Any]) -> str:
    """Statistics of the test pieces and of those that the model writes."""
    lines = ["| | test pieces | generated |", "|---|---|---|"]
    for name, value in bach.items():
        words = name.replace("_", " ")
        if isinstance(value, dict):
            lines += [
                f"| {words}: {voice} | {of_bach:.3g} | {model[name][voice]:.3g} |"
                for voice, of_bach in value.items()
            ]
        else:
            form = ",d" if isinstance(value, int) else ".3g"
            lines.append(f"| {words} | {value:{form}} | {model[name]:{form}} |")
    return "\n".join(lines)


def _bars(predictor: Any) -> int:
    """The length of a sample in steps."""
    return 4 * predictor.encoder.steps_per_quarter * _BARS


class _Chords:
    """The baseline with the symbols of the network."""

    def __init__(self, model: Any, encoder: Any) -> None:
        self._model = model
        self._encoder = encoder
        self.save = model.save

    @classmethod
    def fit(cls, data: Any, transpose: int) -> "_Chords":
        """Bigrams of the pieces, or of the pieces in all keys, whichever are better."""
        encoder = zoo.music.chords.ChordEncoder.of(data.train.pieces[0])
        pieces = data.train.pieces
        validation = [encoder.encode(piece, end=False) for piece in data.validation.pieces]
        fit, models = zoo.evaluation.baselines.ChordBigrams.fit, []
        for scores in (pieces, zoo.music.transpositions.transpositions(pieces, transpose)):
            symbols = [encoder.encode(score, end=False) for score in scores]
            models.append(fit(symbols, validation, encoder.symbols))
        best = min(models, key=lambda model: model.nll_per_step(validation))
        return cls(best, encoder)

    def evaluate(self, examples: Any) -> dict[str, Any]:
        symbols = [self._encoder.encode(piece, end=False) for piece in examples.pieces]
        return {
            "nll_per_step": self._model.nll_per_step(symbols),
            "unigram_nll_per_step": self._model.nll_per_step(symbols, order=1),
            "uniform_nll_per_step": self._encoder.uniform_nll,
        }


if __name__ == "__main__":
    run(Music())
