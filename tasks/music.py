"""Chorales in the manner of Bach, from one note, one chord, a key, or a melody.

python -m tasks.music                                  train on the chorales, test, save
python -m tasks.music generate --out piece.mid
python -m tasks.music generate --seed-chord C5 --key "A minor" --out piece.mid --out piece.png
python -m tasks.music --help
"""

import click

import zoo
from zoo.application.command_line import run
from zoo.application.task import Published, Task

_SAMPLES = 2  # pieces that lie beside a trained model
_COUNTED = 64  # pieces whose statistics its card tells
_BARS = 16  # most bars of each


class Music(Task):
    """The next chord of a piece, voice by voice, from all that came before."""

    name = "music"
    summary = "Music: chorales for four voices, composed from one note or around a melody."
    predictor = "music_model"
    dataset = "bach_chorales"
    preset = "music_lstm_bach_chorales"
    metric = "nll_per_step"
    lower_is_better = True
    compared = ("nll_per_step", "perplexity_per_note")
    file_formats = "a JSON file of chorales, a MIDI or MusicXML file, or a folder of these"
    limit_help = "Use so many pieces of each split."
    without = frozenset({"bidirectional"})
    verbs = ("compose", "compare")
    defaults = {  # noqa: RUF012
        "cell": "lstm",
        "units": 400,
        "layers": 1,
        "dropout": 0.5,
        "epochs": 10,
        "patience": 2,
        "batch_size": 32,
        "learning_rate": 3e-3,
        "clip_norm": 1.0,
    }
    options = (
        click.Option(
            ["--transpose"],
            type=click.IntRange(0, 12),
            default=6,
            help="Train on the pieces in other keys too, so many semitones up and down.",
        ),
        click.Option(
            ["--embedding-dim"],
            type=click.IntRange(1),
            default=32,
            help="Size of the vector of a note.",
        ),
        click.Option(
            ["--voice-units"],
            type=click.IntRange(1),
            default=256,
            help="Units of the hidden layer of each voice.",
        ),
    )
    examples = ("C5 G4 E4 C3", "G4 D4 B3 G2 | A4 E4 C4 A2")
    published = {  # noqa: RUF012
        "jsb-chorales-quarter.json": (
            Published("RNN, independent keys (Bai et al. 2018)", "8.91"),
            Published("LSTM, independent keys (Bai et al. 2018)", "8.45"),
            Published("GRU, independent keys (Bai et al. 2018)", "8.43"),
            Published("TCN, independent keys (Bai et al. 2018)", "8.10"),
            Published("RNN-NADE, keys that depend on each other (Boulanger et al. 2012)", "5.56"),
        )
    }
    limits = (
        "It has learnt what follows what, and no plan of a piece: cadences come, but nothing is "
        "repeated on purpose.",
        "A melody is harmonised as it goes, without a look at what it does later.",
    )

    def model_name(self, settings):
        return super().model_name(settings).replace("-", "_")

    def load_data(self, settings):
        corpus = zoo.datasets.music
        if settings.data:
            files = (settings.data, settings.validation, settings.test)
            data = corpus.from_files(*files, limit=settings.limit)
            _say_what_is_missing(data.train, data.validation, data.test)
            return data
        return corpus.load(settings.dataset or self.dataset, limit=settings.limit)

    def load_test(self, predictor, settings, metrics):
        corpus = zoo.datasets.music
        if settings.data:
            scores = corpus.from_file(settings.data, limit=settings.limit)
            _say_what_is_missing(scores)
            return scores, settings.data
        name = settings.dataset or metrics.get("dataset", self.dataset)
        return corpus.load(name, limit=settings.limit).test, name

    def build(self, data, settings):
        encoder = zoo.music.chords.ChordEncoder.of(data.train.pieces[0])
        has_keys = any(piece.key for piece in data.train.pieces)
        model = zoo.networks.chord_model(
            encoder.voices,
            ranked=encoder.ranked,
            positions=encoder.bar,
            keys=len(zoo.music.notes.KEYS) if has_keys else 0,
            embedding_dim=settings.embedding_dim,
            cell=settings.cell,
            units=settings.units,
            layers=settings.layers,
            residual=settings.residual,
            voice_units=settings.voice_units,
            dropout=settings.dropout,
            name=self.name,
        )
        return zoo.predictors.MusicModel(model, encoder)

    def batches(self, predictor, examples, settings, shuffle):
        return predictor.batches(
            examples.pieces,
            settings.batch_size,
            shuffle=shuffle,
            seed=settings.seed,
            transpose=settings.transpose if shuffle else 0,
        )

    def evaluate(self, predictor, examples):
        return predictor.evaluate(examples.pieces) | _statistics(
            # As the model would have written them: of ranked voices nothing is struck again.
            [predictor.encoder.decode(predictor.encoder.encode(p)) for p in examples.pieces],
            "counterpoint",
        )

    def remember(self, predictor):
        pieces = predictor.generate(length=_bars(predictor), pieces=_COUNTED, seed=1)
        return _statistics([piece["score"] for piece in pieces], "generated_counterpoint")

    def fit_baseline(self, data, settings):
        return _Chords.fit(data, settings.transpose)

    def load_baseline(self, path, predictor):
        return _Chords(zoo.evaluation.baselines.ChordBigrams.load(path), predictor.encoder)

    def evaluate_baseline(self, baseline, examples):
        return baseline.evaluate(examples.pieces)

    def details(self, metrics):
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

    def draw(self, metrics, predictor, folder):
        pictures = []
        length = _bars(predictor)
        pieces = predictor.generate(length=length, pieces=_SAMPLES, seed=1)
        for number, piece in enumerate(pieces, 1):
            zoo.music.midi.write(piece["score"], folder / f"sample_{number}.mid")
            pictures.append(f"sample_{number}.png")
            zoo.music.piano_roll.draw(piece["score"], folder / pictures[-1])
        return tuple(pictures)

    def examples_for(self, metrics):
        """With as many notes to a chord as the model has voices."""

        def cut(chords):
            return " | ".join(
                " ".join(chord.split()[: metrics["voices"]]) for chord in chords.split("|")
            )

        return tuple(map(cut, self.examples))

    def show(self, prediction):
        likeliest = ", ".join(f"{n['chord']} {n['probability']:.3f}" for n in prediction["next"])
        return f"{prediction['input']} ... {likeliest}"


def _say_what_is_missing(*splits):
    """Tells, on standard error, how many notes of files were left out."""
    if missing := sum(scores.reduced for scores in splits):
        click.echo(
            f"{missing:,} notes are left out: where more than four sound at once, the highest "
            "three and the lowest stay",
            err=True,
        )


def _statistics(scores, name):
    """The statistics of four-part writing by name; nothing of music in fewer parts."""
    if scores[0].voices != 4:
        return {}
    return {name: zoo.music.counterpoint.statistics(scores)}


def _table(bach, model):
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


def _bars(predictor):
    """The length of a sample in steps."""
    return 4 * predictor.encoder.steps_per_quarter * _BARS


class _Chords:
    """The baseline with the symbols of the network."""

    def __init__(self, model, encoder):
        self._model = model
        self._encoder = encoder
        self.save = model.save

    @classmethod
    def fit(cls, data, transpose):
        """Bigrams of the pieces, or of the pieces in all keys, whichever are better."""
        encoder = zoo.music.chords.ChordEncoder.of(data.train.pieces[0])
        pieces = data.train.pieces
        validation = [encoder.encode(piece, end=False) for piece in data.validation.pieces]
        models = []
        for scores in (pieces, zoo.music.transpositions.transpositions(pieces, transpose)):
            symbols = [encoder.encode(score, end=False) for score in scores]
            models.append(
                zoo.evaluation.baselines.ChordBigrams.fit(symbols, validation, encoder.symbols)
            )
        best = min(models, key=lambda model: model.nll_per_step(validation))
        return cls(best, encoder)

    def evaluate(self, pieces):
        symbols = [self._encoder.encode(piece, end=False) for piece in pieces]
        return {
            "nll_per_step": self._model.nll_per_step(symbols),
            "unigram_nll_per_step": self._model.nll_per_step(symbols, order=1),
            "uniform_nll_per_step": self._encoder.uniform_nll,
        }


if __name__ == "__main__":
    run(Music())
