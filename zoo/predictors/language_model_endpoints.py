"""What a served language model answers to."""

import numpy as np
import tensorflow as tf
from keras import ops

from zoo import generation
from zoo.generation.temperature import HOTTEST
from zoo.networks import initial_states
from zoo.predictors.endpoints import Endpoint, request
from zoo.text.special_tokens import END_ID, PADDING_ID

LONGEST = 4096
"""Tokens that one request may ask for: a server must not be busy with one client for ever."""

_SCORED = (["What news?"], ["The king is dead. Long live the king!", "a", "The day is done. " * 20])
_ASKED = (
    {
        "prompt": ["The king"],
        "temperature": np.float32([0.5]),
        "seed": np.int64([1]),
        "max_length": np.int32([20]),
    },
    {
        "prompt": ["", "What", "The day is done. "],
        "temperature": np.float32([1, 0, 0.8]),
        "seed": np.int64([2, 3, 4]),
        "max_length": np.int32([70, 10, 1]),
    },
)


def endpoints(predictor):
    """The signatures of a served language model.

    - `score`, and the same as `serving_default`: `text` -> `log_probability`, natural logarithm,
      and `token_count`, how many factors it has. An empty text of characters has none.
    - `generate`: `prompt`, `temperature` (0 or less for the most probable token each time), `seed`
      and `max_length` (at most `LONGEST`) -> `text`, what follows the prompt, its `token_count` and
      `log_probability`. The same seed gives the same text, whoever else asks at the same time.
      Characters of a prompt that the training text has not are read as `<UNK>`.
    - `decode_step`: `token_ids` (batch,) and the states `state_0`, ... (batch, units), zeros at
      first -> `log_probabilities` (batch, vocabulary) of the next token, and `next_state_0`, ...

    Args:
        predictor: a `LanguageModel`.

    Returns:
        Tuple of `Endpoint`s.
    """
    text = (tf.TensorSpec([None], tf.string, "text"),)
    scored = [request(text=texts) for texts in _SCORED]
    score, expected_score = _score(predictor)
    return (
        Endpoint("serving_default", text, score, scored, expected_score),
        Endpoint("score", text, score, scored, expected_score),
        _generate(predictor),
        _decode_step(predictor),
    )


def _score(predictor):
    def score(text):
        ids = predictor.tokenizer.ragged(text, end=True)
        found = predictor.sequences.log_probabilities(*predictor.factors(ids))
        return {
            "log_probability": tf.reduce_sum(found, axis=1),
            "token_count": tf.cast(ids.row_lengths(), tf.int32),
        }

    def expected(inputs):
        """Each text scored by itself."""
        scores = [predictor.score([text.decode()])[0] for text in inputs["text"]]
        return request(
            log_probability=np.float32([score["log_probability"] for score in scores]),
            token_count=np.int32([len(score["tokens"]) for score in scores]),
        )

    return score, expected


def _generate(predictor):
    def generate(prompt, temperature, seed, max_length):
        last, states = predictor.read(predictor.tokenizer.ragged(prompt))
        limits = tf.clip_by_value(max_length, 0, LONGEST)
        steps = tf.maximum(1, tf.reduce_max(limits))  # a loop has a step
        written = predictor.sequences.generate(
            last,
            states,
            tf.zeros_like(last, tf.bool),
            generation.uniforms(seed, 0, steps),
            limits=limits,
            # No number of one client may break the batch that others are in.
            temperature=tf.where(temperature > 0, tf.minimum(temperature, HOTTEST), 0.0),
            end_id=END_ID,
        )
        return {
            "text": predictor.continuation(prompt, last[:, None], written.tokens),
            "token_count": written.lengths,
            "log_probability": tf.reduce_sum(written.log_probabilities, axis=1),
        }

    def expected(inputs):
        """Each text written by itself."""
        texts = [_written(predictor, *row) for row in zip(*inputs.values(), strict=True)]
        return request(
            text=[text["text"] for text in texts],
            token_count=np.int32([text["tokens"] for text in texts]),
            log_probability=np.float32([text["log_probability"] for text in texts]),
        )

    inputs = (
        tf.TensorSpec([None], tf.string, "prompt"),
        tf.TensorSpec([None], tf.float32, "temperature"),
        tf.TensorSpec([None], tf.int64, "seed"),
        tf.TensorSpec([None], tf.int32, "max_length"),
    )
    asked = [
        request(**values | {"prompt": _known(predictor, values["prompt"])}) for values in _ASKED
    ]
    return Endpoint("generate", inputs, generate, asked, expected)


def _known(predictor, prompts):
    """The prompts that a predictor takes; in place of others, which it refuses, empty ones."""
    return ["" if predictor.unknown_characters(prompt) else prompt for prompt in prompts]


def _written(predictor, prompt, temperature, seed, max_length):
    prompt = prompt.decode()
    how = {"temperature": float(temperature)} if temperature > 0 else {"greedy": True}
    (found,) = predictor.generate([prompt], length=int(max_length), seed=int(seed), **how)
    return found | {"text": found["text"].removeprefix(prompt)}


def _decode_step(predictor):
    specs = {
        name: tf.TensorSpec([None, state.shape[-1]], tf.as_dtype(state.dtype), name)
        for name, state in initial_states(predictor.model, 1).items()
    }

    def decode_step(token_ids, *states):
        states = dict(zip(specs, states, strict=True))
        logits, states = predictor.sequences.next_logits(token_ids, states)
        new = {f"next_{name}": state for name, state in states.items()}
        return {"log_probabilities": tf.nn.log_softmax(logits), **new}

    def expected(inputs):
        """Each row by itself, the logarithms by NumPy."""
        rows = []
        for i in range(len(inputs["token_ids"])):
            token_ids, *states = (ops.convert_to_tensor(a[i : i + 1]) for a in inputs.values())
            states = dict(zip(specs, states, strict=True))
            logits, states = predictor.sequences.next_logits(token_ids, states)
            logits = ops.convert_to_numpy(logits)
            found = {"log_probabilities": logits - np.logaddexp.reduce(logits, axis=1)[:, None]}
            new = {f"next_{name}": ops.convert_to_numpy(s) for name, s in states.items()}
            rows.append(found | new)
        return {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}

    inputs = (tf.TensorSpec([None], tf.int32, "token_ids"), *specs.values())
    start = predictor.tokenizer.start_id
    examples = [_steps(specs, [start]), _steps(specs, [END_ID, start, PADDING_ID + 3])]
    return Endpoint("decode_step", inputs, decode_step, examples, expected)


def _steps(specs, token_ids):
    """A request for one step: zero states for the first row, and others for those that follow."""
    rows = np.arange(len(token_ids), dtype="float32")[:, None]
    states = {
        name: np.tanh(rows * np.linspace(-0.5, 0.5, spec.shape[1], dtype="float32"))
        for name, spec in specs.items()
    }
    return request(token_ids=np.int32(token_ids), **states)
