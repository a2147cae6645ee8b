"""Speech to letters with connectionist temporal classification: T_x > T_y, not aligned.

python -m tasks.speech                               train on spoken digits, test, save
python -m tasks.speech predict call.wav talk.mp3     use the model that ships
python -m tasks.speech train --data recordings.tsv   columns `audio`, a path, and `text`
python -m tasks.speech --help
"""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zoo
from zoo.application import Card, Metric, Rows, Task, TrainingOptions, files, option
from zoo.application.command_line import run
from zoo.application.options import DataOptions, ModelOptions
from zoo.errors import UserError

_LETTER_DIM = 64  # of the vectors of letters that a decoder reads
_MOST_TEXTS = 1000  # that `--head label` tells apart
_PIECE = 0.25  # seconds of a stream that come at a time

_ANSWER = {
    "text": "",
    "probability": 0.5,
    "familiar": True,
    "words": [{"word": "", "start": 0.0, "end": 0.5}],
    "seconds": 0.5,
    "hypotheses": [{"text": "", "log_probability": -0.5}],
}


@dataclass
class Options(TrainingOptions):
    """What `train` takes."""

    units: int = 128
    layers: int = 2
    dropout: float = 0.3
    epochs: int = 8
    patience: int = 8  # the rate has to fall to its end
    monitor: str = option("error", choices=("loss", "error"))
    batch_size: int = 32
    learning_rate: float = 0.003
    features: str = option("mfcc", "What the network reads.", choices=("mfcc", "log_mel"))
    rate: int = option(8_000, "Samples a second, to which recordings are resampled.", least=4_000)
    head: str = option(
        "ctc",
        "How texts come of the steps: letters by CTC, or by a decoder with attention; or each text "
        "of the training data as a class.",
        choices=("ctc", "attention", "label"),
    )
    subsampling: int = option(1, "Frames (of 25 ms) that make one step.", least=1, most=8)
    subsampling_kind: str = option(
        "stack",
        "How: frames beside each other, or a convolution.",
        choices=("stack", "convolution"),
    )
    augment: bool = option(True, "Change tempo, frequencies and noise in training.")


@dataclass
class PredictOptions(ModelOptions):
    """What `predict` takes."""

    beams: int = option(10, "Prefixes side by side; 1 takes the most probable path.", least=1)
    n_best: int = option(1, "Show so many transcriptions, with their log P.", least=1, most=100)
    language_model: str | None = option(
        None, "A saved model of characters that is listened to as well; slower.", what="model"
    )
    weight: float = option(0.3, "Of the language model.", least=0)
    alignment: str | None = option(
        None, "PNG of the first recording and its letters over time.", file=True
    )
    stream: bool = option(
        False,
        "Print while the audio comes in; of a model of one direction.",
        flag=True,
        single=True,
    )


def _streams(options: Options) -> bool:
    return options.head == "ctc" and not options.bidirectional


class Speech(Task):
    """What was said, from audio to letters."""

    name = "speech"
    summary = "Speech recognition: audio to letters, with connectionist temporal classification."
    corpus = "speech"
    files = "CSV, TSV or JSON Lines with the columns audio and text"
    dataset = "free_spoken_digits"
    predictor = "speech_recognizer"
    preset = "speech_bilstm_free_spoken_digits"
    predicted_together = 32
    rows = Rows("audio", _ANSWER, whole=(".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a"))
    metric = Metric("wer", lower_is_better=True, compared=("wer", "cer", "exact_match"))
    options = Options
    predict_options = PredictOptions
    card = Card(
        limits=(
            "It knows the words, voices and rooms that it was trained on, and writes the letters "
            "of what it takes for them, whatever is said.",
            "Recordings are read at the rate of the model, by default that of telephones.",
        ),
        stand_in="recording.wav",
    )

    def model_name(self, options: Any) -> str:
        name = super().model_name(options)
        return name if options.head == "ctc" else name.replace("_", f"_{options.head}_", 1)

    def load_data(self, options: Any) -> Any:
        corpus, more = zoo.datasets.speech, {"limit": options.limit, "rate": options.rate}
        if options.data:
            return corpus.from_files(options.data, options.validation, options.test, **more)
        return corpus.load(options.dataset or self.dataset, **more)

    def load_test(self, predictor: Any, options: DataOptions, metrics: Any) -> tuple[Any, str]:
        corpus = zoo.datasets.speech
        more = {"limit": options.limit, "rate": predictor.features.rate}
        if options.data:
            return corpus.from_file(options.data, **more), options.data
        name = options.dataset or metrics.get("dataset", self.dataset)
        return corpus.load(name, **more).test, name

    def build(self, data: Any, options: Options) -> Any:
        features = self._features(options)
        tokenizer = zoo.text.characters.CharacterTokenizer.from_documents(data.train.texts)
        frames = zoo.networks.Frames(
            features.size, options.subsampling, options.subsampling_kind, options.units
        )
        more: dict[str, Any] = {
            **options.recurrence(),
            "bidirectional": options.bidirectional,
            "dropout": options.dropout,
            "name": self.name,
        }
        symbols, texts = len(tokenizer.vocabulary), None
        if options.head == "ctc":
            model = zoo.networks.transcriber(frames, symbols, **more)
        elif options.head == "label":
            texts = self._texts(data.train)
            model = zoo.networks.many_to_one(frames, len(texts), embedding_dropout=0.0, **more)
        else:
            model = zoo.networks.encoder_decoder(frames, symbols, embedding_dim=_LETTER_DIM, **more)
        normalization = zoo.audio.Normalization()
        if _streams(options):  # which can stream: it does not wait for the end
            found = zoo.audio.features_of(data.train.recordings, features)
            normalization = zoo.audio.Normalization.running_from(found)
        return zoo.predictors.SpeechRecognizer(model, tokenizer, features, normalization, texts)

    @staticmethod
    def _texts(train: Any) -> list[str]:
        texts = sorted({*train.texts})
        if not 2 <= len(texts) <= _MOST_TEXTS:
            raise UserError(
                f"--head label tells from 2 to {_MOST_TEXTS:,} texts apart, and the training data "
                f"have {len(texts):,}: give a --head of letters"
            )
        return texts

    @staticmethod
    def _features(options: Options) -> Any:
        step = options.rate // 40  # 25 ms
        return zoo.audio.Features(
            kind=options.features,
            rate=options.rate,
            bands=128 if options.features == "mfcc" else 40,
            window=2 * step,
            hop=step,
            # Of a range below the loudest band, nothing could be said before the end.
            decibels=zoo.audio.features.UNBOUNDED if _streams(options) else 80.0,
        )

    def batches(self, predictor: Any, examples: Any, options: Options, shuffle: bool) -> Any:
        changes = zoo.audio.Augmentation() if shuffle and options.augment else None
        return predictor.batches(
            examples, options.batch_size, shuffle=shuffle, seed=options.seed, augmentation=changes
        )

    def predict(self, predictor: Any, inputs: list[str], options: Any) -> list[dict[str, Any]]:
        options = options or PredictOptions()
        if options.n_best > options.beams:
            raise UserError(
                f"--n-best {options.n_best} are more than {options.beams} beams find: give "
                f"--beams {options.n_best}"
            )
        if options.alignment:
            predictor.draw(inputs[0], options.alignment)
            options.alignment = None  # it is of the first recording alone
        language_model = self._language_model(options)
        if options.stream:
            return self._streamed(predictor, inputs, options)
        waveforms = self._read(inputs, predictor)
        found = predictor.predict(
            [waveform for waveform in waveforms if not isinstance(waveform, str)],
            beams=options.beams,
            n_best=options.n_best,
            language_model=language_model,
            weight=options.weight,
        )
        return files.predictions(waveforms, found)

    def of_row(self, predictor: Any, row: Any) -> str:
        return files.of_row(row)

    def expand(self, inputs: Iterable[str]) -> Iterable[str]:
        return files.names(inputs)

    @staticmethod
    def _read(inputs: list[str], predictor: Any) -> list[Any]:
        """The waveforms of files, or the reasons why they cannot be read."""
        return files.read_each(inputs, lambda name: zoo.audio.read(name, predictor.features.rate))

    @staticmethod
    def _language_model(options: Any) -> Any:
        if options.language_model is None:
            return None
        model = zoo.load(options.language_model)
        if model.kind != "language_model":
            raise UserError(f"{options.language_model} is no language model: give one")
        return model

    def _streamed(self, predictor: Any, inputs: list[str], options: Any) -> list[dict[str, Any]]:
        if options.n_best > 1 or options.language_model:
            raise UserError(
                "--stream takes the most probable path: leave --n-best and --language-model out"
            )
        predictor.stream()  # refused before a file is read
        waveforms = self._read(inputs, predictor)
        read = (waveform for waveform in waveforms if not isinstance(waveform, str))
        return files.predictions(waveforms, (self._stream(predictor, one) for one in read))

    @staticmethod
    def _stream(predictor: Any, waveform: Any) -> dict[str, Any]:
        """What is said in a recording, shown as if it were being made, on standard error."""
        rate = predictor.features.rate
        stream, piece, texts = predictor.stream(), int(_PIECE * rate), []
        for start in range(0, len(waveform), piece):
            texts.append(stream.feed(waveform[start : start + piece]))
            print(texts[-1], end="", file=sys.stderr, flush=True)
        texts.append(stream.finish())
        print(texts[-1], file=sys.stderr)
        text = "".join(texts).strip()
        return {"text": text, "seconds": len(waveform) / rate, "hypotheses": []}

    def fit_baseline(self, data: Any, options: Options) -> Any:
        return zoo.evaluation.baselines.SpokenWords.fit(
            data.train.recordings, data.train.texts, self._features(options)
        )

    def load_baseline(self, path: Path, predictor: Any) -> Any:
        return zoo.evaluation.baselines.SpokenWords.load(path, predictor.features)

    def details(self, metrics: dict[str, Any]) -> str:
        lines = [
            f"Error rate of characters {metrics['cer']:.4f}; without an error "
            f"{metrics['exact_match']:.4f} of the utterances."
        ]
        if metrics.get("infeasible"):
            lines.append(
                f"{metrics['infeasible']:,} utterances say more letters than they have steps, so "
                "that they cannot be right."
            )
        if "baseline_cer" in metrics:
            lines.append(
                "The baseline cuts a recording at its pauses and takes each piece for a word, by "
                f"logistic regression: error rate of characters {metrics['baseline_cer']:.4f}."
            )
        if speakers := metrics.get("by_speaker"):
            rows = [
                f"| {name} | {of['examples']:,} | {of['wer']:.4f} | {of['cer']:.4f} |"
                for name, of in speakers.items()
            ]
            head = ["| speaker | utterances | WER | CER |", "|---|---|---|---|"]
            lines.append("\n".join([*head, *rows]))
        return "\n\n".join(lines)

    def show(self, prediction: dict[str, Any]) -> str:
        name = prediction["input"]
        if "error" in prediction:
            return f"error: {prediction['error']}"
        hypotheses = prediction["hypotheses"]
        if len(hypotheses) > 1:
            return "\n".join(
                f"{h['log_probability']:9.3f}  {h['text']}  ({name})" for h in hypotheses
            )
        if "probability" not in prediction:  # of a stream
            return f"{prediction['text']}  ({name})"
        return f"{prediction['probability']:.3f}  {prediction['text']}  ({name})"


if __name__ == "__main__":
    run(Speech())
