"""How probable texts are, and new ones drawn from the same distribution."""

import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from zoo import generation
from zoo.cells.typing import Tensor
from zoo.datasets.batches.streams import StreamBatches
from zoo.errors import UserError
from zoo.generation.states import State
from zoo.networks import StreamModel
from zoo.predictors.base import Predictor, load_vocabulary, map_by_length, texts_of
from zoo.predictors.endpoints import Endpoint
from zoo.predictors.graphs import for_keras, graph, with_a_step
from zoo.predictors.language_model_endpoints import endpoints
from zoo.predictors.sampling import check_length, check_seed, sampling
from zoo.predictors.token_sequences import FORBIDDEN, TokenSequences
from zoo.text.characters import CharacterTokenizer
from zoo.text.sentences import SentenceTokenizer
from zoo.text.special_tokens import END_ID, PADDING_ID, UNKNOWN_ID
from zoo.training import Perplexity, SequenceCrossentropy

VOCABULARY_NAME = "vocabulary.txt"
TOKENIZERS: dict[str, Any] = {kind.level: kind for kind in (CharacterTokenizer, SentenceTokenizer)}
"""What turns text into tokens, by level."""

_BATCH_SIZE = 64
_LANES, _SHORTEST_LANE = 16, 1024  # of a stream that is evaluated, side by side
_AT_ONCE = 64  # tokens that are written before it is looked whether all texts have ended
_SHOWN_AT_ONCE = 16  # the same where somebody watches
_LIKELIEST = 5  # next tokens that `predict` gives


class LanguageModel(Predictor):
    """A language model with its tokenizer: scores texts, and writes new ones.

    Args:
        model: `keras.Model` of `zoo.networks.language_model`.
        tokenizer: one of `TOKENIZERS`.

    Raises:
        ValueError: the model has another vocabulary than the tokenizer.
    """

    kind = "language_model"

    def __init__(self, model: keras.Model, tokenizer: CharacterTokenizer | SentenceTokenizer):
        size = model.output["logits"].shape[-1]
        if size != len(tokenizer.vocabulary):
            raise ValueError(f"{len(tokenizer.vocabulary)} tokens for a model of {size}")
        self.model = model
        self.tokenizer = tokenizer
        self.sequences = TokenSequences(model)
        strings, ids = tf.TensorSpec([None], tf.string), tf.TensorSpec([None, None], tf.int32)
        self._read = graph(self._ids_to_read, strings)
        self._continue = graph(self.continuation, strings, ids, ids)

    @property
    def backward(self) -> bool:
        """Whether it reads from right to left: it then scores texts, but cannot go on with one."""
        return self.tokenizer.backward

    def _require_forward(self) -> None:
        if self.backward:
            raise UserError(
                "this model reads from right to left, for scores and encoders: to go on with a "
                "text, give one that was trained without --backward"
            )

    @property
    def level(self) -> str:
        """What a token is: "character" or "word"."""
        return self.tokenizer.level

    def compile(self, optimizer: keras.optimizers.Optimizer, batch_size: int) -> StreamModel:
        """Compiles a model for streams of `batch_size` lanes, with the weights of `model`."""
        stream_model = StreamModel(self.model, batch_size)
        loss = SequenceCrossentropy("mean_per_step")
        stream_model.compile(optimizer, loss, weighted_metrics=[Perplexity()])
        return stream_model

    def batches(self, documents: Sequence[str], batch_size: int, timesteps: int) -> StreamBatches:
        """Batches of all tokens of documents, read as one stream."""
        ids = self.tokenizer.stream(documents)
        return StreamBatches(ids, batch_size, timesteps, self.tokenizer.start_id)

    def predict(self, texts: Iterable[str]) -> list[dict[str, Any]]:
        """What follows texts; characters that the training text has not count as `<UNK>`.

        Returns:
            One dict per text, in order: `next`, the most probable next tokens, a list of dicts of
            `token` and `probability`, given that it is a token of the vocabulary.

        A model that reads from right to left is a UserError, here and to `generate` and `stream`.
        """
        self._require_forward()
        return map_by_length(self._likeliest, texts_of(texts, self.longest), _BATCH_SIZE)

    def _likeliest(self, texts: list[str]) -> Iterator[dict[str, Any]]:
        logits, _ = self.sequences.next_logits(*self.read(self.tokenizer.ragged(texts)))
        probabilities = ops.softmax(generation.permitted(logits, FORBIDDEN))
        names = self.tokenizer.vocabulary.tokens
        possible = len(names) - len(FORBIDDEN)
        for row in ops.convert_to_numpy(probabilities):
            best = np.argsort(-row, kind="stable")[: min(_LIKELIEST, possible)]
            yield {"next": [{"token": names[i], "probability": float(row[i])} for i in best]}

    def score(self, texts: Iterable[str]) -> list[dict[str, Any]]:
        """The probability of texts, by the chain rule.

        Of words, a text is a sentence, whose `<EOS>` is one of the factors; of characters, it is
        what stands at the beginning of a line.

        Returns:
            One dict per text, in order: `log_probability` (natural logarithm), `probability` (0
            where it is less than a float can hold), `perplexity`, and `tokens`, the factors: a list
            of dicts of `token`, `log_probability` and `probability`, as they are read.

        A text that is empty, or longer than `longest`, is a UserError; `evaluate` takes any.
        """
        texts = texts_of(texts, self.longest)
        if empty := [number for number, text in enumerate(texts, 1) if not text.strip()]:
            raise UserError(f"text {empty[0]} is empty: there is nothing to score")
        return map_by_length(self._scores, texts, _BATCH_SIZE)

    def _scores(self, texts: list[str]) -> Iterator[dict[str, Any]]:
        ids = self.tokenizer.ragged(texts, end=True)
        found = ops.convert_to_numpy(self.sequences.log_probabilities(*self.factors(ids)))
        for row, values in zip(ids.to_list(), found, strict=True):
            yield self._score(row, values[: len(row)].tolist())

    def _score(self, ids: list[int], log_probabilities: list[float]) -> dict[str, Any]:
        total = math.fsum(log_probabilities)
        names = (self.tokenizer.vocabulary.tokens[i] for i in ids)
        return {
            "log_probability": total,
            "probability": math.exp(total),
            "perplexity": _exp(-total / len(ids)),
            "tokens": [
                {"token": name, "log_probability": value, "probability": math.exp(value)}
                for name, value in zip(names, log_probabilities, strict=True)
            ],
        }

    def evaluate(self, documents: Sequence[str]) -> dict[str, Any]:
        """Measures the model on documents, read as one stream; without tokens a UserError.

        Long streams are read in up to 16 lanes side by side, each from a state of zeros, so that a
        few tokens are harder to foretell than they would be in one piece.

        Returns:
            dict of `perplexity`, `loss` (mean of -log P of a token, in nats), `bits_per_token`,
            `tokens`, `unknown` (the share of `<UNK>` among them), `examples` (documents) and
            `level`.
        """
        documents = texts_of(documents)
        ids = self.tokenizer.stream(documents)
        if not len(ids):
            raise UserError(f"there is no {self.level} in the text: nothing to measure")
        lanes = min(_LANES, -(-len(ids) // _SHORTEST_LANE))
        whole = StreamBatches(ids, lanes, -(-len(ids) // lanes), self.tokenizer.start_id)
        ((inputs, targets, _),) = whole.dataset()
        found = self.sequences.log_probabilities(*map(for_keras, (inputs["token_ids"], targets)))
        loss = -float(ops.convert_to_numpy(found).sum(dtype="float64")) / len(ids)
        return {
            "perplexity": _exp(loss),
            "loss": loss,
            "bits_per_token": loss / math.log(2),
            "tokens": len(ids),
            "unknown": float((ids == UNKNOWN_ID).mean()),
            "examples": len(documents),
            "level": self.level,
        }

    def generate(
        self,
        prompts: Iterable[str] = ("",),
        *,
        length: int = 200,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        seed: int = 0,
        greedy: bool = False,
        past_end: bool = False,
        beams: int | None = None,
    ) -> list[dict[str, Any]]:
        """Writes texts.

        Each token is drawn from the softmax and read by the next step, until `<EOS>` or a length.
        `<UNK>` is never drawn: see `zoo.generation.permitted`. Nothing that has been read is read
        again, so that a token takes the same time however long the text is.

        Args:
            prompts: list of strings, the beginnings of the texts; empty ones for none.
            length: most tokens to write for each, at least 1.
            temperature, top_k, top_p: see `zoo.generation.truncated`.
            seed: integer; row i draws with `seed + i`. The same seed gives the same text.
            greedy: take the most probable token each time.
            beams: look for the most probable text with so many beams instead of drawing.
            past_end: go on after `<EOS>`.

        Returns:
            One dict per prompt, in order: `text`, which begins with the prompt, `tokens`, how many
            were written, `log_probability` of these given the prompt (natural logarithm, by the
            model itself), and `ended`, whether `<EOS>` was reached.

        Raises:
            ValueError: a number is out of range.
            UserError: a prompt has a character that the training text has not.
        """
        prompts = texts_of(prompts, self.longest)
        if beams is not None and beams < 1:
            raise ValueError(f"`beams` must be at least 1. Received: {beams!r}")
        if beams:
            check_length(length)
            check_seed(seed)
            last, states = self._beginning(prompts)
            found = self.sequences.search(last, states, beams, length)
            tokens, totals = found.tokens[:, 0], ops.convert_to_numpy(found.log_probabilities)[:, 0]
        else:
            settings = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
            last, written = self._written(
                prompts, _AT_ONCE, length, seed, greedy, past_end, **settings
            )
            pieces = list(written)
            tokens = ops.concatenate([piece.tokens for piece in pieces], axis=1)
            totals = sum(ops.convert_to_numpy(p.log_probabilities).sum(axis=1) for p in pieces)
        tokens = ops.convert_to_numpy(tokens)
        texts = self._continue(prompts, ops.convert_to_numpy(last)[:, None], tokens).numpy()
        return [
            {
                "text": prompt + text.decode(),
                "tokens": int((row != PADDING_ID).sum()),
                "log_probability": float(total),
                "ended": END_ID in row,
            }
            for prompt, text, row, total in zip(prompts, texts, tokens, totals, strict=True)
        ]

    def stream(self, prompt: str = "", **settings: Any) -> Iterator[str]:
        """Writes one text piece by piece, in constant memory, however long it is.

        The settings, and what is wrong with them, are those of `generate`, except `beams`.

        Yields:
            Strings, the prompt first, which together are the text that `generate` gives, but for
            spaces beside the quotation marks of words, which it sets when it knows both.
        """
        (prompt,) = texts_of([prompt], self.longest)
        last, pieces = self._written([prompt], _SHOWN_AT_ONCE, **settings)
        yield prompt
        text, before = prompt, ops.convert_to_numpy(last)[:, None]
        for piece in pieces:
            tokens = ops.convert_to_numpy(piece.tokens)
            added = self._continue([text], before, tokens).numpy()[0].decode()
            yield added
            if added:  # else there was nothing but `<EOS>`
                text, before = added, tokens[tokens > END_ID][None, -1:]

    def _written(
        self,
        prompts: list[str],
        at_once: int,
        length: int = 200,
        seed: int = 0,
        greedy: bool = False,
        past_end: bool = False,
        **settings: Any,
    ) -> tuple[Tensor, Iterator[generation.Generation]]:
        """The last token of each prompt, and what is written after it, `at_once` tokens a piece."""
        check_length(length)
        check_seed(seed)
        how = None if greedy else sampling(**settings)
        last, states = self._beginning(prompts)
        end_id = None if past_end else END_ID
        return last, self.sequences.pieces(last, states, length, at_once, seed, how, end_id)

    def continuation(self, texts: Any, last: Any, tokens: Any) -> tf.Tensor:
        """The text that tokens (batch, steps) add to texts (batch,), which end with `last`.

        `last` (batch, 1) is no `<EOS>`. After white space, words add none of theirs.
        """
        last, tokens = tf.cast(last, tf.int32), tf.cast(tokens, tf.int32)
        whole = self.tokenizer.join(tf.concat([last, tokens], axis=1))
        there = tf.strings.length(self.tokenizer.join(last))
        added = tf.strings.substr(whole, there, tf.strings.length(whole) - there)
        if self.level == "character":
            return added
        spaced = tf.strings.regex_full_match(texts, r"(?s).*\s")
        return tf.where(spaced, tf.strings.regex_replace(added, "^ ", ""), added)

    def factors(self, ids: tf.RaggedTensor) -> tuple[Tensor, Tensor]:
        """The inputs and targets of texts, ragged ids: both (batch, timesteps) int32, padded."""
        first = tf.fill([ids.nrows(), 1], self.tokenizer.start_id)
        inputs = tf.concat([first, ids], axis=1).to_tensor(PADDING_ID)[:, :-1]
        targets = ids.to_tensor(PADDING_ID)
        # What stands beside the end of a shorter text is read as padding, like its target.
        inputs = tf.where(targets == PADDING_ID, PADDING_ID, inputs)
        return for_keras(with_a_step(inputs)), for_keras(with_a_step(targets))

    def _beginning(self, prompts: list[str]) -> tuple[Tensor, State]:
        """What `read` says of prompts that have no unknown character."""
        self._require_forward()
        last, before, unknown = self._read(prompts)
        if self.level == "character" and unknown.numpy().any():
            item = int(unknown.numpy().argmax())
            named = ", ".join(map(repr, self.unknown_characters(prompts[item])))
            raise UserError(
                f"the text that the model learnt from does not have {named}: leave it out of "
                + ("the prompt" if len(prompts) == 1 else f"the prompt, item {item}")
            )
        return for_keras(last), self.sequences.states_after(for_keras(before))

    def read(self, ids: tf.RaggedTensor) -> tuple[Tensor, State]:
        """The last token of ragged ids, (batch,) int32, and the states before it is read."""
        last, before = self._last_and_before(ids)
        return for_keras(last), self.sequences.states_after(for_keras(before))

    def _ids_to_read(self, texts: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Of texts, (batch,): their last tokens, padded ids before these, which have `<UNK>`."""
        ids = self.tokenizer.ragged(texts)
        unknown = tf.reduce_any(ids == UNKNOWN_ID, axis=1)
        return (*self._last_and_before(ids), unknown)

    def _last_and_before(self, ids: tf.RaggedTensor) -> tuple[tf.Tensor, tf.Tensor]:
        first = tf.fill([ids.nrows(), 1], self.tokenizer.start_id)
        ids = tf.concat([first, ids], axis=1)  # a row has one token at least
        last = tf.gather(ids.values, ids.row_limits() - 1)
        return last, with_a_step(ids[:, :-1].to_tensor(PADDING_ID))

    def unknown_characters(self, text: str) -> list[str]:
        """Those that a prompt must not have, a sorted list; words may have any."""
        if self.level == "word":
            return []
        (ids,) = self.tokenizer.ragged([text]).to_list()
        return sorted({c for c, i in zip(text, ids, strict=True) if i == UNKNOWN_ID})

    def resources(self) -> tuple:
        return (self.tokenizer,)

    def endpoints(self) -> tuple[Endpoint, ...]:
        return endpoints(self)

    def save_assets(self, folder: Path) -> dict[str, Any]:
        self.tokenizer.vocabulary.save(folder / VOCABULARY_NAME)
        return {"level": self.level, "tokenizer": self.tokenizer.get_config()}

    @classmethod
    def load_assets(cls, folder: Path, config: dict[str, Any], model: keras.Model) -> Self:
        path = folder / VOCABULARY_NAME
        kind = TOKENIZERS[config["level"]]
        return cls(model, kind.from_config(config["tokenizer"], load_vocabulary(path), path))


def _exp(value: float) -> float:
    """e^value; infinity where a float cannot hold it."""
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf
