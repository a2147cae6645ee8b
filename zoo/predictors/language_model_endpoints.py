"""What a served language model answers to."""

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf
from keras import ops

from zoo import generation
from zoo.networks import initial_states
from zoo.predictors.endpoints import (
    DRAWING,
    Arrays,
    Endpoint,
    bounded,
    drawn_with,
    each_alone,
    request,
    require_between,
    require_few,
    require_short,
    text_endpoint,
)
from zoo.text.special_tokens import END_ID, PADDING_ID
from zoo.text.tokenizer import in_lines

LONGEST = 4096
"""Tokens that one request may ask for, and characters of its prompt: a server must not be busy with
one client for ever."""

_MOST_SCORED = 2**20  # steps of a request

_SCORED = (["What news?"], ["The king is dead. Long live the king!", "a", "The day is done. " * 20])
_PROMPTS = ["", "What", "The day is done. "]


def endpoints(predictor: Any) -> tuple[Endpoint, ...]:
    """The signatures of a served language model.

    - `score`, and the same as `serving_default`: `text` -> `log_probability`, natural logarithm,
      and `token_count`, how many factors it has. An empty text of characters has none.
    - `generate`: `prompt`, `temperature` (0 or less for the most probable token each time), `seed`
      and `max_length` (at most `LONGEST`) -> `text`, what follows the prompt, its `token_count` and
      `log_probability`. The same seed gives the same text, whoever else asks at the same time.
      Characters of a prompt that the training text has not are read as `<UNK>`.
      A model that reads from right to left has none.
    - `decode_step`: `token_ids` (batch,) and the states `state_0`, ... (batch, units), zeros at
      first -> `log_probabilities` (batch, vocabulary) of the next token, and `next_state_0`, ...
    """
    score = _score(predictor)
    default = dataclasses.replace(score, name="serving_default")
    generate = () if predictor.backward else (_generate(predictor),)
    return (default, score, *generate, _decode_step(predictor))


def _score(predictor: Any) -> Endpoint:
    def score(text: tf.Tensor) -> dict[str, tf.Tensor]:
        ids = predictor.tokenizer.ragged(in_lines(text), end=True)
        require_few(ids.to_tensor(), _MOST_SCORED)
        found = predictor.sequences.log_probabilities(*predictor.factors(ids))
        return {
            "log_probability": tf.reduce_sum(found, axis=1),
            "token_count": tf.cast(ids.row_lengths(), tf.int32),
        }

    def alone(text: bytes) -> dict[str, Any]:
        (found,) = predictor.score([text.decode()])
        return {
            "log_probability": found["log_probability"],
            "token_count": len(found["tokens"]),
        }

    return text_endpoint(score, _SCORED, each_alone(alone), predictor.longest, name="score")


def _generate(predictor: Any) -> Endpoint:
    def generate(
        prompt: tf.Tensor, temperature: tf.Tensor, seed: tf.Tensor, max_length: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        require_short(prompt, LONGEST)
        last, states = predictor.read(predictor.tokenizer.ragged(in_lines(prompt)))
        limits = tf.clip_by_value(max_length, 0, LONGEST)
        steps = tf.maximum(1, tf.reduce_max(limits))  # a loop has a step
        written = predictor.sequences.generate(
            last,
            states,
            tf.zeros_like(last, tf.bool),
            generation.uniforms(seed, 0, steps),
            limits=limits,
            temperature=bounded(temperature),
            end_id=END_ID,
        )
        return {
            "text": predictor.continuation(prompt, last[:, None], written.tokens),
            "token_count": written.lengths,
            "log_probability": tf.reduce_sum(written.log_probabilities, axis=1),
        }

    def alone(prompt: bytes, temperature: float, seed: int, max_length: int) -> dict[str, Any]:
        (found,) = predictor.generate(
            [prompt.decode()],
            length=int(max_length),
            seed=int(seed),
            temperature=float(temperature) if temperature > 0 else 1.0,
            greedy=not temperature > 0,
        )
        return {
            "text": found["text"].removeprefix(prompt.decode()),
            "token_count": found["tokens"],
            "log_probability": found["log_probability"],
        }

    def example(prompts: list[str], temperature: list[float], length: list[int]) -> Arrays:
        # In place of prompts that this predictor refuses, empty ones.
        known = ["" if predictor.unknown_characters(prompt) else prompt for prompt in prompts]
        return {**request(prompt=known), **drawn_with(len(known), temperature, length)}

    inputs = (tf.TensorSpec([None], tf.string, "prompt"), *DRAWING)
    examples = [
        example(["The king"], [0.5], [20]),
        example(_PROMPTS, [1.0, 0.0, 0.8], [70, 10, 1]),
    ]
    return Endpoint("generate", inputs, generate, examples, each_alone(alone))


def _decode_step(predictor: Any) -> Endpoint:
    specs = {
        name: tf.TensorSpec([None, state.shape[-1]], tf.as_dtype(state.dtype), name)
        for name, state in initial_states(predictor.model, 1).items()
    }

    size = len(predictor.tokenizer.vocabulary)

    def decode_step(token_ids: tf.Tensor, *states: tf.Tensor) -> dict[str, tf.Tensor]:
        require_between(token_ids, 0, size - 1, f"token_ids: from 0 to {size - 1}")
        given = dict(zip(specs, states, strict=True))
        logits, new = predictor.sequences.next_logits(token_ids, given)
        named = {f"next_{name}": state for name, state in new.items()}
        return {"log_probabilities": tf.nn.log_softmax(logits), **named}

    def expected(inputs: Arrays) -> Arrays:
        """Each row by itself, the logarithms by NumPy."""
        rows = []
        for i in range(len(inputs["token_ids"])):
            row = {name: ops.convert_to_tensor(a[i : i + 1]) for name, a in inputs.items()}
            logits, new = predictor.sequences.next_logits(row.pop("token_ids"), row)
            logits = ops.convert_to_numpy(logits)
            found = {f"next_{name}": ops.convert_to_numpy(state) for name, state in new.items()}
            sums = np.logaddexp.reduce(logits, axis=1)[:, None]
            rows.append({"log_probabilities": logits - sums, **found})
        return {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}

    inputs = (tf.TensorSpec([None], tf.int32, "token_ids"), *specs.values())
    start = predictor.tokenizer.start_id
    examples = [_steps(specs, [start]), _steps(specs, [END_ID, start, PADDING_ID + 3])]
    return Endpoint("decode_step", inputs, decode_step, examples, expected)


def _steps(specs: dict[str, tf.TensorSpec], token_ids: list[int]) -> dict[str, np.ndarray]:
    """A request for one step: zero states for the first row, and others for those that follow."""
    rows = np.arange(len(token_ids), dtype="float32")[:, None]
    states = {
        name: np.tanh(rows * np.linspace(-0.5, 0.5, spec.shape[1], dtype="float32"))
        for name, spec in specs.items()
    }
    return request(token_ids=token_ids, **states)
