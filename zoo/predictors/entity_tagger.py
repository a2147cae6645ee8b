"""The named entities of texts: a tag for each token, and what the tags mean."""

from collections.abc import Iterator, Sequence

import keras
import tensorflow as tf
from keras import ops
from seqeval.metrics import accuracy_score, classification_report
from seqeval.scheme import IOB2

from zoo.datasets.batches.by_length import BucketedBatches
from zoo.layers.crf import marginals, viterbi
from zoo.predictors.endpoints import Endpoint, request
from zoo.predictors.entities import entities
from zoo.text.special_tokens import PADDING_ID
from zoo.text.token_features import TokenEncoder
from zoo.text.token_spans import tokenize
from zoo.text.vocabularies import Vocabulary
from zoo.training import ChainCrossentropy, SequenceCrossentropy, SpanF1

WORDS_NAME, CHARACTERS_NAME = "vocabulary.txt", "characters.txt"
_BATCH_SIZE = 64
_MOST_STEPS = 2**15  # of a batch, padding included: a step takes up to 30 kB
_WARM_UP_TEXTS = (
    ["Theodore Roosevelt was a great President."],
    ["", "Bonn", "Sie liegt in Köln \U0001f600, e\u0301 said \u200b so.\n\nU.N. officials agree."],
    ["The European Commission said on Thursday it disagreed with German advice. " * 10] * 4,
)


class EntityTagger:
    """A many-to-many network with what turns texts into ids and tags into entities.

    Args:
        model: `keras.Model` of `zoo.networks.many_to_many`.
        encoder: `TokenEncoder`, tokens -> ids.
        tag_names: IOB2 tags, in the order of their ids.

    Raises:
        ValueError: the model has another number of tags than there are names.
    """

    kind = "entity_tagger"

    def __init__(self, model, encoder, tag_names):
        if model.output_shape[-1] != len(tag_names):
            raise ValueError(f"{len(tag_names)} tags for a model of {model.output_shape[-1]}")
        self.model = model
        self.encoder = encoder
        self.tag_names = tuple(tag_names)
        self._best, self._judged = self._best_tags, self._judged_tags
        self._found = self._entities_of_texts
        if keras.backend.backend() == "tensorflow":
            ids = {
                tensor.name: tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in model.inputs
            }
            self._best, self._judged = _graph(self._best, ids), _graph(self._judged, ids)
            self._found = _graph(self._found, tf.TensorSpec([None], tf.string))

    @property
    def has_crf(self):
        """Whether the network scores whole sequences of tags."""
        return len(self.model.output_shape) == 4

    def compile(self, optimizer):
        """Compiles the model for training: the likelihood of the tags, and F1 of the spans."""
        loss = ChainCrossentropy() if self.has_crf else SequenceCrossentropy()
        metrics = [SpanF1(self.tag_names)]
        self.model.compile(optimizer=optimizer, loss=loss, weighted_metrics=metrics)

    def inputs(self, tokens):
        """The ids that this network takes, of tokens: a dict of ragged tensors."""
        ids = self.encoder.ragged(tokens)
        return {tensor.name: ids[tensor.name] for tensor in self.model.inputs}

    def batches(self, sentences, batch_size, shuffle=False, seed=0):
        """Batches of tagged sentences, for training and evaluation."""
        ids = {tag: index for index, tag in enumerate(self.tag_names)}
        tags = [[ids[tag] for tag in row] for row in sentences.tags]
        return BucketedBatches(
            self.inputs(tf.ragged.constant(sentences.tokens, tf.string, ragged_rank=1)),
            tf.ragged.constant(tags, tf.int32, ragged_rank=1),
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
        )

    def predict(self, texts, batch_size=_BATCH_SIZE):
        """Finds the entities of texts.

        Args:
            texts: list of strings.
            batch_size: texts per batch.

        Returns:
            One dict per text, in order: `entities`, a list of dicts of `type`, `text`, `start` and
            `end` (in characters: `text[start:end]`), and `probability`, that of its least certain
            tag.

        Raises:
            TypeError: `texts` is one string instead of a list of strings.
        """
        if isinstance(texts, str):
            raise TypeError("`texts` must be a list of strings, not one string")
        texts = list(texts)
        found = [None] * len(texts)
        for chosen in _batches([len(text) for text in texts], batch_size):
            answer = self._found(tf.constant([texts[i] for i in chosen], tf.string))
            rows = zip(*(answer[name].numpy() for name in _OUTPUTS), strict=True)
            for i, row in zip(chosen, rows, strict=True):
                found[i] = {"entities": [_entity(*values) for values in zip(*row, strict=True)]}
                found[i]["entities"] = [e for e in found[i]["entities"] if e["start"] >= 0]
        return found

    def tag(self, sentences):
        """Tags sentences that are tokenised already.

        Args:
            sentences: a `zoo.datasets.sequence_tagging.TaggedSentences`; its tags are not looked
                at.

        Returns:
            List of lists of tags, as many as tokens.
        """
        tags = [None] * len(sentences)
        lengths = [len(tokens) for tokens in sentences.tokens]
        for chosen in _batches(lengths, _BATCH_SIZE):
            tokens = [sentences.tokens[i] for i in chosen]
            ids = self.inputs(tf.ragged.constant(tokens, tf.string, ragged_rank=1))
            found = self._best({name: row.to_tensor() for name, row in ids.items()})
            for i, row in zip(chosen, ops.convert_to_numpy(found), strict=True):
                tags[i] = [self.tag_names[tag] for tag in row[: lengths[i]]]
        return tags

    def evaluate(self, sentences):
        """Compares tags with the true ones, by seqeval in its strict mode.

        Args:
            sentences: a `zoo.datasets.sequence_tagging.TaggedSentences`.

        Returns:
            dict of `f1`, `precision` and `recall` of all spans, `per_type` (the same and the number
            of true spans, `support`, by type), `token_accuracy`, `examples` and `tokens`.
        """
        return scores(sentences.tags, self.tag(sentences))

    def resources(self):
        """What `endpoints` use beside the model, for an export to keep."""
        return (self.encoder,)

    def endpoints(self):
        """What a served model answers to: texts, with the entities of each."""
        return (
            Endpoint(
                "serving_default",
                (tf.TensorSpec([None], tf.string, "text"),),
                self._entities_of_texts,
                [request(text=texts) for texts in _WARM_UP_TEXTS],
                self._expected,
            ),
        )

    def _expected(self, inputs):
        return {name: array.numpy() for name, array in self._found(inputs["text"]).items()}

    def _entities_of_texts(self, text):
        tokens = tokenize(text)
        lengths = tf.cast(tokens.tokens.row_lengths(), tf.int32)
        # No text at all, or none with a token: a network needs a step.
        ids = {
            name: tf.pad(ids.to_tensor(), _one_step_more(ids))
            for name, ids in self.inputs(tokens.tokens).items()
        }
        tags, probabilities = map(_in_tensorflow, self._judged(ids))
        found = entities(tags, probabilities, lengths, self.tag_names)

        def places(positions, tokens):
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
            "entity_probability": found.probabilities,
        }

    def _best_tags(self, ids):
        """Tags, (batch, timesteps) int32, on any backend."""
        return self._decoded(self.model(ids, training=False), _counted(ids))

    def _judged_tags(self, ids):
        """Tags, and the probability of each, (batch, timesteps), on any backend."""
        output, mask = self.model(ids, training=False), _counted(ids)
        tags = self._decoded(output, mask)
        probabilities = marginals(output, mask) if self.has_crf else ops.softmax(output)
        return tags, ops.take_along_axis(probabilities, tags[..., None], axis=-1)[..., 0]

    def _decoded(self, output, mask):
        if self.has_crf:
            return viterbi(output, mask)[0]
        return ops.cast(ops.argmax(output, axis=-1), "int32")

    def save_assets(self, folder):
        """Writes what the Keras archive does not hold; returns what else to remember of it."""
        self.encoder.words.save(folder / WORDS_NAME)
        self.encoder.characters.save(folder / CHARACTERS_NAME)
        return {"tags": list(self.tag_names), "encoder": self.encoder.get_config()}

    @classmethod
    def load_assets(cls, folder, config, model):
        """The predictor of a model and what `save_assets` wrote and returned.

        Raises:
            UserError: a vocabulary cannot be read.
            KeyError, TypeError, ValueError: the parts are not those of one model.
        """
        files = [folder / WORDS_NAME, folder / CHARACTERS_NAME]
        words, characters = map(Vocabulary.load, files)
        _check_size(files[0], words, model.get_layer("embedding").input_dim)
        encoder = TokenEncoder(
            words, characters, **config["encoder"], word_file=files[0], character_file=files[1]
        )
        inputs = {tensor.name: tensor for tensor in model.inputs}
        if "characters" in inputs:
            layer = model.get_layer("character_features")
            _check_size(files[1], characters, layer.vocabulary_size)
            if inputs["characters"].shape[-1] != encoder.longest_word:
                raise ValueError(f"the network reads no words of {encoder.longest_word} characters")
        return cls(model, encoder, config["tags"])


_OUTPUTS = ("entity_type", "entity_text", "entity_start", "entity_end", "entity_probability")


def _counted(ids):
    """The mask of the steps that hold a token."""
    return ops.not_equal(ids["words"], PADDING_ID)


def _graph(function, *signature):
    """A function as one TensorFlow graph for tensors of any size."""
    return tf.function(function, input_signature=signature, autograph=False)


def _in_tensorflow(tensor):
    """A tensor of the backend as one of TensorFlow, which handles the strings."""
    return tensor if tf.is_tensor(tensor) else tf.constant(ops.convert_to_numpy(tensor))


def _batches(lengths: Sequence[int], batch_size: int) -> Iterator[list[int]]:
    """Yields the indices of each batch: the shortest first, so that little of it is padding."""
    batch = []
    for i in sorted(range(len(lengths)), key=lengths.__getitem__):
        if len(batch) == batch_size or (batch and (len(batch) + 1) * lengths[i] > _MOST_STEPS):
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


def _check_size(path, vocabulary, size):
    if len(vocabulary) != size:
        raise ValueError(f"{path.name} has {len(vocabulary)} tokens instead of {size}")


def _entity(kind, text, start, end, probability):
    return {
        "type": kind.decode(),
        "text": text.decode(),
        "start": int(start),
        "end": int(end),
        "probability": float(probability),
    }


def _one_step_more(ids):
    """Paddings that add a step where there is none."""
    missing = tf.cast(tf.equal(ids.bounding_shape(axis=1), 0), tf.int32)
    return tf.stack([[0, 0], [0, missing], *([[0, 0]] * (ids.shape.rank - 2))])


def scores(true, found):
    """Figures of tags against the true ones; see `EntityTagger.evaluate`.

    Args:
        true, found: lists of lists of IOB2 tags.
    """
    if any(tag != "O" for row in (*true, *found) for tag in row):
        report = classification_report(
            true, found, mode="strict", scheme=IOB2, output_dict=True, zero_division=0
        )
    else:  # seqeval refuses a corpus without entities
        report = {"micro avg": dict.fromkeys(("precision", "recall", "f1-score"), 0.0)}
    total = report["micro avg"]
    types = {name: row for name, row in report.items() if not name.endswith(" avg")}
    return {
        "f1": float(total["f1-score"]),
        "precision": float(total["precision"]),
        "recall": float(total["recall"]),
        "token_accuracy": float(accuracy_score(true, found)),
        "per_type": {
            name: {
                "f1": float(row["f1-score"]),
                "precision": float(row["precision"]),
                "recall": float(row["recall"]),
                "support": int(row["support"]),
            }
            for name, row in types.items()
        },
        "examples": len(true),
        "tokens": sum(map(len, true)),
    }
