"""The named entities of texts: a tag for each token, and what the tags mean."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from zoo import evaluation
from zoo.cells.typing import Tensor
from zoo.datasets.batches.by_length import BucketedBatches
from zoo.errors import UserError
from zoo.layers.crf import first_best, marginals, viterbi
from zoo.networks.many_to_many import with_elsewhere
from zoo.networks.transfer import adversarial_like, with_head
from zoo.predictors.base import Predictor, list_of, load_vocabulary, map_by_length, unknown_share
from zoo.predictors.calibration import calibrated
from zoo.predictors.distinct_tokens import DistinctTokens
from zoo.predictors.endpoints import Arrays, Endpoint, require_few, text_endpoint
from zoo.predictors.entities import entities
from zoo.predictors.graphs import for_keras, for_tensorflow, graph, padded_rows, with_a_step
from zoo.text.documents import Documents
from zoo.text.normalization import cut, normalize, places
from zoo.text.special_tokens import PADDING_ID, UNKNOWN_ID
from zoo.text.tags import OUTSIDE, allowed_transitions, spans
from zoo.text.token_features import TokenEncoder, ragged_tokens
from zoo.text.token_spans import Tokens, tokenize
from zoo.text.vocabularies import Vocabulary
from zoo.training import ChainCrossentropy, SequenceCrossentropy, SpanF1

if TYPE_CHECKING:  # which loads TensorFlow Datasets
    from zoo.datasets.sequence_tagging import TaggedSentences

CONTEXTS = ("sentence", "document")
WORDS_NAME, CHARACTERS_NAME = "vocabulary.txt", "characters.txt"
_BATCH_SIZE = 64
_MOST_STEPS = 2**15  # of a batch, padding included: a step takes up to 30 kB
_MOST_READ = 2**15  # of sentences whose distinct tokens are read at a time: some 5 kB each
_MOST_SERVED = 2**17  # of a request
_WARM_UP_TEXTS = (
    ["Theodore Roosevelt was a great President."],
    ["", "Bonn", "Sie liegt in Köln \U0001f600, e\u0301 said \u200b so.\n\nU.N. officials agree."],
    ["The European Commission said on Thursday it disagreed with German advice. " * 10] * 4,
)


class EntityTagger(Predictor):
    """A many-to-many network with what turns texts into ids and tags into entities.

    Args:
        model: `keras.Model` of `zoo.networks.many_to_many`.
        encoder: tokens -> ids.
        tag_names: IOB2 tags, in the order of their ids.
        context: what the network reads at a time: a "sentence", or a "document", of which the
            sentences stand in one row: see `zoo.text.documents`. A text is always read whole.

    Raises:
        ValueError: the model has another number of tags than there are names, or there is no such
            context.
    """

    kind = "entity_tagger"
    longest = 2**13

    def __init__(
        self,
        model: keras.Model,
        encoder: TokenEncoder,
        tag_names: Sequence[str],
        context: str = "sentence",
    ):
        if model.output_shape[-1] != len(tag_names):
            raise ValueError(f"{len(tag_names)} tags for a model of {model.output_shape[-1]}")
        if context not in CONTEXTS:
            raise ValueError(f"`context` must be one of {', '.join(CONTEXTS)}. Received: {context}")
        self.context = context
        self.model = model
        self.encoder = encoder
        self.tag_names = tuple(tag_names)
        self._tokens = DistinctTokens(model, encoder)
        sentences = self._tokens.signature, tf.TensorSpec((None, None), tf.int32)
        self._best = graph(self._best_tags, *sentences)
        self._judged = graph(self._judged_tags, *sentences)
        self._found = graph(self._found_in_texts, tf.TensorSpec([None], tf.string))

    @property
    def words(self) -> Vocabulary:
        """The words that have a vector."""
        return self.encoder.words

    def relabelled(
        self,
        tag_names: Sequence[str],
        context: str | None = None,
        elsewhere: bool = False,
        adversarial: float = 0.0,
    ) -> Self:
        """The same network and words for tags: with a new head, if they are others.

        Args:
            tag_names: as for the class.
            context: as for the class; None for the same.
            elsewhere: whether words are to see what is made of them elsewhere, if they do not yet.
            adversarial: size of the changes that it trains on (`AdversarialModel`), 0 for none.

        Raises:
            UserError: a network without characters cannot tell words elsewhere, one that was built
                without a place for such changes cannot train on them.
        """
        model = self.model
        if elsewhere:
            try:
                model = with_elsewhere(model)
            except ValueError as error:
                raise UserError(f"the model cannot see words elsewhere: {error}") from error
        if tuple(tag_names) != self.tag_names:
            crf = {"allowed": allowed_transitions(tag_names)}
            model = with_head(model, {"logits": {"units": len(tag_names)}, "crf": crf})
        model = adversarial_like(model, adversarial)
        return type(self)(model, self.encoder, tag_names, context or self.context)

    @property
    def has_crf(self) -> bool:
        """Whether the network scores whole sequences of tags."""
        return len(self.model.output_shape) == 4

    def compile(self, optimizer: keras.optimizers.Optimizer) -> keras.Model:
        """Compiles the model for training: the likelihood of the tags, and F1 of the spans."""
        loss = ChainCrossentropy() if self.has_crf else SequenceCrossentropy()
        metrics = [SpanF1(self.tag_names)]
        self.model.compile(optimizer=optimizer, loss=loss, weighted_metrics=metrics)
        return self.model

    def inputs(self, tokens: tf.RaggedTensor) -> dict[str, tf.RaggedTensor]:
        """The ids that this network takes, of tokens: a dict of ragged tensors."""
        ids = self.encoder.ragged(tokens)
        return {tensor.name: ids[tensor.name] for tensor in self.model.inputs}

    def batches(
        self, sentences: "TaggedSentences", batch_size: int, shuffle: bool = False, seed: int = 0
    ) -> BucketedBatches:
        """Batches of tagged sentences, for training and evaluation.

        Of documents there are as many in a batch as have `batch_size` sentences in the mean.
        """
        ids = {tag: index for index, tag in enumerate(self.tag_names)}
        documents = self._documents(sentences)
        tags = documents.join(sentences.tags, OUTSIDE)
        flat = [ids[tag] for row in tags for tag in row]
        return BucketedBatches(
            self.inputs(ragged_tokens(documents.tokens(sentences.tokens))),
            tf.RaggedTensor.from_row_lengths(tf.constant(flat, tf.int32), [*map(len, tags)]),
            batch_size=max(1, round(batch_size * len(tags) / max(1, len(sentences)))),
            shuffle=shuffle,
            seed=seed,
        )

    def _documents(self, sentences: "TaggedSentences") -> Documents:
        """How sentences stand in the rows that the network reads."""
        places = sentences.places if self.context == "document" else None
        return Documents(sentences.tokens, places)

    def predict(self, texts: Iterable[str], batch_size: int = _BATCH_SIZE) -> list[dict[str, Any]]:
        """Finds the entities of texts.

        A text of more than `longest` characters is read in pieces, which end where sentences do:
        the corpora have sentences, and no entity goes beyond one.

        Returns:
            One dict per text, in order: `entities`, a list of dicts of `type`, `text`, `start` and
            `end` (in characters: `text[start:end]`), and `probability`, that of its least certain
            tag, calibrated; and whether it is `familiar`: no more of its words are unknown than of
            99 of 100 sentences of the validation data.
        """
        texts = list_of(texts)
        pieces = [list(cut(normalize(text), self.longest)) for text in texts]
        flat = [piece for some in pieces for piece in some]
        found = iter(map_by_length(self._predicted, flat, batch_size, _MOST_STEPS))
        return [
            self._in_text(text, some, [next(found) for _ in some])
            for text, some in zip(texts, pieces, strict=True)
        ]

    def _predicted(self, texts: list[str]) -> Iterator[tuple[list[tuple[Any, ...]], float]]:
        """Type, start, end and probability of the entities of each text; its unknown words."""
        answer = self._found(tf.constant(texts, tf.string))
        rows = zip(*(answer[name].numpy() for name in _OUTPUTS), strict=True)
        for row, share in zip(rows, answer[_UNKNOWN].numpy(), strict=True):
            yield [entity for entity in zip(*row, strict=True) if entity[1] >= 0], share

    def _in_text(self, text: str, pieces: list[str], found: list[tuple]) -> dict[str, Any]:
        """What is said of a text, by places in it as it was given, from what is of its pieces."""
        where, begun, entities = places(text), 0, []
        for piece, (rows, _) in zip(pieces, found, strict=True):
            for kind, first, last, probability in rows:
                start, end = where[begun + first], where[begun + last]
                entities.append(
                    {
                        "type": kind.decode(),
                        "text": text[start:end],
                        "start": start,
                        "end": end,
                        "probability": float(probability),
                    }
                )
            begun += len(piece)
        unknown = max(share for _, share in found)
        return {"entities": entities, "familiar": bool(unknown <= self.calibration.most_unknown)}

    def tag(self, sentences: "TaggedSentences") -> list[list[str]]:
        """The tags of sentences that are tokenised already; those that they have do not matter."""
        names = np.array(self.tag_names, object)
        found = self._of_sentences(lambda *given: (self._best(*given),), sentences)
        return [names[tags].tolist() for (tags,) in found]

    def _of_sentences(
        self, function: Callable[..., tuple[Tensor, ...]], sentences: "TaggedSentences"
    ) -> list[tuple[np.ndarray, ...]]:
        """For each sentence what a function of columns and places returns, one for each token."""
        documents = self._documents(sentences)
        found = self._of_rows(function, documents.tokens(sentences.tokens))
        return [*zip(*map(documents.part, zip(*found, strict=True)), strict=True)]

    def _of_rows(
        self, function: Callable[..., tuple[Tensor, ...]], sentences: Sequence[Sequence[str]]
    ) -> list[tuple[np.ndarray, ...]]:
        """A row for each of what a function of columns and places returns."""

        def of_many(some: list[Sequence[str]]) -> list[tuple[np.ndarray, ...]]:
            distinct = sorted({token for sentence in some for token in sentence}, key=len)
            place = {token: i for i, token in enumerate(distinct, 1)}
            columns = self._tokens.read(distinct)

            def of_batch(batch: list[Sequence[str]]) -> Iterator[tuple[np.ndarray, ...]]:
                flat = [place[token] for sentence in batch for token in sentence]
                places = padded_rows(flat, [*map(len, batch)])
                found = function(columns, ops.convert_to_tensor(places))
                return zip(*map(ops.convert_to_numpy, found), strict=True)

            return map_by_length(of_batch, some, _BATCH_SIZE, _MOST_STEPS)

        return map_by_length(of_many, sentences, _MOST_STEPS, _MOST_READ)

    def evaluate(self, sentences: "TaggedSentences") -> dict[str, Any]:
        """Compares tags, and the probabilities of entities, with what is true.

        Returns what `tagging_metrics` and `calibration_metrics` of `zoo.evaluation` give.
        """
        probabilities, right = self._answers(sentences)
        probabilities = evaluation.calibration.tempered(probabilities, self.calibration.temperature)
        return evaluation.tagging.tagging_metrics(
            sentences.tags, self.tag(sentences)
        ) | evaluation.calibration.calibration_metrics(probabilities, right)

    def _answers(self, sentences: "TaggedSentences") -> tuple[np.ndarray, np.ndarray]:
        """The probabilities of all spans that are found, not calibrated, and which are true."""
        probabilities, right = [], []
        judged = self._of_sentences(self._judged, sentences)
        for (tags, of_tags), true in zip(judged, sentences.tags, strict=True):
            names = [self.tag_names[tag] for tag in tags]
            for span in spans(names):
                probabilities.append(of_tags[span.start : span.end].min())
                right.append(span in spans(true))
        return np.array(probabilities, float), np.array(right, bool)

    def calibrate(self, train: Any, validation: "TaggedSentences") -> None:
        found = evaluation.calibration.temperature_of_answers(*self._answers(validation))
        ids = self.encoder.ragged(ragged_tokens(validation.tokens))
        self.calibration = calibrated(found, unknown_share(ids["words"].to_tensor().numpy()))
        self._found = graph(self._found_in_texts, tf.TensorSpec([None], tf.string))

    def resources(self) -> tuple:
        return (self.encoder,)

    def endpoints(self) -> tuple[Endpoint, ...]:
        """What a served model answers to: texts, with the entities of each."""

        def expected(inputs: Arrays) -> Arrays:
            found = self._found(inputs["text"])
            return {name: array.numpy() for name, array in found.items() if name != _UNKNOWN}

        served = text_endpoint(self._entities_of_texts, _WARM_UP_TEXTS, expected, self.longest)
        return (served,)

    def _entities_of_texts(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        """As an export answers: by the network as it is, without a search for distinct tokens."""
        tokens = self._tokenize(text)
        ids = {n: with_a_step(row.to_tensor()) for n, row in self.inputs(tokens.tokens).items()}
        require_few(ids["words"], _MOST_SERVED)
        mask = ops.not_equal(ids["words"], PADDING_ID)
        judged = self._judge(self.model(ids, training=False), mask)
        return self._entities(text, tokens, *map(for_tensorflow, judged))

    def _tokenize(self, text: tf.Tensor) -> Tokens:
        return tokenize(text, breaks=self.context == "document")

    def _found_in_texts(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        """The entities of texts, and the share of their words that are not in the vocabulary."""
        tokens = self._tokenize(text)
        distinct, numbers = tf.unique(tokens.tokens.flat_values)
        columns = self._tokens.read_in_graph(distinct)
        places = with_a_step(tokens.tokens.with_flat_values(numbers + 1).to_tensor())
        judged = map(for_tensorflow, self._judged(columns, for_keras(places)))
        words = tf.gather(for_tensorflow(columns["words"]), places)
        unknown = tf.reduce_sum(tf.cast(words == UNKNOWN_ID, tf.int32), axis=1)
        lengths = tf.cast(tokens.tokens.row_lengths(), tf.int32)
        share = tf.cast(unknown / tf.maximum(lengths, 1), tf.float32)
        unknown = {_UNKNOWN: tf.where(lengths > 0, share, 1.0)}
        return self._entities(text, tokens, *judged) | unknown

    def _entities(
        self, text: tf.Tensor, tokens: Tokens, tags: tf.Tensor, probabilities: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """The entities of texts, from the tag of each token and its probability."""
        lengths = tf.cast(tokens.tokens.row_lengths(), tf.int32)
        found = entities(tags, probabilities, lengths, self.tag_names)

        def places(positions: tf.Tensor, tokens: tf.RaggedTensor) -> tf.Tensor:
            shape = tf.stack([-1, tf.shape(tags, tf.int64)[1]])
            there = tokens.to_tensor(-1, shape=shape)
            there = tf.gather(there, tf.maximum(positions, 0), batch_dims=1)
            return tf.where(positions >= 0, there, -1)

        start, end = places(found.first, tokens.starts), places(found.last, tokens.ends)
        kinds = tf.constant([tag[2:] for tag in self.tag_names])
        text = tf.strings.unicode_transcode(text, "UTF-8", "UTF-8", errors="replace")
        wide = tf.repeat(text[:, None], tf.shape(start)[1], axis=1)
        return {
            "entity_type": tf.where(start >= 0, tf.gather(kinds, found.tags), ""),
            "entity_text": tf.strings.substr(
                wide, tf.maximum(start, 0), tf.maximum(end - start, 0), unit="UTF8_CHAR"
            ),
            "entity_start": start,
            "entity_end": end,
            "entity_probability": self._tempered(found.probabilities),
        }

    def _tempered(self, probabilities: tf.Tensor) -> tf.Tensor:
        """Probabilities as the calibration has them; 0 stays 0."""
        if self.calibration.temperature == 1:
            return probabilities
        odds = probabilities / tf.maximum(1 - probabilities, 1e-7)
        odds = odds ** (1 / self.calibration.temperature)
        return odds / (1 + odds)

    def _best_tags(self, columns: dict[str, Tensor], places: Tensor) -> Tensor:
        """Tags, (batch, timesteps) int32, on any backend."""
        return self._decoded(*self._tokens.output(columns, places))

    def _judged_tags(self, columns: dict[str, Tensor], places: Tensor) -> tuple[Tensor, Tensor]:
        """Tags, and the probability of each, (batch, timesteps), on any backend."""
        return self._judge(*self._tokens.output(columns, places))

    def _judge(self, output: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        tags, probabilities = self._tags_and_marginals(output, mask)
        return tags, ops.take_along_axis(probabilities, tags[..., None], axis=-1)[..., 0]

    def tags_and_marginals(self, ids: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Tags, (batch, timesteps), and the probability of every tag, (batch, timesteps, tags).

        As the network has them, not calibrated, on any backend.
        """
        mask = ops.not_equal(ids["words"], PADDING_ID)
        return self._tags_and_marginals(self.model(ids, training=False), mask)

    def _tags_and_marginals(self, output: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        probabilities = marginals(output, mask) if self.has_crf else ops.softmax(output)
        return self._decoded(output, mask), probabilities

    def _decoded(self, output: Tensor, mask: Tensor) -> Tensor:
        if self.has_crf:
            # The layer has seen the mask: it need not be put on the potentials again.
            return viterbi(output)[0] * ops.cast(mask, "int32")
        return first_best(output, axis=-1)

    def save_assets(self, folder: Path) -> dict[str, Any]:
        self.encoder.words.save(folder / WORDS_NAME)
        self.encoder.characters.save(folder / CHARACTERS_NAME)
        return {
            "tags": list(self.tag_names),
            "encoder": self.encoder.get_config(),
            "context": self.context,
        }

    @classmethod
    def load_assets(cls, folder: Path, config: dict[str, Any], model: keras.Model) -> Self:
        shapes = {tensor.name: tensor.shape for tensor in model.inputs}
        reads = "characters" in shapes
        files = [folder / name for name in (WORDS_NAME, CHARACTERS_NAME)]
        size = model.get_layer("character_features").vocabulary_size if reads else None
        words = load_vocabulary(files[0], model.get_layer("embedding").input_dim)
        characters = load_vocabulary(files[1], size)
        options = config["encoder"] | {"word_file": files[0], "character_file": files[1]}
        encoder = TokenEncoder(words, characters, **options)
        if reads and shapes["characters"][-1] != encoder.longest_word:
            raise ValueError(f"the network reads no words of {encoder.longest_word} characters")
        return cls(model, encoder, config["tags"], config.get("context", "sentence"))


_UNKNOWN = "unknown"
_OUTPUTS = ("entity_type", "entity_start", "entity_end", "entity_probability")
