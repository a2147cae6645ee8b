"""What a served recogniser of speech answers to: waveforms, WAV files, or a stream in pieces."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from zoo.predictors.endpoints import Arrays, Endpoint, request, require_between, require_few
from zoo.predictors.speech_stream import StreamStep

BEAMS = 10
_MOST_SECONDS = 300  # of a request, padding included
_AUDIO = (
    tf.TensorSpec([None, None], tf.float32, "audio"),
    tf.TensorSpec([None], tf.int32, "length"),
)
_WAV = (tf.TensorSpec([None], tf.string, "wav"),)


def endpoints(recognizer: Any) -> tuple[Endpoint, ...]:
    """`serving_default` and `greedy` take waveforms, `wav` the content of WAV files.

    `audio` is (batch, samples) float32 from -1 to 1 at the rate of the model, with the samples of
    each row as `length`; `wav` is (batch,) strings of bytes, 16 bits at that rate, of which the
    channels are averaged. The answer is `text`, and the `probability` that it is exactly right.
    `greedy` has the text of the most probable path. Rows of nothing but zeros say nothing.

    `stream`, of a model that can, takes a piece of `audio` with its `length` and the states, zeros
    at first, and gives the `text` that is new and the states for the next piece, with `next_` in
    front of their names: see `StreamStep`.
    """
    rate = recognizer.features.rate
    waves = [[_tone(rate, 0.4)], [_tone(rate, 0.9), _tone(rate, 0.1), np.zeros(1, "float32")]]
    audio = [_padded(rows) for rows in waves]
    wav = [request(wav=np.array([_wav(row, rate) for row in rows], object)) for rows in waves]

    def expected(beams: int) -> Callable[[Arrays], Arrays]:
        def answer(inputs: Arrays) -> Arrays:
            rows = zip(inputs["audio"], inputs["length"], strict=True)
            return _answers(recognizer, [row[:length] for row, length in rows], beams)

        return answer

    def expected_of_wav(inputs: Arrays) -> Arrays:
        rows = [tf.audio.decode_wav(content, 1)[0].numpy()[:, 0] for content in inputs["wav"]]
        return _answers(recognizer, rows, BEAMS)

    found = (
        Endpoint("serving_default", _AUDIO, transcriber(recognizer, BEAMS), audio, expected(BEAMS)),
        Endpoint("greedy", _AUDIO, transcriber(recognizer, 1), audio, expected(1)),
        Endpoint("wav", _WAV, _of_wav(recognizer), wav, expected_of_wav),
    )
    return (*found, _stream(recognizer)) if recognizer.streams else found


def transcriber(
    recognizer: Any, beams: int
) -> Callable[[tf.Tensor, tf.Tensor], dict[str, tf.Tensor]]:
    """A function of `audio` and `length`, of TensorFlow operations, to the answer."""

    def answer(audio: tf.Tensor, length: tf.Tensor) -> dict[str, tf.Tensor]:
        rows, samples = tf.unstack(tf.shape(audio))
        tf.debugging.assert_equal(tf.size(length), rows, "length: one for each row of audio")
        require_between(length, 0, samples, "length: from 0 to the samples of audio")
        require_few(audio, _MOST_SECONDS * recognizer.features.rate)
        inside = tf.sequence_mask(length, samples)
        sounds = tf.reduce_any(inside & (audio != 0), axis=1)
        length = tf.where(sounds, length, 0)
        features, mask = normal_features(recognizer, audio, length)
        labels, total = recognizer.head.best(features, mask, beams)
        nothing = tf.reduce_sum(mask, axis=1) == 0
        text = tf.where(nothing, "", tf.strings.strip(recognizer.tokenizer.join(labels)))
        likely = tf.minimum(tf.exp(tf.where(nothing, 0.0, total)), 1.0)
        return {"text": text, "probability": _tempered(likely, recognizer.calibration.temperature)}

    return answer


def normal_features(
    recognizer: Any, audio: tf.Tensor, length: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """What the network reads of waveforms: features (batch, frames, size), and their mask."""
    audio = tf.clip_by_value(tf.where(tf.math.is_finite(audio), audio, 0.0), -1, 1)
    features, frames = recognizer.features(audio, length), recognizer.features.frames(length)
    features = recognizer.normalization(features, frames)
    missing = tf.cast(tf.shape(features)[1] == 0, tf.int32)  # a network needs a step
    features = tf.pad(features, [[0, 0], [0, missing], [0, 0]])
    return features, tf.sequence_mask(frames, tf.shape(features)[1], tf.int32)


def _of_wav(recognizer: Any) -> Callable[[tf.Tensor], dict[str, tf.Tensor]]:
    rate = recognizer.features.rate
    answer = transcriber(recognizer, BEAMS)

    def decoded(content: tf.Tensor) -> tf.RaggedTensor:
        samples, own_rate = tf.audio.decode_wav(content)
        message = f"wav: {rate} samples a second are needed, others are not resampled here"
        tf.debugging.assert_equal(own_rate, rate, message)
        return tf.RaggedTensor.from_tensor(tf.reduce_mean(samples, axis=1)[None])

    def answer_wav(wav: tf.Tensor) -> dict[str, tf.Tensor]:
        spec = tf.RaggedTensorSpec([1, None], tf.float32)
        rows = tf.map_fn(decoded, wav, fn_output_signature=spec).merge_dims(0, 1)
        return answer(rows.to_tensor(), tf.cast(rows.row_lengths(), tf.int32))

    return answer_wav


def _stream(recognizer: Any) -> Endpoint:
    step = StreamStep(recognizer)
    specs = step.specs()
    unit = recognizer.features.hop * recognizer.subsampling

    def answer(audio: tf.Tensor, length: tf.Tensor, *states: tf.Tensor) -> dict[str, tf.Tensor]:
        rows, samples = tf.unstack(tf.shape(audio))
        whole = f"audio and length: a multiple of {unit} samples, and those of a row as its length"
        tf.debugging.assert_equal(tf.size(length), rows, whole)
        require_between(length, 0, samples, whole)
        tf.debugging.assert_equal(length % recognizer.features.hop, 0, whole)
        tf.debugging.assert_equal(samples % unit, 0, whole)
        require_few(audio, _MOST_SECONDS * recognizer.features.rate)
        audio = tf.clip_by_value(tf.where(tf.math.is_finite(audio), audio, 0.0), -1, 1)
        labels, new = step(audio, length, dict(zip(specs, states, strict=True)))
        return {"text": recognizer.tokenizer.join(labels), **_following(new)}

    def expected(inputs: Arrays) -> Arrays:
        rows = []
        for i in range(len(inputs["length"])):
            row = {name: tf.constant(inputs[name][i : i + 1]) for name in specs}
            length = int(inputs["length"][i])
            audio = tf.constant(inputs["audio"][i : i + 1])
            labels, new = step(audio, tf.constant([length]), row)
            text = recognizer.tokenizer.join(labels).numpy()
            new = {name: value.numpy() for name, value in new.items()}
            rows.append({"text": text, **_following(new)})
        return {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}

    examples = []
    for rows, samples in ((1, 4 * unit), (2, 8 * unit)):
        tone = _tone(recognizer.features.rate, samples / recognizer.features.rate)[:samples]
        audio = np.tile(np.pad(tone, (0, samples - len(tone))), (rows, 1))
        states = {name: value.numpy() for name, value in step.start(rows).items()}
        length = np.array([samples, 0][:rows], "int32")
        examples.append(request(audio=audio, length=length, **states))
    return Endpoint("stream", (*_AUDIO, *specs.values()), answer, examples, expected)


def _following(states: Mapping[str, Any]) -> dict[str, Any]:
    return {f"next_{name}": state for name, state in states.items()}


def _tempered(probabilities: tf.Tensor, temperature: float) -> tf.Tensor:
    """`zoo.evaluation.calibration.tempered` as operations of TensorFlow."""
    log_odds = tf.math.log(probabilities) - tf.math.log1p(-probabilities)
    return tf.sigmoid(log_odds / temperature)


def _answers(recognizer: Any, rows: list[np.ndarray], beams: int) -> Arrays:
    """Each recording transcribed by itself, by the predictor."""
    found = [recognizer.predict([row], beams=beams)[0] for row in rows]
    probabilities = [one["probability"] for one in found]
    return request(text=[one["text"] for one in found], probability=probabilities)


def _tone(rate: int, seconds: float) -> np.ndarray:
    """A sound whose pitch rises, (samples,) float32."""
    time = np.arange(int(rate * seconds)) / rate
    return (0.3 * np.sin(2 * np.pi * time * (200 + 400 * time))).astype("float32")


def _padded(rows: list[np.ndarray]) -> Arrays:
    audio = np.zeros((len(rows), max(map(len, rows))), "float32")
    for row, samples in zip(audio, rows, strict=True):
        row[: len(samples)] = samples
    return request(audio=audio, length=np.array([*map(len, rows)], "int32"))


def _wav(waveform: np.ndarray, rate: int) -> bytes:
    return tf.audio.encode_wav(tf.constant(waveform[:, None]), rate).numpy()
