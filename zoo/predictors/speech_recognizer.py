"""Recordings in, what is said in them out."""

import logging
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self, TypeAlias

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from zoo import audio, evaluation  # pictures and figures, which take seconds, only when asked
from zoo.audio import Augmentation, Features, Normalization, features_of
from zoo.datasets.batches.mapped import MappedBatches
from zoo.errors import UserError
from zoo.networks.frames import LAYER
from zoo.predictors.base import Predictor, load_vocabulary, map_by_length
from zoo.predictors.calibration import Calibration, calibrated
from zoo.predictors.endpoints import Endpoint
from zoo.predictors.fusion import Fusion
from zoo.predictors.language_model import LanguageModel
from zoo.predictors.recordings import joined, parts, waveforms_of
from zoo.predictors.speech_endpoints import endpoints
from zoo.predictors.speech_heads import CTCHead, LabelHead, Transcription, head_of
from zoo.predictors.speech_stream import SpeechStream
from zoo.text.characters import CharacterTokenizer
from zoo.text.special_tokens import END_ID, PADDING_ID
from zoo.training import infeasible

if TYPE_CHECKING:  # which loads TensorFlow Datasets
    from zoo.datasets.speech import Utterances

ALPHABET_NAME = "alphabet.txt"
BEAMS = 10
_BATCH_SIZE = 32
_MOST_FRAMES = 2**15  # of a batch

_LOG = logging.getLogger(__name__)

Found: TypeAlias = dict[str, Any]


class SpeechRecognizer(Predictor):
    """A network that reads speech, with its features and its alphabet.

    Args:
        model: `keras.Model` of `zoo.networks.transcriber`; or of `encoder_decoder` or `many_to_one`
            that read `Frames`.
        tokenizer: of the characters; the blank is padding.
        features: how recordings become features.
        normalization: what makes those of different voices and rooms alike.
        texts: those of the classes of `many_to_one`, which writes no letters.

    Raises:
        ValueError: the model has another alphabet or other classes, or reads other features.
    """

    kind = "speech_recognizer"

    def __init__(
        self,
        model: keras.Model,
        tokenizer: CharacterTokenizer,
        features: Features,
        normalization: Normalization,
        texts: Sequence[str] | None = None,
    ):
        if texts is None and model.output_shape[-1] != len(tokenizer.vocabulary):
            symbols = len(tokenizer.vocabulary)
            raise ValueError(f"{symbols} symbols for a model of {model.output_shape[-1]}")
        if model.input["features"].shape[-1] != features.size:
            raise ValueError(f"features of {features.size} numbers for another model")
        self.model = model
        self.tokenizer = tokenizer
        self.features = features
        self.normalization = normalization
        self.subsampling = model.get_layer(LAYER).factor
        self.head = head_of(model, tokenizer, texts)
        size = features.size
        self._normalized = tf.function(
            lambda rows, lengths: (
                self.normalization(rows, lengths),
                tf.sequence_mask(lengths, tf.shape(rows)[1], tf.int32),
            ),
            [tf.TensorSpec([None, None, size]), tf.TensorSpec([None], tf.int32)],
            autograph=False,
        )

    @property
    def seconds_per_step(self) -> float:
        """The time from one step of the network to the next."""
        return self.features.hop * self.subsampling / self.features.rate

    @property
    def streams(self) -> bool:
        """Whether it can say what it hears before the recording has ended."""
        if not isinstance(self.head, CTCHead):
            return False
        layers = self.model.get_layer("recurrence"), self.model.get_layer(LAYER)
        one_way = not layers[0].bidirectional and layers[1].kind == "stack"
        return one_way and self.features.local and self.normalization.kind == "running"

    def stream(self) -> SpeechStream:
        """A stream that takes audio in pieces; a UserError if the model needs the whole of it."""
        return SpeechStream(self)

    def compile(self, optimizer: keras.optimizers.Optimizer) -> keras.Model:
        self.head.compile(optimizer)
        return self.model

    def batches(
        self,
        utterances: "Utterances",
        batch_size: int,
        *,
        shuffle: bool = False,
        seed: int = 0,
        augmentation: Augmentation | None = None,
    ) -> MappedBatches:
        """Batches of utterances, for `zoo.training.fit`.

        Args:
            utterances: recordings and texts; one of no frames, or that says nothing, is left out.
            batch_size: utterances in a batch.
            shuffle: whether for training.
            seed: of the order and the augmentation.
            augmentation: what is done to the features, another each time; None for nothing.
        """
        features = features_of(utterances.recordings, self.features)
        used = [i for i, f in enumerate(features) if len(f) and utterances.texts[i]]
        if not used:
            raise UserError("nothing is said in these recordings: give some with words")
        self._warn(utterances)
        lengths = [len(features[i]) for i in used]
        frames = tf.RaggedTensor.from_row_lengths(
            np.concatenate([features[i] for i in used]), lengths
        )
        inputs = {
            "features": frames,
            "mask": frames.with_flat_values(np.ones(sum(lengths), "int32")),
        }
        texts = [utterances.texts[i] for i in used]
        bucketed = self.head.bucketed(
            inputs, texts, batch_size=batch_size, shuffle=shuffle, seed=seed
        )

        def prepared(seed: tf.Tensor, batch: dict[str, tf.Tensor], *targets: tf.Tensor) -> tuple:
            found, mask = batch["features"], batch["mask"]
            lengths = tf.reduce_sum(mask, axis=1)
            if augmentation is None:
                found = self.normalization(found, lengths)
            else:
                first, second = tf.unstack(tf.random.split(seed, 2, alg="philox"))
                found, lengths = augmentation.distorted(found, lengths, first, self.features)
                found = self.normalization(found, lengths)
                found = augmentation.blurred(found, lengths, second)
            found = tf.ensure_shape(found, [None, None, self.features.size])
            mask = tf.sequence_mask(lengths, tf.shape(found)[1], tf.int32)
            return self.head.batch(batch | {"features": found, "mask": mask}, *targets)

        return MappedBatches(bucketed, prepared, seed)

    def _warn(self, utterances: "Utterances") -> None:
        """Tells of utterances that cannot be transcribed right, whatever the network learns."""
        if isinstance(self.head, CTCHead) and (found := self.infeasible(utterances)):
            first = utterances.texts[found[0]]
            _LOG.warning(
                "%s utterances say more than they have steps and are left out, such as '%s'",
                f"{len(found):,}",
                first[:50],
            )
        known = {*self.tokenizer.vocabulary.tokens}
        unknown = sorted({letter for text in utterances.texts for letter in text} - known)
        if unknown:
            shown = " ".join(unknown[:10])
            _LOG.warning("letters that the model does not know, and cannot write: %s", shown)

    def infeasible(self, utterances: "Utterances") -> list[int]:
        """Which utterances say more than they have steps: they cannot be learnt, nor be right."""
        frames = [
            len(recording) if recording.ndim > 1 else int(self.features.frames(len(recording)))
            for recording in utterances.recordings
        ]
        labels = self.tokenizer.ragged(utterances.texts)
        steps = -(-np.array(frames) // self.subsampling)
        found = infeasible(steps, labels.to_tensor(PADDING_ID), labels.row_lengths())
        return np.flatnonzero(ops.convert_to_numpy(found)).tolist()

    def predict(
        self,
        recordings: Iterable[Any],
        *,
        beams: int = BEAMS,
        n_best: int = 1,
        language_model: LanguageModel | None = None,
        weight: float = 0.3,
    ) -> list[dict[str, Any]]:
        """Transcribes recordings.

        Args:
            recordings: list of paths of files, of any format that PyAV reads, or of waveforms,
                (samples,) float from -1 to 1 or int16, at `features.rate` samples a second. One
                of more than half a minute is cut at its quietest places.
            beams: prefixes side by side, see `zoo.generation.ctc`; 1 takes the most probable path.
            n_best: how many transcriptions of each recording, at most `beams`.
            language_model: a predictor of characters, which the search listens to as well: lines
                like the transcriptions are what it should be trained on. It takes five times
                as long. None for none.
            weight: of its log P, at least 0; that of the recording's is 1.

        Returns:
            One dict per recording, in order: `text`; its `probability`, calibrated to say how often
            such a one is exactly right; `familiar`, whether it is as probable by the letter as
            those of 99 of 100 validation utterances; `words`, a list of dicts of `word`, and its
            `start` and `end` in seconds; `seconds`, the length of the recording; and `hypotheses`,
            up to `n_best`, a list of dicts of `text` and `log_probability` (natural logarithm); one
            where the recording was cut.

        Raises:
            TypeError: it is no list, or what is in it is no recording.
            ValueError: a number is out of range.
            UserError: a file cannot be read, or the network or the language model cannot be fused.
        """
        if not 1 <= n_best <= beams:
            raise ValueError(f"`n_best` must be from 1 to `beams`. Received: {n_best!r}, {beams!r}")
        waveforms = waveforms_of(recordings, self.features.rate)
        pieces = [parts(waveform, self.features.rate) for waveform in waveforms]
        # Nothing but zeros is no sound, and says nothing.
        flat = [piece if piece.any() else piece[:0] for of_one in pieces for _, piece in of_one]
        more = self._fusion(language_model, weight) if language_model else ()
        found = iter(self.transcribe(features_of(flat, self.features), beams, n_best, *more))
        answers = []
        for waveform, of_one in zip(waveforms, pieces, strict=True):
            rate = self.features.rate
            transcribed = [(start / rate, next(found)) for start, _ in of_one]
            answers.append(self._answer(joined(transcribed), len(waveform) / rate))
        return answers

    def _fusion(self, language_model: LanguageModel, weight: float) -> tuple[Fusion, float]:
        if not isinstance(self.head, CTCHead):
            raise UserError("a language model is fused with CTC alone: leave it out")
        return Fusion(language_model, self.tokenizer.vocabulary), weight

    def _answer(self, found: Found, seconds: float) -> dict[str, Any]:
        best = found["hypotheses"][0]
        likely = np.array(min(math.exp(best["log_probability"]), 1.0))
        probability = evaluation.calibration.tempered(likely, self.calibration.temperature)
        return {
            "text": best["text"],
            "probability": float(probability),
            "familiar": found["of_letter"] >= self.calibration.least_probability,
            "words": found["words"],
            "seconds": seconds,
            "hypotheses": found["hypotheses"],
        }

    def transcribe(
        self, features: Sequence[np.ndarray], beams: int = BEAMS, n_best: int = 1, *fusion: Any
    ) -> list[Found]:
        """What is found for features, (frames, size) each: `hypotheses`, `words`, `of_letter`."""

        def transcribe(some: list[np.ndarray]) -> list[Found]:
            found = self.head.transcribe(*self._normal(some), beams, n_best, *fusion)
            return [*map(self._of_row, found)]

        filled = [f if len(f) else self._silence() for f in features]
        found = map_by_length(transcribe, filled, _BATCH_SIZE, _MOST_FRAMES)
        return [one if len(f) else _nothing() for one, f in zip(found, features, strict=True)]

    def _of_row(self, row: Transcription) -> Found:
        printed, tokens = self.tokenizer.printed, self.tokenizer.vocabulary.tokens
        texts = [
            "".join(printed.get(tokens[i], tokens[i]) for i in labels) for labels in row.labels
        ]
        found: dict[str, float] = {}  # some differ in spaces at their ends alone
        for text, total in zip(texts, row.log_probabilities, strict=True):
            if total > -math.inf:
                found.setdefault(text.strip(), float(total))
        hypotheses = [{"text": text, "log_probability": total} for text, total in found.items()]
        letters = np.isin(row.labels[0], (PADDING_ID, END_ID), invert=True).sum()
        of_letter = math.exp(min(float(row.log_probabilities[0]), 0.0) / max(letters, 1))
        words = self._words(row.spans, texts[0])
        return {"hypotheses": hypotheses, "words": words, "of_letter": of_letter}

    def _words(self, spans: np.ndarray, text: str) -> list[dict[str, Any]]:
        """The words of a text and when they are said."""
        words, start = [], 0
        for word in text.split(" "):
            end = start + len(word)
            if word:
                # A decoder may look back.
                first, last = spans[start:end, 0].min(), spans[start:end, 1].max()
                words.append(
                    {
                        "word": word,
                        "start": round(float(first) * self.seconds_per_step, 3),
                        "end": round(float(last + 1) * self.seconds_per_step, 3),
                    }
                )
            start = end + 1
        return words

    def draw(self, recording: Any, path: str | Path | BinaryIO) -> None:
        """Draws a recording, a path or a waveform, and the probabilities of letters, as PNG.

        Of a long one the first half minute; a UserError if the model is none of CTC.
        """
        (waveform,) = waveforms_of([recording], self.features.rate)
        start = parts(waveform, self.features.rate)[0][1]
        if not isinstance(self.head, CTCHead):
            raise UserError("there are no letters at each step to draw: give a model of CTC")
        features = features_of([start], self.features)
        normal = self._normal(features if len(features[0]) else [self._silence()])
        tokens = self.tokenizer.vocabulary.tokens
        audio.pictures.transcription(
            start,
            self.features.rate,
            self.head.probabilities(*normal)[0],
            self.seconds_per_step,
            ["␣" if token == " " else token for token in tokens],
            self.transcribe(features)[0]["words"],
            path,
        )

    def _silence(self) -> np.ndarray:
        return np.zeros((1, self.features.size), "float32")

    def _normal(self, features: Sequence[np.ndarray]) -> tuple[tf.Tensor, tf.Tensor]:
        """Features, (batch, frames, size), normalised, and their mask, (batch, frames) int32."""
        lengths = np.array([*map(len, features)], "int32")
        rows = [np.pad(f, [(0, lengths.max() - len(f)), (0, 0)]) for f in features]
        return self._normalized(np.stack(rows), lengths)

    def calibrate(self, train: "Utterances", validation: "Utterances") -> None:
        self.calibration = Calibration()
        found = self.transcribe(features_of(validation.recordings, self.features))
        logs = np.array([one["hypotheses"][0]["log_probability"] for one in found])
        texts = [one["hypotheses"][0]["text"] for one in found]
        right = np.array([t == was for t, was in zip(texts, validation.texts, strict=True)])
        self.calibration = calibrated(
            evaluation.calibration.temperature_of_answers(np.exp(np.minimum(logs, 0)), right),
            np.zeros(len(found)),
            np.array([one["of_letter"] for one in found]),
        )

    def evaluate(self, utterances: "Utterances", *, beams: int = BEAMS) -> dict[str, Any]:
        """Measures the transcriptions of recordings; UserError if there are none.

        Returns what `transcription_metrics` and `calibration_metrics` of `zoo.evaluation` give, and
        `infeasible`, the number of utterances that say more than they have steps.
        """
        if not len(utterances):
            raise UserError("there are no recordings: nothing to measure")
        self._warn(utterances)
        found = self.transcribe(features_of(utterances.recordings, self.features), beams)
        answers = [self._answer(one, 0.0) for one in found]
        texts = [answer["text"] for answer in answers]
        right = [text == was for text, was in zip(texts, utterances.texts, strict=True)]
        return (
            evaluation.transcription.transcription_metrics(
                texts, utterances.texts, utterances.speakers
            )
            | evaluation.calibration.calibration_metrics(
                np.array([answer["probability"] for answer in answers]), np.array(right)
            )
            | {"infeasible": len(self.infeasible(utterances))}
        )

    def resources(self) -> tuple:
        return (self.tokenizer,)

    def endpoints(self) -> tuple[Endpoint, ...]:
        return endpoints(self)

    def save_assets(self, folder: Path) -> dict[str, Any]:
        self.tokenizer.vocabulary.save(folder / ALPHABET_NAME)
        return {
            "features": self.features.get_config(),
            "normalization": self.normalization.get_config(),
            "symbols": len(self.tokenizer.vocabulary),
            "texts": list(self.head.texts) if isinstance(self.head, LabelHead) else None,
        }

    @classmethod
    def load_assets(cls, folder: Path, config: dict[str, Any], model: keras.Model) -> Self:
        path = folder / ALPHABET_NAME
        tokenizer = CharacterTokenizer(load_vocabulary(path, config["symbols"]), path)
        normalization = Normalization.from_config(config["normalization"])
        features = Features.from_config(config["features"])
        return cls(model, tokenizer, features, normalization, config.get("texts"))


def _nothing() -> Found:
    """What is found where there are no frames."""
    hypotheses = [{"text": "", "log_probability": 0.0}]
    return {"hypotheses": hypotheses, "words": [], "of_letter": 1.0}
