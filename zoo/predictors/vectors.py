"""The vectors that the first recurrence of a network reads of a text, token by token."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from zoo.cells import RecurrentCell
from zoo.errors import UserError
from zoo.layers import RecurrentStack
from zoo.text.normalization import normalize, tidy
from zoo.text.token_spans import tokenize


class Vectors(NamedTuple):
    """What a network reads of a text.

    Attributes:
        tokens: a name for each step.
        steps: (timesteps, input_dim) float32, as in inference.
        cell: that of the first recurrence, which reads them first to last.
    """

    tokens: list[str]
    steps: np.ndarray
    cell: RecurrentCell


def _of_classifier(predictor: Any, text: str) -> tuple[list[str], Any]:
    tokens = predictor.tokenizer.tokenize([text])[0].numpy()
    return [token.decode() for token in tokens], predictor.tokenizer([text])


def _of_language_model(predictor: Any, text: str) -> tuple[list[str], Any]:
    (ids,) = predictor.tokenizer.ragged([text]).to_list()
    ids = [predictor.tokenizer.start_id, *ids]
    return predictor.tokenizer.vocabulary.words(ids), {"token_ids": tf.constant([ids])}


def _of_translator(predictor: Any, text: str) -> tuple[list[str], Any]:
    ids = predictor.source_ids([tidy(text)])
    return predictor.source_tokenizer.vocabulary.words(ids[0].numpy().tolist()), {"source_ids": ids}


def _of_tagger(predictor: Any, text: str) -> tuple[list[str], Any]:
    tokens = tokenize([normalize(text)]).tokens
    ids = {name: row.to_tensor() for name, row in predictor.inputs(tokens).items()}
    return [token.decode() for token in tokens[0].numpy()], ids


_READERS: dict[str, Callable[[Any, str], tuple[list[str], Any]]] = {
    "text_classifier": _of_classifier,
    "language_model": _of_language_model,
    "translator": _of_translator,
    "entity_tagger": _of_tagger,
}


def vectors(predictor: Any, text: str) -> Vectors:
    """The vectors of a text, from the layers below the first recurrence.

    Args:
        predictor: of texts; what is read by a translator is a source.
        text: of one token at least.

    Raises:
        UserError: the text is too long for the predictor or has no token, or the network has no
            `RecurrentStack`.
    """
    if len(text) > predictor.longest:
        raise UserError(
            f"the text has {len(text):,} characters, and {predictor.longest:,} are the most: cut it"
        )
    tokens, inputs = _READERS[predictor.kind](predictor, text)
    if not tokens:
        raise UserError("there is no word in the text: write one")
    model = predictor.model
    stack = next((layer for layer in model.layers if isinstance(layer, RecurrentStack)), None)
    if stack is None:
        raise UserError("this model has no recurrence of a cell of the zoo: choose another")
    read = {name: model.input[name] for name in inputs} if isinstance(inputs, dict) else model.input
    below = keras.Model(read, keras.tree.flatten(stack.input)[0])
    steps = keras.ops.convert_to_numpy(below(inputs, training=False))[0]
    return Vectors(tokens, steps[: len(tokens)].astype("float32"), stack.directions()[0].cell)
