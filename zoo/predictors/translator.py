"""Sentences of one language in, those of another out."""

import itertools
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from zoo import evaluation
from zoo.cells.typing import Tensor
from zoo.datasets.batches.by_length import BucketedBatches
from zoo.errors import UserError
from zoo.predictors.base import (
    Predictor,
    load_vocabulary,
    map_by_length,
    texts_of,
    unknown_share,
)
from zoo.predictors.calibration import calibrated
from zoo.predictors.endpoints import Endpoint, each_alone, require_few, text_endpoint
from zoo.predictors.graphs import for_keras, graph, with_a_step
from zoo.predictors.target_sequences import TargetSequences
from zoo.text.characters import CharacterTokenizer
from zoo.text.normalization import tidy
from zoo.text.sentences import SentenceTokenizer
from zoo.text.special_tokens import END_ID, PADDING_ID, UNKNOWN, UNKNOWN_ID
from zoo.text.subwords import SubwordTokenizer
from zoo.text.tokenizer import in_lines
from zoo.text.vocabularies import Vocabulary
from zoo.training import Perplexity, SequenceCrossentropy

if TYPE_CHECKING:  # which loads TensorFlow Datasets
    from zoo.datasets.parallel_text import Pairs

SOURCE_NAME, TARGET_NAME = "source_vocabulary.txt", "target_vocabulary.txt"
TOKENIZERS: dict[str, Any] = {
    kind.level: kind for kind in (SubwordTokenizer, CharacterTokenizer, SentenceTokenizer)
}
"""What turns text into tokens, by level."""

PARTS_NAME = "target_parts.txt"
BEAMS, LENGTH_PENALTY = 5, 1.0
_PART = 5  # characters
_Found: TypeAlias = tuple[list[dict[str, Any]], float, float]
"""The hypotheses of a text, its share of unknown tokens, the mean probability of one written."""

_BATCH_SIZE = 64
_TARGETS_PER_SOURCE, _LEAST_TOKENS, _MOST_TOKENS = 2, 16, 512  # of a translation
_MOST_STEPS = 2**16  # of the sources of a request
_WARM_UP_TEXTS = (
    ["Hello."],
    ["", "A man is walking down the street with a dog.", "12 May 2019"],
)


class Translator(Predictor):
    """An encoder-decoder with its tokenizers: translates texts, each as one sequence.

    Args:
        model: `keras.Model` of `zoo.networks.encoder_decoder`.
        source_tokenizer, target_tokenizer: of `TOKENIZERS`, the same object where they share one
            vocabulary.

    Raises:
        ValueError: the model has other vocabularies than the tokenizers.
    """

    kind = "translator"
    longest = 2**12
    encoder_layers = ("source_embedding", "encoder")

    def __init__(self, model: keras.Model, source_tokenizer: Any, target_tokenizer: Any):
        size = model.output.shape[-1]
        if size != len(target_tokenizer.vocabulary):
            raise ValueError(f"{len(target_tokenizer.vocabulary)} tokens for a model of {size}")
        self.model = model
        self.source_tokenizer = source_tokenizer
        self.target_tokenizer = target_tokenizer
        self.parts: frozenset[str] = frozenset()  # of targets, if these are of one form
        self._sequences = TargetSequences(model)
        strings, ids = tf.TensorSpec([None], tf.string), tf.TensorSpec([None, None], tf.int32)
        self.source_ids = graph(self._source_ids, strings)
        self.join = graph(target_tokenizer.join, ids)

    @property
    def level(self) -> str:
        """What a token is: "subword", "character" or "word"."""
        return self.target_tokenizer.level

    @property
    def words(self) -> Vocabulary:
        """What the source is read as."""
        return self.source_tokenizer.vocabulary

    @property
    def attends(self) -> bool:
        """Whether the decoder looks back at the source."""
        return self._sequences.attends

    def compile(
        self, optimizer: keras.optimizers.Optimizer, label_smoothing: float = 0.0
    ) -> keras.Model:
        loss = SequenceCrossentropy("mean_per_step", label_smoothing=label_smoothing)
        self.model.compile(optimizer, loss, weighted_metrics=[Perplexity()])
        return self.model

    def batches(
        self, pairs: "Pairs", batch_size: int, *, shuffle: bool = False, seed: int = 0
    ) -> BucketedBatches:
        sources = encoded(self.source_tokenizer, pairs.sources)
        targets = encoded(self.target_tokenizer, pairs.targets)
        starts = tf.fill([targets.nrows(), 1], END_ID)
        inputs = {"source_ids": sources, "target_ids": tf.concat([starts, targets[:, :-1]], axis=1)}
        return BucketedBatches(
            inputs,
            targets,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            independent=("source_ids",),
        )

    def predict(
        self,
        texts: Iterable[str],
        *,
        beams: int = BEAMS,
        length_penalty: float = LENGTH_PENALTY,
        n_best: int = 1,
        copy_unknown: bool = False,
    ) -> list[dict[str, Any]]:
        """Translates texts.

        Args:
            texts: list of strings.
            beams: hypotheses that run side by side; 1 without a `length_penalty` is greedy choice.
            length_penalty: see `zoo.generation.beam_search`.
            n_best: how many translations of each text, at most `beams`.
            copy_unknown: let the decoder write `<UNK>`, and put the word of the source in its place
                that it attends to most (Luong et al. 2015, "Addressing the rare word problem"); for
                models of words.

        Returns:
            One dict per text, in order: `translation`; its `probability`, calibrated to say how
            often such a one is exactly right; whether it is `familiar`; and `hypotheses`, the
            `n_best`, best first, a list of dicts of `text`, `log_probability` (natural logarithm)
            and `score`, what they were compared by. A blank text has an empty translation.

            A text is not familiar where more of its tokens are unknown, or its translation is less
            probable by the token, than of 99 of 100 texts of the validation data; or, where the
            targets are of one form, its translation has five characters in a row that no target
            of the training data has.

        Raises:
            ValueError: a number is out of range.
            UserError: `copy_unknown` is asked of a model that has no attention, or no words.
        """
        texts = [tidy(text) for text in texts_of(texts, self.longest)]
        if beams < 1 or not 1 <= n_best <= beams:
            raise ValueError(
                f"`beams` must be at least 1, and `n_best` from 1 to `beams`. Received: {beams!r}, "
                f"{n_best!r}"
            )
        if copy_unknown and not (self.attends and self.level == "word"):
            raise UserError("words are copied by models of words with attention: leave it out")

        def translate(some: list[str]) -> list[_Found]:
            return self._translate(some, beams, length_penalty, n_best, copy_unknown)

        found = iter(map_by_length(translate, [text for text in texts if text], _BATCH_SIZE))
        return [self._answer(*next(found)) if text else _nothing(1.0) for text in texts]

    def _answer(
        self, hypotheses: list[dict[str, Any]], unknown: float, of_token: float
    ) -> dict[str, Any]:
        if not hypotheses:  # a vocabulary without a token that may be written
            return _nothing(0.0)
        limits, best = self.calibration, hypotheses[0]
        likely = np.array(min(math.exp(best["log_probability"]), 1.0))
        probability = evaluation.calibration.tempered(likely, limits.temperature)
        familiar = unknown <= limits.most_unknown and of_token >= limits.least_probability
        return {
            "translation": best["text"],
            "probability": float(probability),
            "familiar": familiar and (not self.parts or self.parts >= parts_of(best["text"])),
            "hypotheses": hypotheses,
        }

    def calibrate(self, train: "Pairs", validation: "Pairs") -> None:
        def translate(some: list[str]) -> list[_Found]:
            return self._translate(some, BEAMS, LENGTH_PENALTY, 1, False)

        found = map_by_length(translate, validation.sources, _BATCH_SIZE)
        best, unknown, of_token = zip(*found, strict=True)
        logs = np.array([hypotheses[0]["log_probability"] for hypotheses in best])
        texts = [hypotheses[0]["text"] for hypotheses in best]
        right = np.array([t == target for t, target in zip(texts, validation.targets, strict=True)])
        self.calibration = calibrated(
            evaluation.calibration.temperature_of_answers(np.exp(np.minimum(logs, 0)), right),
            np.array(unknown),
            np.array(of_token),
        )
        parts = frozenset().union(*map(parts_of, train.targets))
        one_form = all(map(parts.issuperset, map(parts_of, validation.targets)))
        self.parts = parts if one_form else frozenset()

    def _translate(
        self, texts: list[str], beams: int, length_penalty: float, n_best: int, copy_unknown: bool
    ) -> list[_Found]:
        """What is found for texts that are not blank."""
        source = for_keras(self.source_ids(texts))
        forbidden = (PADDING_ID,) if copy_unknown else (PADDING_ID, UNKNOWN_ID)
        found = self._sequences.search(
            source, self._limits(source), _MOST_TOKENS, beams, length_penalty, forbidden
        )
        tokens, totals, scores = (ops.convert_to_numpy(a)[:, :n_best] for a in found[:3])
        flat = tokens.reshape(-1, tokens.shape[-1])
        joined = [text.decode() for text in self.join(flat).numpy()]
        if copy_unknown:
            joined = self._with_copies(texts, source, tokens, joined)
        rows = iter(zip(joined, totals.ravel().tolist(), scores.ravel().tolist(), strict=True))
        hypotheses = [
            [
                {"text": text, "log_probability": total, "score": score}
                for text, total, score in itertools.islice(rows, n_best)
                if score > -math.inf
            ]
            for _ in texts
        ]
        of_token = np.exp(totals[:, 0] / ops.convert_to_numpy(found.lengths)[:, 0])
        unknown = unknown_share(ops.convert_to_numpy(source))
        return list(zip(hypotheses, unknown.tolist(), of_token.tolist(), strict=True))

    def _source_ids(self, texts: tf.Tensor) -> tf.Tensor:
        """Padded ids, (batch, None) int32, of texts to translate, as a graph: `source_ids`."""
        return encoded(self.source_tokenizer, texts).to_tensor(PADDING_ID)

    def _limits(self, source_ids: Tensor) -> Tensor:
        """The most tokens of each translation, (batch,).

        By its own source, so that a text has the same translation whatever is beside it.
        """
        lengths = ops.sum(ops.cast(source_ids != PADDING_ID, "int32"), axis=1)
        return ops.clip(_TARGETS_PER_SOURCE * lengths, _LEAST_TOKENS, _MOST_TOKENS)

    def alignments(
        self, texts: Sequence[str], translations: Sequence[str]
    ) -> list[tuple[list[str], list[str], np.ndarray]]:
        """Where the decoder looks when it writes each token; a UserError if it has no attention.

        Returns:
            One tuple per text: the tokens of the text, those of the translation, `<EOS>` being the
            last of each, and the weights, (target tokens, source tokens) float32; each row sums
            to 1.
        """
        if not self.attends:
            raise UserError("this model has no attention to draw: give one that has")
        texts = [tidy(text) for text in texts_of(texts, self.longest)]
        if len(texts) != len(translations):
            raise ValueError(f"{len(translations)} translations for {len(texts)} texts")
        sources = encoded(self.source_tokenizer, texts)
        targets = encoded(self.target_tokenizer, texts_of(translations))
        weights = self._sequences.align(
            *(for_keras(ids.to_tensor(PADDING_ID)) for ids in (sources, targets))
        )
        words = self.source_tokenizer.vocabulary.words, self.target_tokenizer.vocabulary.words
        rows = (sources.to_list(), targets.to_list(), ops.convert_to_numpy(weights))
        return [
            (words[0](source), words[1](target), row[: len(target), : len(source)])
            for source, target, row in zip(*rows, strict=True)
        ]

    def _with_copies(
        self, texts: list[str], source: Tensor, tokens: np.ndarray, joined: list[str]
    ) -> list[str]:
        """Translations with the word of the source that is attended to in place of each `<UNK>`."""
        flat = tokens.reshape(-1, tokens.shape[-1])
        hypotheses = tokens.shape[1]
        sources = ops.repeat(source, hypotheses, axis=0)  # (texts * hypotheses, source timesteps)
        weights = ops.convert_to_numpy(self._sequences.align(sources, ops.convert_to_tensor(flat)))
        found = []
        for i, (text, row, attended) in enumerate(zip(joined, flat, weights, strict=True)):
            words = self.source_tokenizer.words([texts[i // hypotheses]]).to_list()[0]
            places = attended[row == UNKNOWN_ID][:, : len(words)].argmax(axis=1)
            for place in places:
                text = text.replace(UNKNOWN, words[place].decode(), 1)
            found.append(text)
        return found

    def evaluate(
        self, pairs: "Pairs", *, beams: int = BEAMS, length_penalty: float = LENGTH_PENALTY
    ) -> dict[str, Any]:
        """Measures the translations of sources against the targets; UserError if there are none.

        Returns what `zoo.evaluation.translation.translation_metrics` gives.
        """
        if not len(pairs):
            raise UserError("there are no pairs of texts: nothing to measure")
        found = self.predict(pairs.sources, beams=beams, length_penalty=length_penalty)
        texts = [one["translation"] for one in found]
        right = [text == target for text, target in zip(texts, pairs.targets, strict=True)]
        return evaluation.translation.translation_metrics(
            texts, pairs.sources, pairs.targets, pairs.groups
        ) | evaluation.calibration.calibration_metrics(
            np.array([one["probability"] for one in found]), np.array(right)
        )

    def resources(self) -> tuple:
        return (self.source_tokenizer, self.target_tokenizer)

    def endpoints(self) -> tuple[Endpoint, ...]:
        """What a served model answers to: `text` -> `translation` and its `log_probability`."""

        def translate(text: tf.Tensor) -> dict[str, tf.Tensor]:
            ids = encoded(self.source_tokenizer, in_lines(text))
            forbidden = (PADDING_ID, UNKNOWN_ID)
            padded = with_a_step(ids.to_tensor(PADDING_ID))
            require_few(padded, _MOST_STEPS)
            found = self._sequences.beam_search(
                padded, self._limits(padded), _MOST_TOKENS, BEAMS, LENGTH_PENALTY, forbidden
            )
            blank = ids.row_lengths() == 1  # nothing but `<EOS>`
            joined = self.target_tokenizer.join(found.tokens[:, 0])
            return {
                "translation": tf.where(blank, "", joined),
                "log_probability": tf.where(blank, 0.0, found.log_probabilities[:, 0]),
            }

        def alone(text: bytes) -> dict[str, Any]:
            (found,) = self.predict([text.decode()])
            best = found["hypotheses"][0]["log_probability"] if found["hypotheses"] else 0.0
            return {"translation": found["translation"], "log_probability": best}

        return (text_endpoint(translate, _WARM_UP_TEXTS, each_alone(alone), self.longest),)

    def save_assets(self, folder: Path) -> dict[str, Any]:
        self.source_tokenizer.vocabulary.save(folder / SOURCE_NAME)
        self.target_tokenizer.vocabulary.save(folder / TARGET_NAME)
        if self.parts:
            lines = "".join(f"{part}\n" for part in sorted(self.parts))
            (folder / PARTS_NAME).write_text(lines, "utf-8")
        return {
            "level": self.level,
            "source_tokenizer": self.source_tokenizer.get_config(),
            "target_tokenizer": self.target_tokenizer.get_config(),
        }

    @classmethod
    def load_assets(cls, folder: Path, config: dict[str, Any], model: keras.Model) -> Self:
        kind = TOKENIZERS[config["level"]]
        source, target = (
            kind.from_config(config[name], load_vocabulary(folder / file), folder / file)
            for name, file in (("source_tokenizer", SOURCE_NAME), ("target_tokenizer", TARGET_NAME))
        )
        translator = cls(model, source, target)
        if (folder / PARTS_NAME).exists():
            lines = (folder / PARTS_NAME).read_text("utf-8")
            translator.parts = frozenset(lines.removesuffix("\n").split("\n"))
        return translator


def _nothing(probability: float) -> dict[str, Any]:
    """What is said of a text whose translation is empty; if that is sure, it was blank."""
    familiar = probability == 1
    return {"translation": "", "probability": probability, "familiar": familiar, "hypotheses": []}


def parts_of(text: str) -> set[str]:
    """All that stands in five places in a row of a text, its ends included."""
    text = f"^{text}$"
    return {text[i : i + _PART] for i in range(max(1, len(text) - _PART + 1))}


def encoded(tokenizer: Any, texts: tf.Tensor | Sequence[str]) -> tf.RaggedTensor:
    """The ids of texts, each with one `<EOS>` at its end: ragged (batch, None) int32."""
    ids = tokenizer.ragged(texts)
    ids = tf.ragged.boolean_mask(ids, ids != END_ID)  # of words, sentences have one each
    return tf.concat([ids, tf.fill([ids.nrows(), 1], END_ID)], axis=1)
